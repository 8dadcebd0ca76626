package data_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/fault"
)

// batch gives what a batch answers, or the code, message and details of its
// fault.
func (b *backend) batch(t testing.TB, caller *auth.Caller, body string) string {
	t.Helper()
	done, err := b.Batch(t.Context(), caller, data.Batch{Body: []byte(body)})
	if err != nil {
		return code(t, err) + " | " + fault.From(err).Details
	}
	return string(done.Body)
}

func TestBatch(t *testing.T) {
	const denied = refusedRow
	tests := []struct {
		name   string
		caller *auth.Caller
		writes string
		want   string
	}{
		{
			"keys of earlier writes", ann,
			`{"op":"insert","table":"authors","rows":[{"name":"X"},{"name":"Y"}],"as":"a"},
			 {"op":"insert","table":"books","rows":{"title":"T","author":{"$key":"a"},"editor":{"$key":"a.1"}},"as":"b","return":true,"select":"id,title,author(name),editor(name)"},
			 {"op":"insert","table":"reviews","rows":[{"book":{"$key":"b"},"stars":8}],"return":true,"select":"stars,book(title)"},
			 {"op":"update","table":"books","key":{"$key":"b"},"set":{"year":2000,"author":{"$key":"a.1"}},"return":true,"select":"year,author(name)"},
			 {"op":"delete","table":"reviews","where":"stars=eq.8","return":true,"select":"stars"}`,
			`{"results":[{"affected":2},{"affected":1,"rows":[{"id":6,"title":"T","author":{"name":"X"},"editor":{"name":"Y"}}]},` +
				`{"affected":1,"rows":[{"stars":8,"book":{"title":"T"}}]},{"affected":1,"rows":[{"year":2000,"author":{"name":"Y"}}]},{"affected":1,"rows":[{"stars":8}]}]}`,
		},
		{
			"upserts", ann,
			`{"op":"upsert","table":"books","rows":[{"isbn":"1","title":"One"}],"onConflict":"isbn","as":"b","return":true,"select":"id,title"},
			 {"op":"insert","table":"reviews","rows":[{"book":{"$key":"b"},"stars":9}],"return":true,"select":"book"},
			 {"op":"upsert","table":"books","rows":[{"id":2,"title":"Two"}],"ignoreDuplicates":true,"return":true}`,
			`{"results":[{"affected":1,"rows":[{"id":1,"title":"One"}]},{"affected":1,"rows":[{"book":1}]},{"affected":0,"rows":[]}]}`,
		},
		{"nothing to do", ann, `{"op":"update","table":"books","where":"and=(id.eq.1,id.eq.1)&title=in.()","set":{"title":"x"}},{"op":"insert","table":"books","rows":[]}`, `{"results":[{"affected":0},{"affected":0}]}`},
		{"all or nothing", ann, `{"op":"insert","table":"authors","rows":{"name":"X"}},{"op":"insert","table":"books","rows":{"title":"banned","isbn":"1"}}`, `23505 duplicate key value violates unique constraint "books_isbn_key" | write 1`},
		{"a rule", ann, `{"op":"update","table":"books","key":1,"set":{"title":"fine"}},{"op":"update","table":"books","key":2,"set":{"title":"banned"}}`, denied + `books" | write 1`},
		{"a column", ann, `{"op":"update","table":"books","key":1,"set":{"shelf":"z"}}`, `428C9 column "shelf" can only be updated to DEFAULT | write 0`},
		{"hidden rows are not touched", ann, `{"op":"update","table":"books","key":3,"set":{"title":"x"}},{"op":"delete","table":"books","where":"id=eq.3"}`, `{"results":[{"affected":0},{"affected":0}]}`},
		{"single", ann, `{"op":"delete","table":"reviews","key":1},{"op":"update","table":"books","key":3,"set":{"title":"x"},"single":true}`, notOne + " | write 1: The result contains 0 rows"},
		{"atMost", ann, `{"op":"update","table":"books","where":"id=gt.0","set":{"year":1},"atMost":2}`, "PGRST124 Query result exceeds max-affected preference constraint | write 0: The query affects 4 rows"},
		{"without a filter", ann, `{"op":"delete","table":"books"}`, "21000 DELETE requires a WHERE clause | write 0"},
		{"without a filter by the service role", service, `{"op":"delete","table":"reviews"}`, `{"results":[{"affected":4}]}`},
		{"a key of a later write", ann, `{"op":"insert","table":"books","rows":{"title":"T","author":{"$key":"a"}}},{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"}`, `bad-batch no earlier write is called "a" | write 0`},
		{"a key of another table", ann, `{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"},{"op":"insert","table":"reviews","rows":{"book":{"$key":"a"}}}`, `bad-batch column "book" does not hold keys of table "authors" | write 1`},
		{"a row that is not there", ann, `{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"},{"op":"insert","table":"books","rows":{"title":"T","author":{"$key":"a.1"}}}`, `bad-batch write "a" has 1 rows, so there is no "a.1" | write 1`},
		{"a key in a plain column", ann, `{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"},{"op":"insert","table":"books","rows":{"title":"T","year":{"$key":"a"}}}`, `22P02 invalid input syntax for type bigint: "{"$key":"a"}" | write 1`},
		{"the same name twice", ann, `{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"},{"op":"insert","table":"authors","rows":{"name":"X"},"as":"a"}`, `bad-batch another write is called "a" | write 1`},
		{"names of what may be passed over", ann, `{"op":"upsert","table":"authors","rows":{"id":1,"name":"X"},"as":"a","ignoreDuplicates":true}`, `bad-batch a write that may pass over its rows has no keys to name | write 0`},
		{"an unknown operation", ann, `{"op":"drop","table":"authors"}`, `bad-batch "drop" is no operation | write 0`},
		{"an unknown table", ann, `{"op":"delete","table":"nope","where":"id=eq.1"}`, "PGRST205 Could not find the table 'public.nope' in the schema cache | write 0"},
		{"an unknown member", ann, `{"op":"delete","table":"books","were":"id=eq.1"}`, `bad-batch the member at "/writes/0/were" is unknown or of another type | `},
		{"what does not belong", ann, `{"op":"insert","table":"books","rows":{"title":"x"},"where":"id=eq.1"}`, `bad-batch an insert has no where, key, set, ifMatch or atMost | write 0`},
		{"an empty set", ann, `{"op":"update","table":"books","key":1,"set":{}}`, `bad-batch set is empty | write 0`},
		{"no set", ann, `{"op":"update","table":"books","key":1}`, badBody + ` | write 0`},
		{"order", ann, `{"op":"delete","table":"books","where":"id=eq.1&limit=1"}`, `PGRST100 limit, offset and order do not narrow a write | write 0`},
		{"nobody", nobody, `{"op":"insert","table":"authors","rows":{"name":"X"}}`, denied + `authors" | write 0`},
		{"granted to nobody", ann, `{"op":"insert","table":"vault","rows":{"book":1}}`, `42501 permission denied for table vault | write 0`},
		{"a representation of what is hidden", ann, `{"op":"insert","table":"books","rows":{"title":"x","hidden":true},"return":true}`, denied + `books" | write 0`},
		{"no writes", ann, ``, `bad-batch a batch has at least one write | `},
		{"ifMatch of anything", ann, `{"op":"delete","table":"books","key":1,"ifMatch":"*"}`, `bad-batch ifMatch is the ETag of a row | write 0`},
		{"ifMatch that moved", ann, `{"op":"insert","table":"authors","rows":{"name":"X"}},{"op":"delete","table":"books","key":1,"ifMatch":"\"99-x\""}`, `precondition-failed the row is not as If-Match says | write 1`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := shelved(t)
			state := func() string {
				return b.read(t, service, "authors", "") + b.read(t, service, "books", "") + b.read(t, service, "reviews", "")
			}
			before := state()
			got := b.batch(t, tt.caller, `{"writes":[`+tt.writes+`]}`)
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if !strings.HasPrefix(got, "{") && state() != before {
				t.Error("a batch that failed left something")
			}
		})
	}
}

func TestBatchBounds(t *testing.T) {
	b := shelved(t)
	one := `{"op":"insert","table":"authors","rows":{"name":"X"}}`
	if got := b.batch(t, ann, `{"writes":[`+strings.Repeat(one+",", 100)+one+`]}`); got != "bad-batch a batch has at most 100 writes | " {
		t.Error(got)
	}
	rows := `{"op":"insert","table":"authors","rows":[{"name":"X"}` + strings.Repeat(`,{"name":"X"}`, 500) + `]}`
	if got := b.batch(t, ann, `{"writes":[`+rows+","+rows+`]}`); got != "bad-batch the writes of a batch insert at most 1000 rows together | write 1" {
		t.Error(got)
	}
	for _, body := range []string{``, `[]`, `{"writes":{}}`, `{"writes":[1]}`, `{"writes":[` + one + `]}x`, `{"writes":[` + one + `],"writes":[]}`} {
		if got := b.batch(t, ann, body); !strings.HasPrefix(got, "bad-batch ") && !strings.HasPrefix(got, badBody) {
			t.Errorf("%s: %s", body, got)
		}
	}
}

func TestMatch(t *testing.T) {
	b := shelved(t)
	tag := func() string {
		return b.answer(t, ann, data.Read{Table: "books", Key: "1", HasKey: true, Single: true}, "").ETag
	}
	first := tag()
	send := func(op write, key, url, body string, tags ...string) string {
		w := data.Write{Table: "books", Key: key, HasKey: key != "", Single: key != "", Body: []byte(body), Match: data.ParseMatch(tags), Representation: true}
		return b.do(t, op, ann, w, url+"&select=id,title")
	}
	const moved = "precondition-failed the row is not as If-Match says"
	for i, tt := range []struct{ got, want string }{
		{send(update, "1", "", `{"title":"A"}`, first), `{"id":1,"title":"A"}`},
		{send(update, "1", "", `{"title":"B"}`, first), moved},
		{send(update, "1", "", `{"title":"B"}`, "W/"+tag()), moved},
		{send(update, "1", "", `{"title":"B"}`, `"other"`), moved},
		{send(update, "1", "", `{"title":"B"}`, first+", "+tag()), `{"id":1,"title":"B"}`},
		{send(update, "1", "", `{}`, first), moved},
		{send(update, "1", "", `{}`, tag()), `{"id":1,"title":"B"}`},
		{send(update, "", "id=eq.1", `{"title":"C"}`, tag()), `[{"id":1,"title":"C"}]`},
		{send(update, "", "id=in.(1,2)", `{"title":"D"}`, tag()), moved},
		{send(update, "3", "", `{"title":"x"}`, "*"), moved},  // hidden
		{send(update, "99", "", `{"title":"x"}`, "*"), moved}, // absent
		{send(remove, "3", "", "", tag()), moved},
		{send(remove, "99", "", "", tag()), moved},
		{send(remove, "1", "", "", first), moved},
		{send(update, "1", "", `{"title":"E"}`, "*"), `{"id":1,"title":"E"}`},
		{send(remove, "2", "", "", tag()), moved},
		{send(remove, "1", "", "", tag()), `{"id":1,"title":"E"}`},
	} {
		if tt.got != tt.want {
			t.Errorf("step %d: got %s, want %s", i, tt.got, tt.want)
		}
	}
}

func TestOnce(t *testing.T) {
	b := shelved(t)
	send := func(caller *auth.Caller, once data.Once, rollback bool) string {
		w := data.Write{Table: "authors", Body: []byte(`{"name":"X"}`), Representation: true, Once: &once, Rollback: rollback}
		w.Request = b.request(t, service, "authors", "select=id")
		out, err := b.Insert(t.Context(), caller, w)
		if err != nil {
			return code(t, err)
		}
		return fmt.Sprintf("%s %v", out.Body, out.Replayed)
	}
	one, other := data.Once{Key: "k", Client: "c"}, data.Once{Key: "k", Client: "c", Request: [32]byte{1}}
	for i, tt := range []struct{ got, want string }{
		{send(ann, one, false), `[{"id":4}] false`},
		{send(ann, one, false), `[{"id":4}] true`},
		{send(ann, other, false), "idempotency-key-reused this Idempotency-Key was another request's"},
		{send(bob, one, false), `[{"id":5}] false`},
		{send(service, one, false), `[{"id":6}] false`},
		{send(service, data.Once{Key: "k", Client: "elsewhere"}, false), `[{"id":6}] true`},
		{send(ann, data.Once{Key: "r"}, true), `[{"id":7}] false`},
		{send(ann, data.Once{Key: "r"}, false), `[{"id":7}] false`},
		{send(ann, data.Once{Key: ""}, false), "bad-idempotency-key an Idempotency-Key has 1 to 255 printable ASCII characters"},
		{send(ann, data.Once{Key: strings.Repeat("k", 256)}, false), "bad-idempotency-key an Idempotency-Key has 1 to 255 printable ASCII characters"},
		{send(ann, data.Once{Key: "a\nb"}, false), "bad-idempotency-key an Idempotency-Key has 1 to 255 printable ASCII characters"},
	} {
		if tt.got != tt.want {
			t.Errorf("step %d: got %s, want %s", i, tt.got, tt.want)
		}
	}
	if got := b.read(t, service, "authors", "select=count()"); got != `[{"count":7}]` {
		t.Errorf("at the end: %s", got)
	}
	batch := data.Batch{Body: []byte(`{"writes":[{"op":"insert","table":"authors","rows":{"name":"B"},"return":true,"select":"id,books!author(count)"}]}`), Once: &data.Once{Key: "b"}}
	for i := range 2 {
		done, err := b.Batch(t.Context(), ann, batch)
		if err != nil || string(done.Body) != `{"results":[{"affected":1,"rows":[{"id":8,"books":[{"count":0}]}]}]}` || done.Replayed != (i == 1) {
			t.Errorf("batch %d: %s %v, %v", i, done.Body, done.Replayed, err)
		}
	}
}

func TestOnceOfNobodyStaysInItsNetwork(t *testing.T) {
	b := open(t, shop())
	send := func(client string) string {
		w := data.Write{Table: "counters", Body: []byte(`{"n":1}`), Representation: true, Once: &data.Once{Key: "k", Client: client}}
		out, err := b.Insert(t.Context(), nobody, w)
		if err != nil {
			return code(t, err)
		}
		return fmt.Sprintf("%s %v", out.Body, out.Replayed)
	}
	if a, again, other := send("1.2.3.4"), send("1.2.3.4"), send("5.6.7.8"); a != `[{"id":1,"n":1}] false` || again != `[{"id":1,"n":1}] true` || other != `[{"id":2,"n":1}] false` {
		t.Errorf("%s, %s, %s", a, again, other)
	}
}
