package web_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// TestHostsInOtherLetters: over HTTP/2 and HTTP/3 nobody but us looks at the name of
// a host. U+212A is a k in lower case, and no host's.
func TestHostsInOtherLetters(t *testing.T) {
	kept := words(manifest.Route{Pattern: "kelvin.example.com/*", URLPath: "/*", Host: "kelvin.example.com"}, "in")
	s := newSite(t, guarded(nil, kept), runs(nothing))
	for _, c := range []struct {
		host  string
		major int
		code  int
	}{
		{"kelvin.example.com", 2, 200},
		{"KELVIN.example.com.:443", 3, 200},
		{"\u212aelvin.example.com", 2, 400},
		{"\u212aelvin.example.com", 3, 400},
		{"kelvin.example.com\x7f", 2, 400},
		{"kelvin.example.com\t", 3, 400},
		{"ann@kelvin.example.com", 3, 400},
	} {
		r := request("GET", "/x")
		r.Host, r.ProtoMajor, r.ProtoMinor = c.host, c.major, 0
		w := newRecorder()
		s.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%q over HTTP/%d: %d, want %d", c.host, c.major, w.Code, c.code)
		}
	}
}

// TestKeptForAnOrigin: an answer that many get is not made for the origin of who asks
// first.
func TestKeptForAnOrigin(t *testing.T) {
	s, _ := keptSite(t, guarded(nil, keptRoute("/a")), func(_ context.Context, e *function.Event, a function.Answer) error {
		return answers(200, http.Header{"Vary": {"Origin"}}, "for "+e.Request.Header.Get("Origin"))(a)
	})
	for _, origin := range []string{"https://a.example", "https://b.example"} {
		if w := s.do("GET", "/a", "", "Origin: "+origin); w.Body.String() != "for " {
			t.Errorf("%s got the answer %s", origin, w.Body)
		}
	}
}

// TestKeptAsWritten: what servers behind may read differently has answers of its
// own.
func TestKeptAsWritten(t *testing.T) {
	f := &counting{}
	f.say(200)
	s, _ := keptSite(t, guarded(nil, keptRoute("/a")), f.run)
	for _, c := range []struct{ query, body string }{
		{"q=a+b", "answer 1"},
		{"q=a%20b", "answer 2"},
		{"acl", "answer 3"},
		{"acl=", "answer 4"},
		{"q=1&z=2&%71=3", "answer 5"},
		{"z=2&q=1&%71=3", "answer 5"},
		{"z=2&%71=3&q=1", "answer 6"}, // of one key, another order
		{"q=%C3%A4", "answer 7"},
		{"q=%c3%a4", "answer 8"},
	} {
		if w := s.do("GET", "/a?"+c.query, ""); w.Body.String() != c.body {
			t.Errorf("%s: %s, want %s", c.query, w.Body, c.body)
		}
	}
}

// TestNothingIsKeptBehindBasic: all who pass have sent credentials, as the warning
// of validate says.
func TestNothingIsKeptBehindBasic(t *testing.T) {
	f := &counting{}
	f.say(200)
	route := keptRoute("/a")
	route.Use = []string{"ops"}
	s, _ := keptSite(t, guarded([]manifest.Middleware{opsOf(t)}, route), f.run)
	for _, want := range []string{"answer 1", "answer 2"} {
		if w := s.do("GET", "/a", "", basicAuth("ann", "correct horse")); w.Body.String() != want {
			t.Errorf("%d %s, want %s", w.Code, w.Body, want)
		}
	}
}

func opsOf(t *testing.T) manifest.Middleware {
	t.Helper()
	t.Setenv("ANN_HASH", auth.HashPassword("correct horse"))
	return manifest.Middleware{Name: "ops", Basic: &manifest.Basic{Users: []manifest.NamedSecret{{Name: "ann", Secret: &manifest.Secret{Env: "ANN_HASH"}}}}}
}

// TestPageBehindBasic asks for all parts of a page at once, after a start or reload:
// they are more than there may be passwords that wait, and one of them is looked at.
func TestPageBehindBasic(t *testing.T) {
	s := newSite(t, guarded([]manifest.Middleware{opsOf(t)}, callsF("/a", "ops")), runs(nothing))
	const many = 300
	var together sync.WaitGroup
	var passed, refused, asked atomic.Int64
	began := make(chan struct{})
	for i := range many {
		together.Go(func() {
			password := "correct horse"
			if i == 0 {
				password = "wrong horse" // its looker is another
			}
			<-began
			switch w := s.do("GET", "/a", "", basicAuth("ann", password), from("10.0.0.5")); w.Code {
			case 200:
				passed.Add(1)
			case 401:
				asked.Add(1)
			default:
				refused.Add(1)
			}
		})
	}
	close(began)
	together.Wait()
	if passed.Load() != many-1 || asked.Load() != 1 {
		t.Errorf("of %d requests %d passed, %d were asked for a password, and %d refused", many, passed.Load(), asked.Load(), refused.Load())
	}
}
