// Package redis is what nodes share through a Redis, or a server that speaks its
// protocol: the second tier of the cache, the values that functions keep, the
// counts of rates, certificates with their locks, and word of each other's
// writes. Nothing here is the truth but certificates: who asks goes on without
// it, after the time that a request has for it at most. It never holds a row's
// truth, and no key in it can be read by whom it is of. The engine opens one for
// its whole life; nothing else knows go-redis.
//
// # When it is slow or gone
//
// A connection that breaks, or three waits in a row that were too long, open the
// breaker: nothing is asked any more, and whoever asks is told ErrAway at once.
// In the background it is tried again, and what was changed meanwhile is mended
// before the breaker closes: see heal.
package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	gocache "github.com/eko/gocache/lib/v4/cache"
	redisstore "github.com/eko/gocache/store/redis/v4"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// The kinds of what stands at an address.
const (
	Single   = "single"
	Sentinel = "sentinel"
	Cluster  = "cluster"
)

// DefaultTimeout is how long a request waits at most when Options say nothing.
const DefaultTimeout = 50 * time.Millisecond

// connections bounds them, for each server.
const connections = 64

// How long what no request waits for may take. Only tests change it.
var (
	// connectTime bounds the making of a connection: no request waits for it, for
	// what was not ready in a request's time goes into the pool.
	connectTime = 2 * time.Second
	// patientTime bounds what no request waits for: certificates, and how a server
	// is looked at as it is opened.
	patientTime = 5 * time.Second
	// closeTime bounds how long a stop lets leases go.
	closeTime = time.Second
)

// Options is what a client is made of.
type Options struct {
	// URL is redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// with TLS.
	URL  string
	Kind string
	// Addresses are more of the sentinels or of the cluster's nodes, HOST:PORT.
	Addresses []string
	// Master is the name of what sentinels watch over, and SentinelPassword their own.
	Master           string
	SentinelPassword string
	// Roots are what a server's certificate is made with; nil are the machine's.
	Roots *x509.CertPool
	// Prefix begins all keys.
	Prefix string
	// Timeout is how long one request waits, in sum; zero is DefaultTimeout.
	Timeout time.Duration
	// Lease is how long a lock lasts that nobody renews; zero is DefaultLease.
	Lease time.Duration
	// Key is the deployment's own, the same on all nodes: keys are hashed and
	// contents sealed with it.
	Key []byte
	// Entries tells apart programs and databases whose cached answers must not
	// meet: entries written under another one are never read.
	Entries string
	// Log gets a line when the state changes; nil: none.
	Log *slog.Logger
	// Meter is told of what was asked; nil: none.
	Meter Meter
}

// Meter counts what was asked. Its methods may be called concurrently.
type Meter interface {
	// Asked is told of an operation: its result is ResultOK, ResultFailed,
	// ResultTimeout or ResultOpen, where nothing was asked.
	Asked(operation, result string, took time.Duration)
}

// The results of operations.
const (
	ResultOK      = "ok"
	ResultFailed  = "failed"
	ResultTimeout = "timeout"
	ResultOpen    = "open"
)

// ErrAway is returned while the breaker is open, and to a request that has waited
// long enough.
var ErrAway = errors.New("redis is away")

// Client is one Redis. Its methods may be called concurrently.
type Client struct {
	options Options
	timeout atomic.Int64
	keys    keys
	place   address
	link    atomic.Pointer[link]
	log     *slog.Logger
	breaker breaker

	tier   *Tier
	values *Values
	relay  *Relay
	vault  *Vault

	life    context.Context // ends at Close
	end     context.CancelFunc
	running sync.WaitGroup
	closed  sync.Once
	err     error
}

// quiet keeps go-redis from writing to standard error: what matters is told by
// the breaker.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

var _ = func() bool { redis.SetLogger(quiet{}); logging.Disable(); return true }()

// Open makes a client, and looks at the server once. One that cannot be reached
// is no error: the breaker begins open. One that refuses, or is of another kind
// than was said, is a *RefusedError. Close it.
func Open(ctx context.Context, o Options) (*Client, error) {
	a, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if len(o.Key) < 16 {
		return nil, errors.New("redis: the deployment's key is too short")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	c := &Client{options: o, keys: newKeys(o.Key, o.Prefix), log: o.Log}
	c.timeout.Store(int64(o.Timeout))
	c.life, c.end = context.WithCancel(context.Background())
	c.place = a
	first, err := c.connect()
	if err != nil {
		return nil, err
	}
	c.link.Store(first)
	c.breaker.init()
	c.tier, c.values, c.relay = newTier(c), newValues(c), newRelay(c)
	c.vault = newVault(c)
	if err := c.look(ctx); err != nil {
		c.end()
		return nil, errors.Join(err, first.Close())
	}
	c.running.Go(c.attend)
	c.running.Go(c.tier.write)
	c.running.Go(c.relay.listen)
	c.running.Go(c.relay.publish)
	return c, nil
}

// link is the connections to the server. Those of before it was away are of no
// use: each would have to be found out by a wait. So it is replaced, whole.
type link struct {
	redis.UniversalClient
	servers *servers
	cache   gocache.CacheInterface[string]
	lost    chan struct{} // closed when another is in its place
}

// redis is the link that is in use.
func (c *Client) redis() *link { return c.link.Load() }

// relink puts another link in the place of the one that is in use.
func (c *Client) relink(next *link) {
	old := c.link.Swap(next)
	close(old.lost)
	_ = old.Close() // it is lost already
}

// connect makes a link; it connects to nothing yet.
func (c *Client) connect() (*link, error) {
	known := &servers{}
	client, err := c.pool(known)
	if err != nil {
		return nil, err
	}
	return &link{client, known, gocache.New[string](redisstore.NewRedis(client)), make(chan struct{})}, nil
}

func (c *Client) pool(known *servers) (redis.UniversalClient, error) {
	a := c.place
	o := &redis.UniversalOptions{
		Addrs: append([]string{a.host}, c.options.Addresses...), DB: a.number, Username: a.user, Password: a.password,
		// What is asked for is what Redis 6, Valkey, KeyDB and Dragonfly know as well.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		MaxRetries:               -1, // the time for a second try is the caller's
		DialTimeout:              connectTime, DialerRetries: 1,
		ReadTimeout: patientTime, WriteTimeout: patientTime, ContextTimeoutEnabled: true,
		PoolSize: connections, PoolTimeout: patientTime, MaxIdleConns: 16,
		ReadBufferSize: 16 << 10, WriteBufferSize: 16 << 10, PipelinePoolSize: -1,
		MaxRedirects: 3, FailingTimeoutSeconds: 1,
		MasterName: c.options.Master, SentinelPassword: c.options.SentinelPassword,
		OnConnect: known.check,
	}
	if a.tls {
		o.TLSConfig = &tls.Config{RootCAs: c.options.Roots, MinVersion: tls.VersionTLS12}
	}
	switch c.options.Kind {
	case Cluster:
		if a.number != 0 {
			return nil, errors.New("a cluster has no database but 0: take /" + fmt.Sprint(a.number) + " off the url")
		}
		return redis.NewClusterClient(o.Cluster()), nil
	case Sentinel:
		if o.MasterName == "" {
			return nil, errors.New("sentinels are asked for a master by its name")
		}
		return redis.NewFailoverClient(o.Failover()), nil
	}
	return redis.NewClient(o.Simple()), nil
}

// SetTimeout changes how long a request waits.
func (c *Client) SetTimeout(d time.Duration) { c.timeout.Store(int64(d)) }

// Tier is the second tier of the cache.
func (c *Client) Tier() *Tier { return c.tier }

// Values are those that functions keep.
func (c *Client) Values() *Values { return c.values }

// Relay tells nodes of each other's writes.
func (c *Client) Relay() *Relay { return c.relay }

// Vault keeps certificates, with locks.
func (c *Client) Vault() *Vault { return c.vault }

// Close ends what was started, waits for it and lets locks go.
func (c *Client) Close() error {
	c.closed.Do(func() {
		c.vault.close()
		c.end()
		c.running.Wait()
		c.err = c.redis().Close()
	})
	return c.err
}
