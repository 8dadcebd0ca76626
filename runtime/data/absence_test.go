package data_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/access"
	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/cache/tiered"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/sqlite"
	"github.com/edge-hive/edge-hive/runtime/store/storetest"
)

const (
	absenceCases    = 25 // worlds
	absenceRequests = 25 // of each caller in each
	absenceOnServer = 1  // worlds on SurrealDB, where a database takes longer to make
)

// TestWhatIsHiddenIsAsIfItWereAbsent asks random requests of random manifests,
// and the same of databases that hold nothing but what their caller may read:
// no other row, no other column, and no rule. The answers, and the faults, must
// be the same to the letter.
func TestWhatIsHiddenIsAsIfItWereAbsent(t *testing.T) {
	compareWorlds(t, inMemory, absenceCases)
}

// TestWhatIsHiddenIsAsIfItWereAbsentOnSurreal asks the same of the other engine.
func TestWhatIsHiddenIsAsIfItWereAbsentOnSurreal(t *testing.T) {
	compareWorlds(t, onSurreal, absenceOnServer)
}

func compareWorlds(t *testing.T, open opener, cases int) {
	t.Helper()
	seed := setting(t, storetest.SeedVariable, 1)
	met := tally{}
	for i := range setting(t, storetest.CasesVariable, cases) {
		chance := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
		if compareWorld(t, open, newWorld(chance), met); t.Failed() {
			t.Fatalf("%s=%d, world %d", storetest.SeedVariable, seed, i)
		}
	}
	t.Log(met)
	if cases < absenceCases { // they are too few for every kind of answer
		return
	}
	for _, must := range []string{"rows", "none", "42703", "PGRST200", "42501", "write"} {
		if met[must] == 0 {
			t.Errorf("no answer was %s: %v", must, met)
		}
	}
}

// TestWhatOnceWasNotAbsent asks the worlds that found a mistake, by seed and
// number: a walk along an edge whose rule asks another table.
func TestWhatOnceWasNotAbsent(t *testing.T) {
	for _, found := range [][2]uint64{{77, 72}} {
		compareWorld(t, inMemory, newWorld(rand.New(rand.NewPCG(found[0], found[1]))), tally{})
	}
}

// tally counts what answers were.
type tally map[string]int

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	if os.Getenv(name) == "" {
		return otherwise
	}
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// compareWorld asks a world, and what its callers see of it; and again when
// rows have changed. A read is asked twice, for the second answer may be a
// remembered one.
func compareWorld(t *testing.T, open opener, w *world, met tally) {
	t.Helper()
	all, err := openWorld(t, open, w)
	if err != nil {
		met["refused manifest"]++
		return
	}
	defer all.end()
	asked := map[*auth.Caller][]*question{}
	for range 2 {
		for _, caller := range []*auth.Caller{nobody, ann, staff} {
			if asked[caller] == nil {
				for range absenceRequests {
					asked[caller] = append(asked[caller], w.question(caller))
				}
			}
			few, err := openWorld(t, open, w.seenBy(caller))
			if err != nil {
				t.Fatal(err)
			}
			compare(t, w, all.backend, few.backend, caller, asked[caller], met)
			few.end()
		}
		w.change(t, all.backend) // what was remembered may not be so any more
	}
}

// compare asks both databases the same.
func compare(t *testing.T, w *world, all, few *backend, caller *auth.Caller, asked []*question, met tally) {
	t.Helper()
	for _, q := range asked {
		got, want := q.ask(t, all, caller), q.ask(t, few, caller)
		if q.write != nil {
			met["write"]++
		}
		met[kindOf(got)]++
		if kindOf(got) == tooDeep || kindOf(want) == tooDeep { // that there is a rule is told, not what it hides
			continue
		}
		if again := q.ask(t, all, caller); got != want || got != again {
			t.Errorf("%s as %s %s\nhidden %s\nabsent %s\nagain  %s\n%s", q, caller.Role, caller.Claims, got, want, again, w)
			return
		}
	}
}

// change changes a column of every row of one table.
func (w *world) change(t *testing.T, b *backend) {
	t.Helper()
	of := oneOf(w, w.tables[1:]...)
	c := oneOf(w, of.columns...)
	for _, row := range of.rows {
		row[c.Name] = w.value(&c)
		if c.Type == "ref" && c.Table != "users" {
			row[c.Name] = 1 + w.IntN(len(w.table(c.Table).rows))
		}
		raw, err := json.Marshal(record{c.Name: row[c.Name]})
		if err != nil {
			t.Fatal(err)
		}
		r := b.request(t, service, of.name, fmt.Sprintf("id=eq.%v", row["id"]))
		if _, err := b.Update(t.Context(), service, data.Write{Table: of.name, Request: r, Body: raw}); err != nil {
			t.Fatal(err)
		}
	}
}

// tooDeep is the code of a statement that its database cannot parse.
const tooDeep = "54001"

// kindOf sorts answers.
func kindOf(answer string) string {
	switch word, _, _ := strings.Cut(answer, " "); {
	case !strings.HasPrefix(word, "["):
		return word
	case word == "[[]":
		return "none"
	}
	return "rows"
}

// String is the world's rules, for whoever mends what was found.
func (w *world) String() string {
	var text strings.Builder
	for _, t := range w.tables {
		fmt.Fprintf(&text, "%s: granted %v, read %q, guard %q, edge %v\n", t.name, t.granted, t.text, t.guard, t.edge)
		for _, c := range t.columns {
			fmt.Fprintf(&text, "  %s %s %s: %+v\n", c.Name, c.Type, c.Table, c.Access.Read)
		}
		fmt.Fprintf(&text, "  %s\n", t.body())
	}
	return text.String()
}

// question is one random request, a read or a write that is not kept.
type question struct {
	table  string
	url    string
	read   data.Read
	export bool
	write  write // nil for a read
	with   data.Write
	batch  string
}

func (q *question) String() string {
	return fmt.Sprintf("%s?%s %+v export %v write %v %s %s", q.table, q.url, q.read, q.export, q.write != nil, q.with.Body, q.batch)
}

// question makes one.
func (w *world) question(caller *auth.Caller) *question {
	t := oneOf(w, w.tables...)
	q := &question{table: t.name}
	if w.one(5) && t.name != "users" {
		return w.writing(q, t, caller)
	}
	q.url = w.request(t, caller)
	q.read = data.Read{Table: t.name, Count: w.one(3), Single: w.one(10), Form: oneOf(w, data.JSON, data.JSON, data.Stripped, data.CSV)}
	switch w.IntN(8) {
	case 0:
		q.read.HasKey, q.read.Single, q.read.Key = true, true, strconv.Itoa(1+w.IntN(10))
	case 1:
		q.url += "&_page="
	case 2:
		q.export = true
	}
	return q
}

func (w *world) writing(q *question, t *worldTable, caller *auth.Caller) *question {
	q.url = w.target(t, caller)
	q.with = data.Write{Table: t.name, Rollback: true, Representation: w.one(2), Single: w.one(10), Body: []byte(`{"w":1}`)}
	if w.one(8) {
		one := 1
		q.with.AtMost = &one
	}
	if w.one(4) {
		q.with.Match = oneOf(w, &data.Match{Any: true}, &data.Match{Revisions: []int64{1, 2, 3, 4, 5, 6}}, &data.Match{Revisions: []int64{99}})
	}
	if w.one(4) {
		q.with.HasKey, q.with.Key = true, strconv.Itoa(1+w.IntN(10))
	}
	switch w.IntN(4) {
	case 0: // references to what is deleted are not judged here
		q.write, q.with.Representation = remove, false
	case 1:
		raw, err := json.Marshal(map[string]any{"writes": []any{
			map[string]any{"op": "update", "table": t.name, "set": record{"w": 1}, "where": "w=is.null", "return": true},
			map[string]any{"op": "update", "table": t.name, "set": record{"w": 2}, "key": 1 + w.IntN(10), "select": "id,w", "return": true},
		}})
		if err != nil {
			panic(err)
		}
		q.write, q.batch = update, string(raw)
	default:
		q.write = update
	}
	return q
}

// ask gives everything that a caller is told.
func (q *question) ask(t *testing.T, b *backend, caller *auth.Caller) string {
	t.Helper()
	answer, err := q.told(t, b, caller)
	if err == nil {
		return answer
	}
	f := fault.From(err)
	if f.Code == fault.CodeInternal {
		t.Fatalf("%s: %v", q, err)
	}
	return f.Code + " " + f.Message + " | " + f.Details + " | " + f.Hint
}

func (q *question) told(t *testing.T, b *backend, caller *auth.Caller) (string, error) {
	t.Helper()
	if q.batch != "" {
		done, err := b.Batch(t.Context(), caller, data.Batch{Body: []byte(q.batch), Rollback: true})
		return "[" + string(done.Body), err
	}
	r, err := b.Parse(caller, q.table, q.url)
	if err != nil {
		return "", err
	}
	switch {
	case q.write != nil:
		w := q.with
		w.Request = r
		done, err := q.write(b.Gate, t.Context(), caller, w)
		return fmt.Sprintf("[%s %d", done.Body, done.Affected), err
	case q.export:
		var out bytes.Buffer
		_, err := b.Export(t.Context(), caller, data.Export{Table: q.table, Request: r, Form: q.read.Form}, &out)
		return "[" + out.String(), err
	case !r.Paged:
		read := q.read
		read.Request = r
		a, err := b.Select(t.Context(), caller, read)
		if err != nil {
			return "", err
		}
		tag := a.ETag
		if read.HasKey { // it begins with the revision, which tells of every write
			_, tag, _ = strings.Cut(tag, "-")
		}
		return fmt.Sprintf("[%s %s %d %d %d", a.Body, tag, a.Rows, a.Count, a.Offset), nil
	}
	var pages strings.Builder
	read := q.read
	for {
		read.Request = r
		a, err := b.Select(t.Context(), caller, read)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&pages, "[%s %s %d %v\n", a.Body, a.ETag, a.Count, a.Next != "")
		if a.Next == "" || pages.Len() > 4000 {
			return pages.String(), nil
		}
		read.Count = false // only the first page counts
		if r, err = b.Parse(caller, q.table, strings.Replace(q.url, "_page=", "_page="+a.Next, 1)); err != nil {
			return "", err
		}
	}
}

// opened is a backend that ends before its test does.
type opened struct {
	*backend
	end func()
}

// emptyDatabase is a database of either engine.
type emptyDatabase struct {
	store.Store
	// run runs a text by hand; nil where references can be left out of the tables.
	run func(t *testing.T, text string)
}

// opener makes an empty database.
type opener func(t *testing.T) emptyDatabase

func inMemory(t *testing.T) emptyDatabase {
	t.Helper()
	s, err := sqlite.OpenMemory(t.Context(), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return emptyDatabase{Store: s}
}

// openWorld makes a database of a world. It holds no reference to be one, so
// that rows may refer to what is not there.
func openWorld(t *testing.T, open opener, w *world) (*opened, error) {
	t.Helper()
	ctx := context.Background()
	m := w.manifest()
	schema, err := query.Declare(m)
	if err != nil {
		t.Fatal(err)
	}
	rules, faults := access.Compile(m, schema)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	s := open(t)
	want := plan.FromManifest(m, schema)
	if s.run == nil {
		for i := range want.Tables {
			for j := range want.Tables[i].Columns {
				want.Tables[i].Columns[j].Ref, want.Tables[i].Columns[j].OnDelete = "", ""
			}
		}
	}
	if err := s.Migrate(ctx, plan.Diff(plan.Schema{}, want, nil)); err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(ctx, schema)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tiered.New(tiered.Options{Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	gate, err := data.New(data.Options{Manifest: m, Schema: schema, Rules: rules, View: view, Cache: c, Clock: func() time.Time { return moment }})
	if err != nil {
		t.Fatal(err)
	}
	b := &opened{backend: &backend{Gate: gate, view: view, cache: c}, end: func() {
		closed(t, c.Close)
		closed(t, view.Close)
		closed(t, s.Close)
	}}
	for _, table := range w.tables {
		if s.run != nil {
			s.run(t, w.pretend(table))
		}
		if len(table.rows) > 0 {
			b.put(t, table.name, table.body())
		}
	}
	if s.run != nil {
		s.run(t, w.stopPretending())
	}
	return b, nil
}
