package data_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	functions "github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/operation"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// way is one way to rows: what a caller gets to see, or touches, of a row with
// this key, as text. A new way to rows is a new entry here.
type way struct {
	name string
	walk func(t *testing.T, b *backend, caller *auth.Caller, key string) string
}

func ways() []way {
	read := func(change func(*data.Read), url string) func(*testing.T, *backend, *auth.Caller, string) string {
		return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			url := strings.ReplaceAll(url, "KEY", key)
			r, err := b.Parse(caller, "orders", url)
			if err != nil {
				return code(t, err)
			}
			asked := data.Read{Table: "orders", Request: r, Key: key}
			change(&asked)
			a, err := b.Select(t.Context(), caller, asked)
			if err != nil {
				return code(t, err)
			}
			if a.Count > 0 {
				return "counted"
			}
			return string(a.Body)
		}
	}
	changed := func(op write, body, url string, single bool) func(*testing.T, *backend, *auth.Caller, string) string {
		return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Body: []byte(body), Key: key, HasKey: single, Single: single, Representation: true, Unfiltered: true}
			return b.do(t, op, caller, w, strings.ReplaceAll(url, "KEY", key))
		}
	}
	plain := func(*data.Read) {}
	return []way{
		{"list", read(plain, "")},
		{"list by filter", read(plain, "id=eq.KEY")},
		{"list by tree", read(plain, "or=(id.eq.KEY,id.neq.KEY)")},
		{"list by a negated filter", read(plain, "id=not.is.null")},
		{"list in order", read(plain, "order=status.desc&limit=1")},
		{"page", read(plain, "offset=0&limit=1000")},
		{"count", read(func(r *data.Read) { r.Count = true }, "limit=0")},
		{"single", read(func(r *data.Read) { r.Single = true }, "id=eq.KEY")},
		{"by key", read(func(r *data.Read) { r.HasKey, r.Single = true, true }, "")},
		{"renamed", read(plain, "select=id:status,x:id")},
		{"update", changed(update, `{"quantity":7}`, "id=eq.KEY", false)},
		{"update of all", changed(update, `{"quantity":7}`, "id=not.is.null", false)},
		{"update of nothing", changed(update, `{"id":"KEY"}`, "id=not.is.null", false)},
		{"update by key", changed(update, `{"quantity":7}`, "", true)},
		{"delete", changed(remove, "", "id=eq.KEY", false)},
		{"delete of all", changed(remove, "", "id=not.is.null", false)},
		{"delete by key", changed(remove, "", "", true)},
		{"as CSV", read(func(r *data.Read) { r.Form = data.CSV }, "")},
		{"without nulls", read(func(r *data.Read) { r.Form = data.Stripped }, "")},
		{"aggregate", read(plain, "select=count(),id.max()")},
		{"group", read(plain, "select=id,quantity.sum()")},
		{"export", export("", data.JSON)},
		{"export by filter", export("id=eq.KEY", data.JSON)},
		{"export as CSV", export("order=status", data.CSV)},
		{"export of a count", export("select=count(),id.max()", data.JSON)},
		{"export of an embed", export("select=id,mentions(text)", data.Stripped)},
		{"cursor pages", paged},
		{"entity tag", tagged},
		{"update by its revision", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Body: []byte(`{"quantity":7}`), Key: key, HasKey: true, Single: true, Representation: true}
			w.Match = &data.Match{Revisions: []int64{1}}
			return b.do(t, update, caller, w, "")
		}},
		{"update if it is there", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Body: []byte(`{"quantity":7}`), Key: key, HasKey: true, Single: true, Representation: true}
			w.Match = &data.Match{Any: true}
			return b.do(t, update, caller, w, "")
		}},
		{"delete by its revision", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Representation: true, Match: &data.Match{Revisions: []int64{1}}}
			return b.do(t, remove, caller, w, "id=eq."+key)
		}},
		{"rolled back", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			return b.do(t, remove, caller, data.Write{Table: "orders", Representation: true, Rollback: true}, "id=eq."+key)
		}},
		{"embed of many", embed("books", "select=title,orders(*)", "")},
		{"embed through an edge", embed("labels", "select=id,orders(*)", "")},
		{"embed of one", embed("mentions", "select=text,orders(*)", "")},
		{"embed of one by its column", embed("mentions", "select=text,order(id)", "")},
		{"embed in an embed", embed("labels", "select=id,orders(books(title,orders(id)))", "")},
		{"spread", embed("mentions", "select=text,...orders(*)", "")},
		{"embed of a count", embed("books", "select=title,orders(count)&orders.id=eq.KEY", `[{"title":"Emma","orders":[{"count":1}]}]`)},
		{"embed of a count through an edge", embed("labels", "select=id,orders(count)&orders.id=eq.KEY", `[{"id":"gift","orders":[{"count":1}]}]`)},
		{"embed of an aggregate", embed("books", "select=title,orders(id.max())&orders.id=eq.KEY", "")},
		{"inner", embed("books", "select=title,orders!inner()&orders.id=eq.KEY", `[{"title":"Emma"}]`)},
		{"inner through an edge", embed("labels", "select=shade,orders!inner()&orders.id=eq.KEY", `[{"shade":"red"}]`)},
		{"inner inside an embed", embed("labels", "select=shade,orders!inner(mentions!inner(text))&orders.mentions.text=eq.a", `[{"shade":"red","orders":[{"mentions":[{"text":"a"}]}]}]`)},
		{"present", embed("books", "select=title,orders()&orders=not.is.null&orders.id=eq.KEY", `[{"title":"Emma"}]`)},
		{"absent", embed("books", "select=title,orders()&orders=is.null&orders.id=eq.KEY", `[]`)},
		{"present in a tree", embed("books", "select=title,orders()&or=(orders.not.is.null,title.eq.x)&orders.id=eq.KEY", `[{"title":"Emma"}]`)},
		{"absent of one", embed("mentions", "select=text,orders()&orders=is.null&orders.id=eq.KEY", `[{"text":"b"}]`)},
		{"order by one", embed("mentions", "select=text,orders()&order=orders(quantity).desc.nullslast,text.desc&orders.id=eq.KEY", `[{"text":"a"},{"text":"b"}]`)},
		{"count of inner", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			a := b.answer(t, caller, data.Read{Table: "books", Count: true}, "select=title,orders!inner()&limit=0&orders.id=eq."+key)
			if a.Count > 0 {
				return "owner only"
			}
			return ""
		}},
		{"representation with an embed", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "mentions", Body: []byte(`{"text":"c"}`), Representation: true}
			return b.do(t, update, caller, w, "id=gt.0&select=text,orders(id)")
		}},
		{"representation with inner", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "mentions", Body: []byte(`{"text":"c"}`), Representation: true}
			return b.do(t, update, caller, w, "id=gt.0&select=text,...orders!inner(id)")
		}},
		{"a write's filter on a relation", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "mentions", Body: []byte(`{"text":"c"}`), Representation: true}
			return owned(b.do(t, update, caller, w, "select=text,orders()&orders=not.is.null&orders.id=eq."+key), `[{"text":"c"}]`)
		}},
		{"batch by key", batched(`{"op":"update","table":"orders","key":"KEY","set":{"quantity":7},"return":true}`)},
		{"batch by filter", batched(`{"op":"update","table":"orders","where":"id=not.is.null","set":{"quantity":7},"return":true}`)},
		{"batch of deletes", batched(`{"op":"delete","table":"orders","where":"id=eq.KEY","return":true}`)},
		{"batch of one row", batched(`{"op":"delete","table":"orders","key":"KEY","single":true,"return":true}`)},
		{"batch by its revision", batched(`{"op":"delete","table":"orders","key":"KEY","ifMatch":"\"1-\"","return":true}`)},
		{"named query on an argument", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			return b.call(t, caller, data.Call{Query: "of", Body: []byte(`{"who":"0190a` + key[5:] + `"}`)})
		}},
		{"named query of the caller", func(t *testing.T, b *backend, caller *auth.Caller, _ string) string {
			return b.call(t, caller, data.Call{Query: "mine"})
		}},
		{"search for words", read(plain, "words=wfts.open")},
		{"search for words in a tree", read(plain, "or=(words.not.wfts.open,words.wfts.open)")},
		{"the best", read(plain, "_search=words&_text=open&select=id,_rank")},
		{"the nearest", read(plain, "_near=spot&_vector=[1,0]&select=id,_distance")},
		{"the nearest, counted", read(func(r *data.Read) { r.Count = true }, "_near=spot&_vector=[1,0]&_k=1")},
		{"a mixed search", read(plain, "_near=spot&_vector=[1,0]&_search=words&_text=open&select=id,_score")},
		{"a search in a body", func(t *testing.T, b *backend, caller *auth.Caller, _ string) string {
			r, err := b.ParseSearch(caller, "orders", []byte(`{"near":{"column":"spot","vector":[1,0]},"text":{"index":"words","query":"open or paid"},"select":"id,_score,_rank,_distance"}`))
			if err != nil {
				return code(t, err)
			}
			a, err := b.Select(t.Context(), caller, data.Read{Table: "orders", Request: r})
			if err != nil {
				return code(t, err)
			}
			return string(a.Body)
		}},
		{"search in an embed", embed("books", "select=title,orders(id)&orders.words=wfts.open", "")},
		{"inner search", embed("books", "select=title,orders!inner()&orders.words=wfts.open&orders.id=eq.KEY", `[{"title":"Emma"}]`)},
		{"walk to it", read(plain, "_from=labels/gift&_via=labeled&select=id,_hops")},
		{"walk to it, counted", read(func(r *data.Read) { r.Count = true }, "_from=labels/gift&_via=labeled&limit=0")},
		{"walk from it", embed("labels", "_from=orders/KEY&_via=labeled&select=id", `[{"id":"gift"}]`)},
		{"walk to itself", read(plain, "_from=KEY&_via=labeled&_hops=0-2&id=eq.KEY")},
		{"walk through it", embed("mentions", "_from=labels/gift&_via=labeled,mentions.order&_hops=2&select=text", `[{"text":"a"}]`)},
		{"walks in groups", embed("labels", "_from=orders/KEY&_via=labeled&select=_hops,count()", `[{"_hops":1,"count":1}]`)},
		{"beyond the first", read(func(r *data.Read) { r.Count = true }, "offset=1&limit=0")},
		{"update of a few", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			none := 0
			got := b.do(t, update, caller, data.Write{Table: "orders", Body: []byte(`{"quantity":7}`), AtMost: &none}, "id=eq."+key)
			return owned(got, "PGRST124 Query result exceeds max-affected preference constraint")
		}},
		{"representation as CSV", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Representation: true, Form: data.CSV, Rollback: true}
			return b.do(t, remove, caller, w, "id=eq."+key)
		}},
		{"replay of another's write", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			w := data.Write{Table: "orders", Body: []byte(`{"quantity":1}`), Representation: true, Once: &data.Once{Key: "k", Client: "here"}}
			b.do(t, update, ann, w, "id=eq."+key)
			return b.do(t, update, caller, w, "id=eq."+key)
		}},
		{"export", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			var out strings.Builder
			_, err := b.Export(t.Context(), caller, data.Export{Table: "orders", Form: data.CSV, Opened: func() {}}, &out)
			if err != nil {
				return code(t, err)
			}
			return out.String()
		}},
		{"export of a filter", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			r, err := b.Parse(caller, "orders", "select=id,books(orders(id))&order=status&id=eq."+key)
			if err != nil {
				return code(t, err)
			}
			var out strings.Builder
			_, err = b.Export(t.Context(), caller, data.Export{Table: "orders", Request: r}, &out)
			if err != nil {
				return code(t, err)
			}
			return out.String()
		}},
		{"export of several tables", func(t *testing.T, b *backend, caller *auth.Caller, _ string) string {
			x, err := b.NewExporter(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer closed(t, x.Close)
			var out strings.Builder
			if _, err := x.Export(t.Context(), caller, data.Export{Table: "orders"}, &out); err != nil {
				return code(t, err)
			}
			return out.String()
		}},
		{"read of a function", function("db.select", `{"table":"orders"}`, "")},
		{"count of a function", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			got := function("db.select", `{"table":"orders","query":"id=eq.KEY&limit=0","count":true}`, "")(t, b, caller, key)
			return owned(got, `{"count":1}[]`)
		}},
		{"embed of a function", function("db.select", `{"table":"books","query":"select=title,orders(*)"}`, "")},
		{"update of a function", function("db.update", `{"table":"orders","query":"id=eq.KEY"}`, `{"quantity":7}`)},
		{"delete of a function", function("db.delete", `{"table":"orders","query":"id=not.is.null"}`, "")},
		{"batch of a function", function("db.batch", `{}`, `[{"op":"update","table":"orders","key":"KEY","set":{"quantity":7},"return":true}]`)},
		{"bounded update of a function", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			got := function("db.update", `{"table":"orders","query":"id=eq.KEY","prefer":"max-affected=0"}`, `{"quantity":7}`)(t, b, caller, key)
			return owned(got, "PGRST124 Query result exceeds max-affected preference constraint")
		}},
		{"query of a function", function("db.call", `{"query":"mine"}`, "")},
		{"snapshot", func(t *testing.T, b *backend, caller *auth.Caller, _ string) string {
			s, err := b.Subscribe(caller, "mine")
			if err != nil {
				return code(t, err)
			}
			return b.snapshot(t, s)
		}},
		{"live change", func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
			s, err := b.Subscribe(caller, "mine")
			if err != nil {
				return code(t, err)
			}
			row := make(query.Row, len(s.Table.Columns))
			row[0] = query.UUID(key)
			row[s.Table.Column("owner").Index] = query.UUID("0190a" + key[5:])
			row[s.Table.Column("status").Index] = query.Text("open")
			if query.Holds(s.Where, row, nil) == query.True {
				return key
			}
			return ""
		}},
	}
}

// function asks what a function may ask of its host, with everything granted.
func function(name, head, body string) func(*testing.T, *backend, *auth.Caller, string) string {
	return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
		grants := &manifest.Grants{Queries: []string{"mine", "of"}}
		for _, declared := range shop().Tables {
			grants.Tables = append(grants.Tables, manifest.TableGrant{Table: declared.Name, Operations: []string{"read", "create", "update", "delete"}})
		}
		b.met.method("Within")
		reply, err := operation.New(operation.Options{Gate: b.Gate})[name].Do(t.Context(), &functions.Call{
			Definition: &functions.Definition{Name: "f", Grants: grants}, Event: &functions.Event{Caller: caller}, Acting: caller,
		}, []byte(strings.ReplaceAll(head, "KEY", key)), []byte(strings.ReplaceAll(body, "KEY", key)))
		if err != nil {
			return code(t, err)
		}
		return string(reply.Head) + string(reply.Body)
	}
}

// embed reads another table, whose rows lead to the orders. What only the owner
// may be answered stands for the row.
func embed(table, url, owners string) func(*testing.T, *backend, *auth.Caller, string) string {
	return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
		return owned(b.read(t, caller, table, strings.ReplaceAll(url, "KEY", key)), owners)
	}
}

func owned(got, owners string) string {
	if owners != "" && got == owners {
		return "owner only"
	}
	return got
}

func batched(write string) func(*testing.T, *backend, *auth.Caller, string) string {
	return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
		return b.batch(t, caller, `{"writes":[`+strings.ReplaceAll(write, "KEY", key)+`]}`)
	}
}

// export streams the orders.
func export(url string, form data.Form) func(*testing.T, *backend, *auth.Caller, string) string {
	return func(t *testing.T, b *backend, caller *auth.Caller, key string) string {
		return b.exported(t, caller, "orders", strings.ReplaceAll(url, "KEY", key), form)
	}
}

// paged walks the pages of one row each, with what their cursors say.
func paged(t *testing.T, b *backend, caller *auth.Caller, _ string) string {
	seen, cursor := "", ""
	for {
		a := b.answer(t, caller, data.Read{Table: "orders"}, "order=status&limit=1&_page="+cursor)
		raw, err := base64.RawURLEncoding.DecodeString(a.Next)
		if err != nil {
			t.Fatal(err)
		}
		// The sum of the select holds the rule, which says who asks.
		_, values, _ := strings.Cut(string(raw), ",")
		seen += string(a.Body) + values
		if cursor = a.Next; cursor == "" {
			return seen
		}
	}
}

// tagged reads a row's tag, which begins with its revision.
func tagged(t *testing.T, b *backend, caller *auth.Caller, key string) string {
	r := data.Read{Table: "orders", Key: key, HasKey: true, Single: true}
	a, err := b.Select(t.Context(), caller, r)
	if err != nil {
		return code(t, err)
	}
	return a.ETag + string(a.Body)
}

func (b *backend) snapshot(t testing.TB, s *data.Subscription) string {
	t.Helper()
	w := query.NewJSONWriter(nil, query.NewJSONShape(s.Columns))
	info, err := b.Snapshot(t.Context(), s, w)
	if err != nil {
		t.Fatal(err)
	}
	if info.Position.Seq == 0 {
		t.Error("a snapshot without a position")
	}
	return string(w.Bytes())
}

// TestEveryWayWithTheWrongCaller walks every way to rows as somebody who may
// not see a row. He must learn nothing of it, and get the very same as if the
// row were not there at all.
func TestEveryWayWithTheWrongCaller(t *testing.T) {
	key := orderOf(annID)
	absent := func(t *testing.T) *backend {
		b := stocked(t)
		b.do(t, remove, service, data.Write{Table: "orders"}, "id=eq."+key)
		return b
	}
	through := &met{names: map[string]bool{}}
	t.Cleanup(func() {
		if wholeRun() && !t.Failed() {
			through.allMet(t)
		}
	})
	for _, w := range ways() {
		for name, caller := range map[string]*auth.Caller{"nobody": nobody, "bob": bob} {
			t.Run(w.name+" as "+name, func(t *testing.T) {
				t.Parallel()
				b := stocked(t)
				before := b.read(t, service, "orders", "id=eq."+key)
				got := w.walk(t, b, caller, key)
				if strings.Contains(got, key) || strings.Contains(got, annID) || got == "counted" && caller == nobody || got == "owner only" {
					t.Errorf("he sees it: %s", got)
				}
				if want := w.walk(t, absent(t), caller, key); got != want {
					t.Errorf("hidden  %s\nabsent %s", got, want)
				}
				if after := b.read(t, service, "orders", "id=eq."+key); after != before {
					t.Errorf("he changed it: %s", after)
				}
			})
		}
		// The same way must lead its owner to the row, or it proves nothing.
		t.Run(w.name+" as the owner", func(t *testing.T) {
			t.Parallel()
			b := stocked(t)
			b.met = through
			got := w.walk(t, b, ann, key)
			if !strings.Contains(got, key) && got != "counted" && got != "owner only" && w.name != "update of nothing" {
				t.Errorf("the owner got %s", got)
			}
		})
	}
}
