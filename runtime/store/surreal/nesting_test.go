package surreal

import "testing"

// TestNesting counts levels as the server's parser does: one for each bracket, and
// one for what stands in a statement.
func TestNesting(t *testing.T) {
	for text, want := range map[string]int{
		"":                           0,
		"SELECT a, ":                 1,
		"SELECT a FROM b WHERE (":    2,
		"SELECT a FROM b WHERE (c) ": 1,
		"RETURN [a, (SELECT (":       5,
		"{ LET $x = `a`; SELECT ":    2,
		"{ LET $x = ":                2,
		"x[":                         1,
		"(IF a { true } ELSE IF ":    2,
		"(IF a { ":                   2,
		"(IF a IN { ":                3,
		"(IF a = NONE { IF ":         3,
		"(IF a OR { ":                3,
		"(IF { ":                     3,
		"SELECT a FROM b WHERE { ":   2,
		"SELECT VALUE { ":            2,
		"(IF 1 { ":                   2,
		"(IF { a } != [] { ":         2,
		"SELECT `(` FROM ":           1,
		`SELECT ")" + '\'(' FROM `:   1,
		"SELECT $p0_IF, a_LET FROM ": 1,
		"SELECT a; (":                1,
		"fn::eh_at(fn::eh_at($p0, ":  2,
	} {
		var n nesting
		if got := n.in([]byte(text)); got != want {
			t.Errorf("%s: level %d, not %d", text, got, want)
		}
		var halves nesting
		halves.in([]byte(text)[:0])
		if got := halves.in([]byte(text)); got != want {
			t.Errorf("%s, read on: level %d, not %d", text, got, want)
		}
	}
}
