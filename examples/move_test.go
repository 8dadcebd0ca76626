package examples_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// TestMoveBookshop moves the shop from SQLite to SurrealDB and back, and works
// with it there.
func TestMoveBookshop(t *testing.T) {
	shop := func() *backend.Backend { return backend.Copy(t, backend.Root(t), "edgehive.cue", "examples/bookshop") }
	b := shop()
	b.Serve(t)
	ann := b.User(t, "ann@example.com", `{"role":"staff"}`)
	annID := b.Do(t, "GET", "/api/data/users?select=id", ann, "").Rows(t)[0]["id"].(string)
	for _, write := range []struct{ path, body string }{
		{"/api/data/orders", `[{"book":3,"quantity":1},{"book":4,"quantity":2}]`},
		{"/api/data/profiles", `{"id":"` + annID + `","nickname":"\"Zoë\",\n\tannex"}`},
		{"/api/data/books", `{"id":1201,"title":"Ünicode \u0001 Rivers","price":9007199254740993.25,"cost":0.10,"meta":{"z":[1,{"a":null}],"a":1.5},"tags":[]}`},
	} {
		if a := b.Do(t, "POST", write.path, ann, write.body); a.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", write.path, a.Status, a.Body)
		}
	}
	was := asks(t, b)
	there, back := shop(), shop()
	t.Setenv("SURREAL_PASS", "root")
	t.Setenv("EDGEHIVE_SECRET", "a secret that all nodes of this test have")
	there.Edit(t, strings.NewReplacer(`*"sqlite" | "surrealdb"`, `"sqlite" | *"surrealdb"`, there.Ports(`"ws://127.0.0.1:8000"`), `"`+surrealtest.Shared(t).URL+`"`,
		`namespace: "people"`, fmt.Sprintf(`namespace: "people%d"`, time.Now().UnixNano())).Replace)
	moved := move(t, b, there)

	there.Serve(t)
	if is := asks(t, there); !reflect.DeepEqual(was, is) {
		t.Errorf("the shop answered\n%v\nand answers\n%v", was, is)
	}
	returned := move(t, there, back)
	for _, table := range []string{"authors", "books", "orders", "profiles", "users"} {
		if a, b := rowsOf(t, moved, table), rowsOf(t, returned, table); len(a) == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("%d rows of %s went there, %d came back, and they are not the same", len(a), table, len(b))
		}
	}
	back.Serve(t)
	if is := asks(t, back); !reflect.DeepEqual(was, is) {
		t.Errorf("the shop answered\n%v\nand at home\n%v", was, is)
	}

	// What is moved is at work: live, written, found.
	there.Serve(t)
	token := there.Run(t, "token", "--user", "ann@example.com")
	events := there.Listen(t, "myOrders", token)
	if first := <-events; !strings.HasPrefix(first, "snapshot ") || strings.Count(first, `"quantity"`) != 2 {
		t.Errorf("the orders are told as %q", first)
	}
	if a := there.Do(t, "POST", "/api/data/orders", token, `{"book":1201,"quantity":9}`); a.Status != http.StatusCreated {
		t.Errorf("an order after the move: %d %s", a.Status, a.Body)
	}
	if next := <-events; !strings.HasPrefix(next, "create ") || !strings.Contains(next, `"quantity":9`) {
		t.Errorf("the order is told as %q", next)
	}
	if a := there.Do(t, "POST", "/api/data/orders", token, `{"book":3}`); a.Status != http.StatusConflict {
		t.Errorf("a second open order for one book: %d %s", a.Status, a.Body)
	}
	if a := there.Do(t, "POST", "/api/data/books", token, `{"title":"after","price":1}`); a.Status != http.StatusCreated {
		t.Errorf("a key of its own after the move: %d %s", a.Status, a.Body)
	}
}

// TestMovePeople moves a graph there and back.
func TestMovePeople(t *testing.T) {
	folder := filepath.Join(backend.Root(t), "examples", "people")
	b, there, back := backend.Copy(t, folder), backend.Copy(t, folder), backend.Copy(t, folder)
	b.Serve(t)
	ann := b.User(t, "ann@example.com", "")
	annID := b.Do(t, "GET", "/api/data/users?select=id", ann, "").Rows(t)[0]["id"].(string)
	service := b.Run(t, "keys", "--only", "service_role")
	if a := b.Do(t, "PATCH", "/api/data/people?id=eq.ann", service, `{"account":"`+annID+`"}`); a.Status != http.StatusNoContent {
		t.Fatalf("the account: %d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "DELETE", "/api/data/follows?follower=eq.ann&followed=eq.bob", ann, ""); a.Status != http.StatusNoContent {
		t.Fatalf("an edge goes: %d %s", a.Status, a.Body)
	}
	t.Setenv("SURREAL_PASS", "root")
	t.Setenv("EDGEHIVE_SECRET", "a secret that all nodes of this test have")
	there.Edit(t, strings.NewReplacer(`*"sqlite" | "surrealdb"`, `"sqlite" | *"surrealdb"`, there.Ports(`"ws://127.0.0.1:8000"`), `"`+surrealtest.Shared(t).URL+`"`,
		`namespace: "people"`, fmt.Sprintf(`namespace: "people%d"`, time.Now().UnixNano())).Replace)
	moved := move(t, b, there)
	returned := move(t, there, back)
	for _, table := range []string{"people", "follows", "users"} {
		if a, b := rowsOf(t, moved, table), rowsOf(t, returned, table); len(a) == 0 || !reflect.DeepEqual(a, b) {
			t.Errorf("the rows of %s were\n%v\nand are\n%v", table, a, b)
		}
	}
	there.Serve(t)
	token := there.Run(t, "token", "--user", "ann@example.com")
	if a := there.Do(t, "POST", "/api/data/follows", token, `{"follower":"ann","followed":"bob"}`); a.Status != http.StatusCreated {
		t.Errorf("Ann follows Bob again: %d %s", a.Status, a.Body)
	}
	if a := there.Do(t, "POST", "/api/data/follows", token, `{"follower":"ann","followed":"bob"}`); a.Status != http.StatusConflict {
		t.Errorf("and twice: %d %s", a.Status, a.Body)
	}
}

// move stops one backend and takes what it has to another that is empty, as the
// documentation says; it gives the folder of the export.
func move(t *testing.T, from, to *backend.Backend) string {
	t.Helper()
	from.Stop(t)
	export := filepath.Join(t.TempDir(), "rows")
	from.Run(t, "export", "-o", export)
	to.Run(t, "apply", "--yes", "--no-seed")
	if said := to.Run(t, "import", export); !strings.Contains(said, "the same as in the export") {
		t.Errorf("moved: %s", said)
	}
	return export
}

// asks are the answers of a shop to some questions, as values.
func asks(t *testing.T, b *backend.Backend) map[string]any {
	t.Helper()
	token := b.Run(t, "token", "--user", "ann@example.com")
	answers := map[string]any{}
	for _, path := range []string{
		"/api/data/books?select=*,author(*)&order=id&limit=300",
		"/api/data/books?id=eq.1201",
		"/api/data/books?words=wfts.rivers&select=id&order=id",
		"/api/data/authors?select=id,books(id,price)&order=name&limit=20",
		"/api/data/orders?select=*,book(title)&order=book",
		"/api/data/profiles",
		"/api/data/users",
		"/api/rpc/bestsellers?since=2020-01-01",
	} {
		a := b.Do(t, "GET", path, token, "")
		if a.Status != http.StatusOK || a.Body == "[]" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
			continue
		}
		answers[path] = decoded(t, a.Body)
	}
	return answers
}

// rowsOf are the rows of a table in an export, as values: the members of JSON
// have no order.
func rowsOf(t *testing.T, export, table string) []any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(export, table+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []any
	for line := range strings.Lines(string(raw)) {
		rows = append(rows, decoded(t, line))
	}
	return rows
}

// decoded keeps the digits of numbers.
func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}
