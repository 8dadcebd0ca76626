package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// TestDiffIsWhole holds that the lines that stay and go are the old file, and
// those that stay and come the new one, in hunks whose places are right.
func TestDiffIsWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{"a", "b", "c", ""})
		before := rapid.SliceOfN(line, 1, 30).Draw(t, "before")
		after := rapid.SliceOfN(line, 1, 30).Draw(t, "after")
		var olds, news []string
		for _, e := range diffLines(before, after) {
			if e.kind != '+' {
				olds = append(olds, e.text)
			}
			if e.kind != '-' {
				news = append(news, e.text)
			}
		}
		if !slices.Equal(olds, before) || !slices.Equal(news, after) {
			t.Fatalf("old %q new %q", olds, news)
		}
		patched, err := patch(before, unifiedDiff("f", strings.Join(before, "\n")+"\n", strings.Join(after, "\n")+"\n"))
		if err != nil || !slices.Equal(patched, after) {
			t.Fatalf("patched %q, %v", patched, err)
		}
	})
}

// patch applies a unified diff as patch(1) would, and trusts its places.
func patch(lines []string, diff string) ([]string, error) {
	var out []string
	at := 0
	for _, line := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n")[2:] {
		if strings.HasPrefix(line, "@@") {
			var oldLine, olds, newLine, news int
			if _, err := fmt.Sscanf(line, "@@ -%d,%d +%d,%d @@", &oldLine, &olds, &newLine, &news); err != nil {
				return nil, err
			}
			out = append(out, lines[at:oldLine-1]...)
			at = oldLine - 1
			if newLine != len(out)+1 {
				return nil, fmt.Errorf("%s, but the new file is at line %d", line, len(out)+1)
			}
			continue
		}
		if line[0] != '+' {
			if lines[at] != line[1:] {
				return nil, fmt.Errorf("line %d is %q, want %q", at+1, lines[at], line[1:])
			}
			at++
		}
		if line[0] != '-' {
			out = append(out, line[1:])
		}
	}
	return append(out, lines[at:]...), nil
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"http://127.0.0.1:8080/api": "http://127.0.0.1:8080/api", "a b": "'a b'", "": "''", "it's": `'it'\''s'`, "a?b&c": "'a?b&c'", "$x": "'$x'",
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q became %s, want %s", in, got, want)
		}
	}
}

func TestSampleRow(t *testing.T) {
	for _, c := range []struct {
		table manifest.Table
		want  string // "" for none
	}{
		{manifest.Table{Name: "t"}, "{}"},
		{manifest.Table{Name: "users"}, `{"email": "ann@example.com"}`},
		{manifest.Table{Name: "t", Key: manifest.Key{Type: "text"}}, `{"id": "first"}`},
		{manifest.Table{Name: "t", Columns: []manifest.Column{
			{Name: "a", Type: "text", Required: true},
			{Name: "b", Type: "int", Min: "7", Required: true},
			{Name: "c", Type: "bool", Required: true, Default: &manifest.Default{JSON: "true"}},
			{Name: "d", Type: "text", Required: true, Enum: []string{"x"}},
			{Name: "e", Type: "date"},
			{Name: "f", Type: "uuid", Required: true, Auto: &manifest.Auto{Create: "uuid()"}},
		}}, `{"a": "hello", "b": 7, "d": "x"}`},
		{manifest.Table{Name: "t", Columns: []manifest.Column{{Name: "a", Type: "ref", Required: true}}}, ""},
		{manifest.Table{Name: "t", Columns: []manifest.Column{{Name: "a", Type: "text", Pattern: "^x$", Required: true}}}, ""},
		{manifest.Table{Name: "t", Columns: []manifest.Column{{Name: "a", Type: "text", Min: "10", Required: true}}}, ""},
	} {
		got, ok := sampleRow(&c.table)
		if ok != (c.want != "") || ok && got != c.want {
			t.Errorf("%+v: %s %v, want %s", c.table, got, ok, c.want)
		}
	}
}
