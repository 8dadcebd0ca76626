package engine_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine/admin"
)

// The storm: reloads under load; EDGEHIVE_STORM is how many instead.
const (
	stormReloads = 40
	stormSockets = 50
	stormStreams = 50
	stormBroken  = 5
	stormReaders = 4
	stormWriters = 2
)

// stormManifest is the n-th manifest: routes, policies, checks, rates, guards
// and channels come and go; what the subscribers see stays.
func stormManifest(n int) string {
	text := base + fmt.Sprintf(`
limits: {connections: %d, connectionsPerAddress: 5000}
routes: "GET /generation": respond: body: "%d"
cache: policies: short: ttl: "%ds"
`, 6000+n, n, 1+n%50)
	if n%2 == 0 {
		text += `tables: notes: {cache: "short", checks: short: "size(text) < 1000"}` + "\n"
	}
	if n%3 == 0 {
		text += `channels: open: {table: "notes", filter: "done == false"}` + "\n" + `tables: notes: access: create: "auth.role == 'authenticated'"` + "\n"
	}
	if n%5 == 0 {
		text += `rules: "mine(x)": "x == auth.uid"` + "\n" + `tables: notes: access: delete: "mine(text)"` + "\n"
	}
	// Additive migrations: an index that comes and goes, a table that comes.
	if n%4 == 0 {
		text += `tables: notes: indexes: byText: columns: ["text"]` + "\n"
	}
	if n >= 10 {
		text += `tables: later: columns: x: type: "int"` + "\n"
	}
	return text
}

// brokenManifest is one that must change nothing.
func brokenManifest(n int) string {
	return [stormBroken]string{
		base + "tables: {",
		base + "nonsense: 1",
		strings.Replace(base, `done: {type: "bool", default: false}`, "", 1),
		base + `tables: notes: access: create: "nope == 1"`,
		base + `database: path: "data/other.db"`,
	}[n%stormBroken]
}

func TestReloadStorm(t *testing.T) {
	reloads := stormReloads
	if text := os.Getenv("EDGEHIVE_STORM"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("EDGEHIVE_STORM: %v", err)
		}
		reloads = n
	}
	b := start(t, stormManifest(0))
	s := &storm{b: b, t: t, counts: map[string]int{}}

	// The same once small, so that pools and tables have their size.
	s.round(0, 3)
	before := measure(t, b)
	s.round(3, reloads)
	after := measure(t, b)

	status := b.Status(context.Background())
	t.Logf("%d reloads, %d broken, %d reads, %d rows; before %+v, after %+v", reloads, s.broken, s.reads.Load(), len(s.written), before, after)
	if want := uint64(1 + s.swapped); status.Generation != want || status.Draining != 0 {
		t.Errorf("generation %d, want %d; %d drain", status.Generation, want, status.Draining)
	}
	if s.broken < stormBroken && reloads >= 10 {
		t.Errorf("only %d broken manifests", s.broken)
	}
	after.compare(t, before)
}

// storm is the load, and what came of it.
type storm struct {
	b       *backend
	t       *testing.T
	swapped int
	broken  int
	reads   atomic.Int64

	mu      sync.Mutex
	written []string // acknowledged
	counts  map[string]int
}

// round puts the load on, reloads, takes the load off, and checks that every
// subscriber saw every row once.
func (s *storm) round(first, reloads int) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var load, subscribers sync.WaitGroup
	all := make([]*follower, stormSockets+stormStreams)
	for i := range all {
		all[i] = &follower{t: s.t, seen: map[string]int{}, snapshots: make(chan struct{}, 1)}
		subscribers.Go(func() {
			if i < stormSockets {
				all[i].followSocket(s.b)
			} else {
				all[i].followStream(s.b)
			}
		})
	}
	for _, f := range all {
		select {
		case <-f.snapshots:
		case <-time.After(patience):
			s.t.Fatal("a subscriber got no snapshot")
		}
	}
	for i := range stormReaders {
		load.Go(func() { s.read(ctx, i) })
	}
	for i := range stormWriters {
		load.Go(func() { s.write(ctx, fmt.Sprintf("%d-%d", first, i)) })
	}
	s.reload(first, reloads)
	stop()
	load.Wait()
	s.mu.Lock()
	rows := slices.Clone(s.written)
	s.mu.Unlock()
	for i, f := range all {
		eventually(s.t, fmt.Sprintf("subscriber %d has seen all", i), func() bool { return f.has(rows) })
		f.close()
	}
	subscribers.Wait()
	for i, f := range all {
		f.check(i, rows)
	}
}

func (s *storm) reload(first, reloads int) {
	every := max(1, reloads/stormBroken)
	for n := first + 1; n <= first+reloads; n++ {
		if n%every == 0 {
			if out := s.b.reload(brokenManifest(s.broken)); out.Result != admin.Refused {
				s.t.Errorf("broken manifest %d: %s", s.broken, out.Result)
			}
			s.broken++
		}
		out := s.b.reload(stormManifest(n))
		if out.Result != admin.Swapped {
			s.t.Errorf("reload %d: %s %v", n, out.Result, out.Faults)
			continue
		}
		s.swapped++
		if _, text := s.b.call("GET", "/generation", ""); text != strconv.Itoa(n) {
			s.t.Errorf("after reload %d the route says %q", n, text)
		}
	}
}

// read asks for rows until the context ends; nothing may fail.
func (s *storm) read(ctx context.Context, i int) {
	paths := []string{"/api/data/notes?limit=5&order=id.desc", "/api/data/notes?select=text&done=eq.false&limit=3", "/generation", "/ready", "/api/data/users"}
	for n := i; ctx.Err() == nil; n++ {
		status, text, err := s.b.send("GET", paths[n%len(paths)], "")
		if err != nil || status != http.StatusOK {
			s.t.Errorf("%s: %d %s %v", paths[n%len(paths)], status, text, err)
			return
		}
		s.reads.Add(1)
	}
}

// write makes rows until the context ends, a few milliseconds apart: faster is
// another test's matter. Each acknowledged row must be readable at once.
func (s *storm) write(ctx context.Context, name string) {
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		row := fmt.Sprintf("%s-%d", name, n)
		status, text, err := s.b.send("POST", "/api/data/notes", `{"text":"`+row+`"}`)
		if err != nil || status != http.StatusCreated {
			s.t.Errorf("insert: %d %s %v", status, text, err)
			return
		}
		s.mu.Lock()
		s.written = append(s.written, row)
		s.mu.Unlock()
		if status, text, err = s.b.send("GET", "/api/data/notes?text=eq."+row, ""); err != nil || status != 200 || !strings.Contains(text, row) {
			s.t.Errorf("an acknowledged row is not there: %d %s %v", status, text, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// usage is what a process holds.
type usage struct {
	Goroutines, Descriptors int
	Database                int // descriptors of the database, not among the others
	HeapMiB                 float64
}

// measure looks when the load has gone.
func measure(t *testing.T, b *backend) usage {
	t.Helper()
	b.http.CloseIdleConnections()
	eventually(t, "the load is gone", func() bool {
		status := b.Status(context.Background())
		return status.Sockets == 0 && status.Requests == 0 && status.Draining == 0
	})
	var u usage
	// Connections that were closed take a moment to be gone: until nothing has gone for
	// a while.
	for quiet := time.Now(); time.Since(quiet) < time.Second; time.Sleep(20 * time.Millisecond) {
		runtime.GC()
		now := usage{Goroutines: runtime.NumGoroutine()}
		now.descriptors()
		if u.Goroutines == 0 || now.Goroutines < u.Goroutines || now.Descriptors < u.Descriptors {
			quiet = time.Now()
		}
		if u.Goroutines == 0 {
			u = now
		}
		u.Goroutines, u.Descriptors, u.Database = min(u.Goroutines, now.Goroutines), min(u.Descriptors, now.Descriptors), now.Database
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	u.HeapMiB = float64(m.HeapAlloc) / (1 << 20)
	return u
}

// descriptors counts them where the system tells.
func (u *usage) descriptors() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, entry := range entries {
		target, _ := os.Readlink("/proc/self/fd/" + entry.Name()) // that of the listing itself is gone
		if strings.Contains(target, ".db") {
			u.Database++
		} else {
			u.Descriptors++
		}
	}
}

func (u usage) compare(t *testing.T, before usage) {
	t.Helper()
	if u.Goroutines > before.Goroutines+5 {
		stacks := make([]byte, 1<<20)
		t.Errorf("%d goroutines, %d before\n%s", u.Goroutines, before.Goroutines, stacks[:runtime.Stack(stacks, true)])
	}
	// Readers are opened when they are needed: each connection has the file, the
	// log and its index.
	if most := 3 * (max(4, runtime.NumCPU()) + 2); u.Database > most {
		t.Errorf("%d descriptors of the database, at most %d are its connections'", u.Database, most)
	}
	if u.Descriptors > before.Descriptors+5 {
		t.Errorf("%d descriptors, %d before", u.Descriptors, before.Descriptors)
	}
	if u.HeapMiB > before.HeapMiB*1.5+8 {
		t.Errorf("%.1f MiB of heap, %.1f before", u.HeapMiB, before.HeapMiB)
	}
}
