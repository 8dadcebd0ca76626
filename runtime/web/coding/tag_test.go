package coding_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/web/coding"
)

func TestTags(t *testing.T) {
	for tag, want := range map[string]string{`"abc"`: `"abc~br"`, `W/"abc"`: `W/"abc"`, `"a~b"`: `"a~b~br"`, `abc`: `abc`, ``: ``, `"`: `"`} {
		if got := coding.Tag(tag, "br"); got != want {
			t.Errorf("%s in br is %s, want %s", tag, got, want)
		}
	}
	for _, c := range []struct {
		name, accepts string
		match, none   []string // as they come
		wantMatch     []string
		wantNone      []string
		known         bool
	}{
		{"no tags", "br", nil, nil, nil, nil, false},
		{"plain tags", "br", []string{`"a"`}, []string{`"a"`}, []string{`"a"`}, []string{`"a"`}, false},
		{"in a coding that is taken", "br", nil, []string{`"x", W/"a~br"`}, nil, []string{`"x",W/"a"`}, true},
		{"in one that is not", "gzip", nil, []string{`"a~br"`}, nil, []string{`"a~br"`}, true},
		{"of a write, in any", "", []string{`"a~zstd"`}, nil, []string{`"a"`}, nil, false},
		{"in none of ours", "br", nil, []string{`"a~lzma"`}, nil, []string{`"a~lzma"`}, true},
	} {
		header := http.Header{"Accept-Encoding": {c.accepts}}
		if c.match != nil {
			header["If-Match"] = c.match
		}
		if c.none != nil {
			header["If-None-Match"] = c.none
		}
		known := coding.PlainTags(header)
		if !slices.Equal(header["If-Match"], c.wantMatch) || !slices.Equal(header["If-None-Match"], c.wantNone) {
			t.Errorf("%s: If-Match %q, If-None-Match %q", c.name, header["If-Match"], header["If-None-Match"])
		}
		if (known != nil) != c.known || known != nil && !slices.Equal(known, c.none) {
			t.Errorf("%s: known %q", c.name, known)
		}
	}
	for _, c := range []struct{ known, tag, accepts, want string }{
		{`"a~br"`, `"a"`, "br", `"a~br"`},
		{`W/"a~br"`, `"a"`, "br", `"a~br"`},
		{`"a~br", "a"`, `"a"`, "br", ""},
		{`"a~br"`, `"a"`, "gzip", ""},
		{`"a~br", "a~gzip"`, `"a"`, "gzip", `"a~gzip"`},
		{`"b~br"`, `"a"`, "br", ""},
	} {
		if got := coding.ConfirmedTag([]string{c.known}, c.tag, []string{c.accepts}); got != c.want {
			t.Errorf("who has %s and takes %s calls %s %q, want %q", c.known, c.accepts, c.tag, got, c.want)
		}
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		contentType, name, value string
		want                     bool
	}{
		{"text/html; charset=utf-8", "", "", true},
		{"Application/JSON", "", "", true},
		{"application/problem+json", "", "", true},
		{"image/svg+xml", "", "", true},
		{"image/png", "", "", false},
		{"text/event-stream", "", "", false},
		{"application/octet-stream", "", "", false},
		{"text/plain", "Cache-Control", "public, No-Transform", false},
		{"text/plain", "Cache-Control", "public, x-no-transform", true},
		{"text/plain", "Content-Encoding", "identity", false},
		{"text/plain", "Repr-Digest", "sha-256=:a:", false},
	} {
		header := http.Header{"Content-Type": {c.contentType}}
		if c.name != "" {
			header.Set(c.name, c.value)
		}
		if got := coding.Fits(header); got != c.want {
			t.Errorf("%s, %s %s: %v", c.contentType, c.name, c.value, got)
		}
	}
	if coding.Fits(http.Header{}) || coding.Fits(http.Header{"Content-Type": {"text/plain", "text/html"}}) {
		t.Error("what has no one type fits")
	}
}
