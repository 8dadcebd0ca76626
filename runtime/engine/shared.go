package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/engine/watch"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/live"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/outbound"
	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/trigger"
	"github.com/edge-hive/edge-hive/runtime/web/proxy"
	"github.com/edge-hive/edge-hive/runtime/web/rates"
	"github.com/edge-hive/edge-hive/runtime/web/realtime"
	"github.com/edge-hive/edge-hive/runtime/web/wire"
)

// shared is what outlives a generation.
type shared struct {
	store    store.Store
	redis    *redis.Client // nil where there is none
	hub      *live.Hub
	realtime *realtime.Server
	limiter  *rates.Limiter
	traces   traces
	hashing  *auth.Hashing
	proxies  *proxy.Pools
	exports  data.Exports
	// functions is nil until a manifest has some.
	functions *function.Host
	// values and outbound are what they reach, made with the host.
	values   cache.Values
	outbound *outbound.Client
	// triggers is nil until there are some.
	triggers atomic.Pointer[trigger.Runner]
	watcher  *watch.Watcher
	trees    *watch.Trees // of the functions' sources

	fronts          []front   // what serves clients
	tls             *tlsFront // nil without TLS
	httpListener    net.Listener
	bounded         atomic.Pointer[wire.Listener] // around httpListener
	metricsListener net.Listener
	adminListener   net.Listener
	http            *http.Server
	metricsServer   *http.Server
	adminServer     *http.Server
}

// newShared is what counts across reloads, without a store.
func newShared() *shared { return &shared{limiter: rates.NewLimiter(), hashing: auth.NewHashing()} }

// openStore opens the store.
func (s *shared) openStore(ctx context.Context, m *manifest.Manifest, log *slog.Logger) error {
	db, err := openDatabase(ctx, m, log)
	if err != nil {
		return err
	}
	s.store = db
	return nil
}

// openCache makes the cache of a manifest, or goes on with the one that is
// there when its size is the same.
func openCache(m *manifest.Manifest, now *generation, second tiered.Second) (cache.Cache, error) {
	if now != nil && now.manifest.Cache.MemorySize == m.Cache.MemorySize {
		return now.cache, nil
	}
	c, err := tiered.New(tiered.Options{Bytes: m.Cache.MemorySize, Second: second})
	if err != nil {
		return nil, fmt.Errorf("open the cache: %w", err)
	}
	return c, nil
}

// openHub starts the hub and what carries it to clients.
func (s *shared) openHub(ctx context.Context, g *generation, log *slog.Logger) error {
	var err error
	relay, _ := s.store.(store.Relay) // nil where one process has the database
	if s.hub, err = live.NewHub(ctx, live.Options{Feed: s.store, Gate: g.gate, Relay: relay, Log: log}); err != nil {
		return fmt.Errorf("start the hub: %w", err)
	}
	if s.realtime, err = realtime.New(realtime.Options{Hub: s.hub, Settings: settings(g), Log: log}); err != nil {
		return fmt.Errorf("start the live surface: %w", err)
	}
	return nil
}

// settings are what live connections take from a generation.
func settings(g *generation) realtime.Settings {
	return realtime.Settings{Callers: g.keys, CORS: g.manifest.CORS, Server: g.manifest.Server}
}

// bounds are how many connections a manifest allows.
func bounds(m *manifest.Manifest) wire.Bounds {
	b := wire.Bounds{Total: m.Limits.Connections, PerAddress: m.Limits.ConnectionsPerAddress}
	for _, text := range m.TrustedProxies {
		if prefix, err := netip.ParsePrefix(text); err == nil { // check has parsed it
			b.Trusted = append(b.Trusted, prefix)
		}
	}
	return b
}

// stopAccepting takes no more connections of clients; those that are open stay.
func (s *shared) stopAccepting() {
	for _, f := range s.fronts {
		_ = f.listener.Close() // it may have failed by itself
	}
}

// stopServing tells subscribers to come back, answers what runs until the
// context ends, then cuts off what is left.
func (s *shared) stopServing(ctx context.Context) error {
	told := make(chan error, 1)
	go func() { told <- s.stopLive(ctx) }()
	err := s.stopFronts(ctx)
	return errors.Join(err, <-told)
}

// stopLive tells subscribers to come back.
func (s *shared) stopLive(ctx context.Context) error {
	if s.proxies != nil { // those of servers behind us
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			s.proxies.Drain(ctx)
		}()
		defer func() { <-drained }()
	}
	if s.realtime == nil {
		return nil
	}
	if err := s.realtime.Close(ctx); err != nil {
		return fmt.Errorf("live connections were cut off: %w", err)
	}
	return nil
}

// stopFronts ends the servers of clients.
func (s *shared) stopFronts(ctx context.Context) error {
	var ending sync.WaitGroup
	errs := make([]error, len(s.fronts)+2)
	ending.Go(func() { errs[len(s.fronts)+1] = s.tls.shutdown(ctx) })
	for i, f := range s.fronts {
		ending.Go(func() {
			if err := f.server.Shutdown(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
				errs[i] = fmt.Errorf("requests were cut off: %w", errors.Join(err, f.server.Close()))
			}
		})
	}
	if len(s.fronts) == 0 && s.httpListener != nil {
		errs[0] = s.httpListener.Close()
	}
	ending.Wait()
	return errors.Join(errs...)
}

// closeOthers closes the listeners that are not for clients.
func (s *shared) closeOthers() error {
	var errs []error
	if s.metricsServer != nil {
		errs = append(errs, s.metricsServer.Close())
	} else if s.metricsListener != nil {
		errs = append(errs, s.metricsListener.Close())
	}
	if s.adminServer != nil {
		errs = append(errs, s.adminServer.Close())
	} else if s.adminListener != nil {
		errs = append(errs, s.adminListener.Close())
	}
	return errors.Join(unlessClosed(errs)...)
}

// unlessClosed leaves out the errors of what was closed before.
func unlessClosed(errs []error) []error {
	return slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, net.ErrClosed) })
}

// stopWatching ends what looks at files.
func (s *shared) stopWatching() error {
	var errs []error
	if s.trees != nil {
		errs = append(errs, s.trees.Close())
	}
	if s.watcher != nil {
		errs = append(errs, s.watcher.Close())
	}
	return errors.Join(errs...)
}

// closeFronts ends what connections live on that are left after an upgrade: what
// passes through to other servers, and the certificates that they were shown.
func (s *shared) closeFronts() error {
	if s.proxies != nil {
		s.proxies.Close()
	}
	if err := s.tls.close(); err != nil {
		return fmt.Errorf("close the storage of certificates: %w", err)
	}
	return nil
}

// close ends what is left, in the reverse of the order in which it began.
func (s *shared) close(ctx context.Context) error {
	var errs []error
	if s.functions != nil {
		if err := s.functions.Close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close what runs functions: %w", err))
		}
	}
	if s.values != nil {
		errs = append(errs, s.outbound.Close(), s.values.Close())
	}
	if s.store != nil {
		if err := s.store.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close the database: %w", err))
		}
	}
	if s.redis != nil {
		if err := s.redis.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close redis: %w", err))
		}
	}
	return errors.Join(errs...)
}
