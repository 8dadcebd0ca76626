package clienttypes_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/clienttypes"
)

const queriesManifest = `manifest: 1
tables: top: {columns: {book: type: "text", price: {type: "decimal", scale: 2}}, access: read: true}
queries: {
	top: {
		as: "service", reads: ["top"], returns: {book: {type: "ref", table: "top"}, total: {type: "decimal", scale: 2}, tags: {type: "list", of: "text"}}
		params: {since: {type: "timestamp", required: true}, most: {type: "int", default: 5}}
		sql: "SELECT id AS book, price AS total, '[]' AS tags FROM top WHERE :since > 0 LIMIT :most"
	}
	number: {as: "service", reads: [], returns: value: type: "int", sql: "SELECT 1 AS value"}
	silent: {as: "service", reads: [], returns: "nothing", sql: "SELECT 1"}
}
`

func TestQueries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edgehive.cue")
	if err := os.WriteFile(path, []byte(queriesManifest), 0o600); err != nil {
		t.Fatal(err)
	}
	m, rules := checked(t, path)
	script, err := clienttypes.TypeScript(m, rules)
	if err != nil {
		t.Fatal(err)
	}
	const functions = `    Functions: {
      top: {
        Args: {
          since: string
          most?: number | null
        }
        Returns: {
          book: string | null
          total: number | null
          tags: string[] | null
        }[]
      }
      number: {
        Args: never
        Returns: number | null
      }
      silent: {
        Args: never
        Returns: undefined
      }
    }
`
	if !strings.Contains(string(script), functions) {
		t.Errorf("TypeScript:\n%s", script)
	}
	text, err := clienttypes.Go(m, rules, "backend")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.ParseFile(token.NewFileSet(), "types.go", text, 0); err != nil {
		t.Error(err)
	}
	squeezed := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		"type TopArgs struct { Since time.Time `json:\"since\"` Most *int64 `json:\"most,omitzero\"` }",
		"type TopResult struct { Book *string `json:\"book\"` Total *json.Number `json:\"total\"` Tags []string `json:\"tags\"` }",
		"type NumberResult = *int64",
	} {
		if !strings.Contains(squeezed, want) {
			t.Errorf("Go has no %s:\n%s", want, text)
		}
	}
}
