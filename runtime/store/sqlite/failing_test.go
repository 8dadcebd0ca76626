package sqlite_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
)

const (
	faultsVariable = "EDGEHIVE_FAULTS" // "every": the n-th operation for every n
	faultsEach     = 2                 // places of a scenario otherwise, for each way to fail
	faultsLarge    = 40                // of a large one, which is not played otherwise
	stepTime       = 5 * time.Minute   // beyond it a step hangs
)

// TestFaults lets the disk fail at each operation of each scenario, in each way.
// Whatever fails says so; what was acknowledged is there afterwards, what was
// not is there wholly or not at all, reads go on, and where the disk only took
// no writes for a while, so do writes.
func TestFaults(t *testing.T) {
	disk := newFailingDisk(t)
	for _, s := range scenarios() {
		if s.large && os.Getenv(faultsVariable) != "every" {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			p := preparePlay(t, disk, s)
			operations := p.rehearse()
			for f := range failures {
				hits := 0
				for _, n := range s.places(operations) {
					if p.run(f, n) {
						hits++
					}
					if t.Failed() {
						return
					}
				}
				if hits == 0 && operations > 0 && f != isFull {
					t.Errorf("%s: no operation of %d failed", f, operations)
				}
			}
		})
	}
}

// places are the operations that fail, each in a run of its own: all of them,
// or the first and some after it.
func (s *scenario) places(operations int) []int {
	places, every := faultsEach, os.Getenv(faultsVariable) == "every"
	switch {
	case every && s.large:
		places = faultsLarge
	case every:
		places = operations
	}
	if operations <= places {
		all := make([]int, operations)
		for i := range all {
			all[i] = i + 1
		}
		return all
	}
	some := []int{1}
	for len(some) < places {
		some = append(some, 1+rand.IntN(operations))
	}
	slices.Sort(some)
	return slices.Compact(some)
}

// play is a scenario with what it begins on and what is there after each step.
type play struct {
	*testing.T
	scenario
	disk   *failingDisk
	origin string
	states []string
}

const databaseName = "app.db"

func preparePlay(t *testing.T, disk *failingDisk, s scenario) *play {
	t.Helper()
	p := &play{T: t, scenario: s, disk: disk, origin: t.TempDir()}
	working := t.TempDir()
	w := p.world(working)
	if s.name == "make a database" {
		return p
	}
	p.must("open", w.open())
	p.must("migrate", w.migrate(func(*plan.Schema) {}))
	p.must("open a view", w.look())
	if s.prepare == nil {
		s.prepare = fill
	}
	p.must("prepare", s.prepare(w))
	if s.left {
		copyFiles(t, working, p.origin)
	}
	p.must("close", w.close())
	if !s.left {
		copyFiles(t, working, p.origin)
	}
	return p
}

func (p *play) world(dir string) *world {
	options := p.options.In(failingName)
	options.Path = filepath.Join(dir, databaseName)
	options.Readers = 2
	return &world{t: p.T, disk: p.disk, options: options, schema: library()}
}

func (p *play) must(what string, err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("%s: %v", what, err)
	}
}

func copyFiles(t *testing.T, from, to string) {
	t.Helper()
	entries, err := os.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") || strings.HasSuffix(e.Name(), "-shm") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, e.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// begin is a world at the scenario's begin.
func (p *play) begin() *world {
	p.Helper()
	dir, err := os.MkdirTemp(p.origin, "run-*")
	p.must("make a folder", err)
	for _, e := range p.files() {
		content, err := os.ReadFile(filepath.Join(p.origin, e))
		p.must("copy", err)
		p.must("copy", os.WriteFile(filepath.Join(dir, e), content, 0o600))
	}
	w := p.world(dir)
	if !p.closed {
		p.must("open", w.open())
		p.must("open a view", w.look())
	}
	return w
}

func (p *play) files() (names []string) {
	entries, err := os.ReadDir(p.origin)
	p.must("list", err)
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// rehearse plays without a failure, notes what is there after each step, and
// gives how many operations there were.
func (p *play) rehearse() int {
	p.Helper()
	w := p.begin()
	p.states = []string{p.state(w)}
	p.disk.arm(failsOnce, 0)
	for i := range p.steps {
		p.must("step "+strconv.Itoa(i+1), p.step(w, i))
		p.states = append(p.states, "") // filled below: looking would count
	}
	operations, _ := p.disk.disarm()
	p.must("close", w.close())
	p.must("remove", os.RemoveAll(filepath.Dir(w.options.Path)))
	w = p.begin()
	for i := range p.steps {
		p.must("step "+strconv.Itoa(i+1), p.step(w, i))
		if w.store == nil { // the first start on what was restored begins a feed
			p.must("open", w.open())
			p.states[i+1] = p.state(w)
			p.must("close", w.close())
			continue
		}
		p.states[i+1] = p.state(w)
	}
	p.must("close", w.close())
	p.must("remove", os.RemoveAll(filepath.Dir(w.options.Path)))
	return operations
}

// step does one, which must come to an end.
func (p *play) step(w *world, i int) error {
	p.Helper()
	done := make(chan error, 1)
	go func() { done <- p.steps[i](w) }()
	select {
	case err := <-done:
		if err != nil && strings.Contains(err.Error(), "panic") {
			p.Errorf("step %d: %v", i+1, err)
		}
		return err
	case <-time.After(stepTime):
		stacks := make([]byte, 1<<20)
		p.Fatalf("step %d hangs\n%s", i+1, stacks[:runtime.Stack(stacks, true)])
		return nil
	}
}

// run plays while the n-th operation fails; false where the failure was of no
// concern.
func (p *play) run(f failure, n int) bool {
	p.Helper()
	w := p.begin()
	dir := filepath.Dir(w.options.Path)
	p.disk.arm(f, n)
	done, err := 0, error(nil)
	for done < len(p.steps) {
		if err = p.step(w, done); err != nil {
			break
		}
		done++
	}
	allowed := p.states[done : done+1]
	broken := w.store != nil && isBroken(w.store)
	switch {
	case err == nil:
	case f == isTorn, f == isCut, broken, w.store == nil:
		allowed = p.states[done:min(done+2, len(p.states))]
	case !errors.Is(err, store.ErrFull) && !p.isReading(done):
		p.Errorf("%s at %d: step %d: %v, and yet the database is not broken", f, n, done+1, err)
	}
	if f == isFull && broken {
		p.Errorf("%s at %d: step %d: a full disk broke the database: %v", f, n, done+1, err)
	}
	p.reads(w, f, n)
	var hit bool
	if f == failsOnce || f == isFull || f == isReadOnly {
		_, hit = p.disk.disarm()
		if !broken {
			for ; done < len(p.steps); done++ {
				if err := p.step(w, done); err != nil {
					p.Errorf("%s at %d: step %d with the disk mended: %v", f, n, done+1, err)
					break
				}
			}
			allowed = p.states[done : done+1]
		}
	}
	closeErr := w.close()
	if f == isTorn || f == isCut {
		_, hit = p.disk.disarm()
	} else if closeErr != nil && !broken {
		p.Errorf("%s at %d: close: %v", f, n, closeErr)
	}
	if f == isCut {
		p.must("cut the power", p.disk.cutPower(rand.New(rand.NewPCG(uint64(n), hash(p.name)))))
	}
	p.check(w, allowed, fmt.Sprintf("%s at %d, step %d, %v", f, n, done+1, err))
	p.must("remove", os.RemoveAll(dir))
	return hit
}

// TestReadOnlyDisk lets the disk become read-only under a store: what does not
// write goes on, though no connection can be made, and all goes on once the
// disk is mended.
func TestReadOnlyDisk(t *testing.T) {
	disk := newFailingDisk(t)
	n := openNotes(t, sqlite.Options{Readers: 8}.In(failingName))
	if _, err := n.write(t.Context(), "kept"); err != nil {
		t.Fatal(err)
	}
	n.count() // opens the one connection that reads
	disk.arm(isReadOnly, 1)
	for range 3 {
		if _, err := n.write(t.Context(), "lost"); !errors.Is(err, store.ErrFull) {
			t.Errorf("write: %v, want ErrFull", err)
		}
	}
	if err := n.store.Health(t.Context()); !errors.Is(err, store.ErrFull) {
		t.Errorf("health: %v, want ErrFull", err)
	}
	var wait sync.WaitGroup
	for range 8 { // more than connections are open
		wait.Go(func() {
			for range 20 {
				if rows := count(t, n.view, n.table, nil); rows != 1 {
					t.Errorf("%d rows, want 1", rows)
				}
			}
		})
	}
	wait.Wait()
	disk.disarm()
	if _, err := n.write(t.Context(), "kept too"); err != nil {
		t.Errorf("write on the mended disk: %v", err)
	}
	if rows := n.count(); rows != 2 {
		t.Errorf("%d rows, want 2", rows)
	}
}

// isReading reports a step that changes nothing, whose errors are its own.
func (p *play) isReading(i int) bool { return p.states[i] == p.states[i+1] }

func hash(text string) uint64 {
	h := fnv.New64()
	_, _ = h.Write([]byte(text))
	return h.Sum64()
}

func isBroken(s *sqlite.Store) bool {
	select {
	case <-s.Broken():
		return true
	default:
		return false
	}
}

// reads must go on.
func (p *play) reads(w *world, f failure, n int) {
	p.Helper()
	if w.view == nil || p.moves {
		return
	}
	if _, err := w.view.Select(p.Context(), query.Select{Table: w.schema.Table("authors"), Limit: 0, Count: true}, discard{}); err != nil {
		p.Errorf("%s at %d: reads do not go on: %v", f, n, err)
	}
}

// check opens the database on a disk that works: it is whole, has one of the
// allowed states, and can be written.
func (p *play) check(w *world, allowed []string, when string) {
	p.Helper()
	if err := w.open(); err != nil {
		p.Errorf("%s: does not open: %v", when, err)
		return
	}
	defer func() {
		if err := w.close(); err != nil {
			p.Errorf("%s: close: %v", when, err)
		}
	}()
	state := p.state(w)
	if !slices.Contains(allowed, state) {
		for i, want := range allowed {
			p.Errorf("%s: state %d of those allowed differs:\n%s", when, i+1, differing(state, want))
		}
	}
	if drift, err := w.store.Drift(p.Context()); err != nil || len(drift) > 0 {
		p.Errorf("%s: drift %v %v", when, drift, err)
	}
	if err := w.store.Health(p.Context()); err != nil {
		p.Errorf("%s: not to be written: %v", when, err)
	}
	if !p.moves && w.look() == nil {
		p.findsWords(w, when)
	}
}

// findsWords compares the full-text index with the rows.
func (p *play) findsWords(w *world, when string) {
	p.Helper()
	books := w.schema.Table("books")
	has := map[string]int{}
	for title, n := range countKeys(p.T, w.view, books, "title") {
		for _, word := range []string{"title", "one", "two", "three", "many", "once", "n3"} {
			if slices.Contains(strings.Fields(title), word) {
				has[word] += n
			}
		}
	}
	for _, word := range []string{"title", "one", "two", "three", "many", "once", "n3"} {
		if got := count(p.T, w.view, books, wordsOf(p.T, books, word)); got != has[word] {
			p.Errorf("%s: the index finds %d rows for %q, there are %d", when, got, word, has[word])
		}
	}
}

// state is all that a database holds but times: rows, feed, versions, what is
// remembered, the schema. It is whole, or the test fails.
func (p *play) state(w *world) string {
	p.Helper()
	if info, err := os.Stat(w.options.Path); err != nil || info.Size() == 0 {
		return ""
	}
	db, err := sqlite3.Open(w.options.Path)
	p.must("look", err)
	defer db.Close()
	for _, pragma := range []string{"integrity_check", "foreign_key_check"} {
		if said := lines(p.T, db, "PRAGMA "+pragma); said != "ok\n" && said != "" {
			p.Errorf("%s: %s", pragma, said)
		}
	}
	var b strings.Builder
	for _, name := range strings.Fields(lines(p.T, db, `SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_stat%' AND name NOT LIKE '%.text%' ORDER BY name`)) {
		// Revisions may leave numbers out: a batch that failed has used up some.
		columns := lines(p.T, db, "SELECT group_concat(quote(name)) FROM (SELECT name FROM pragma_table_info('"+name+"') WHERE name <> '_rev' ORDER BY cid)")
		columns = strings.ReplaceAll(strings.TrimSpace(columns), "'", `"`)
		switch name {
		case "_versions":
			columns = "name, seq"
		case "_meta":
			columns = "value"
			name += " WHERE key='schema'"
		case "_feed":
			columns = "seq, total, hex(body)"
		case "_once":
			columns = "key, hex(request)"
		case "_history":
			columns = "id, hash, who, steps"
		}
		if !strings.Contains(name, " ") {
			name = `"` + name + `"`
		}
		fmt.Fprintf(&b, "%s:\n%s", name, lines(p.T, db, "SELECT "+columns+" FROM "+name+" ORDER BY 1"))
	}
	b.WriteString(lines(p.T, db, "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 1"))
	return b.String()
}

// differing are the lines that only one of two states has.
func differing(have, want string) string {
	var b strings.Builder
	has, wants := strings.Split(have, "\n"), strings.Split(want, "\n")
	for _, line := range has {
		if !slices.Contains(wants, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	for _, line := range wants {
		if !slices.Contains(has, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	return b.String()
}

func lines(t *testing.T, db *sqlite3.Conn, sql string) string {
	t.Helper()
	stmt, _, err := db.Prepare(sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	defer stmt.Close()
	var b strings.Builder
	for stmt.Step() {
		for i := range stmt.ColumnCount() {
			if i > 0 {
				b.WriteByte('|')
			}
			b.WriteString(stmt.ColumnText(i))
		}
		b.WriteByte('\n')
	}
	if err := stmt.Err(); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return b.String()
}
