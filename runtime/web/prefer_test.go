package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web"
)

func TestParsePrefer(t *testing.T) {
	for _, c := range []struct {
		method  string
		headers []string
		applied string
		invalid []string
	}{
		{"POST", nil, "", nil},
		{"POST", []string{"return=representation"}, "return=representation", nil},
		{"POST", []string{" return = representation ; x=y , count=exact,"}, "return=representation, count=exact", nil},
		{"POST", []string{`return="minimal"`, "missing=default"}, "return=minimal, missing=default", nil},
		{"POST", []string{"RETURN=minimal"}, "return=minimal", nil},
		{"POST", []string{"return=representation, return=minimal"}, "return=representation", nil},
		{"POST", []string{"return=everything"}, "", []string{"return=everything"}},
		{"PATCH", []string{"return=headers-only"}, "return=minimal", nil},
		{"GET", []string{"return=representation, count=estimated, handling=lenient"}, "count=exact, handling=lenient", nil},
		{"GET", []string{"handling=strict, nope"}, "handling=strict", []string{"nope"}},
		{"DELETE", []string{"tx=rollback, tx=commit"}, "tx=rollback", nil},
		{"DELETE", []string{"tx=commit"}, "tx=commit", nil},
		{"POST", []string{"resolution=ignore-duplicates, return=minimal"}, "resolution=ignore-duplicates, return=minimal", nil},
		{"PATCH", []string{"resolution=merge-duplicates"}, "", nil},
		{"GET", []string{"tx=rollback"}, "", nil},
		{"POST", []string{"resolution=other, max-affected=5"}, "", []string{"resolution=other"}},
		{"DELETE", []string{"handling=strict, max-affected=5, max-affected=6"}, "handling=strict, max-affected=5", nil},
		{"DELETE", []string{"max-affected=5"}, "", nil},
		{"DELETE", []string{"handling=strict, max-affected=-1"}, "handling=strict", []string{"max-affected=-1"}},
		{"POST", []string{",,;,="}, "", []string{"="}},
	} {
		p := web.ParsePrefer(c.method, c.headers)
		if p.Applied != c.applied || !slices.Equal(p.Invalid, c.invalid) {
			t.Errorf("%s %q: %+v", c.method, c.headers, p)
		}
	}
}

func FuzzPrefer(f *testing.F) {
	for _, seed := range []string{"return=representation,count=exact", `return="minimal";a=b`, "tx=rollback", ",,=;\"", "handling=strict, x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p := web.ParsePrefer(http.MethodPost, []string{header})
		if len(p.Invalid) > 16 {
			t.Fatalf("%d invalid", len(p.Invalid))
		}
		// What was applied reads back as itself: it is made of our own words.
		if again := web.ParsePrefer(http.MethodPost, []string{p.Applied}); again.Applied != p.Applied || len(again.Invalid) != 0 {
			t.Fatalf("%q, then %q", p.Applied, again.Applied)
		}
		if strings.ContainsAny(p.Applied, "\r\n") {
			t.Fatalf("%q", p.Applied)
		}
	})
}
