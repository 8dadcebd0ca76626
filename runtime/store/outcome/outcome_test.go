package outcome

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
)

func resultTable() *query.Table {
	return query.NewTable("kinds", []*query.Column{
		{Name: "id", Type: query.Type{Kind: query.KindText}}, {Name: "n", Type: query.Type{Kind: query.KindInt}},
	}, nil)
}

// resultBatch is the batch of what resultOfAll did.
func resultBatch() *query.Batch {
	t := resultTable()
	ref := t.Ref(t.Key())
	return &query.Batch{Writes: []query.Write{{Table: t}, {Table: t, Beyond: []query.Expr{ref, ref}}, {Table: t}}}
}

func resultOfAll() query.Result {
	rows := []query.Row{{query.Text("a\x00ä"), query.Int(math.MinInt64)}, {query.Null(), query.Int(math.MaxInt64)}}
	return query.Result{
		Cursor: query.Cursor{Epoch: math.MaxUint64, Seq: 1},
		Writes: []query.WriteResult{
			{Affected: 300, Inserted: 2, Rows: rows, Keys: []query.Value{query.Int(-1), query.Null()}},
			{Rows: rows, Beyond: [][]query.Value{
				{query.Decimal(-15, 3), query.Float(-math.MaxFloat64)},
				{query.VectorOf([]float32{1}), query.JSON(`{}`)},
			}},
			{Rows: []query.Row{}, Beyond: [][]query.Value{}, Keys: []query.Value{}},
		},
	}
}

func TestResult(t *testing.T) {
	b, want := resultBatch(), resultOfAll()
	raw := Encode(b, &want)
	got, err := Decode(raw, b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v, %v\nwant %+v", got, err, want)
	}
	for n := range raw {
		if _, err := Decode(raw[:n], b); !errors.Is(err, errResult) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := Decode(append(bytes.Clone(raw), 0), b); !errors.Is(err, errResult) {
		t.Errorf("one byte too many: %v", err)
	}
	for name, change := range map[string]func(*query.Batch){
		"fewer writes":    func(b *query.Batch) { b.Writes = b.Writes[:2] },
		"another column":  func(b *query.Batch) { b.Writes[0].Table.Columns[1].Name = "m" },
		"another type":    func(b *query.Batch) { b.Writes[0].Table.Columns[1].Type.Kind = query.KindDate },
		"another table":   func(b *query.Batch) { b.Writes[0].Table.Name = "sorts" },
		"other questions": func(b *query.Batch) { b.Writes[1].Beyond = b.Writes[1].Beyond[:1] },
	} {
		b := resultBatch()
		change(b)
		if _, err := Decode(raw, b); !errors.Is(err, ErrUnfit) {
			t.Errorf("%s: %v, want that it does not fit", name, err)
		}
	}
}

// FuzzResult reads anything: never a panic nor more memory than there are
// bytes for, and what is read is written as it was.
func FuzzResult(f *testing.F) {
	b, r := resultBatch(), resultOfAll()
	f.Add(Encode(b, &r))
	f.Add([]byte{format, 0, 0, 3, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Decode(raw, b)
		if err != nil {
			return
		}
		again := Encode(b, &r)
		second, err := Decode(again, b)
		if err != nil || !reflect.DeepEqual(r, second) {
			t.Fatalf("read %+v, then %+v, %v", r, second, err)
		}
	})
}
