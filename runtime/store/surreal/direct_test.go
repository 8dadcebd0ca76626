package surreal

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// members are in teams and follow each other; papers have words.
func members() *query.Schema {
	text, number := query.Type{Kind: query.KindText}, query.Type{Kind: query.KindInt}
	column := func(name string, t query.Type) *query.Column { return &query.Column{Name: name, Type: t} }
	required := func(name string) *query.Column { return &query.Column{Name: name, Type: text, Required: true} }
	teams := query.NewTable("teams", []*query.Column{required("id"), column("motto", text)}, nil)
	team := column("team", text)
	team.Ref = &query.Ref{Table: "teams", OnDelete: query.SetNull}
	people := query.NewTable("people", []*query.Column{required("id"), required("name"), column("n", number), column("code", text), team}, nil)
	people.Indexes = []*query.Index{{Name: "byCode", Columns: []*query.Column{people.Column("code")}, Unique: true}}
	from, to := required("from"), required("to")
	from.Ref, to.Ref = &query.Ref{Table: "teams", OnDelete: query.Cascade}, &query.Ref{Table: "teams", OnDelete: query.Cascade}
	follows := query.NewTable("follows", []*query.Column{required("id"), from, to, column("weight", number)}, nil)
	follows.Edge = &query.Edge{From: from, To: to}
	follows.Indexes = []*query.Index{{Name: "once", Columns: []*query.Column{from, to}, Unique: true}}
	papers := query.NewTable("papers", []*query.Column{required("id"), column("text", text), column("n", number)}, nil)
	papers.Indexes = []*query.Index{{Name: "words", Kind: query.FullText, Columns: []*query.Column{papers.Column("text")}}}
	return query.NewSchema([]*query.Table{teams, people, follows, papers})
}

// keyed is a write to the row of a key.
func keyed(op query.Op, t *query.Table, key string, set ...query.Assignment) query.Write {
	return query.Write{Op: op, Table: t, Where: equals(t, "id", query.Text(key)), Set: set}
}

func sets(t *query.Table, column string, v query.Value) query.Assignment {
	c := t.Column(column)
	return query.Assignment{Column: c, Value: &query.Literal{Value: v, Of: c.Type}}
}

// TestWhatIsDirect tells the writes that are one text from those that read
// first: what hangs on the row, or on how many rows there are, must.
func TestWhatIsDirect(t *testing.T) {
	schema := members()
	v := nodes(t, surrealtest.Shared(t).URL, schema)[0].(*view)
	people, teams, follows, papers := schema.Table("people"), schema.Table("teams"), schema.Table("follows"), schema.Table("papers")
	name := sets(people, "name", query.Text("Ann"))
	rename := keyed(query.Update, people, "a", name)
	remove := keyed(query.Delete, people, "a")
	with := func(w query.Write, change func(*query.Write)) query.Write {
		change(&w)
		return w
	}
	check := func(w query.Write, cond query.Expr) query.Write {
		w.Checks = []query.Check{{Cond: cond, Fault: fault.New("42501", "denied")}}
		return w
	}
	and := func(w query.Write, e query.Expr) query.Write {
		w.Where = &query.And{Terms: []query.Expr{e, w.Where}}
		return w
	}
	old := func(column, value string) query.Expr {
		c := people.Column(column)
		return &query.Compare{Op: query.Equal, Left: &query.ColumnRef{Table: people, Column: c, Old: true}, Right: query.NewLiteral(query.Text(value))}
	}
	beyond := &query.Exists{Table: teams, Where: equals(teams, "motto", query.Text("win"))}
	once := query.Batch{Once: &query.Once{Key: "k"}}
	for _, c := range []struct {
		name       string
		write      query.Write
		batch      query.Batch
		careful    bool
		statements int // 0: it is not direct
	}{
		{name: "an update", write: rename, statements: 1},
		{name: "a deletion", write: remove, statements: 1},
		{name: "of a row that is asked for more", write: and(rename, equals(people, "n", query.Int(1))), statements: 1},
		{name: "a deletion of a row that is asked for more", write: and(remove, equals(people, "n", query.Int(1))), statements: 1},
		{name: "two columns", write: keyed(query.Update, people, "a", name, sets(people, "n", query.Int(1))), statements: 1},
		{name: "null where it may be", write: keyed(query.Update, people, "a", sets(people, "n", query.Null())), statements: 1},
		{name: "an update of a row that others point at", write: keyed(query.Update, teams, "a", sets(teams, "motto", query.Text("x"))), statements: 1},
		{name: "an update of an edge", write: keyed(query.Update, follows, "a", sets(follows, "weight", query.Int(1))), statements: 1},
		{name: "a deletion of an edge", write: keyed(query.Delete, follows, "a"), statements: 1},
		{name: "a check of what is assigned", write: check(rename, equals(people, "name", query.Text("Ann"))), statements: 1},
		{name: "a check of the row before", write: check(rename, old("name", "Ann")), statements: 2},
		{name: "a check of a column that stays", write: check(rename, equals(people, "n", query.Int(1))), statements: 2},
		{name: "a check of a deleted row", write: check(remove, equals(people, "n", query.Int(1))), statements: 2},
		{name: "at most one", write: with(rename, func(w *query.Write) { w.AtMost = new(1) }), statements: 1},

		{name: "at most none", write: with(rename, func(w *query.Write) { w.AtMost = new(0) })},
		{name: "just one", write: with(rename, func(w *query.Write) { w.Single = true })},
		{name: "rows are asked for", write: with(rename, func(w *query.Write) { w.Returning = true })},
		{name: "a revision is demanded", write: with(remove, func(w *query.Write) { w.Revisions = []int64{1} })},
		{name: "no revision is right", write: with(remove, func(w *query.Write) { w.Revisions = []int64{} })},
		{name: "every row", write: with(rename, func(w *query.Write) { w.Where = nil })},
		{name: "no key", write: with(rename, func(w *query.Write) { w.Where = equals(people, "name", query.Text("x")) })},
		{name: "not the key", write: with(rename, func(w *query.Write) { w.Where = &query.Not{Term: w.Where} })},
		{name: "a key or another", write: with(rename, func(w *query.Write) { w.Where = &query.Or{Terms: []query.Expr{w.Where, w.Where}} })},
		{name: "keys above one", write: with(rename, func(w *query.Write) {
			above := *w.Where.(*query.Compare)
			above.Op, w.Where = query.Greater, &above
		})},
		{name: "a key of another kind", write: with(rename, func(w *query.Write) {
			w.Where = &query.Compare{Op: query.Equal, Left: people.Ref(people.Key()), Right: query.NewLiteral(query.UUID("123e4567-e89b-12d3-a456-426614174000"))}
		})},
		{name: "a key that is null", write: with(rename, func(w *query.Write) {
			w.Where = &query.Compare{Op: query.Equal, Left: people.Ref(people.Key()), Right: &query.Literal{Of: people.Key().Type}}
		})},
		{name: "nothing to set", write: keyed(query.Update, people, "a")},
		{name: "the key is set", write: keyed(query.Update, people, "a", sets(people, "id", query.Text("b")))},
		{name: "a reference is set", write: keyed(query.Update, people, "a", sets(people, "team", query.Text("b")))},
		{name: "a reference is cleared", write: keyed(query.Update, people, "a", sets(people, "team", query.Null()))},
		{name: "an end of an edge is set", write: keyed(query.Update, follows, "a", sets(follows, "to", query.Text("b")))},
		{name: "null where it may not be", write: keyed(query.Update, people, "a", sets(people, "name", query.Null()))},
		{name: "a column twice", write: keyed(query.Update, people, "a", name, name)},
		{name: "a value that is computed", write: keyed(query.Update, people, "a", query.Assignment{Column: people.Column("name"), Value: people.Ref(people.Column("code"))})},
		{name: "a value that does not fit", write: keyed(query.Update, people, "a", sets(people, "n", query.Text("x")))},
		{name: "a deletion of a row that others point at", write: keyed(query.Delete, teams, "a")},
		{name: "an update of words", write: keyed(query.Update, papers, "a", sets(papers, "text", query.Text("x")))},
		{name: "a deletion of words", write: keyed(query.Delete, papers, "a")},
		{name: "other rows are asked about", write: and(rename, beyond)},
		{name: "a check of other rows", write: check(rename, beyond)},
		{name: "a check that what is assigned breaks", write: check(rename, equals(people, "name", query.Text("Eve")))},
		{name: "one of several", write: rename, batch: query.Batch{Writes: make([]query.Write, 2)}},
		{name: "under a key", write: rename, batch: once},
		{name: "it is not kept", write: rename, batch: query.Batch{Rollback: true}},
		{name: "its place is asked for", write: rename, batch: query.Batch{Position: true}},
		{name: "carefully", write: rename, careful: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := v.store.feed.newMark(0)
			defer m.end()
			if c.batch.Writes == nil {
				c.batch.Writes = []query.Write{c.write}
			}
			tr := &transaction{view: v, store: v.store, layout: v.layout, ctx: t.Context(), batch: &c.batch, mark: m}
			tr.careful = c.careful
			tr.reset()
			var did query.WriteResult
			var direct bool
			entry := v.layout.tables[c.write.Table]
			if c.write.Op == query.Update {
				direct = tr.updateDirectly(entry, &c.write, &did)
			} else {
				direct = tr.deleteDirectly(entry, &c.write, &did)
			}
			if direct != (c.statements > 0) || len(tr.ops) != c.statements {
				t.Errorf("direct: %t, %d statements; want %d\n%s", direct, len(tr.ops), c.statements, tr.c.buf)
			}
			if text := string(tr.c.buf); strings.Contains(text, "Ann") || strings.Contains(text, "win") {
				t.Errorf("a value is in the text: %s", text)
			}
		})
	}
}

// changesOf reads what the feed tells of a table, each as before > after.
func changesOf(t *testing.T, s *Store, after query.Cursor, table string) [][2]string {
	t.Helper()
	var told [][2]string
	for {
		commits, err := s.Changes(t.Context(), after, 500)
		if err != nil {
			t.Fatal(err)
		}
		if len(commits) == 0 {
			return told
		}
		for _, commit := range commits {
			for _, c := range commit.Changes {
				if c.Table == table {
					told = append(told, [2]string{string(c.Before), string(c.After)})
				}
			}
		}
		after = commits[len(commits)-1].Cursor
	}
}

// TestDirectRaces has two nodes write one row by its key at once, at random: the
// feed has each write that was done, in an order in which each begins with what
// the former left.
func TestDirectRaces(t *testing.T) {
	schema := members()
	views := nodes(t, surrealtest.Shared(t).URL, schema)
	people := schema.Table("people")
	put := query.Write{Op: query.Insert, Table: people, Rows: []query.Row{{query.Text("a"), query.Text("Ann"), query.Int(0), query.Null(), query.Null()}}}
	began, err := views[0].Apply(t.Context(), query.Batch{Writes: []query.Write{put}, Position: true})
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 20
	var done, refused, contended atomic.Int64
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for i := range each {
				var w query.Write
				switch i % 5 {
				case 0, 1:
					w = keyed(query.Update, people, "a", sets(people, "n", query.Int(int64(writer*100+i))))
				case 2:
					w = keyed(query.Update, people, "a", sets(people, "name", query.Text(fmt.Sprint(writer, ".", i))))
					w.Checks = []query.Check{{Cond: &query.Compare{Op: query.Less, Left: people.Ref(people.Column("n")), Right: query.NewLiteral(query.Int(400))}, AllowUnknown: true, Fault: fault.New("42501", "denied")}}
				case 3:
					w = keyed(query.Delete, people, "a")
				default:
					w = put
				}
				result, err := views[writer%2].Apply(t.Context(), query.Batch{Writes: []query.Write{w}})
				switch {
				case err == nil:
					done.Add(int64(result.Writes[0].Affected))
				case fault.Is(err, "42501"), fault.Is(err, codeUnique):
					refused.Add(1)
				case fault.Is(err, codeContended):
					contended.Add(1)
				default:
					t.Errorf("%d: %v", w.Op, err)
				}
			}
		})
	}
	all.Wait()
	told := changesOf(t, views[0].(*view).store, began.Cursor, "people")
	for tries := 0; len(told) < int(done.Load()) && tries < 6000; tries++ { // the other node's come later
		time.Sleep(20 * time.Millisecond)
		told = changesOf(t, views[0].(*view).store, began.Cursor, "people")
	}
	if len(told) != int(done.Load()) {
		t.Errorf("%d changes are in the feed, and %d were done", len(told), done.Load())
	}
	is := `{"id":"a","name":"Ann","n":0,"code":null,"team":null}`
	for i, change := range told {
		if change[0] != is {
			t.Fatalf("change %d begins with %q, but the row was %q", i, change[0], is)
		}
		is = change[1]
	}
	left, err := views[0].(*view).pointingAt(t, people, "id", query.Text("a"))
	if err != nil || (left == 1) != (is != "") {
		t.Errorf("%d rows, %v; the feed ends with %q", left, err, is)
	}
	t.Logf("%d done, %d refused, %d contended", done.Load(), refused.Load(), contended.Load())
	if refused.Load() == 0 || done.Load() == 0 {
		t.Error("nothing was done, or nothing was refused")
	}
}

// TestDirectUniqueRaces has two nodes give one value to several rows at once:
// one row has it then, and the others are told.
func TestDirectUniqueRaces(t *testing.T) {
	schema := members()
	views := nodes(t, surrealtest.Shared(t).URL, schema)
	people := schema.Table("people")
	insert := query.Write{Op: query.Insert, Table: people}
	for i := range 6 {
		insert.Rows = append(insert.Rows, query.Row{query.Text(fmt.Sprint(i)), query.Text("x"), query.Null(), query.Null(), query.Null()})
	}
	if _, err := views[0].Apply(t.Context(), query.Batch{Writes: []query.Write{insert}}); err != nil {
		t.Fatal(err)
	}
	for round := range 20 {
		code := query.Text(fmt.Sprint("code", round))
		errs := make([]error, len(insert.Rows))
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() {
				_, errs[i] = views[i%2].Apply(t.Context(), query.Batch{Writes: []query.Write{keyed(query.Update, people, fmt.Sprint(i), sets(people, "code", code))}})
			})
		}
		all.Wait()
		passed := 0
		for _, err := range errs {
			if err == nil {
				passed++
			} else if !fault.Is(err, codeUnique) {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		there, err := views[0].(*view).pointingAt(t, people, "code", code)
		if err != nil || passed != 1 || there != 1 {
			t.Fatalf("round %d: %d passed, %d rows have it, %v", round, passed, there, err)
		}
	}
}

// TestDirectLostAnswers cuts connections under writes by key: a counter is as
// often raised as was acknowledged, or more by those of which nothing is known.
func TestDirectLostAnswers(t *testing.T) {
	proxy, err := surrealtest.NewProxy(surrealtest.Shared(t).Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	schema := members()
	views := nodes(t, proxy.URL(), schema)
	people := schema.Table("people")
	const workers, each = 4, 40
	insert := query.Write{Op: query.Insert, Table: people}
	for i := range workers {
		insert.Rows = append(insert.Rows, query.Row{query.Text(fmt.Sprint(i)), query.Text("x"), query.Int(0), query.Null(), query.Null()})
	}
	if _, err := views[0].Apply(t.Context(), query.Batch{Writes: []query.Write{insert}}); err != nil {
		t.Fatal(err)
	}
	proxy.Latency(3 * time.Millisecond) // so that more is on its way
	stop := make(chan struct{})
	var cutter sync.WaitGroup
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
				proxy.CutOne()
			}
		}
	})
	var done, unknown, refused atomic.Int64
	var all sync.WaitGroup
	for worker := range workers {
		all.Go(func() {
			n, key := int64(0), fmt.Sprint(worker)
			for range each {
				// Who does not know asks for what may be there.
				for _, was := range []int64{n, n + 1} {
					w := keyed(query.Update, people, key, sets(people, "n", query.Int(was+1)))
					w.Where = &query.And{Terms: []query.Expr{w.Where, equals(people, "n", query.Int(was))}}
					result, err := views[worker%2].Apply(t.Context(), query.Batch{Writes: []query.Write{w}})
					if err == nil && result.Writes[0].Affected == 1 {
						done.Add(1)
						n = was + 1
						break
					}
					switch {
					case fault.Is(err, codeUnknown):
						unknown.Add(1)
					case err != nil:
						refused.Add(1)
						time.Sleep(20 * time.Millisecond)
					}
				}
			}
		})
	}
	all.Wait()
	close(stop)
	cutter.Wait()
	proxy.Resume()
	raised := int64(0)
	for i := range workers {
		row, err := rowOf(t, views[0], people, fmt.Sprint(i))
		for tries := 0; err != nil && tries < 1200; tries++ { // connections come back
			time.Sleep(50 * time.Millisecond)
			row, err = rowOf(t, views[0], people, fmt.Sprint(i))
		}
		if err != nil {
			t.Fatal(err)
		}
		raised += row[2].N
	}
	t.Logf("raised %d times; %d done, %d unknown, %d refused", raised, done.Load(), unknown.Load(), refused.Load())
	if raised < done.Load() || raised > done.Load()+unknown.Load() || done.Load() == 0 {
		t.Errorf("raised %d times, but %d were done and %d are not known", raised, done.Load(), unknown.Load())
	}
}

// rowOf reads the row of a key.
func rowOf(t *testing.T, v store.View, table *query.Table, key string) (query.Row, error) {
	t.Helper()
	own := v.(*view)
	entry := own.layout.tables[table]
	c := compiler{schema: own.schema, scope: scope{rows: []string{""}}}
	c.text(entry.read)
	c.where(equals(table, "id", query.Text(key)))
	results, err := own.store.client.Query(t.Context(), string(c.buf), c.vars())
	if err != nil {
		return nil, err
	}
	rows, err := readFound(results[0], entry)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0].row, nil
}
