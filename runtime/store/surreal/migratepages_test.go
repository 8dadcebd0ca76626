package surreal

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// bureau is three tables whose rows move in every way in which a migration moves
// rows: values are made anew, keys change, tables get other names, and edges follow.
func bureau(after bool) plan.Schema {
	kind, key, sheets := query.KindText, query.KindInt, "papers"
	if after {
		kind, key, sheets = query.KindInt, query.KindText, "sheets"
	}
	column := func(name string, kind query.Kind, ref string) *query.Column {
		c := &query.Column{Name: name, Type: query.Type{Kind: kind}, Required: true}
		if ref != "" {
			c.Ref = &query.Ref{Table: ref, OnDelete: query.Cascade}
		}
		return c
	}
	people := query.NewTable("people", []*query.Column{column("id", key, ""), column("name", query.KindText, "")}, nil)
	people.Indexes = []*query.Index{{Name: "once", Columns: people.Columns[1:], Unique: true}}
	papers := query.NewTable(sheets, []*query.Column{column("id", query.KindInt, ""), column("number", query.KindInt, ""), column("author", key, "people")}, nil)
	notes := query.NewTable("notes", []*query.Column{column("id", query.KindUUID, ""), column("number", kind, ""), column("title", query.KindText, "")}, nil)
	notes.Indexes = []*query.Index{{Name: "byNumber", Columns: notes.Columns[1:2], Unique: true}}
	follows := query.NewTable("follows", []*query.Column{column("id", query.KindInt, ""), column("who", key, "people"), column("whom", key, "people")}, nil)
	follows.Edge = &query.Edge{From: follows.Columns[1], To: follows.Columns[2]}
	follows.Indexes = []*query.Index{{Name: "pair", Columns: follows.Columns[1:], Unique: true}}
	p := plan.FromQuery(query.NewSchema([]*query.Table{people, papers, notes, follows}))
	if after {
		p.Tables[1].Was = "papers"
	}
	return p
}

// fillBureau puts n rows into each table, with negative keys among them.
func fillBureau(t *testing.T, s *Store, n int, title string) {
	t.Helper()
	list := fmt.Sprintf("array::range(%d, %d)", -n/2, n-n/2)
	ask(t, s, "INSERT INTO people ("+list+".map(|$n| { RETURN { id: $n, name: 'n' + <string> $n } })) RETURN NONE")
	ask(t, s, "INSERT INTO papers ("+list+".map(|$n| { RETURN { id: $n, number: $n, author: type::record('people', $n) } })) RETURN NONE")
	ask(t, s, "INSERT INTO notes ("+list+".map(|$n| { RETURN { id: rand::uuid::v7(), number: <string> $n, title: "+quoteText(title)+" } })) RETURN NONE")
	ask(t, s, "INSERT RELATION INTO follows ("+list+".map(|$n| { RETURN { id: $n, in: type::record('people', $n), out: type::record('people', -1 - $n) } })) RETURN NONE")
}

// wantBureau looks at all rows of one of the two forms.
func wantBureau(t *testing.T, s *Store, n int, after bool) {
	t.Helper()
	form := map[string]string{
		"people":  "type::is_int(record::id(id)) AND name = 'n' + <string> record::id(id)",
		"papers":  "number = record::id(id) AND author = type::record('people', number)",
		"notes":   "type::is_string(number)",
		"follows": "in = type::record('people', record::id(id)) AND out = type::record('people', -1 - record::id(id))",
	}
	if after {
		form = map[string]string{
			"people":  "type::is_string(record::id(id)) AND name = 'n' + record::id(id)",
			"sheets":  "number = record::id(id) AND author = type::record('people', <string> number)",
			"notes":   "type::is_int(number)",
			"follows": "in = type::record('people', <string> record::id(id)) AND out = type::record('people', <string> (-1 - record::id(id)))",
		}
	}
	for table, where := range form {
		r := ask(t, s, fmt.Sprintf("RETURN [(SELECT VALUE id FROM %[1]s WHERE %[2]s).len(), (SELECT VALUE id FROM %[1]s).len()]", table, where))
		r.Array()
		if formed, all := r.Int(), r.Int(); formed != int64(n) || all != int64(n) {
			t.Errorf("%s: %d rows, %d as they should be; want %d", table, all, formed, n)
		}
	}
	r := ask(t, s, "RETURN [type::record('people', "+map[bool]string{false: "0", true: "'0'"}[after]+")->follows->people.len(), (SELECT VALUE id FROM notes WHERE number = "+map[bool]string{false: "'1'", true: "1"}[after]+").len()]")
	r.Array()
	if walked, found := r.Int(), r.Int(); walked != 1 || found != 1 {
		t.Error("a walk leads elsewhere, or a row is not in its index")
	}
	there, err := readTables(t.Context(), s.client)
	if err != nil {
		t.Fatal(err)
	}
	for name := range there.tables {
		if strings.HasPrefix(name, tableMoved) {
			t.Errorf("table %s is left", name)
		}
	}
	if found, err := s.Drift(t.Context()); err != nil || len(found) != 0 {
		t.Errorf("drift: %v, %v", found, err)
	}
}

// watched is a database that calls do before each request of a conversation, and
// notes how large messages are.
type watched struct {
	texts
	conversation
	do      func(request int64)
	counted *atomic.Int64
	largest *atomic.Int64
}

func (w watched) Query(ctx context.Context, text string, vars []byte) ([][]byte, error) {
	var in texts = w.conversation
	if w.conversation == nil {
		in = w.texts
	} else if w.do != nil {
		w.do(w.counted.Add(1))
	}
	results, err := in.Query(ctx, text, vars)
	for _, result := range append(results, vars) {
		w.largest.Store(max(w.largest.Load(), int64(len(result))))
	}
	return results, err
}

func (w watched) Commit(ctx context.Context) error {
	if w.do != nil {
		w.do(w.counted.Add(1))
	}
	return w.conversation.Commit(ctx)
}

// migrateWatched is one try of a migration.
func migrateWatched(ctx context.Context, s *Store, want plan.Schema, do func(int64)) (w watched, err error) {
	w = watched{texts: s.client, do: do, counted: &atomic.Int64{}, largest: &atomic.Int64{}}
	have, err := s.Inspect(ctx)
	if err != nil {
		return w, err
	}
	p := plan.Diff(have, want, nil)
	m := &migration{in: w, plan: &p, begin: func(ctx context.Context) (conversation, error) {
		talk, err := s.begin(ctx)
		with := w
		with.conversation = talk
		return with, err
	}}
	return w, m.carryOut(ctx)
}

// TestMigratePages: rows are moved in pages, none is left out or moved twice, and
// however much the rows hold, messages are small.
func TestMigratePages(t *testing.T) {
	const rows = 1300
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, bureau(false)); err != nil {
		t.Fatal(err)
	}
	fillBureau(t, s, rows, strings.Repeat("a title ", 2000))
	want := bureau(true)
	want.Tables[2].Indexes = append(want.Tables[2].Indexes, plan.Index{Name: "words", Columns: []string{"title"}, Kind: plan.FullText, Language: "simple"})
	w, err := migrateWatched(t.Context(), s, want, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if largest := w.largest.Load(); largest > 4*rowsBytes {
		t.Errorf("a message of %d bytes", largest)
	}
	wantBureau(t, s, rows, true)
	if r := ask(t, s, "RETURN (SELECT VALUE id FROM notes WHERE _words_words @@ 'TITLE').len()"); r.Int() != rows {
		t.Error("rows are not found by their words")
	}
}

// TestMigrateRefusedInPages: rows of any page that do not convert are counted, the
// first are named, and nothing is changed.
func TestMigrateRefusedInPages(t *testing.T) {
	const rows = 1300
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, bureau(false)); err != nil {
		t.Fatal(err)
	}
	fillBureau(t, s, rows, "a title")
	ask(t, s, "UPDATE notes SET number = 'x' + number WHERE <int> number >= 638")
	if err := migrateTo(t.Context(), s, bureau(true)); err == nil || !strings.Contains(err.Error(), "notes.number cannot be converted: 12 rows are") || !strings.Contains(err.Error(), " and 2 more") {
		t.Errorf("rows that do not convert: %v", err)
	}
	ask(t, s, "UPDATE notes SET number = string::slice(number, 1) WHERE string::starts_with(number, 'x')")
	wantBureau(t, s, rows, false)
}

// settle waits until it is decided whether a commit comes about that nobody waits
// for any more: it and this write are of one row.
func settle(t *testing.T, s *Store) {
	t.Helper()
	if err := s.query(t.Context(), "UPDATE "+tableMeta+":schema SET settled = rand::int() RETURN NONE"); err != nil {
		t.Fatal(err)
	}
}

// TestMigrateKilled: a node that is gone and a server that is killed, at each
// request of a migration, leave the old state or the new one, and the next start
// brings the declared one.
func TestMigrateKilled(t *testing.T) {
	const rows, killedEach = 120, 4
	server, err := surrealtest.Start(t.Context(), t.TempDir(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Kill() }()
	open := func() *Store {
		s, err := Open(t.Context(), Options{URL: server.URL, Namespace: "killed", Database: "main", User: "root", Password: "root"})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	defer func() { _ = s.Close() }()
	if err := migrateTo(t.Context(), s, bureau(false)); err != nil {
		t.Fatal(err)
	}
	fillBureau(t, s, rows, "a title")
	// state is whether the migration is done; nothing is in between.
	state := func() bool {
		t.Helper()
		have, err := s.Inspect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		moved := have.Table("sheets") != nil
		wantBureau(t, s, rows, moved)
		return moved
	}
	var requests int64
	for at := int64(1); !state(); at++ {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := migrateWatched(ctx, s, bureau(true), func(request int64) {
			if request == at {
				time.AfterFunc(time.Millisecond, cancel)
			}
		})
		cancel()
		if requests = w.counted.Load(); err == nil && requests > at {
			t.Errorf("a node that was gone at request %d migrated", at)
		}
		settle(t, s)
		if at%killedEach != 0 || state() {
			continue
		}
		killed := make(chan struct{})
		_, err = migrateWatched(t.Context(), s, bureau(true), func(request int64) {
			if request == at {
				time.AfterFunc(time.Millisecond, func() { server.Kill(); close(killed) })
			}
		})
		<-killed
		_ = s.Close()
		if errStart := server.Restart(t.Context()); errStart != nil {
			t.Fatal(errStart)
		}
		s = open()
		t.Logf("killed at request %d: %v", at, err)
	}
	if requests < 20 {
		t.Errorf("it took %d requests: rows do not move in pages", requests)
	}
	if err := migrateTo(t.Context(), s, bureau(true)); err != nil {
		t.Fatal(err)
	}
	wantBureau(t, s, rows, true)
}

// TestMigrateOutlivesLease: a commit that holds up the renewal of the lease is
// waited for.
func TestMigrateOutlivesLease(t *testing.T) {
	s := openEmpty(t).(*Store)
	defer s.Close()
	if err := migrateTo(t.Context(), s, bureau(false)); err != nil {
		t.Fatal(err)
	}
	p := plan.Diff(bureau(false), bureau(true), nil)
	led, lost := context.WithCancel(t.Context())
	m := &migration{in: s.client, plan: &p, decide: t.Context, begin: func(ctx context.Context) (conversation, error) {
		talk, err := s.begin(ctx)
		return losing{talk, lost}, err
	}}
	p.From, _ = s.Inspect(t.Context())
	if err := m.carryOut(led); err != nil {
		t.Error(err)
	}
}

// losing loses the lease while it commits.
type losing struct {
	conversation
	lost func()
}

func (l losing) Commit(ctx context.Context) error {
	l.lost()
	return ctx.Err()
}
