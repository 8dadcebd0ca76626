package access_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/query"
)

// FuzzCompile compiles any text as a rule, after's rule and macro: it must end
// in a tree that binds and evaluates, or in faults that stand within the text
// and speak our words.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"owner == auth.uid", "staff() && mine(owner)", "status in ['open', 'paid'] ? sold : !sold", "meta.a[0]['b'].in == 'x'",
		"title.matches('^a') || 'a' in tags", "old.pages < pages", "price * 2 >= 9.99", "tables.x.exists(m, m.a == 1)", "tables.books.exists(b, b.title == title && mine(b.owner))", "owner.id == auth.uid", "tables.users.exists(u, u.id == x)",
		"tables.books.exists(b, tables.users.exists(u, u.id == b.owner.id && old.pages == b.pages))", "old.owner.id == 'x'", "a(", "'", "row.true",
		"size(title) > 1 // c", "1u", "b'x'", "{}", "[1]", "x.?y", "`a`", "has(meta.a)", "either(mine(owner), oneOf(status, ['open']))", "\"\\d\"",
		"null == null", "-(-1) == 1", "at > '2026-01-01'", ".title == 'a'", "a.b{c: 1}", "5 in [5]", "auth['uid'] == owner", "é == 1",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		m := library()
		m.Rules = append(m.Rules, manifest.Rule{Name: "fuzzed", Params: []string{"x"}, Text: text, Path: `rules."fuzzed(x)"`})
		books := m.Table("books")
		books.Access.Read = rule(text)
		books.Access.UpdateBefore = rule("fuzzed(owner)")
		books.Access.UpdateAfter = manifest.Condition{Declared: true, Text: text, Path: "tables.books.access.update.after"}
		content := place(t, m, dir, text)
		compiled, faults := compile(t, m)
		for _, problem := range faults {
			checkFault(t, problem, content)
		}
		if compiled == nil {
			return
		}
		table := compiled.Tables["books"]
		row := make(query.Row, len(table.Table.Columns))
		for _, e := range []query.Expr{table.Read, table.UpdateBefore, table.UpdateAfter} {
			query.Holds(query.Bind(e, ann), row, row)
			query.Holds(query.Bind(e, nobody), row, row)
		}
	})
}

// place writes the text as a CUE string into a file and lets the manifest's
// paths point at it.
func place(t *testing.T, m *manifest.Manifest, dir, text string) []byte {
	t.Helper()
	if !utf8.ValidString(text) {
		return nil
	}
	literal, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	content := append([]byte("rule: "), literal...)
	file := filepath.Join(dir, "edgehive.cue")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	m.Positions = manifest.Positions{"": {File: file, Line: 1, Column: 1}}
	return content
}

func checkFault(t *testing.T, f *fault.Fault, content []byte) {
	t.Helper()
	if f.Code == "" || f.Message == "" || strings.Contains(f.Message, "ERROR:") || strings.Contains(f.Message, "Syntax error") {
		t.Errorf("bad fault: %v", f)
	}
	if content == nil {
		return
	}
	if len(f.Positions) == 0 || f.Positions[0].Line != 1 || f.Positions[0].Column < 1 || f.Positions[0].Column > len(bytes.TrimSpace(content))+1 {
		t.Errorf("bad place: %v in %s", f, content)
	}
}
