// Package conformance asks a served backend, over HTTP, for what the dialect
// promises: some hundred requests, each with the answer that is due. Tests of
// an engine call Run with a way to serve a manifest; nothing here knows which
// engine answers, and nothing but tests uses it.
//
// The requests are testdata/*.txt: scripts of cases that run in order, each
// script on a new backend of testdata/library.cue with the rows of
// testdata/rows.txt. A case is
//
//	# a page of two, counted
//	as ann
//	GET /rest/v1/books?select=id&limit=2
//	Prefer: count=exact
//	--
//	206
//	Content-Range: 0-1/6
//	[{"id":1},{"id":2}]
//
// A title, who asks (left out: anon), the request with its headers and body,
// and after -- the status (400|404 where both are right), headers and body of
// the answer. A header without a
// value must not be there. A body is compared as JSON, numbers by their digits;
// one that begins with a word is
//
//	raw               followed by the text itself
//	ids 1 2           rows that are [{"id":1},{"id":2}], in this order
//	fault CODE TEXT   a fault with this code and message, followed by lines
//	                  "details JSON" and "hint JSON" where they matter
//	any               not compared
//
// ${NAME} stands for a value, in requests and answers: ${ann} is Ann's key,
// ${ann.token} her token, ${ann.expired} one that has expired, ${publishable}
// and ${secret} are the keys. ${NAME=} in an answer takes what stands there
// as a value for the cases that follow, and ${_} is anything.
package conformance

import (
	"embed"
	"net/http"
	"path"
	"strings"
	"testing"
	"time"
)

// least is how many cases there are at least, so that none is lost unnoticed.
const least = 400

//go:embed testdata
var testdata embed.FS

// Backend is one that serves.
type Backend struct {
	URL                 string
	Publishable, Secret string // its keys
	// Token signs an access token for a user, with a JSON object as
	// app_metadata.
	Token func(user, appMetadata string, expires time.Time) string
}

// Run holds backends to the scripts. start serves a manifest, which says
// neither where to listen nor which database, on empty tables, and stops with
// the test.
func Run(t *testing.T, start func(t *testing.T, manifest string) Backend) {
	t.Helper()
	all, count := scripts(t)
	manifest, rows := text(t, "library.cue"), text(t, "rows.txt")
	for name, cases := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := connect(t, start(t, manifest))
			c.fill(t, rows)
			for _, one := range cases {
				t.Run(one.title, func(t *testing.T) { c.hold(t, one) })
			}
		})
	}
	t.Logf("%d cases", count)
	if count < least {
		t.Errorf("%d cases, want at least %d", count, least)
	}
}

// Count is how many cases there are; both engines run all of them.
func Count(t *testing.T) int {
	t.Helper()
	_, count := scripts(t)
	return count
}

// scripts are the cases of each script, and how many those are.
func scripts(t *testing.T) (all map[string][]scripted, count int) {
	t.Helper()
	names, err := testdata.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	all = map[string][]scripted{}
	for _, entry := range names {
		name, isScript := strings.CutSuffix(entry.Name(), ".txt")
		if !isScript || name == "rows" {
			continue
		}
		cases, err := parse(text(t, entry.Name()))
		if err != nil {
			t.Fatalf("%s: %v", entry.Name(), err)
		}
		all[name], count = cases, count+len(cases)
	}
	return all, count
}

func text(t *testing.T, name string) string {
	t.Helper()
	file, err := testdata.ReadFile(path.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

// client asks one backend.
type client struct {
	Backend
	http   *http.Client
	values map[string]string // of ${NAME}
}

// people are who signs in, with their app_metadata.
var people = []struct{ name, key, claims string }{
	{"ann", "0190a000-0000-7000-8000-00000000000a", "{}"},
	{"bob", "0190a000-0000-7000-8000-00000000000b", "{}"},
	{"sue", "0190a000-0000-7000-8000-00000000000c", `{"role":"staff"}`},
}

func connect(t *testing.T, b Backend) *client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := &client{Backend: b, values: map[string]string{"publishable": b.Publishable, "secret": b.Secret}}
	c.http = &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, p := range people {
		c.values[p.name] = p.key
		c.values[p.name+".token"] = b.Token(p.key, p.claims, time.Now().Add(time.Hour))
		c.values[p.name+".expired"] = b.Token(p.key, p.claims, time.Now().Add(-time.Hour))
	}
	return c
}

// fill writes the rows that every script begins with: a line a table, in the
// order in which they refer to each other.
func (c *client) fill(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		table, rows, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok {
			continue
		}
		a, err := c.ask(t.Context(), request{as: "service", method: http.MethodPost, target: "/api/data/" + table, body: c.put(rows)})
		if err != nil || a.status != http.StatusCreated {
			t.Fatalf("the rows of %s: %d %s, %v", table, a.status, a.body, err)
		}
	}
}

// hold asks one case and compares.
func (c *client) hold(t *testing.T, one scripted) {
	t.Helper()
	q := one.request
	q.target, q.body = c.put(q.target), c.put(q.body)
	a, err := c.ask(t.Context(), q)
	if err != nil {
		t.Fatalf("line %d: %v", one.line, err)
	}
	for _, problem := range c.judge(one, a) {
		t.Errorf("line %d, %s %s: %s\ngot %d %s", one.line, q.method, q.target, problem, a.status, a.body)
	}
}
