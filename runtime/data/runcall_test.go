package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// withWrites is the shop with queries that write.
func withWrites() *manifest.Manifest {
	m := shop()
	key := []manifest.QueryColumn{column("id", "uuid"), column("status", "text")}
	m.Queries = append(m.Queries, []manifest.Query{
		{
			Name: "ship", Write: true, Reads: []string{"orders"}, Returns: manifest.ReturnsRows, Call: rule("auth.role == 'authenticated' && param.status != 'x'"), Columns: key,
			Params: []manifest.QueryParam{param("status", "text", true)},
			SQL:    "UPDATE orders SET status = :status WHERE status <> 'shipped' RETURNING id, status",
		},
		{
			Name: "order", Write: true, Reads: []string{"orders", "books"}, Returns: manifest.ReturnsValue, Call: always(), Columns: []manifest.QueryColumn{column("value", "uuid")},
			Params: []manifest.QueryParam{param("id", "uuid", true), param("quantity", "int", true)},
			SQL:    "INSERT INTO orders (id, owner, book, quantity) SELECT :id, :auth_uid, id, :quantity FROM books RETURNING id AS value",
		},
		{
			Name: "discount", Write: true, Reads: []string{"books"}, Returns: manifest.ReturnsNothing, Call: always(),
			Params: []manifest.QueryParam{param("cents", "int", true)}, SQL: "UPDATE books SET price = price - :cents",
		},
		{Name: "clear", Write: true, Reads: []string{"orders"}, Returns: manifest.ReturnsNothing, SQL: "DELETE FROM orders"},
	}...)
	return m
}

func TestCallThatWrites(t *testing.T) {
	b := stockedWith(t, withWrites())
	ships := func(status string) data.Call {
		return data.Call{Query: "ship", Body: []byte(`{"status":"` + status + `"}`)}
	}
	changed := func() string {
		return b.read(t, service, "orders", "select=status,quantity,changed&order=id")
	}
	if got := b.do(t, update, service, data.Write{Table: "orders", Body: []byte(`{"changed":null}`)}, "id=not.is.null"); got != "" {
		t.Fatal(got)
	}
	before := changed()
	all, few := 5, 1
	for _, tt := range []struct {
		name   string
		caller *auth.Caller
		call   data.Call
		want   string
	}{
		{"by GET", ann, data.Call{Query: "ship", InURL: true, RawQuery: "status=paid"}, "25006 cannot execute ship in a read-only transaction"},
		{"for nobody", nobody, ships("paid"), "42501 permission denied for function ship"},
		{"a rule on the arguments", ann, ships("x"), "42501 permission denied for function ship"},
		{"for the service role alone", ann, data.Call{Query: "clear"}, "42501 permission denied for function clear"},
		{"an enum", ann, ships("lost"), `23514 new row for relation "orders" violates check constraint "orders_status_check"`},
		{"a bound of a new row", ann, data.Call{Query: "order", Body: []byte(`{"id":"` + emmaID + `","quantity":101}`)}, `23514 new row for relation "orders" violates check constraint "orders_quantity_check"`},
		{"a required column", nobody, data.Call{Query: "order", Body: []byte(`{"id":"` + emmaID + `","quantity":1}`)}, `23502 null value in column "owner" of relation "orders" violates not-null constraint`},
		{"a column's least", ann, data.Call{Query: "discount", Body: []byte(`{"cents":951}`)}, `23514 new row for relation "books" violates check constraint "books_price_check"`},
		{"a table's check", ann, data.Call{Query: "discount", Body: []byte(`{"cents":950}`)}, `23514 new row for relation "books" violates check constraint "books_free_check"`},
		{"one row", ann, data.Call{Query: "ship", Body: []byte(`{"status":"paid"}`), Single: true}, "PGRST116"},
		{"few rows", ann, data.Call{Query: "ship", Body: []byte(`{"status":"paid"}`), AtMost: &few}, "PGRST124 Query result exceeds max-affected preference constraint"},
		{"not kept", ann, data.Call{Query: "ship", Body: []byte(`{"status":"paid"}`), Rollback: true, RawQuery: "select=status"}, `[{"status":"paid"},{"status":"paid"}]`},
	} {
		if got := b.call(t, tt.caller, tt.call); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
	if got := changed(); got != before {
		t.Errorf("what was refused has changed %s into %s", before, got)
	}
	call := ships("shipped")
	call.AtMost, call.RawQuery = &all, "select=status&limit=1"
	if got := b.call(t, ann, call); got != `[{"status":"shipped"}]` {
		t.Error(got)
	}
	if got := changed(); strings.Count(got, "shipped") != 2 || strings.Contains(got, `"changed":null`) || !strings.Contains(before, `"changed":null`) {
		t.Errorf("%s, before %s", got, before)
	}
	if got := b.call(t, ann, data.Call{Query: "order", Body: []byte(`{"id":"` + emmaID + `","quantity":7}`)}); got != `"`+emmaID+`"` {
		t.Error(got)
	}
	if got := b.call(t, ann, data.Call{Query: "discount", Body: []byte(`{"cents":50}`)}); got != "" {
		t.Error(got)
	}
	if got := b.read(t, ann, "orders", "select=quantity,book(price)&id=eq."+emmaID); got != `[{"quantity":7,"book":{"price":9.00}}]` {
		t.Error(got)
	}
	if got := b.call(t, service, data.Call{Query: "clear"}); got != "" {
		t.Error(got)
	}
	if got := b.read(t, service, "mentions", "select=order,text"); got != `[{"order":null,"text":"a"},{"order":null,"text":"b"}]` {
		t.Error(got)
	}
}

// A call under a key is made once, and answered as it was; another call under it
// is refused.
func TestCallOnce(t *testing.T) {
	b := stockedWith(t, withWrites())
	call := func(cents, key string, caller *auth.Caller, request byte) (data.Called, error) {
		return b.Call(t.Context(), caller, data.Call{Query: "discount", Body: []byte(`{"cents":` + cents + `}`), Once: &data.Once{Key: key, Request: [32]byte{request}}})
	}
	for i := range 3 {
		if got, err := call("100", "k", ann, 1); err != nil || got.Replayed != (i > 0) {
			t.Fatalf("%d: %+v, %v", i, got, err)
		}
	}
	if _, err := call("200", "k", ann, 2); !fault.Is(err, data.CodeKeyReused) {
		t.Errorf("another request: %v", err)
	}
	if _, err := call("100", "k", bob, 1); err != nil {
		t.Errorf("another caller: %v", err)
	}
	if got := b.read(t, service, "books", "select=price"); got != `[{"price":7.50}]` {
		t.Error(got)
	}
}
