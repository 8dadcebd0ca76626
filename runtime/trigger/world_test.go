package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/leaktest"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

func TestMain(m *testing.M) {
	leaktest.Main(m, goleak.IgnoreAnyFunction("github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest.(*Server).startPackage.func1"))
}

// hasty is the pace of tests.
var hasty = pace{
	lease: 30 * time.Second, poll: 10 * time.Millisecond, tick: 5 * time.Millisecond, save: time.Millisecond, idle: 20 * time.Millisecond,
}

var service = &auth.Caller{Role: auth.Service, Claims: "{}"}

// world is a database with a runner on it, and functions that do as they are told.
type world struct {
	*testing.T
	options sqlite.Options
	store   *sqlite.Store
	gate    *data.Gate
	view    store.View
	set     *Set
	runner  *Runner
	fakes   *fakes
	meter   *counts
	log     bytes.Buffer
	retry   Retry
	now     func() time.Time
	close   sync.Once
}

// stock is items with a number, and shops that they may be in.
func stock(functions ...manifest.Function) *manifest.Manifest {
	return &manifest.Manifest{
		Name: "test",
		Tables: []manifest.Table{
			{Name: "shops", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{{Name: "open", Type: "bool"}}},
			{Name: "items", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{
				{Name: "n", Type: "int"}, {Name: "shop", Type: "text"},
			}},
			{Name: "others", Key: manifest.Key{Type: "text"}, Columns: []manifest.Column{{Name: "n", Type: "int"}}},
		},
		Functions: functions,
	}
}

// on is a function that is called for a table.
func on(name, table, when string, events ...string) manifest.Function {
	if len(events) == 0 {
		events = []string{"create", "update", "delete"}
	}
	return manifest.Function{
		Name: name, Limits: manifest.FunctionLimits{Instances: 1},
		Tables: []manifest.TableTrigger{{Table: table, Events: events, When: when, Path: "functions." + name + ".on.tables." + table}},
	}
}

// many has four instances.
func many(f manifest.Function) manifest.Function {
	f.Limits.Instances = 4
	return f
}

func newWorld(t *testing.T, functions ...manifest.Function) *world {
	t.Helper()
	w := &world{T: t, fakes: &fakes{}, meter: &counts{}, retry: Retry{Tries: 4, First: time.Millisecond, Most: 4 * time.Millisecond}}
	w.options = sqlite.Options{Path: filepath.Join(t.TempDir(), "data.db")}
	w.begin(functions...)
	return w
}

// begin opens all on the file.
func (w *world) begin(functions ...manifest.Function) {
	w.Helper()
	s, err := sqlite.Open(context.Background(), w.options)
	if err != nil {
		w.Fatal(err)
	}
	w.store = s
	w.close = sync.Once{}
	w.generation(stock(functions...))
	w.run()
	w.Cleanup(w.end)
}

func (w *world) run() {
	w.Helper()
	w.runner = New(Options{
		Store: w.store, Meter: w.meter, Retry: w.retry, Now: w.now, pace: hasty,
		Log: slog.New(slog.NewTextHandler(&lockedWriter{to: &w.log}, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err := w.runner.Swap(context.Background(), w.set); err != nil {
		w.Fatalf("swap: %v", err)
	}
}

type lockedWriter struct {
	mu sync.Mutex
	to *bytes.Buffer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// end closes all.
func (w *world) end() {
	w.close.Do(func() {
		w.stop()
		if err := w.view.Close(); err != nil {
			w.Error(err)
		}
		if err := w.store.Close(); err != nil {
			w.Error(err)
		}
	})
}

func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	w.runner.Close(ctx)
}

// generation makes a gate and a set of a manifest.
func (w *world) generation(m *manifest.Manifest) {
	w.Helper()
	ctx := context.Background()
	schema, err := query.Declare(m)
	if err != nil {
		w.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		w.Fatal(err)
	}
	have, err := w.store.Inspect(ctx)
	if err != nil {
		w.Fatal(err)
	}
	if err := w.store.Migrate(ctx, plan.Diff(have, plan.FromManifest(m, schema), nil)); err != nil {
		w.Fatal(err)
	}
	if w.view, err = w.store.Open(ctx, schema); err != nil {
		w.Fatal(err)
	}
	if w.gate, err = data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: w.view}); err != nil {
		w.Fatal(err)
	}
	if w.set, err = NewSet(m, rules, w.view, w.fakes); err != nil {
		w.Fatal(err)
	}
}

// reload goes over to other functions.
func (w *world) reload(functions ...manifest.Function) {
	w.Helper()
	old := w.view
	w.generation(stock(functions...))
	if err := w.runner.Swap(context.Background(), w.set); err != nil {
		w.Fatal(err)
	}
	if err := old.Close(); err != nil {
		w.Fatal(err)
	}
}

// put inserts a row, or merges into the one that is there.
func (w *world) put(table, key, members string) {
	w.Helper()
	if err := w.tryPut(context.Background(), table, key, members); err != nil {
		w.Fatal(err)
	}
}

func (w *world) tryPut(ctx context.Context, table, key, members string) error {
	body := fmt.Sprintf(`{"id":%q%s}`, key, members)
	_, err := w.gate.Insert(ctx, service, data.Write{Table: table, Body: []byte(body), Resolution: data.Merge})
	return err
}

func writeOf(table, body string) data.Write { return data.Write{Table: table, Body: []byte(body)} }

func (w *world) remove(table, key string) {
	w.Helper()
	if _, err := w.gate.Delete(context.Background(), service, data.Write{Table: table, Key: key, HasKey: true}); err != nil {
		w.Fatal(err)
	}
}

// eventually waits until something is so.
func (w *world) eventually(what string, is func() bool) {
	w.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !is() {
		if time.Now().After(deadline) {
			w.Fatalf("not in time: %s\nstatus: %+v", what, w.runner.Status(context.Background()))
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// seen is an event as a function was told of it.
type seen struct {
	function, kind string
	depth          int
	Table          string
	Op             string
	Cursor         string
	Row, Old       map[string]any
	Cron, Due      string
}

func (s *seen) key() string {
	row := s.Row
	if row == nil {
		row = s.Old
	}
	id, _ := row["id"].(string)
	return id
}

// fakes are the functions.
type fakes struct {
	mu  sync.Mutex
	did []seen // what was done well, in order
	all []seen // what was called
	do  func(ctx context.Context, s *seen) error
}

var errFails = errors.New("it fails")

// Call implements function.Caller.
func (f *fakes) Call(ctx context.Context, name string, e *function.Event, answer function.Answer) error {
	s := seen{function: name, kind: e.Kind, depth: e.Depth}
	if err := json.Unmarshal(e.Detail, &s); err != nil {
		return err
	}
	if !e.Caller.IsService() {
		return errors.New("the caller is another")
	}
	f.mu.Lock()
	f.all = append(f.all, s)
	do := f.do
	f.mu.Unlock()
	if do != nil {
		if err := do(ctx, &s); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did = append(f.did, s)
	return answer.Head(200, nil)
}

// reset forgets all.
func (f *fakes) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.did, f.all, f.do = nil, nil, nil
}

func (f *fakes) set(do func(ctx context.Context, s *seen) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.do = do
}

func (f *fakes) done() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.did)
}

func (f *fakes) called() []seen {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// counts is a Meter.
type counts struct {
	mu                                                sync.Mutex
	ran, failed, retried, died, missed, skipped, lags int
}

func (c *counts) add(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (c *counts) Ran(_, _ string, _ time.Duration, well bool) {
	if well {
		c.add(&c.ran)
	} else {
		c.add(&c.failed)
	}
}
func (c *counts) Retried(string)                           { c.add(&c.retried) }
func (c *counts) Died(string)                              { c.add(&c.died) }
func (c *counts) Missed(string)                            { c.add(&c.missed) }
func (c *counts) Skipped(string)                           { c.add(&c.skipped) }
func (c *counts) Lag(string, time.Duration, int, int, int) { c.add(&c.lags) }
