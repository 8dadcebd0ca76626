package data_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/data"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// TestExpire proves that rows leave when they are too old, the oldest first and
// a bounded number at once, and that a row without a time stays.
func TestExpire(t *testing.T) {
	visits := manifest.Table{
		Name: "visits", Key: manifest.Key{Type: "int"}, Quiet: true,
		Columns:   []manifest.Column{{Name: "at", Type: "timestamp"}},
		Retention: &manifest.Retention{Column: "at", Keep: 24 * time.Hour},
	}
	days := manifest.Table{
		Name: "days", Key: manifest.Key{Type: "text"},
		Columns:   []manifest.Column{{Name: "day", Type: "date"}},
		Retention: &manifest.Retention{Column: "day", Keep: 24 * time.Hour},
	}
	b := open(t, &manifest.Manifest{Tables: []manifest.Table{visits, days, {Name: "rest", Key: manifest.Key{Type: "int"}}}})
	if got := fmt.Sprint(b.Expiring()); got != "[visits days]" {
		t.Fatalf("the tables with a retention are %s", got)
	}
	rows := []string{`{"id":1,"at":null}`, `{"id":2,"at":"2026-02-28T12:30:00Z"}`, `{"id":3,"at":"2026-02-28T12:29:59.999999Z"}`}
	for i := range 700 {
		rows = append(rows, fmt.Sprintf(`{"id":%d,"at":"2026-01-01T00:00:00Z"}`, 10+i))
	}
	b.put(t, "visits", "["+strings.Join(rows, ",")+"]")
	b.put(t, "days", `[{"id":"old","day":"2026-02-27"},{"id":"edge","day":"2026-02-28"},{"id":"none","day":null}]`)

	for _, want := range []struct {
		n    int
		more bool
	}{{500, true}, {201, false}, {0, false}} {
		if n, more, err := b.Expire(t.Context(), "visits"); n != want.n || more != want.more || err != nil {
			t.Fatalf("expired %d, more %t, %v; want %+v", n, more, err, want)
		}
	}
	if got := b.read(t, service, "visits", "select=id&order=id"); got != `[{"id":1},{"id":2}]` {
		t.Errorf("left are %s", got)
	}
	if n, _, err := b.Expire(t.Context(), "days"); n != 1 || err != nil {
		t.Errorf("expired %d, %v", n, err)
	}
	if got := b.read(t, service, "days", "select=id&order=id"); got != `[{"id":"edge"},{"id":"none"}]` {
		t.Errorf("left are %s", got)
	}
	if n, more, err := b.Expire(t.Context(), "rest"); n != 0 || more || err != nil {
		t.Errorf("a table without a retention lost %d rows, %v", n, err)
	}
}

// TestEdge proves that an edge joins a pair once.
func TestEdge(t *testing.T) {
	named := func(name string) manifest.Table {
		return manifest.Table{Name: name, Key: manifest.Key{Type: "text"}, Access: manifest.Access{Read: always()}}
	}
	ends := []manifest.Column{{Name: "author", Type: "ref", Table: "authors", Required: true}, {Name: "book", Type: "ref", Table: "books", Required: true}}
	edge := func(name string, unique bool) manifest.Table {
		return manifest.Table{
			Name: name, Key: manifest.Key{Type: "int"}, Columns: ends,
			Edge: &manifest.Edge{From: "author", To: "book", Unique: unique},
		}
	}
	b := open(t, &manifest.Manifest{Tables: []manifest.Table{named("authors"), named("books"), edge("wrote", true), edge("read", false)}})
	b.put(t, "authors", `{"id":"a"}`)
	b.put(t, "books", `{"id":"b"}`)
	b.put(t, "wrote", `{"author":"a","book":"b"}`)
	b.put(t, "read", `[{"author":"a","book":"b"},{"author":"a","book":"b"}]`)
	if got := b.insertCode(t, service, "wrote", `{"author":"a","book":"b"}`); !strings.HasPrefix(got, `23505 duplicate key value violates unique constraint "wrote_author_book_key"`) {
		t.Errorf("a second edge: %s", got)
	}
}

func (b *backend) insertCode(t *testing.T, caller *auth.Caller, table, body string) string {
	t.Helper()
	_, err := b.Insert(t.Context(), caller, data.Write{Table: table, Body: []byte(body)})
	if err == nil {
		return ""
	}
	return code(t, err)
}
