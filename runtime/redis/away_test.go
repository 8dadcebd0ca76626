package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/cache"
	"github.com/edge-hive/edge-hive/runtime/redis"
	"github.com/edge-hive/edge-hive/runtime/redis/redistest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// meter counts what was asked.
type meter struct{ asked, open atomic.Int64 }

func (m *meter) Asked(_, result string, _ time.Duration) {
	if result == redis.ResultOpen {
		m.open.Add(1)
	} else {
		m.asked.Add(1)
	}
}

// requests are what clients do all the while.
type requests struct {
	stop    chan struct{}
	running sync.WaitGroup
	mu      sync.Mutex
	took    []time.Duration
	done    atomic.Int64
}

// hammer has 32 clients do what requests do, until it ends; then it tells how long
// they took.
func hammer(c *redis.Client) *requests {
	r := &requests{stop: make(chan struct{})}
	for i := range 32 {
		r.running.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-r.stop:
					return
				default:
				}
				ctx := context.WithValue(context.Background(), cache.PatienceKey{}, &cache.Patience{})
				key := fmt.Sprintf("%d %d", i, n%10)
				began := time.Now()
				_, _, _, _, _ = c.Take(ctx, []byte("caller"), 1_000_000, time.Minute, 1, 0)
				if _, found := c.Tier().Get(ctx, key); !found {
					c.Tier().Put(key, []byte("answer"), time.Minute)
				}
				_, _ = c.Values().Add(ctx, "n", 1, 0)
				took := time.Since(began)
				r.mu.Lock()
				r.took = append(r.took, took)
				r.mu.Unlock()
				r.done.Add(1)
				time.Sleep(time.Millisecond) // what a request does besides
			}
		})
	}
	return r
}

// more waits until some more requests have been answered.
func (r *requests) more(t *testing.T, n int64) {
	t.Helper()
	from := r.done.Load()
	eventually(t, "requests go on", func() bool { return r.done.Load() >= from+n })
}

func (r *requests) end(t *testing.T, what string) {
	close(r.stop)
	r.running.Wait()
	slices.Sort(r.took)
	t.Logf("%s: %d requests, half in %s, 99%% in %s, all in %s", what, len(r.took), r.took[len(r.took)/2], r.took[len(r.took)*99/100], r.took[len(r.took)-1])
}

// TestGoneAndBack takes the server away in every way, and gives it back.
func TestGoneAndBack(t *testing.T) {
	s := redistest.Start(t)
	proxy, err := surrealtest.NewProxy(s.Address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	heard := &told{}
	c := open(t, s, func(o *redis.Options) {
		o.URL, o.Timeout, o.Log = "redis://"+proxy.Address(), redis.DefaultTimeout, logger(heard)
	})
	eventually(t, "it is well", c.Up)
	for _, way := range []struct {
		name       string
		away, back func()
	}{
		{"killed", s.Kill, s.Run},
		{"frozen", s.Freeze, s.Thaw},
		{"refused", proxy.Refuse, proxy.Resume},
		{"silent", proxy.Blackhole, proxy.Resume},
		{"slow", func() { proxy.Latency(200 * time.Millisecond) }, proxy.Resume},
	} {
		t.Run(way.name, func(t *testing.T) {
			ctx := t.Context()
			eventually(t, "it is well before", c.Up)
			eventually(t, "a value is there", func() bool { return c.Values().Set(ctx, "k", []byte("old"), 0, false) })
			opens, before, after := c.Status().Opens, heard.count("redis is away"), heard.count("redis is there again")
			r := hammer(c)
			r.more(t, 500)
			way.away()
			eventually(t, "the breaker opens", func() bool { return !c.Up() })
			if st := c.Status(); st.Error == "" || !st.Open || st.Up {
				t.Errorf("it is %+v", st)
			}
			if c.Values().Set(ctx, "k", []byte("new"), 0, false) {
				t.Error("a value was kept while it was away")
			}
			if _, err := c.Values().Add(ctx, "n", 1, 0); !errors.Is(err, cache.ErrAway) {
				t.Errorf("a sum while it was away is %v", err)
			}
			r.more(t, 2000) // at once, from memory
			way.back()
			eventually(t, "it is there again", c.Up)
			r.more(t, 500)
			r.end(t, way.name)
			eventually(t, "it is well after", c.Up)
			if got, ok := c.Values().Get(ctx, "k"); ok {
				t.Errorf("a value of before what was not kept is there: %q", got.Bytes)
			}
			eventually(t, "values are kept again", func() bool { return c.Values().Set(ctx, "k", []byte("newer"), 0, false) })
			eventually(t, "answers are kept again", func() bool {
				c.Tier().Put("answer", []byte("x"), time.Minute)
				_, found := c.Tier().Get(ctx, "answer")
				return found
			})
			eventually(t, "the log tells of each time that it opened", func() bool { // a loaded machine may let it open again
				opened := int(c.Status().Opens - opens)
				return opened >= 1 && heard.count("redis is away")-before == opened && heard.count("redis is there again")-after == opened
			})
		})
	}
}

// TestOldContents brings the server back with what it had long ago.
func TestOldContents(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s, nil)
	ctx := t.Context()
	c.Values().Set(ctx, "k", []byte("of long ago"), 0, false)
	if s.Do("SAVE") != "OK" {
		t.Fatal("it cannot be saved")
	}
	c.Values().Set(ctx, "k", []byte("of now"), 0, false)
	s.Kill()
	s.Run()
	if s.Do("DBSIZE") == "0" {
		t.Fatal("it has come back with nothing")
	}
	for deadline := time.Now().Add(patience); ; {
		got, ok := c.Values().Get(ctx, "k")
		if ok {
			t.Fatalf("there is a value %s", got.Bytes)
		}
		if c.Up() && c.Values().Set(ctx, "k", []byte("later"), 0, true) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("no value is kept again")
		}
	}
	eventually(t, "what is left of before is swept away", func() bool {
		n := 0
		for _, name := range c.Names(ctx) {
			if strings.HasPrefix(name, "shop:v:") {
				n++
			}
		}
		return n == 1
	})
}

// TestOneRequestWaitsOnce has a request ask a slow server for many things.
func TestOneRequestWaitsOnce(t *testing.T) {
	s := redistest.Start(t)
	proxy, err := surrealtest.NewProxy(s.Address, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	m := &meter{}
	c := open(t, s, func(o *redis.Options) {
		o.URL, o.Timeout, o.Meter = "redis://"+proxy.Address(), 400*time.Millisecond, m
	})
	eventually(t, "it is well", c.Up)
	proxy.Latency(90 * time.Millisecond)
	// Each takes 180 ms at least: two may be answered, and the third is cut off; who
	// looks at the server now and then is counted, too. On a loaded machine it may be
	// away just then, or be looked at often.
	eventually(t, "few of many are asked", func() bool {
		patience := &cache.Patience{}
		ctx := context.WithValue(t.Context(), cache.PatienceKey{}, patience)
		m.asked.Store(0)
		for range 50 {
			c.Tier().Get(ctx, "k")
		}
		n := m.asked.Load()
		t.Logf("%d of 50 were asked, and waited %s of %s", n, patience.Spent(), 400*time.Millisecond)
		return n >= 1 && n <= 10
	})
}

func TestStartsWithoutServer(t *testing.T) {
	s := redistest.Start(t)
	s.Kill()
	heard := &told{}
	c := open(t, s, func(o *redis.Options) { o.Log = logger(heard) })
	if c.Up() {
		t.Error("a server that is not there is up")
	}
	if _, found := c.Tier().Get(t.Context(), "k"); found {
		t.Error("it has something")
	}
	s.Run()
	eventually(t, "it is there", c.Up)
	eventually(t, "the log tells", func() bool { return heard.count("redis is there again") == 1 })
	if heard.count("redis is away") != 1 {
		t.Error("the log tells more than once that it was away")
	}
}

// TestRefusals are mistakes that no other try mends; a start says so.
func TestRefusals(t *testing.T) {
	single := redistest.Start(t, "--requirepass", "quiet")
	bare := redistest.Start(t)
	tls := redistest.StartTLS(t)
	for _, c := range []struct {
		name, url, kind, want string
		s                     *redistest.Server
	}{
		{"wrong password", "redis://:loud@" + single.Address, redis.Single, "refuses the user or the password", single},
		{"no password", "redis://" + single.Address, redis.Single, "asks for a password", single},
		{"number", "redis://" + bare.Address + "/99", redis.Single, "no database of this number", bare},
		{"no cluster", "redis://" + bare.Address, redis.Cluster, "", bare},
		{"cluster's number", "redis://" + bare.Address + "/1", redis.Cluster, "no database but 0", bare},
		{"roots", tls.URL(), redis.Single, "not trusted", nil},
		{"url", "http://x", redis.Single, "redis://", bare},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := redis.Options{URL: c.url, Kind: c.kind, Prefix: "shop", Key: deployment, Timeout: generous}
			client, err := redis.Open(t.Context(), o)
			if err == nil {
				if c.want != "" {
					t.Error("it was opened")
				}
				if err := client.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "loud") || strings.Contains(err.Error(), "quiet") {
				t.Errorf("it says %v; want %q", err, c.want)
			}
		})
	}
}

// TestNamesTellNothing looks at what anyone can see who sees the keys.
func TestNamesTellNothing(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s, nil)
	ctx := t.Context()
	c.Values().Set(ctx, "ann@example.com", []byte("x"), 0, false)
	c.Tier().Put("ann@example.com", []byte("x"), time.Minute)
	_, _, _, _, _ = c.Take(ctx, []byte("ann@example.com"), 10, time.Hour, 1, 0)
	if err := c.Vault().Store(ctx, "acme/key", []byte("-----BEGIN PRIVATE KEY-----")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is there", func() bool { return len(c.Names(ctx)) >= 6 })
	for _, name := range c.Names(ctx) {
		if strings.Contains(name, "ann") || !strings.Contains(name, "shop") {
			t.Errorf("a key is %s", name)
		}
	}
	if raw := s.Do("HGETALL", "{shop:t}:k:acme/key"); strings.Contains(raw, "PRIVATE") {
		t.Errorf("a certificate's key can be read: %s", raw)
	}
	other := open(t, s, func(o *redis.Options) { o.Key = []byte("another deployment's key") })
	if _, found := other.Tier().Get(ctx, "ann@example.com"); found {
		t.Error("another deployment reads it")
	}
	if _, _, err := other.Vault().Load(ctx, "acme/key"); err == nil {
		t.Error("another deployment reads a certificate's key")
	}
	later := open(t, s, func(o *redis.Options) { o.Entries = "2" })
	if _, found := later.Tier().Get(ctx, "ann@example.com"); found {
		t.Error("another program reads it")
	}
}

// TestForgedEntries changes what is kept.
func TestForgedEntries(t *testing.T) {
	s := redistest.Start(t)
	c := open(t, s, nil)
	ctx := t.Context()
	for _, key := range []string{"a", "b"} {
		c.Tier().Put(key, []byte("answer of "+key), time.Minute)
		eventually(t, "it is there", func() bool { _, found := c.Tier().Get(ctx, key); return found })
	}
	var names []string
	for _, name := range c.Names(ctx) {
		if strings.HasPrefix(name, "shop:c:") {
			names = append(names, name)
		}
	}
	if len(names) != 2 {
		t.Fatalf("%d entries", len(names))
	}
	s.Do("COPY", names[0], names[1], "REPLACE")
	s.Do("SETRANGE", names[0], "20", "!")
	for _, key := range []string{"a", "b"} {
		if got, found := c.Tier().Get(ctx, key); found {
			t.Errorf("a forged entry is served: %q", got)
		}
	}
	if _, _, errs := c.Tier().Counts(); errs != 2 {
		t.Errorf("%d errors were counted", errs)
	}
}

func TestLocksOfTheDead(t *testing.T) {
	s := redistest.Start(t)
	// A loaded machine may renew too late: then a lease is longer.
	for lease := 2 * time.Second; ; lease *= 4 {
		if renewed := locksOfTheDead(t, s, lease); renewed {
			return
		} else if lease > 20*time.Second {
			t.Fatal("a lock that is renewed was taken")
		}
	}
}

// locksOfTheDead says whether the lock of who lives was renewed.
func locksOfTheDead(t *testing.T, s *redistest.Server, lease time.Duration) bool {
	t.Helper()
	with := func(o *redis.Options) { o.Lease, o.Prefix = lease, fmt.Sprint("lease", lease.Milliseconds()) }
	a, b := open(t, s, with), open(t, s, with)
	ctx := t.Context()
	for _, name := range []string{"dead", "alive"} {
		if err := a.Vault().Lock(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	a.Vault().Forsake("dead")
	if err := b.Vault().Lock(ctx, "dead"); err != nil { // when its lease is over
		t.Fatal(err)
	}
	if mine, err := b.Vault().TryLock(ctx, "alive"); err != nil || mine {
		return false
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if mine, err := b.Vault().TryLock(ctx, "alive"); err != nil || !mine {
		t.Errorf("who stops lets its locks go: %v", err)
	}
	return true
}

// TestFailover has sentinels put the replica in the place of the master.
func TestFailover(t *testing.T) {
	if os.Getenv("EDGEHIVE_STORM") == "" {
		t.Skip("set EDGEHIVE_STORM: sentinels take their time")
	}
	w := redistest.Sentinels(t, "shop", time.Second)
	c := open(t, w.Sentinels[0], func(o *redis.Options) {
		o.Kind, o.Master, o.Timeout, o.Addresses = redis.Sentinel, "shop", redis.DefaultTimeout, []string{w.Sentinels[1].Address, w.Sentinels[2].Address}
	})
	ctx := t.Context()
	eventually(t, "it is well", c.Up)
	if err := c.Vault().Store(ctx, "k", []byte("v")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a value is there", func() bool { return c.Values().Set(ctx, "k", []byte("of the master"), 0, false) })
	s := w.Replica.Do("WAIT", "0", "100")
	t.Logf("replicas: %s", s)
	eventually(t, "the replica has it", func() bool { return w.Replica.Do("EXISTS", "{shop:t}:k:k") == "1" })
	r := hammer(c)
	r.more(t, 500)
	w.Master.Kill()
	eventually(t, "the breaker opens", func() bool { return !c.Up() })
	eventually(t, "another master is there", c.Up)
	r.more(t, 500)
	r.end(t, "failover")
	eventually(t, "certificates are still there", func() bool {
		value, _, err := c.Vault().Load(ctx, "k")
		return err == nil && string(value) == "v"
	})
	if got, ok := c.Values().Get(ctx, "k"); ok {
		t.Errorf("a value of another server is there: %q", got.Bytes)
	}
}

// TestNodeOfClusterGone kills one of three.
func TestNodeOfClusterGone(t *testing.T) {
	nodes := redistest.Cluster(t)
	c := open(t, nodes[0], func(o *redis.Options) {
		o.Kind, o.Addresses, o.Timeout = redis.Cluster, []string{nodes[1].Address, nodes[2].Address}, redis.DefaultTimeout
	})
	eventually(t, "it is well", c.Up)
	r := hammer(c)
	r.more(t, 500)
	nodes[1].Kill()
	eventually(t, "the breaker opens", func() bool { return !c.Up() })
	r.more(t, 1000)
	nodes[1].Run()
	eventually(t, "it is there again", c.Up)
	r.more(t, 200)
	r.end(t, "a node of a cluster")
}

func TestErrorsTellNoPassword(t *testing.T) {
	heard := &told{}
	u := url.URL{Scheme: "redis", Host: "127.0.0.1:1", User: url.UserPassword("ann", "hidden")}
	c, err := redis.Open(t.Context(), redis.Options{URL: u.String(), Kind: redis.Single, Prefix: "p", Key: deployment, Log: logger(heard)})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(c.Status().Error, "hidden") || heard.count("hidden") != 0 || heard.count("redis is away") != 1 {
		t.Errorf("%q\n%s", c.Status().Error, &heard.text)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
