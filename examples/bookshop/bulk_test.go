package bookshop_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
)

// TestExportMovesTheShop takes all rows of a shop that is open into another one
// that has none: the same rows are there, of every table.
func TestExportMovesTheShop(t *testing.T) {
	b := start(t)
	ann := b.User(t, "ann@example.com", `{"role":"staff"}`)
	for _, write := range []struct{ path, body string }{
		{"/api/data/orders", `[{"book":3,"quantity":1},{"book":4,"quantity":2}]`},
		{"/api/data/profiles", `{"id":"` + b.Do(t, "GET", "/api/data/users?select=id", ann, "").Rows(t)[0]["id"].(string) + `","nickname":"\"Zoë\",\n\tannex"}`},
	} {
		if a := b.Do(t, "POST", write.path, ann, write.body); a.Status != http.StatusCreated {
			t.Fatalf("%s: %d %s", write.path, a.Status, a.Body)
		}
	}
	whole := filepath.Join(t.TempDir(), "shop.export")
	b.Run(t, "export", "-o", whole)

	other := backend.Copy(t, backend.Root(t), "edgehive.cue", "examples/bookshop")
	manifest := filepath.Join(other.Dir, "edgehive.cue")
	raw, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	// Seeds would be rows of its own.
	bare := regexp.MustCompile(`(?m)^\tseed: .*$`).ReplaceAll(raw, nil)
	if err := os.WriteFile(manifest, bare, 0o600); err != nil {
		t.Fatal(err)
	}
	other.Run(t, "apply", "--yes")
	other.Run(t, "import", whole)
	moved := filepath.Join(t.TempDir(), "moved.export")
	other.Run(t, "export", "-o", moved)
	for table, rows := range map[string]int{"authors": 0, "books": 1200, "orders": 2, "profiles": 1, "users": 1} {
		was, is := lines(t, whole, table), lines(t, moved, table)
		if was != is {
			t.Errorf("the rows of %s are not the same", table)
		}
		if n := strings.Count(was, "\n"); n == 0 || rows > 0 && n != rows {
			t.Errorf("%d rows of %s were exported", n, table)
		}
	}

	other.Serve(t)
	token := other.Run(t, "token", "--user", "ann@example.com")
	if rows := other.Do(t, "GET", "/api/data/orders?select=book,quantity&order=book", token, "").Rows(t); len(rows) != 2 || rows[1]["quantity"] != 2.0 {
		t.Errorf("Ann's orders in the other shop: %v", rows)
	}
	if rows := other.Do(t, "GET", "/api/data/profiles?select=nickname", "", "").Rows(t); len(rows) != 1 || rows[0]["nickname"] != "\"Zoë\",\n\tannex" {
		t.Errorf("the profiles of the other shop: %v", rows)
	}
	if a := other.Do(t, "GET", "/api/data/books?words=wfts.river&select=id&limit=1", "", ""); len(a.Rows(t)) != 1 {
		t.Errorf("nothing is found in the other shop: %s", a.Body)
	}
}

// lines are the rows of a table in an export.
func lines(t *testing.T, export, table string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(export, table+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
