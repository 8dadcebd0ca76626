package surreal

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
)

// TestGateAjar: while a table is shut for a column or an index, other tables are
// written to, on the node that migrates and on the others; what may reach
// the shut table by a cascade waits too, and nothing does when it is open again.
func TestGateAjar(t *testing.T) {
	sheets := query.NewTable("sheets", []*query.Column{{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true}}, nil)
	papers := query.NewTable("papers", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindInt}, Required: true},
		{Name: "sheet", Type: query.Type{Kind: query.KindInt}, Ref: &query.Ref{Table: "sheets", OnDelete: query.Cascade}},
	}, nil)
	schema := query.NewSchema([]*query.Table{sheets, papers})
	first := openEmpty(t).(*Store)
	defer first.Close()
	if err := migrateTo(t.Context(), first, plan.FromQuery(schema)); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context(), first.options)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	var views []store.View
	for _, s := range []*Store{first, second} {
		v, err := s.Open(t.Context(), schema)
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, v)
	}
	key := int64(0)
	insert := func(v store.View, table *query.Table) error {
		key++
		row := query.Row{query.Int(key)}
		if table == papers {
			row = append(row, query.Int(1))
		}
		_, err := v.Apply(t.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: table, Rows: []query.Row{row}}}})
		return err
	}
	remove := func(ctx context.Context, v store.View, id int64) error {
		where := &query.Compare{Op: query.Equal, Left: &query.ColumnRef{Table: sheets, Column: sheets.Columns[0]}, Right: &query.Literal{Value: query.Int(id), Of: sheets.Columns[0].Type}}
		_, err := v.Apply(ctx, query.Batch{Writes: []query.Write{{Op: query.Delete, Table: sheets, Where: where}}})
		return err
	}
	for _, table := range []*query.Table{sheets, sheets, papers} {
		if err := insert(views[0], table); err != nil {
			t.Fatal(err)
		}
	}
	led, err := second.lead(t.Context(), leaseMigration)
	if err != nil {
		t.Fatal(err)
	}
	second.migrating.Add(1)
	g, err := second.shutTables(t.Context(), []string{"papers"}, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range views {
		if err := insert(v, sheets); err != nil {
			t.Errorf("view %d: a write to another table: %v", i, err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := remove(short, views[0], 1); err == nil {
		t.Error("a cascade came to a shut table")
	}
	var refused *fault.Fault
	if err := insert(views[1], papers); !errors.As(err, &refused) || refused.Code != codeMigrating {
		t.Errorf("a write to a shut table: %v", err)
	}
	second.lift(g)
	second.migrating.Add(-1)
	led.release()
	for i, v := range views {
		if err := insert(v, papers); err != nil {
			t.Errorf("view %d: a write to a table that is open again: %v", i, err)
		}
	}
	if err := remove(t.Context(), views[0], 1); err != nil {
		t.Error(err)
	}
	if r := ask(t, first, "SELECT * FROM papers"); r.Array() != 0 {
		t.Error("rows are left that point at nothing")
	}
}
