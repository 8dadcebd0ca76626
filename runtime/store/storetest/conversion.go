package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// things is a table of two columns beside the key.
func things(first, second *query.Column) *query.Table {
	return query.NewTable("things", []*query.Column{required("id", query.KindText), first, second}, nil)
}

func thing(key string, first, second query.Value) query.Row {
	return query.Row{query.Text(key), first, second}
}

// decimalColumn is a decimal with places.
func decimalColumn(name string, scale uint8) *query.Column {
	c := column(name, query.KindDecimal)
	c.Type.Scale = scale
	return c
}

// testMigrationConverts: values that are values of the new type become them, one
// after the other, and null stays null.
func testMigrationConverts(t *testing.T, s store.Store) {
	f := open(t, s, query.NewSchema([]*query.Table{things(column("a", query.KindText), column("b", query.KindInt))}))
	f.apply(f.insert("things",
		thing("1", query.Text("1.50"), query.Int(1)), thing("2", query.Null(), query.Int(0)), thing("3", query.Text("-2"), query.Null())))
	before, old, oldTable := f.position(), f.view, f.table("things")
	for _, step := range []struct {
		a, b *query.Column
		want []query.Row
	}{
		{
			decimalColumn("a", 2), column("b", query.KindBool),
			[]query.Row{thing("1", query.Decimal(150, 2), query.Bool(true)), thing("2", query.Null(), query.Bool(false)), thing("3", query.Decimal(-200, 2), query.Null())},
		},
		{
			decimalColumn("a", 1), column("b", query.KindText),
			[]query.Row{thing("1", query.Decimal(15, 1), query.Text("true")), thing("2", query.Null(), query.Text("false")), thing("3", query.Decimal(-20, 1), query.Null())},
		},
		{
			column("a", query.KindFloat), column("b", query.KindJSON),
			[]query.Row{thing("1", query.Float(1.5), query.JSON("true")), thing("2", query.Null(), query.JSON("false")), thing("3", query.Float(-2), query.Null())},
		},
		{
			column("a", query.KindText), column("b", query.KindBool),
			[]query.Row{thing("1", query.Text("1.5"), query.Bool(true)), thing("2", query.Null(), query.Bool(false)), thing("3", query.Text("-2"), query.Null())},
		},
	} {
		schema := query.NewSchema([]*query.Table{things(step.a, step.b)})
		f.migrate(plan.FromQuery(schema), nil)
		f.reopen(schema)
		sameRows(t, "things", f.all("things"), step.want)
	}
	if _, err := s.Changes(f.ctx(), before, 10); !errors.Is(err, store.ErrTruncated) {
		t.Errorf("changes across a conversion: %v, want ErrTruncated", err)
	}
	if _, err := old.Select(f.ctx(), query.Select{Table: oldTable, Limit: -1, Columns: outputs(oldTable)}, &collector{}); err == nil {
		t.Error("a view on the old types still reads the table")
	}
	f.apply(f.insert("things", thing("4", query.Text("x"), query.Bool(true))))
}

// testMigrationNamesRows: rows that do not convert are named, of all columns at
// once, and nothing has changed.
func testMigrationNamesRows(t *testing.T, s store.Store) {
	schema := query.NewSchema([]*query.Table{things(column("a", query.KindText), column("b", query.KindFloat))})
	f := open(t, s, schema)
	for i := range 12 {
		f.apply(f.insert("things", thing(fmt.Sprintf("bad%02d", i), query.Text("secret"), query.Float(float64(i)))))
	}
	f.apply(f.insert("things", thing("half", query.Text("1"), query.Float(0.5)), thing("good", query.Text("2"), query.Null())))
	rows, before := f.all("things"), f.position()
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	b := required("b", query.KindInt)
	want := plan.FromQuery(query.NewSchema([]*query.Table{things(column("a", query.KindInt), b)}))
	err = s.Migrate(f.ctx(), plan.Diff(have, want, nil))
	var faults fault.List
	if !errors.As(err, &faults) || len(faults) != 2 {
		t.Fatalf("migrate: %v, want the faults of two columns", err)
	}
	for i, parts := range [][]string{{"things.a", "12 rows are", "bad00, bad01", "bad09 and 2 more"}, {"things.b", "2 rows are", "half", "good"}} {
		for _, part := range parts {
			if !strings.Contains(faults[i].Message, part) {
				t.Errorf("%q does not say %q", faults[i].Message, part)
			}
		}
		if strings.Contains(faults[i].Message, "secret") || faults[i].Hint == "" || faults[i].Path == "" {
			t.Errorf("fault %+v", faults[i])
		}
	}
	if now, err := s.Inspect(f.ctx()); err != nil || !plan.Diff(have, now, nil).Empty() {
		t.Errorf("a refused migration changed the schema: %v, %v", now, err)
	}
	sameRows(t, "things", f.all("things"), rows)
	if f.position() != before {
		t.Error("a refused migration moved the feed")
	}
}

// testMigrationNulls: required goes on where every row has a value or a default
// fills it, and off.
func testMigrationNulls(t *testing.T, s store.Store) {
	loose := query.NewSchema([]*query.Table{things(column("a", query.KindText), column("b", query.KindInt))})
	f := open(t, s, loose)
	f.apply(f.insert("things", thing("1", query.Text("x"), query.Null()), thing("2", query.Text("y"), query.Int(2))))
	strict := query.NewSchema([]*query.Table{things(required("a", query.KindText), required("b", query.KindInt))})
	want := plan.FromQuery(strict)
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(f.ctx(), plan.Diff(have, want, nil)); err == nil || !strings.Contains(err.Error(), "things.b") || !strings.Contains(err.Error(), ": 1") {
		t.Errorf("required over null: %v", err)
	}
	want.Table("things").Column("b").Fill = "7"
	f.migrate(want, nil)
	f.reopen(strict)
	sameRows(t, "things", f.all("things"), []query.Row{thing("1", query.Text("x"), query.Int(7)), thing("2", query.Text("y"), query.Int(2))})
	if err := f.refused(f.insert("things", thing("3", query.Text("z"), query.Null()))); !fault.Is(err, "23502") {
		t.Errorf("null in a column that is required: %v", err)
	}
	f.migrate(plan.FromQuery(loose), nil)
	f.reopen(loose)
	f.apply(f.insert("things", thing("3", query.Text("z"), query.Null())))
}

// testMigrationRefs: a column becomes a ref, changes its target and what a
// delete does, and is none again; rows that point at nothing are named.
func testMigrationRefs(t *testing.T, s store.Store) {
	schema := func(link *query.Column) *query.Schema {
		a := query.NewTable("a", []*query.Column{required("id", query.KindText)}, nil)
		b := query.NewTable("b", []*query.Column{required("id", query.KindText)}, nil)
		c := query.NewTable("c", []*query.Column{required("id", query.KindInt), link}, nil)
		return query.NewSchema([]*query.Table{a, b, c})
	}
	f := open(t, s, schema(column("link", query.KindText)))
	f.apply(f.insert("a", query.Row{query.Text("x")}), f.insert("b", query.Row{query.Text("x")}, query.Row{query.Text("y")}),
		f.insert("c", query.Row{query.Null(), query.Text("x")}, query.Row{query.Null(), query.Text("y")}, query.Row{query.Null(), query.Null()}))
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	err = s.Migrate(f.ctx(), plan.Diff(have, plan.FromQuery(schema(ref("link", "a", query.KindText, query.Cascade))), nil))
	if err == nil || !strings.Contains(err.Error(), "column c.link is a ref to a, but 1 row is") || !strings.Contains(err.Error(), ": 2") {
		t.Errorf("a ref over rows that point at nothing: %v", err)
	}
	for _, link := range []*query.Column{ref("link", "b", query.KindText, query.Restrict), ref("link", "b", query.KindText, query.SetNull)} {
		f.migrate(plan.FromQuery(schema(link)), nil)
		f.reopen(schema(link))
		if err := f.refused(f.insert("c", query.Row{query.Null(), query.Text("nobody")})); !fault.Is(err, "23503") {
			t.Errorf("a ref that was made points at nothing: %v", err)
		}
		remove := query.Write{Op: query.Delete, Table: f.table("b"), Where: equal(f.table("b"), "id", query.Text("y"))}
		if link.Ref.OnDelete == query.Restrict {
			if err := f.refused(remove); !fault.Is(err, "23503") {
				t.Errorf("a row that is pointed at was deleted: %v", err)
			}
			continue
		}
		f.apply(remove)
	}
	sameRows(t, "c", f.all("c"), []query.Row{{query.Int(1), query.Text("x")}, {query.Int(2), query.Null()}, {query.Int(3), query.Null()}})
	f.migrate(plan.FromQuery(schema(column("link", query.KindText))), nil)
	f.reopen(schema(column("link", query.KindText)))
	key := f.apply(f.insert("c", query.Row{query.Null(), query.Text("nobody")})).Writes[0].Rows[0][0].N
	if key != 4 {
		t.Errorf("key %d after the table was made anew, want 4", key)
	}
}

// testMigrationKeys: a key changes its type with all that points at it, or not
// at all.
func testMigrationKeys(t *testing.T, s store.Store) {
	schema := func(key query.Kind) *query.Schema {
		authors := query.NewTable("authors", []*query.Column{required("id", key), column("name", query.KindText)}, nil)
		books := query.NewTable("books", []*query.Column{required("id", query.KindInt), ref("author", "authors", key, query.Cascade)}, nil)
		authors.Indexes = []*query.Index{{Name: "byName", Columns: []*query.Column{authors.Column("name")}, Unique: true}}
		return query.NewSchema([]*query.Table{authors, books})
	}
	f := open(t, s, schema(query.KindText))
	f.apply(f.insert("authors", query.Row{query.Text("1"), query.Text("Ann")}, query.Row{query.Text("20"), query.Text("Bob")}),
		f.insert("books", query.Row{query.Null(), query.Text("20")}))
	f.migrate(plan.FromQuery(schema(query.KindInt)), nil)
	f.reopen(schema(query.KindInt))
	sameRows(t, "authors", f.all("authors"), []query.Row{{query.Int(1), query.Text("Ann")}, {query.Int(20), query.Text("Bob")}})
	sameRows(t, "books", f.all("books"), []query.Row{{query.Int(1), query.Int(20)}})
	if key := f.apply(f.insert("authors", query.Row{query.Null(), query.Text("Cid")})).Writes[0].Rows[0][0].N; key != 21 {
		t.Errorf("the first key that was counted is %d, want 21", key)
	}
	if err := f.refused(f.insert("authors", query.Row{query.Null(), query.Text("Cid")})); !fault.Is(err, "23505") {
		t.Errorf("the unique index is gone: %v", err)
	}
	f.migrate(plan.FromQuery(schema(query.KindText)), nil)
	f.reopen(schema(query.KindText))
	f.apply(f.insert("authors", query.Row{query.Text("01"), query.Text("Dan")}))
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(f.ctx(), plan.Diff(have, plan.FromQuery(schema(query.KindInt)), nil)); err == nil || !strings.Contains(err.Error(), "two rows would have the same") {
		t.Errorf("two keys became one: %v", err)
	}
	if err := s.Migrate(f.ctx(), plan.Diff(have, plan.FromQuery(schema(query.KindUUID)), nil)); err == nil || !strings.Contains(err.Error(), "authors.id") {
		t.Errorf("keys that are no uuids: %v", err)
	}
	f.apply(query.Write{Op: query.Delete, Table: f.table("authors"), Where: equal(f.table("authors"), "id", query.Text("20"))})
	if rows := f.all("books"); len(rows) != 0 {
		t.Errorf("books left after the cascade: %v", rows)
	}
}

// testHistory: each migration is written down with what it did; one that was
// refused is not.
func testHistory(t *testing.T, s store.Store) {
	f := open(t, s, library())
	have, err := s.Inspect(f.ctx())
	if err != nil {
		t.Fatal(err)
	}
	slim := query.NewSchema(library().Tables[:4])
	p := plan.Diff(have, plan.FromQuery(slim), []string{"folders"})
	p.Who, p.Hash = "apply (ann)", "abc"
	if err := s.Migrate(f.ctx(), p); err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(f.ctx(), plan.Diff(plan.Schema{}, have, nil)); err == nil {
		t.Error("a plan from another schema was carried out")
	}
	records, err := s.History(f.ctx())
	if err != nil || len(records) != 2 {
		t.Fatalf("history: %+v, %v", records, err)
	}
	last := records[1]
	if last.ID <= records[0].ID || last.Who != "apply (ann)" || last.Hash != "abc" || last.At.IsZero() || last.At.Before(records[0].At) {
		t.Errorf("record %+v", last)
	}
	if len(last.Steps) != 1 || last.Steps[0].Kind != plan.DropTable || last.Steps[0].Grade != plan.LosesData || last.Steps[0].Table != "folders" {
		t.Errorf("steps %+v", last.Steps)
	}
	if last.Before.Table("folders") == nil || last.After.Table("folders") != nil || len(records[0].Before.Tables) != 0 {
		t.Error("the schemas before and after are others")
	}
	if found, err := s.Drift(f.ctx()); err != nil || len(found) != 0 {
		t.Errorf("drift: %+v, %v", found, err)
	}
}
