package surreal

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/query"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/wire"
)

// TestLowerOfEveryRune holds lower against strings.ToLower for every character.
func TestLowerOfEveryRune(t *testing.T) {
	client := dialFunctions(t)
	var b strings.Builder
	for r := rune(1); r <= unicode.MaxRune; r++ {
		if (r < firstSurrogate || r > lastSurrogate) && (unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r) || unicode.IsSymbol(r)) {
			b.WriteRune(r)
		}
	}
	c := compiler{}
	c.text("RETURN fn::eh_lower(")
	c.value(query.Text(b.String()), query.Type{Kind: query.KindText}, "")
	c.text(")")
	answers, err := client.Query(t.Context(), string(c.buf), c.vars())
	if err != nil {
		t.Fatal(err)
	}
	got, want := []rune(string(wire.NewReader(answers[0]).String())), []rune(strings.ToLower(b.String()))
	if len(got) != len(want) {
		t.Fatalf("%d characters, not %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%U becomes %U, not %U", []rune(b.String())[i], got[i], want[i])
		}
	}
}

// TestExpressionsStay shows that what is written for the server means to Go what
// the pattern meant.
func TestExpressionsStay(t *testing.T) {
	for _, pattern := range append([]string{"", "a|", `(?i)K+[^s]`, `^a{2,5}$`, `[\x{D000}-\x{FFFF}]`}, oddRegulars...) {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		appendExpression(&b, parsed.Simplify())
		written := strings.NewReplacer(`(?-u:\b)`, `\b`, `(?-u:\B)`, `\B`, `[a&&b]`, `[^\x00-\x{10FFFF}]`).Replace(b.String())
		again, err := regexp.Compile(written)
		if err != nil {
			t.Errorf("%s is written as %s: %v", pattern, written, err)
			continue
		}
		for _, text := range append([]string{"aaa", "\u212a", "S", "ſ", "x\ny", "a.b", "αβ", "\ue000"}, oddTexts...) {
			if got, want := again.MatchString(text), regexp.MustCompile(pattern).MatchString(text); got != want {
				t.Errorf("%s is written as %s: matches %q %t, not %t", pattern, written, text, got, want)
			}
		}
	}
}

// TestTooLarge shows the faults of what the server cannot take.
func TestTooLarge(t *testing.T) {
	client := dialFunctions(t)
	c := compiler{}
	c.matches(query.NewLiteral(query.Text("a")), `(?:\pL{500}){20}`, true)
	for code, text := range map[string]string{
		query.CodePattern: fmt.Sprintf("RETURN %s", c.buf),
		codeTooComplex:    "RETURN " + strings.Repeat("(", 50) + "1" + strings.Repeat(")", 50),
	} {
		_, err := client.Query(t.Context(), text, c.vars())
		own := new(fault.Fault)
		if !errors.As(requestError(t.Context(), err), &own) || own.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}
