package check_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/check"
	"github.com/edge-hive/edge-hive/runtime/manifest"
	"github.com/edge-hive/edge-hive/runtime/manifest/load"
)

// small is a manifest without faults, to be broken.
const small = `manifest: 1
tables: {
	books: {
		columns: {
			title: type: "text"
			price: {type: "decimal", scale: 2}
			owner: {type: "ref", table: "users"}
			tags: {type: "list", of: "text"}
		}
		indexes: by_title: columns: ["title"]
	}
	shops: key: {type: "ref", table: "users"}
}
cache: policies: short: ttl: "5s"
rates: slow: requests: 10
channels: news: table: "books"
routes: {
	"GET /a": respond: body: "a"
	"/b": redirect: to: "/c"
}
`

func loaded(t *testing.T) *manifest.Manifest {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "edgehive.cue"), []byte(small))
	m, err := load.Load(t.Context(), load.Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBounds changes one value of a manifest without faults: to the last that
// is allowed, and to the first that is not.
func TestBounds(t *testing.T) {
	m := loaded(t)
	if _, faults := check.Check(m); len(faults) > 0 {
		t.Fatal(faults)
	}
	route, target := &m.Routes[0], m.Routes[1].Redirect
	books := m.Table("books")
	columns := func(n int) []manifest.Column {
		out := make([]manifest.Column, n)
		for i := range out {
			out[i] = manifest.Column{Name: fmt.Sprint("c", i), Type: "int", Path: fmt.Sprint("tables.books.columns.c", i)}
		}
		return out
	}
	path := func(bytes int) string { return "/" + strings.Repeat("a", bytes-1) }
	params := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "/{p%d}", i)
		}
		return b.String()
	}
	for _, test := range []struct {
		name         string
		good, broken func()
		code         string
	}{
		{"body", func() { m.Limits.Body = 1 }, func() { m.Limits.Body = 0 }, "out-of-range"},
		{"large body", func() { m.Limits.Body = 1 << 30 }, func() { m.Limits.Body = 1<<30 + 1 }, "out-of-range"},
		{"timeout", func() { m.Limits.Timeout = 10 * time.Millisecond }, func() { m.Limits.Timeout = 9 * time.Millisecond }, "out-of-range"},
		{"long timeout", func() { m.Limits.Timeout = time.Hour }, func() { m.Limits.Timeout = time.Hour + 1 }, "out-of-range"},
		{"statement", func() { m.Limits.Statement = time.Millisecond }, func() { m.Limits.Statement = 0 }, "out-of-range"},
		{"long statement", func() { m.Limits.Statement = time.Hour }, func() { m.Limits.Statement = time.Hour + 1 }, "out-of-range"},
		{"connections", func() { m.Limits.Connections = 1 }, func() { m.Limits.Connections = 0 }, "out-of-range"},
		{"many connections", func() { m.Limits.Connections = 1_000_000 }, func() { m.Limits.Connections = 1_000_001 }, "out-of-range"},
		{"connections of an address", func() { m.Limits.ConnectionsPerAddress = 1 }, func() { m.Limits.ConnectionsPerAddress = 0 }, "out-of-range"},
		{"changes kept", func() { m.Database.ChangesKeep = time.Minute }, func() { m.Database.ChangesKeep = time.Minute - 1 }, "out-of-range"},
		{"changes' size", func() { m.Database.ChangesMax = 64 << 10 }, func() { m.Database.ChangesMax = 64<<10 - 1 }, "out-of-range"},
		{"much of changes", func() { m.Database.ChangesMax = 1 << 40 }, func() { m.Database.ChangesMax = 1<<40 + 1 }, "out-of-range"},
		{"cache", func() { m.Cache.MemorySize = 64 << 10 }, func() { m.Cache.MemorySize = 64<<10 - 1 }, "out-of-range"},
		{"ttl", func() { m.Cache.Policies[0].TTL = time.Millisecond }, func() { m.Cache.Policies[0].TTL = 0 }, "out-of-range"},
		{"stale", func() { m.Cache.Policies[0].Stale = 0 }, func() { m.Cache.Policies[0].Stale = -1 }, "out-of-range"},
		{"rate", func() { m.Rates[0].Requests = 1 }, func() { m.Rates[0].Requests = 0 }, "out-of-range"},
		{"rate of a role", func() { m.Rates[0].Roles = map[string]int{"anon": 1} }, func() { m.Rates[0].Roles = map[string]int{"anon": 0} }, "out-of-range"},
		{"role of a rate", func() { m.Rates[0].Roles = map[string]int{"service_role": 5} }, func() { m.Rates[0].Roles = map[string]int{"admin": 5} }, "out-of-range"},
		{"window", func() { m.Rates[0].Window = time.Second }, func() { m.Rates[0].Window = time.Second - 1 }, "out-of-range"},
		{"long window", func() { m.Rates[0].Window = 24 * time.Hour }, func() { m.Rates[0].Window = 24*time.Hour + 1 }, "out-of-range"},
		{"rate's key", func() { m.Rates[0].Per = "ip" }, func() { m.Rates[0].Per = "host" }, "out-of-range"},
		{"rows", func() { books.Rows = 100_000 }, func() { books.Rows = 100_001 }, "out-of-range"},
		{"columns", func() { books.Columns, books.Indexes = columns(500), nil }, func() { books.Columns, books.Indexes = columns(501), nil }, "out-of-range"},
		{"scale", func() { books.Columns[1].Scale = 18 }, func() { books.Columns[1].Scale = 19 }, "out-of-range"},
		{"type", func() { books.Columns[0].Type = "int" }, func() { books.Columns[0].Type = "number" }, "bad-column"},
		{"items", func() { books.Columns[3].Of = "int" }, func() { books.Columns[3].Of = "json" }, "bad-column"},
		{"key", func() { books.Key.Type = "text" }, func() { books.Key.Type = "float" }, "bad-column"},
		{"pattern", func() { books.Columns[0].Pattern = strings.Repeat("a", 256) }, func() { books.Columns[0].Pattern = strings.Repeat("a", 257) }, "bad-pattern"},
		{"key's ref", func() { m.Table("shops").Key.OnDelete = "cascade" }, func() { m.Table("shops").Key.OnDelete = "setNull" }, "bad-reference"},
		{"index", func() {}, func() { books.Indexes[0].Columns = nil }, "bad-index"},
		{"events", func() { m.Channels[0].Events = []string{"delete"} }, func() { m.Channels[0].Events = nil }, "bad-channel"},
		{"event", func() { m.Channels[0].Events = []string{"create", "update"} }, func() { m.Channels[0].Events = []string{"insert"} }, "bad-channel"},
		{"one name", func() { m.Tables[1].Name = strings.Repeat("a", 63); m.Channels = nil }, func() { m.Tables[1].Name = strings.Repeat("a", 64); m.Channels = nil }, "bad-name"},
		{"path", func() { route.URLPath = path(1024) }, func() { route.URLPath = path(1025) }, "bad-route"},
		{"parameters", func() { route.URLPath = params(16) }, func() { route.URLPath = params(17) }, "bad-route"},
		{"method", func() { route.Method = "OPTIONS" }, func() { route.Method = "TRACE" }, "bad-route"},
		{"host", func() { route.Host = "www.example.com" }, func() { route.Host = "WWW.example.com" }, "bad-route"},
		{"label of a host", func() { route.Host = strings.Repeat("a", 63) + ".b" }, func() { route.Host = strings.Repeat("a", 64) + ".b" }, "bad-route"},
		{"hyphen in a host", func() { route.Host = "a-b.c" }, func() { route.Host = "a-.c" }, "bad-route"},
		{"address as a host", func() { route.Host = "::1" }, func() { route.Host = "a..b" }, "bad-route"},
		{"route's timeout", func() { route.Timeout = time.Hour }, func() { route.Timeout = time.Hour + 1 }, "out-of-range"},
		{"route's body", func() { route.Body = 1 << 30 }, func() { route.Body = 1<<30 + 1 }, "out-of-range"},
		{"status", func() { route.Respond.Status = 200 }, func() { route.Respond.Status = 199 }, "out-of-range"},
		{"high status", func() { route.Respond.Status = 599 }, func() { route.Respond.Status = 600 }, "out-of-range"},
		{"two handlers", func() {}, func() { route.Redirect = &manifest.Redirect{To: "/x", Status: 308} }, "bad-route"},
		{"no handler", func() {}, func() { route.Respond = nil }, "bad-route"},
		{"redirect's status", func() { target.Status = 303 }, func() { target.Status = 304 }, "out-of-range"},
		{"a line break in a redirect", func() { target.To = "/x?y=%0A" }, func() { target.To = "/x\r\nSet-Cookie: a=b" }, "bad-route"},
		{"a backslash in a redirect", func() { target.To = "https://example.com/x" }, func() { target.To = `/\example.com` }, "bad-route"},
		{"a script as a redirect", func() { target.To = "http://example.com" }, func() { target.To = "javascript:alert(1)" }, "bad-route"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fresh := loaded(t)
			*m = *fresh // what the functions point at is taken from the fresh one
			route, books = &m.Routes[0], m.Table("books")
			target = m.Routes[1].Redirect
			test.good()
			if _, faults := check.Check(m); len(faults) > 0 {
				t.Errorf("the last that is allowed: %v", faults)
			}
			test.broken()
			checked, faults := check.Check(m)
			if len(faults) == 0 || checked != nil || faults[0].Code != test.code {
				t.Errorf("the first that is not: %v", faults)
			}
		})
	}
}
