package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"

	"github.com/edge-hive/edge-hive/runtime/autotls"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/engine/admin"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/store"
)

const codeRedis = "no-redis"

// openRedis opens what nodes share, where the manifest declares it, and has the
// store and the counts of rates know of it. It comes after the store and before
// the first generation. A Redis that is away is no fault: everything goes on
// without it.
func (e *Engine) openRedis(ctx context.Context, d draft) error {
	m := d.manifest
	if m.Cache.Redis == nil {
		return nil
	}
	o, err := redisOptions(m)
	if err != nil {
		return err
	}
	o.Key, o.Entries, o.Log = d.keys.Derive("redis"), e.entries(m), e.log.Logger
	if e.metrics != nil {
		meter, err := e.metrics.Redis()
		if err != nil {
			return err
		}
		o.Meter = meter
	}
	client, err := redis.Open(ctx, o)
	if err != nil {
		return redisFault(m, err)
	}
	e.shared.redis = client
	e.shared.limiter.Share(client)
	if shares, ok := e.shared.store.(store.Sharing); ok {
		shares.ShareVersions(client.Board())
		shares.OnCommit(client.Relay().Tell)
		client.Relay().Hear(shares.Look)
	}
	if e.metrics == nil {
		return nil
	}
	return e.metrics.RedisState(func() (up, open bool) {
		s := client.Status()
		return s.Up, s.Open
	})
}

// entries tells apart whose cached answers must not meet. On a server, the tables'
// versions mean the same to all nodes on one database; a file's versions are
// counted by the one process that has it, and a copy of the file counts from there
// on by itself: so what an earlier process has left is not read.
func (e *Engine) entries(m *manifest.Manifest) string {
	if isShared(m) {
		return fmt.Sprintf("%s\x00%s\x00%s", e.options.Version, m.Database.Namespace, m.Database.Name)
	}
	return e.options.Version + "\x00" + rand.Text()
}

// redisOptions are what a manifest says of its Redis, its secrets read.
func redisOptions(m *manifest.Manifest) (redis.Options, error) {
	r := m.Cache.Redis
	o := redis.Options{Kind: r.Kind, Addresses: r.Addresses, Master: r.Master, Prefix: r.Prefix, Timeout: r.Timeout}
	var faults fault.List
	read := func(s *manifest.Secret, what string) string {
		if s == nil {
			return ""
		}
		value, err := s.Read()
		if err != nil {
			faults = append(faults, fault.Newf(codeSecret, "%s cannot be read: %v", what, err).
				WithHint("set it, or let this user read it").WithCause(err).At(s.Path, m.Positions.At(s.Path)))
		}
		return value.Reveal()
	}
	o.URL = read(r.URL, "the url of Redis")
	o.SentinelPassword = read(r.SentinelPassword, "the password of the sentinels")
	var err error
	if o.Roots, err = readRoots(r.Roots); err != nil {
		path := r.Path + ".roots"
		faults = append(faults, fault.Newf(codeRedis, "the roots of Redis cannot be used: %v", err).
			WithHint("name a file of certificates in PEM: -----BEGIN CERTIFICATE-----").WithCause(err).At(path, m.Positions.At(path)))
	}
	return o, faults.Err()
}

// redisFault says why a Redis is of no use.
func redisFault(m *manifest.Manifest, err error) error {
	path := m.Cache.Redis.Path
	f := fault.Newf(codeRedis, "Redis cannot be used: %v", err).WithCause(err)
	var refused *redis.RefusedError
	if errors.As(err, &refused) {
		f = f.WithHint(refused.Hint)
	} else if m.Cache.Redis.URL != nil {
		path = m.Cache.Redis.URL.Path
		f = f.WithHint("mend what it is read from")
	}
	return f.At(path, m.Positions.At(path))
}

// tier is the second tier of the cache; nil where there is none.
func (s *shared) tier() tiered.Second {
	if s == nil || s.redis == nil {
		return nil
	}
	return s.redis.Tier()
}

// errNoRedis is what check refuses before.
var errNoRedis = errors.New("certificates are kept in Redis, and there is none")

// redisVault keeps certificates for all nodes.
func (e *Engine) redisVault() (autotls.Vault, error) {
	if e.shared.redis == nil {
		return nil, errNoRedis
	}
	return e.shared.redis.Vault(), nil
}

// without names what the node goes on without.
func (e *Engine) without() []string {
	if r := e.shared.redis; r != nil && !r.Up() {
		return []string{"redis"}
	}
	return nil
}

// redisStatus is nil where there is no Redis.
func (e *Engine) redisStatus() (*admin.Redis, *admin.SecondTier) {
	if e.shared.redis == nil {
		return nil, nil
	}
	s := e.shared.redis.Status()
	since := s.Since.UTC()
	hits, misses, errs := e.shared.redis.Tier().Counts()
	return &admin.Redis{Kind: s.Kind, Up: s.Up, Breaker: s.Open, Since: &since, Error: s.Error},
		&admin.SecondTier{Hits: hits, Misses: misses, Errors: errs}
}

// sameRedis reports that a manifest has the Redis of another one, but for how long
// requests wait.
func sameRedis(old, next *manifest.Redis) bool {
	if old == nil || next == nil {
		return old == next
	}
	a, b := *old, *next
	a.Timeout, b.Timeout = 0, 0
	a.Path, b.Path = "", ""
	return reflect.DeepEqual(a, b)
}

// useRedis takes over how long requests wait.
func (e *Engine) useRedis(m *manifest.Manifest) {
	if e.shared.redis != nil && m.Cache.Redis != nil {
		e.shared.redis.SetTimeout(m.Cache.Redis.Timeout)
	}
}
