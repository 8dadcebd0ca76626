package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Vault keeps certificates and their keys, sealed under the deployment's key, and
// locks for who gets them. Unlike everything else here it is the truth: it waits
// for the server, whatever the breaker says, and its errors are errors.
//
// All of it is in one slot of a cluster, for what it holds is little, and a value
// and its place in the list of all change together.
type Vault struct {
	client *Client
	leases leases
}

func newVault(c *Client) *Vault {
	return &Vault{client: c, leases: leases{client: c, held: map[string]*lease{}}}
}

func (v *Vault) name(key string) string { return "{" + v.client.keys.prefix + ":t}:k:" + key }

func (v *Vault) list() string { return "{" + v.client.keys.prefix + ":t}:list" }

// Load gives a value and when it was stored; fs.ErrNotExist where there is none,
// or none that the deployment's key opens.
func (v *Vault) Load(ctx context.Context, key string) (value []byte, modified time.Time, err error) {
	var found []any
	err = v.client.patiently(ctx, "vault", func(ctx context.Context) (err error) {
		found, err = v.client.redis().HMGet(ctx, v.name(key), "v", "m").Result()
		return err
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("load %s from redis: %w", key, err)
	}
	if len(found) != 2 || found[0] == nil || found[1] == nil {
		return nil, time.Time{}, fs.ErrNotExist
	}
	sealed, _ := found[0].(string)
	stamp, _ := found[1].(string)
	millis, err := strconv.ParseInt(stamp, 10, 64)
	seal := v.client.keys.seal
	if err != nil || len(sealed) < seal.NonceSize() {
		return nil, time.Time{}, fs.ErrNotExist
	}
	value, err = seal.Open(nil, []byte(sealed[:seal.NonceSize()]), []byte(sealed[seal.NonceSize():]), []byte(key+"\x00"+stamp))
	if err != nil {
		v.client.log.Warn("what redis keeps of certificates was sealed with another secret; it is gotten anew", "key", key)
		return nil, time.Time{}, fs.ErrNotExist
	}
	return value, time.UnixMilli(millis), nil
}

// Store keeps a value.
func (v *Vault) Store(ctx context.Context, key string, value []byte) error {
	stamp := strconv.FormatInt(time.Now().UnixMilli(), 10)
	seal := v.client.keys.seal
	nonce := make([]byte, seal.NonceSize(), seal.NonceSize()+len(value)+seal.Overhead())
	_, _ = rand.Read(nonce) // it never fails
	sealed := seal.Seal(nonce, nonce, value, []byte(key+"\x00"+stamp))
	err := v.client.patiently(ctx, "vault", func(ctx context.Context) error {
		_, err := v.client.redis().TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.HSet(ctx, v.name(key), "v", sealed, "m", stamp)
			p.SAdd(ctx, v.list(), key)
			return nil
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("store %s in redis: %w", key, err)
	}
	return nil
}

// Delete takes a value away; fs.ErrNotExist where there was none.
func (v *Vault) Delete(ctx context.Context, key string) error {
	var gone *redis.IntCmd
	err := v.client.patiently(ctx, "vault", func(ctx context.Context) error {
		_, err := v.client.redis().TxPipelined(ctx, func(p redis.Pipeliner) error {
			gone = p.Del(ctx, v.name(key))
			p.SRem(ctx, v.list(), key)
			return nil
		})
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("delete %s in redis: %w", key, err)
	case gone.Val() == 0:
		return fs.ErrNotExist
	}
	return nil
}

// List gives all keys below a prefix, in order: it, or what follows a slash.
func (v *Vault) List(ctx context.Context, prefix string) ([]string, error) {
	var all []string
	err := v.client.patiently(ctx, "vault", func(ctx context.Context) (err error) {
		all, err = v.client.redis().SMembers(ctx, v.list()).Result()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list %s in redis: %w", prefix, err)
	}
	prefix = strings.TrimSuffix(prefix, "/")
	all = slices.DeleteFunc(all, func(key string) bool {
		return prefix != "" && key != prefix && !strings.HasPrefix(key, prefix+"/")
	})
	slices.Sort(all)
	return all, nil
}

const (
	minLockWait = 50 * time.Millisecond
	maxLockWait = time.Second
)

// Lock waits for a lock, which is kept until Unlock or the end of this process:
// that of a node that has died is free when its lease is over.
func (v *Vault) Lock(ctx context.Context, name string) error {
	for wait := minLockWait; ; wait = min(2*wait, maxLockWait) {
		mine, err := v.TryLock(ctx, name)
		switch {
		case mine:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errClosed):
			return err
		}
		// A server that is away is waited for as somebody who has the lock is.
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-v.client.life.Done():
			return errClosed
		case <-time.After(wait):
		}
	}
}

// TryLock takes a lock that is free.
func (v *Vault) TryLock(ctx context.Context, name string) (bool, error) {
	return v.leases.take(ctx, "{"+v.client.keys.prefix+":t}:lock:"+name)
}

// Unlock lets a lock go that this process has.
func (v *Vault) Unlock(ctx context.Context, name string) error {
	return v.leases.release(ctx, "{"+v.client.keys.prefix+":t}:lock:"+name)
}

func (v *Vault) close() { v.leases.close() }

// DefaultLease is how long a lease lasts that nobody renews; who has it renews it
// three times as often.
const DefaultLease = 30 * time.Second

var errClosed = errors.New("redis is closed")

// leases are what one node has at a time, until it says otherwise or has not been
// heard of for the time of a lease.
type leases struct {
	client *Client
	mu     sync.Mutex
	held   map[string]*lease
	closed bool
	all    sync.WaitGroup
}

// lease is one that this process has. Nobody else knows its token: so it is told
// from one that another has taken since.
type lease struct {
	token string
	stop  chan struct{}
}

// renewText and releaseText change a lease only where it is still this one.
var (
	renewText   = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0`)
	releaseText = redis.NewScript(`if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`)
)

func (l *leases) take(ctx context.Context, name string) (bool, error) {
	token, taken := rand.Text(), false
	err := l.client.patiently(ctx, "lease", func(ctx context.Context) (err error) {
		taken, err = l.client.redis().SetNX(ctx, name, token, l.client.options.Lease).Result()
		return err
	})
	if err != nil {
		// It may be taken all the same: nobody will renew it.
		return false, fmt.Errorf("take a lease in redis: %w", err)
	}
	if !taken {
		return false, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false, errClosed
	}
	held := &lease{token: token, stop: make(chan struct{})}
	l.held[name] = held
	l.all.Go(func() { l.keep(name, held) })
	return true, nil
}

// keep renews a lease until it is let go, or is lost.
func (l *leases) keep(name string, held *lease) {
	tick := time.NewTicker(l.client.options.Lease / 3)
	defer tick.Stop()
	for {
		select {
		case <-held.stop:
			return
		case <-tick.C:
		}
		var still int64
		err := l.client.patiently(l.client.life, "lease", func(ctx context.Context) (err error) {
			still, err = renewText.Run(ctx, l.client.redis(), []string{name}, held.token, l.client.options.Lease.Milliseconds()).Int64()
			return err
		})
		if err == nil && still == 0 {
			l.client.log.Warn("a lock in redis was lost: this node was not heard of for too long", "lock", name)
			return
		}
	}
}

// release lets a lease go.
func (l *leases) release(ctx context.Context, name string) error {
	l.mu.Lock()
	held := l.held[name]
	delete(l.held, name)
	l.mu.Unlock()
	if held == nil {
		return fmt.Errorf("%s is not locked by this process", name)
	}
	close(held.stop)
	err := l.client.patiently(ctx, "lease", func(ctx context.Context) error {
		return releaseText.Run(ctx, l.client.redis(), []string{name}, held.token).Err()
	})
	if err != nil {
		return fmt.Errorf("let a lock go in redis, which ends by itself in %s: %w", l.client.options.Lease, err)
	}
	return nil
}

// close lets all go, so that nobody waits for who has stopped.
func (l *leases) close() {
	l.mu.Lock()
	l.closed = true
	names := make([]string, 0, len(l.held))
	for name := range l.held {
		names = append(names, name)
	}
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	for _, name := range names {
		_ = l.release(ctx, name) // it ends by itself
	}
	l.all.Wait()
}
