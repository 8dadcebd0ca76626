package query_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/query/querytest"
)

func faultOf(t *testing.T, what string, err error) *fault.Fault {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%s: got %v, want a fault", what, err)
	}
	return f
}

func FuzzParseRequest(f *testing.F) {
	for _, seed := range []string{
		"select=id,title&id=eq.5", "or=(n.eq.1,and(m.gt.2,name.not.is.null))", `name=in.("a,b",c)`, "meta->>a=eq.x&order=n.desc.nullslast&limit=1",
		`select=*,a:"name",meta->list->0&columns="n"`, "price=lt.9.999", "made=gt.2026-01-01+00:00", "tags=eq.{a,b}", "%22name%22=eq.%C3%A9", "not.and=(name.like.*a*)",
		"tags=cs.{a,NULL}&marks=not.ov.{1}", "meta=cd.{%22a%22:1}", "or=(n.isdistinct.null,name.ilike(any).{a*,b})", "price=not.eq(all).{1,2.555}", "n=gt(any).{null}",
	} {
		f.Add(seed)
	}
	g := querytest.New(5)
	rows := g.Rows(5)
	f.Fuzz(func(t *testing.T, rawQuery string) {
		r, wrong := query.ParseRequest(nil, g.Table, rawQuery, query.DefaultLimits())
		again, wrongAgain := query.ParseRequest(nil, g.Table, rawQuery, query.DefaultLimits())
		if (wrong == nil) != (wrongAgain == nil) {
			t.Fatalf("%q parses once and not twice", rawQuery)
		}
		if wrong != nil {
			if wrong.Code == "" || wrong.Message == "" || wrong.Code == fault.CodeInternal {
				t.Fatalf("%q gives a fault that says nothing: %+v", rawQuery, wrong)
			}
			return
		}
		text := query.String(r.Where)
		if got := query.String(again.Where); got != text {
			t.Fatalf("%q is %s and %s", rawQuery, text, got)
		}
		if r.Where == nil {
			return
		}
		simple := query.Simplify(r.Where)
		if got := query.String(simple); got != text {
			t.Fatalf("%q is %s and not simple: %s", rawQuery, text, got)
		}
		for _, row := range rows {
			if a, b := query.Holds(r.Where, row, nil), query.Holds(simple, row, nil); a != b {
				t.Fatalf("%q: %v and %v", rawQuery, a, b)
			}
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{`1`, `"a\u00e9"`, `{"a":[1,2.50,null]}`, `"{a,b}"`, `["a"]`, `true`, `-0.0e5`, `"2026-01-31T00:00:00Z"`, `{"a":1,"a":2}`} {
		f.Add([]byte(seed))
	}
	table := querytest.Things()
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, c := range table.Columns {
			v, wrong := query.DecodeJSON(c.Type, raw)
			if wrong != nil || v.IsNull() {
				continue
			}
			if v.Kind != c.Type.Kind {
				t.Fatalf("%s as %s became a %v", raw, c.Type, v.Kind)
			}
			out := query.AppendJSON(nil, v)
			if !json.Valid(out) {
				t.Fatalf("%s as %s became %s, no JSON", raw, c.Type, out)
			}
			again, wrong := query.DecodeJSON(c.Type, out)
			if wrong != nil || query.CompareValues(v, again) != 0 {
				t.Fatalf("%s as %s became %s, then %v (%v)", raw, c.Type, out, again, wrong)
			}
		}
	})
}

func FuzzParseLiteral(f *testing.F) {
	for _, seed := range []string{"5", "9.999", "t", "2026-01-31T12:34:56+02:30", "Thu Jan 01 2026 00:00:00 GMT+0000 (UTC)", "{a,\"b\"}", `{"a":1}`, "018f3a5e000070008000000000000001", "1e18"} {
		f.Add(seed)
	}
	table := querytest.Things()
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range table.Columns {
			v, wrong := query.ParseLiteral(c.Type, text)
			if wrong != nil {
				continue
			}
			if v.IsNull() && c.Type.Kind == query.KindJSON {
				continue
			}
			out := query.AppendText(nil, v)
			again, wrong := query.ParseLiteral(c.Type, string(out))
			if wrong != nil || query.CompareValues(v, again) != 0 {
				t.Fatalf("%q as %s became %s, then %v (%v)", text, c.Type, out, again, wrong)
			}
		}
	})
}
