package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
)

func TestSelect(t *testing.T) {
	b := stocked(t)
	ids := func(users ...string) string {
		var out []string
		for _, u := range users {
			out = append(out, `{"id":"`+orderOf(u)+`"}`)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	const noCost = "42703 column books.cost does not exist"
	tests := []struct {
		name   string
		caller *auth.Caller
		table  string
		url    string
		want   string
	}{
		{"everyone reads books", nobody, "books", "select=title,price", `[{"title":"Emma","price":9.50}]`},
		{"star leaves out what may not be read", nobody, "books", "", `[{"id":"` + emmaID + `","title":"Emma","price":9.50,"stock":1,"tags":null,"meta":null,"genre":null,"isbn":null,"added":"2026-03-01"}]`},
		{"star shows it to who may", staff, "books", "select=*", `[{"id":"` + emmaID + `","title":"Emma","price":9.50,"stock":1,"tags":null,"meta":null,"genre":null,"isbn":null,"cost":3,"added":"2026-03-01"}]`},
		{"selecting it", nobody, "books", "select=cost", noCost},
		{"filtering by it", nobody, "books", "cost=eq.3", noCost},
		{"filtering by it with a bad literal", nobody, "books", "cost=eq.x", noCost},
		{"filtering by it in a tree", nobody, "books", "or=(title.eq.x,cost.gt.1)", noCost},
		{"ordering by it", nobody, "books", "order=cost", noCost},
		{"an absent one answers alike", nobody, "books", "select=cosu", "42703 column books.cosu does not exist"},
		{"staff may", staff, "books", "select=cost&cost=eq.3&order=cost", `[{"cost":3}]`},
		{"service may", service, "books", "select=cost", `[{"cost":3}]`},
		{"own orders", ann, "orders", "select=id", ids(annID)},
		{"other's orders", bob, "orders", "select=id", ids(bobID)},
		{"nobody's orders", nobody, "orders", "select=id", "[]"},
		{"staff's orders", staff, "orders", "select=id", ids(annID, bobID)},
		{"a filter does not widen", ann, "orders", "select=id&or=(id.is.null,id.not.is.null)", ids(annID)},
		{"own row", ann, "users", "select=email", `[{"email":"ann@example.com"}]`},
		{"granted to nobody", ann, "vault", "", "42501 permission denied for table vault"},
		{"granted to nobody but for create", nobody, "drop", "", "42501 permission denied for table drop"},
		{"service passes", service, "vault", "", "[]"},
		{"no such table", ann, "bocks", "", "PGRST205 Could not find the table 'public.bocks' in the schema cache"},
		{"no limit of zero rows", nobody, "books", "limit=0", "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := b.read(t, tt.caller, tt.table, tt.url); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A request that was parsed without regard to its caller meets the gate's own
// look at the columns.
func TestSelectTrustsNoRequest(t *testing.T) {
	b := stocked(t)
	for _, url := range []string{"select=cost", "cost=gt.0", "order=cost", "select=c:cost"} {
		r := b.request(t, service, "books", url)
		_, err := b.Select(t.Context(), nobody, data.Read{Table: "books", Request: r})
		if err == nil || !strings.HasPrefix(code(t, err), "42703 ") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestSelectIsCappedCountedAndPaged(t *testing.T) {
	b := open(t, shop())
	b.put(t, "books", `[`+strings.TrimSuffix(strings.Repeat(`{"title":"x","price":1},`, 9), ",")+`]`)
	tests := []struct {
		url    string
		rows   int
		offset int
	}{{"", 5, 0}, {"limit=3", 3, 0}, {"limit=100", 5, 0}, {"offset=7", 2, 7}, {"offset=20", 0, 20}}
	for _, tt := range tests {
		a, err := b.Select(t.Context(), nobody, data.Read{Table: "books", Request: b.request(t, nobody, "books", tt.url), Count: true})
		if err != nil {
			t.Fatal(err)
		}
		if a.Rows != tt.rows || a.Offset != tt.offset || a.Count != 9 {
			t.Errorf("%q: %d rows at %d of %d", tt.url, a.Rows, a.Offset, a.Count)
		}
	}
	a, err := b.Select(t.Context(), nobody, data.Read{Table: "books"})
	if err != nil || a.Count != -1 {
		t.Errorf("no count asked: %d, %v", a.Count, err)
	}
}

func TestSelectSingleAndByKey(t *testing.T) {
	b := stocked(t)
	tests := []struct {
		name   string
		caller *auth.Caller
		read   data.Read
		want   string
	}{
		{"by key", ann, data.Read{Table: "orders", Key: orderOf(annID), HasKey: true, Single: true}, `{"id":"` + orderOf(annID) + `"}`},
		{"hidden", bob, data.Read{Table: "orders", Key: orderOf(annID), HasKey: true, Single: true}, "PGRST116 Cannot coerce the result to a single JSON object"},
		{"absent", bob, data.Read{Table: "orders", Key: emmaID, HasKey: true, Single: true}, "PGRST116 Cannot coerce the result to a single JSON object"},
		{"no key", bob, data.Read{Table: "orders", Key: "x", HasKey: true, Single: true}, `22P02 invalid input syntax for type uuid: "x"`},
		{"several", staff, data.Read{Table: "orders", Single: true}, "PGRST116 Cannot coerce the result to a single JSON object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.read.Request = b.request(t, tt.caller, "orders", "select=id")
			a, err := b.Select(t.Context(), tt.caller, tt.read)
			var got string
			if err != nil {
				got = code(t, err)
			} else {
				got = string(a.Body)
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
