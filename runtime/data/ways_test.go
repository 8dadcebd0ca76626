package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
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
	for _, w := range ways() {
		for name, caller := range map[string]*auth.Caller{"nobody": nobody, "bob": bob} {
			t.Run(w.name+" as "+name, func(t *testing.T) {
				t.Parallel()
				b := stocked(t)
				before := b.read(t, service, "orders", "id=eq."+key)
				got := w.walk(t, b, caller, key)
				if strings.Contains(got, key) || strings.Contains(got, annID) || got == "counted" && caller == nobody {
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
			got := w.walk(t, stocked(t), ann, key)
			if !strings.Contains(got, key) && got != "counted" && w.name != "update of nothing" {
				t.Errorf("the owner got %s", got)
			}
		})
	}
}
