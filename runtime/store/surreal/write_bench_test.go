package surreal

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/plan"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// BenchmarkInsert holds an insert of one row against the bare statement on the
// same table, through the same connections.
func BenchmarkInsert(b *testing.B) {
	server := surrealtest.Shared(b)
	s, err := Open(b.Context(), Options{URL: server.URL, Namespace: fmt.Sprintf("b%d", time.Now().UnixNano()), Database: "main", User: "root", Password: "root"})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	notes := query.NewTable("notes", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindText}, Required: true}, {Name: "text", Type: query.Type{Kind: query.KindText}}, {Name: "n", Type: query.Type{Kind: query.KindInt}},
	}, nil)
	schema := query.NewSchema([]*query.Table{notes})
	if err := s.Migrate(b.Context(), plan.Diff(plan.Schema{}, plan.FromQuery(schema), nil)); err != nil {
		b.Fatal(err)
	}
	view, err := s.Open(b.Context(), schema)
	if err != nil {
		b.Fatal(err)
	}
	var made atomic.Int64
	row := func() query.Row {
		n := made.Add(1)
		return query.Row{query.Text(fmt.Sprint("k", n)), query.Text("some text of a note"), query.Int(n)}
	}
	ways := map[string]func() error{
		"bare": func() error {
			r := row()
			vars := wire.AppendMap(nil, 3)
			vars = wire.AppendString(wire.AppendRecord(wire.AppendString(vars, "id"), "notes"), r[0].S)
			vars = wire.AppendString(wire.AppendString(vars, "text"), r[1].S)
			vars = wire.AppendInt(wire.AppendString(vars, "n"), r[2].N)
			_, err := s.client.Query(b.Context(), "CREATE $id SET text = $text, n = $n", vars)
			return err
		},
		"apply": func() error {
			_, err := view.Apply(b.Context(), query.Batch{Writes: []query.Write{{Op: query.Insert, Table: notes, Rows: []query.Row{row()}}}})
			return err
		},
	}
	for _, clients := range []int{1, 64} {
		for _, way := range []string{"bare", "apply"} {
			b.Run(fmt.Sprintf("%s/%d", way, clients), func(b *testing.B) {
				var next atomic.Int64
				var all sync.WaitGroup
				for range clients {
					all.Go(func() {
						for next.Add(1) <= int64(b.N) {
							if err := ways[way](); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}
