package data_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
)

const (
	refusedRow = `42501 new row violates row-level security policy for table "`
	badBody    = "PGRST102 Empty or invalid json"
	notOne     = "PGRST116 Cannot coerce the result to a single JSON object"
)

func TestInsert(t *testing.T) {
	long := strings.Repeat("é", 21)
	tests := []struct {
		name   string
		caller *auth.Caller
		table  string
		body   string
		url    string
		want   string // with representation
	}{
		{"one", ann, "books", `{"title":"Emma","price":"9.505","tags":["a"],"meta":{"b": 1}}`, "select=title,price,stock,tags,meta,added", `[{"title":"Emma","price":9.51,"stock":1,"tags":["a"],"meta":{"b":1},"added":"2026-03-01"}]`},
		{"many", ann, "books", `[{"title":"A","price":1},{"title":"B","price":2}]`, "select=title", `[{"title":"A"},{"title":"B"}]`},
		{"none", ann, "books", `[]`, "", `[]`},
		{"a sent value beats the default", ann, "books", `{"title":"A","stock":0}`, "select=stock", `[{"stock":0}]`},
		{"a sent null does not take it", ann, "books", `{"title":"A","stock":null}`, "", `23502 null value in column "stock" of relation "books" violates not-null constraint`},
		{"required", ann, "books", `{}`, "", `23502 null value in column "title" of relation "books" violates not-null constraint`},
		{"columns= makes null of what is missing", ann, "books", `[{"title":"A"}]`, `columns="title","stock"`, `23502 null value in column "stock" of relation "books" violates not-null constraint`},
		{"columns= passes over the others", ann, "books", `[{"title":"A","stock":0,"nope":1}]`, `columns=title,stock&select=stock`, `[{"stock":0}]`},
		{"unknown in columns=", ann, "books", `[{"title":"A"}]`, `columns=nope`, "PGRST204 Could not find the 'nope' column of 'books' in the schema cache"},
		{"unknown", ann, "books", `{"title":"A","nope":1}`, "", "PGRST204 Could not find the 'nope' column of 'books' in the schema cache"},
		{"keys differ", ann, "books", `[{"title":"A","stock":0},{"title":"B"}]`, "", "PGRST102 All object keys must match"},
		{"keys in another order", ann, "books", `[{"title":"A","stock":0},{"stock":0,"title":"B"}]`, "select=title", `[{"title":"A"},{"title":"B"}]`},
		{"all or nothing", ann, "books", `[{"title":"A","stock":0},{"title":null,"stock":0}]`, "", `23502 null value in column "title" of relation "books" violates not-null constraint`},
		{"min", ann, "books", `{"title":"","stock":0}`, "", `23514 new row for relation "books" violates check constraint "books_title_check"`},
		{"max counts code points", ann, "books", `{"title":"` + long + `"}`, "", `23514 new row for relation "books" violates check constraint "books_title_check"`},
		{"max of a list", ann, "books", `{"title":"A","stock":0,"tags":["a","b","c","d"]}`, "", `23514 new row for relation "books" violates check constraint "books_tags_check"`},
		{"min of a decimal", ann, "books", `{"title":"A","price":-0.01}`, "", `23514 new row for relation "books" violates check constraint "books_price_check"`},
		{"pattern", ann, "books", `{"title":"A","stock":0,"isbn":"12x"}`, "", `23514 new row for relation "books" violates check constraint "books_isbn_check"`},
		{"enum", ann, "books", `{"title":"A","stock":0,"genre":"song"}`, "", `23514 new row for relation "books" violates check constraint "books_genre_check"`},
		{"table check", ann, "books", `{"title":"A","price":0}`, "", `23514 new row for relation "books" violates check constraint "books_free_check"`},
		{"unknown table check passes", ann, "books", `{"title":"A","price":null}`, "select=title", `[{"title":"A"}]`},
		{"the service role meets checks too", service, "books", `{"title":"A","price":0}`, "", `23514 new row for relation "books" violates check constraint "books_free_check"`},
		{"bad literal", ann, "books", `{"title":"A","stock":"x"}`, "", `22P02 invalid input syntax for type bigint: "x"`},
		{"refused by the rule", nobody, "books", `{"title":"A"}`, "", refusedRow + `books"`},
		{"refused column", ann, "books", `{"title":"A","stock":0,"cost":3}`, "", `428C9 cannot insert a non-DEFAULT value into column "cost"`},
		{"column for staff", staff, "books", `{"title":"A","stock":0,"cost":3}`, "select=cost", `[{"cost":3}]`},
		{"refused in the representation", ann, "books", `{"title":"A"}`, "select=cost", "42703 column books.cost does not exist"},
		{"granted to nobody", ann, "vault", `{"value":"x"}`, "", "42501 permission denied for table vault"},
		{"readable to nobody", ann, "drop", `{"value":"x"}`, "", "42501 permission denied for table drop"},
		{"ours in users", ann, "users", `{"email":"x"}`, "", "42501 permission denied for table users"},
		{"auto", ann, "orders", `{"book":"` + emmaID + `"}`, "select=owner,quantity,status,changed", `[{"owner":"` + annID + `","quantity":1,"status":"open","changed":"2026-03-01T12:30:00+00:00"}]`},
		{"auto sent", ann, "orders", `{"book":"` + emmaID + `","owner":"` + bobID + `"}`, "", `428C9 cannot insert a non-DEFAULT value into column "owner"`},
		{"auto sent by the service role", service, "orders", `{"book":"` + emmaID + `","owner":"` + bobID + `","changed":"2020-01-01T00:00:00Z"}`, "select=owner,changed", `[{"owner":"` + bobID + `","changed":"2020-01-01T00:00:00+00:00"}]`},
		{"auto of nobody", service, "orders", `{"book":"` + emmaID + `"}`, "", `23502 null value in column "owner" of relation "orders" violates not-null constraint`},
		{"refused new row", ann, "orders", `{"book":"` + emmaID + `","status":"paid"}`, "", refusedRow + `orders"`},
		{"missing reference", ann, "orders", `{"book":"` + annID + `"}`, "", `23503 insert or update on table "orders" violates foreign key constraint "orders_book_fkey"`},
		{"text key", ann, "notes", `{"id":"k","body":"open"}`, "", `[{"id":"k","body":"open"}]`},
		{"text key missing", ann, "notes", `{"body":"open"}`, "", `23502 null value in column "id" of relation "notes" violates not-null constraint`},
		{"text key empty", ann, "notes", `{"id":"","body":"open"}`, "", `23514 new row for relation "notes" violates check constraint "notes_id_check"`},
		{"text key long", ann, "notes", `{"id":"` + strings.Repeat("x", 256) + `"}`, "", `23514 new row for relation "notes" violates check constraint "notes_id_check"`},
		{"created and not readable", ann, "notes", `{"id":"k","body":"hidden"}`, "", refusedRow + `notes"`},
		{"int key made", ann, "counters", `[{"n":1},{"n":2}]`, "", `[{"id":1,"n":1},{"id":2,"n":2}]`},
		{"int key sent", ann, "counters", `{"id":7,"n":1}`, "", `[{"id":7,"n":1}]`},
		{"int key that leaves none to come", ann, "counters", `{"id":4611686018427387905,"n":1}`, "", `23514 new row for relation "counters" violates check constraint "counters_id_check"`},
		{"null key", ann, "counters", `{"id":null,"n":1}`, "", `23502 null value in column "id" of relation "counters" violates not-null constraint`},
		{"key of a ref", ann, "profiles", `{"id":"` + annID + `","nickname":"A"}`, "", `[{"id":"` + annID + `","nickname":"A"}]`},
		{"another's key", ann, "profiles", `{"id":"` + bobID + `"}`, "", refusedRow + `profiles"`},
		{"double key", service, "books", `{"id":"` + emmaID + `","title":"x","stock":0}`, "", `23505 duplicate key value violates unique constraint "books_pkey"`},
		{"no json", ann, "books", `{"title":`, "", badBody},
		{"empty", ann, "books", ``, "", badBody},
		{"a scalar", ann, "books", `"x"`, "", badBody},
		{"scalars", ann, "books", `[1]`, "", badBody},
		{"trailing", ann, "books", `{"title":"A"} {}`, "", badBody},
		{"double name", ann, "books", `{"title":"A","title":"B"}`, "", badBody},
		{"too many rows", ann, "books", "[" + strings.Repeat(`{"title":"A"},`, 1000) + `{"title":"A"}]`, "", "PGRST102 a write takes at most 1000 rows"},
		{"too deep", ann, "books", `{"meta":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "", "PGRST102 the body nests deeper than 64"},
		{"too many keys", ann, "books", `{"meta":{` + strings.Repeat(`"a":1,`, 256) + `"b":1}}`, "", "PGRST102 an object of the body has more than 256 keys"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := stocked(t)
			before := b.read(t, service, tt.table, "")
			got := b.do(t, insert, tt.caller, data.Write{Table: tt.table, Body: []byte(tt.body), Representation: true}, tt.url)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if after := b.read(t, service, tt.table, ""); got[0] != '[' && after != before {
				t.Errorf("a refused write wrote: %s", after)
			}
		})
	}
}

func TestInsertMinimalWithoutReading(t *testing.T) {
	b := stocked(t)
	for table, body := range map[string]string{"notes": `{"id":"k","body":"hidden"}`, "drop": `{"value":"x"}`} {
		w, err := b.Insert(t.Context(), ann, data.Write{Table: table, Body: []byte(body)})
		if err != nil || w.Affected != 1 || w.Body != nil {
			t.Errorf("%s: %+v, %v", table, w, err)
		}
	}
}

func TestInsertMissingDefault(t *testing.T) {
	b := stocked(t)
	got := b.do(t, insert, ann, data.Write{
		Table: "books", Body: []byte(`[{"title":"A"},{"title":"B","stock":0}]`), MissingDefault: true, Representation: true,
	}, "columns=title,stock&select=title,stock")
	if want := `[{"title":"A","stock":1},{"title":"B","stock":0}]`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestInsertSingle(t *testing.T) {
	b := stocked(t)
	w := data.Write{Table: "counters", Single: true, Representation: true, Body: []byte(`[{"n":1}]`)}
	if got := b.do(t, insert, ann, w, "select=n"); got != `{"n":1}` {
		t.Errorf("one: %s", got)
	}
	for _, body := range []string{`[]`, `[{"n":2},{"n":3}]`} {
		w.Body = []byte(body)
		if got := b.do(t, insert, ann, w, ""); got != notOne {
			t.Errorf("%s: %s", body, got)
		}
	}
	if got := b.read(t, ann, "counters", "select=n"); got != `[{"n":1}]` {
		t.Errorf("rows %s", got)
	}
}

func TestKeysAreOrderedInTime(t *testing.T) {
	b := open(t, shop())
	got := b.do(t, insert, ann, data.Write{
		Table: "books", Representation: true,
		Body: []byte("[" + strings.TrimSuffix(strings.Repeat(`{"title":"A","stock":0},`, 200), ",") + "]"),
	}, "select=id")
	keys := strings.Split(got, ",")
	if len(keys) != 200 {
		t.Fatalf("%d rows", len(keys))
	}
	for i := 1; i < len(keys); i++ {
		if strings.Trim(keys[i-1], "[]") >= strings.Trim(keys[i], "[]") {
			t.Fatalf("%s is not before %s", keys[i-1], keys[i])
		}
	}
}

func TestUpdate(t *testing.T) {
	mine, his := "id=eq."+orderOf(annID), "id=eq."+orderOf(bobID)
	const fixed = `428C9 column "book" can only be updated to DEFAULT`
	tests := []struct {
		name   string
		caller *auth.Caller
		table  string
		url    string
		body   string
		want   string
	}{
		{"own", ann, "orders", mine + "&select=quantity,changed", `{"quantity":2}`, `[{"quantity":2,"changed":"2026-03-01T12:30:00+00:00"}]`},
		{"to a state that the rule allows", ann, "orders", mine + "&select=status", `{"status":"paid"}`, `[{"status":"paid"}]`},
		{"to one that it does not", ann, "orders", mine, `{"status":"shipped"}`, refusedRow + `orders"`},
		{"another's", ann, "orders", his, `{"quantity":2}`, `[]`},
		{"all of them touches one's own", ann, "orders", "quantity=eq.1&select=id", `{"quantity":3}`, `[{"id":"` + orderOf(annID) + `"}]`},
		{"readable, not changeable", staff, "orders", mine, `{"quantity":2}`, `[]`},
		{"nobody", nobody, "orders", mine, `{"quantity":2}`, `[]`},
		{"service", service, "orders", his + "&select=status", `{"status":"shipped"}`, `[{"status":"shipped"}]`},
		{"nothing sent", ann, "orders", mine, `{}`, `[]`},
		{"null of a default", ann, "orders", mine, `{"quantity":null}`, `23502 null value in column "quantity" of relation "orders" violates not-null constraint`},
		{"column check", ann, "orders", mine, `{"quantity":101}`, `23514 new row for relation "orders" violates check constraint "orders_quantity_check"`},
		{"immutable", ann, "orders", mine, `{"book":"` + annID + `"}`, fixed},
		{"immutable and unchanged", ann, "orders", mine + "&select=quantity", `{"book":"` + emmaID + `","quantity":4}`, `[{"quantity":4}]`},
		{"auto", ann, "orders", mine, `{"owner":"` + bobID + `"}`, `428C9 column "owner" can only be updated to DEFAULT`},
		{"auto unchanged", ann, "orders", mine + "&select=owner", `{"owner":"` + annID + `"}`, `[{"owner":"` + annID + `"}]`},
		{"auto by the service role", service, "orders", mine + "&select=owner", `{"owner":"` + bobID + `"}`, `[{"owner":"` + bobID + `"}]`},
		{"the key", ann, "orders", mine, `{"id":"` + bobID + `"}`, `428C9 column "id" can only be updated to DEFAULT`},
		{"the key unchanged", ann, "orders", mine + "&select=quantity", `{"id":"` + orderOf(annID) + `","quantity":5}`, `[{"quantity":5}]`},
		{"the key by the service role", service, "orders", mine, `{"id":"` + bobID + `"}`, `428C9 column "id" can only be updated to DEFAULT`},
		{"built-in", ann, "users", "id=eq." + annID, `{"email":"x@y.z"}`, `428C9 column "email" can only be updated to DEFAULT`},
		{"one's own column of users", ann, "users", "id=eq." + annID + "&select=locale", `{"locale":"de"}`, `[{"locale":"de"}]`},
		{"no guessing at what may not be read", ann, "books", "id=eq." + emmaID, `{"cost":3}`, `428C9 column "cost" can only be updated to DEFAULT`},
		{"a wrong guess answers alike", ann, "books", "id=eq." + emmaID, `{"cost":4}`, `428C9 column "cost" can only be updated to DEFAULT`},
		{"table check", ann, "books", "id=eq." + emmaID, `{"price":0}`, `23514 new row for relation "books" violates check constraint "books_free_check"`},
		{"no filter", ann, "orders", "", `{"quantity":2}`, "21000 UPDATE requires a WHERE clause"},
		{"no filter but a select", service, "orders", "select=id", `{"quantity":2}`, "21000 UPDATE requires a WHERE clause"},
		{"a limit is no filter", ann, "orders", mine + "&limit=1", `{"quantity":2}`, "PGRST100 limit, offset and order do not narrow a write"},
		{"an array", ann, "orders", mine, `[{"quantity":2}]`, badBody},
		{"unknown column", ann, "orders", mine, `{"nope":2}`, "PGRST204 Could not find the 'nope' column of 'orders' in the schema cache"},
		{"columns= restricts", ann, "orders", mine + "&columns=quantity&select=quantity,status", `{"quantity":2,"status":"shipped"}`, `[{"quantity":2,"status":"open"}]`},
		{"filter by what may not be read", ann, "books", "cost=eq.3", `{"stock":9}`, "42703 column books.cost does not exist"},
		{"hidden afterwards", service, "notes", "id=eq.none", `{"body":"x"}`, "[]"},
		{"granted to nobody", ann, "vault", "id=eq." + emmaID, `{"value":"x"}`, "42501 permission denied for table vault"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := stocked(t)
			before := b.read(t, service, tt.table, "")
			got := b.do(t, update, tt.caller, data.Write{Table: tt.table, Body: []byte(tt.body), Representation: true}, tt.url)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if after := b.read(t, service, tt.table, ""); (got == "[]" || got[0] != '[') && after != before {
				t.Errorf("it wrote: %s", after)
			}
		})
	}
}

func TestUpdateOfNothingByKey(t *testing.T) {
	tests := []struct {
		name   string
		caller *auth.Caller
		key    string
		shown  bool
		want   string
	}{
		{"own", ann, orderOf(annID), true, `{"quantity":1}`},
		{"own, minimal", ann, orderOf(annID), false, ""},
		{"another's", ann, orderOf(bobID), true, notOne},
		{"another's, minimal", ann, orderOf(bobID), false, notOne},
		{"absent", ann, emmaID, true, notOne},
	}
	b := stocked(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := b.do(t, update, tt.caller, data.Write{
				Table: "orders", Key: tt.key, HasKey: true, Body: []byte("{}"), Representation: tt.shown, Single: true,
			}, "select=quantity")
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestUpdateMissingDefault(t *testing.T) {
	b := stocked(t)
	b.do(t, update, ann, data.Write{Table: "orders", Body: []byte(`{"quantity":9}`)}, "id=eq."+orderOf(annID))
	got := b.do(t, update, ann, data.Write{Table: "orders", Body: []byte(`{}`), MissingDefault: true, Representation: true},
		"id=eq."+orderOf(annID)+"&columns=quantity&select=quantity")
	if got != `[{"quantity":1}]` {
		t.Errorf("got %s", got)
	}
}

func TestUpdateHiddenAfterwards(t *testing.T) {
	b := stocked(t)
	b.put(t, "notes", `{"id":"k","body":"open"}`)
	w := data.Write{Table: "notes", Body: []byte(`{"body":"hidden"}`), Representation: true}
	if got := b.do(t, update, ann, w, "id=eq.k"); got != refusedRow+`notes"` {
		t.Errorf("with representation: %s", got)
	}
	w.Representation = false
	if got := b.do(t, update, ann, w, "id=eq.k"); got != "" {
		t.Errorf("minimal: %s", got)
	}
	if got := b.read(t, service, "notes", ""); got != `[{"id":"k","body":"hidden"}]` {
		t.Errorf("rows %s", got)
	}
}

// A rule on updates that lets everyone in still reaches only what he may read.
func TestUpdateTouchesNothingHidden(t *testing.T) {
	b := stocked(t)
	b.put(t, "notes", `{"id":"k","body":"hidden"}`)
	w := data.Write{Table: "notes", Body: []byte(`{"body":"open"}`), Request: b.request(t, ann, "notes", "id=eq.k")}
	out, err := b.Update(t.Context(), ann, w)
	if err != nil || out.Affected != 0 {
		t.Errorf("%d rows touched, %v", out.Affected, err)
	}
	if got := b.read(t, service, "notes", ""); got != `[{"id":"k","body":"hidden"}]` {
		t.Errorf("rows %s", got)
	}
}

func TestDelete(t *testing.T) {
	mine, his := orderOf(annID), orderOf(bobID)
	tests := []struct {
		name   string
		caller *auth.Caller
		write  data.Write
		url    string
		want   string
		left   string
	}{
		{"own", ann, data.Write{}, "id=eq." + mine + "&select=id,status", `[{"id":"` + mine + `","status":"open"}]`, `[{"id":"` + his + `"}]`},
		{"own by key", ann, data.Write{Key: mine, HasKey: true, Single: true}, "select=status", `{"status":"open"}`, `[{"id":"` + his + `"}]`},
		{"another's", ann, data.Write{}, "id=eq." + his, `[]`, ""},
		{"another's by key", ann, data.Write{Key: his, HasKey: true, Single: true}, "", notOne, ""},
		{"absent by key", ann, data.Write{Key: emmaID, HasKey: true, Single: true}, "", notOne, ""},
		{"several where one was asked for", service, data.Write{Single: true}, "quantity=eq.1", notOne, ""},
		{"not changeable any more", bob, data.Write{}, "id=eq." + his, `[]`, ""},
		{"no filter", ann, data.Write{}, "", "21000 DELETE requires a WHERE clause", ""},
		{"no filter, native", ann, data.Write{Unfiltered: true}, "", "21000 DELETE requires a WHERE clause", ""},
		{"no filter, service", service, data.Write{}, "", "21000 DELETE requires a WHERE clause", ""},
		{"no filter, service, native", service, data.Write{Unfiltered: true}, "select=id", `[{"id":"` + mine + `"},{"id":"` + his + `"}]`, "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := stocked(t)
			tt.write.Table, tt.write.Representation = "orders", true
			if got := b.do(t, remove, tt.caller, tt.write, tt.url); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.left == "" {
				tt.left = `[{"id":"` + mine + `"},{"id":"` + his + `"}]`
			}
			if left := b.read(t, service, "orders", "select=id"); left != tt.left {
				t.Errorf("left %s", left)
			}
		})
	}
	t.Run("referenced", func(t *testing.T) {
		got := stocked(t).do(t, remove, staff, data.Write{Table: "books"}, "id=eq."+emmaID)
		if want := `23503 update or delete on table "books" violates foreign key constraint "orders_book_fkey" on table "orders"`; got != want {
			t.Errorf("got %s", got)
		}
	})
}
