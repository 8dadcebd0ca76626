package surreal

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// TestApartWithoutRows asks conditions about no row that are written apart, in each
// kind of statement that asks such: the server must know that they need the database.
func TestApartWithoutRows(t *testing.T) {
	client := dialFunctions(t)
	table := posts()
	views := &query.Compare{Op: query.Greater, Left: table.Ref(table.Column("views")), Right: query.NewLiteral(query.Int(5))}
	if _, err := client.Query(t.Context(), "DEFINE TABLE posts SCHEMALESS; CREATE posts:1 SET views = 7 RETURN NONE", nil); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"RETURN [%]", "IF % { true } ELSE { false }", "BEGIN; RETURN [%]; COMMIT", "SELECT VALUE % FROM ONLY {}"} {
		for want, condition := range map[bool]query.Expr{
			true:  &query.Exists{Table: table, Where: views},
			false: &query.Exists{Table: table, Where: &query.Not{Term: views}},
		} {
			c := compiler{schema: query.NewSchema([]*query.Table{table}), nested: nesting{level: deepest, base: deepest}}
			c.isTrue(condition)
			front, asked, _ := strings.Cut(c.statements(), "; ")
			if asked == "" {
				t.Fatalf("nothing is apart: %s", front)
			}
			text := front + "; " + strings.Replace(statement, "%", asked, 1)
			answers, err := client.Query(t.Context(), text, c.vars())
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			r := wire.NewReader(answers[len(answers)-1])
			if strings.HasPrefix(statement, "BEGIN") {
				r = wire.NewReader(answers[len(answers)-2])
			}
			if r.Kind() == wire.Array {
				r.Array()
			}
			if got := r.Bool(); got != want || r.Err() != nil {
				t.Errorf("%s: %t, not %t (%v)", text, got, want, r.Err())
			}
		}
	}
}
