package engine_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/engine"
	"github.com/edge-hive/edge-hive/runtime/porttest"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/rpc"
	"github.com/edge-hive/edge-hive/runtime/store/surreal/surrealtest"
)

// password has what texts, URLs and JSON write in other ways.
const password = `hunter2 "&<é\%s'`

// account is a user of a database who alone has that password.
type account struct {
	*testing.T
	url, namespace string
}

func newAccount(t *testing.T) account {
	t.Helper()
	a := account{t, surrealtest.Shared(t).URL, fmt.Sprintf("p%d_%d", time.Now().UnixNano(), namespaces.Add(1))}
	a.hand(`DEFINE DATABASE OVERWRITE main STRICT; DEFINE USER OVERWRITE shop ON DATABASE PASSWORD "hunter2 \"&<é\\%s'" ROLES OWNER`)
	return a
}

// hand runs a text as root.
func (a account) hand(text string) {
	a.Helper()
	c, err := rpc.Dial(a.Context(), rpc.Options{URL: a.url, Namespace: a.namespace, Database: "main", User: "root", Password: "root"})
	if err != nil {
		a.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Query(a.Context(), text, nil); err != nil {
		a.Fatal(err)
	}
}

// manifest is one whose rows are in the account's database, and whose log says
// all that it can.
func (a account) manifest(url, namespace, user, secret string) string {
	a.Helper()
	a.Setenv(surrealPass, secret)
	a.Setenv(surrealSecret, strings.Repeat("0123456789abcdef", 3))
	text := strings.Replace(inNamespaceOf(url, namespace), `user: "root"`, fmt.Sprintf("user: %q", user), 1)
	return base + text + "observe: {log: level: \"debug\", metrics: listen: \"127.0.0.1:0\"}\n"
}

// untold fails where the password, or the token that it was changed for, is in
// what somebody may read.
func (a account) untold(what, text string) {
	a.Helper()
	for _, form := range []string{"hunter2", url.QueryEscape(password), base64.StdEncoding.EncodeToString([]byte(password)), base64.URLEncoding.EncodeToString([]byte(password)), fmt.Sprintf("%x", password), "eyJ"} {
		if strings.Contains(text, form) {
			a.Errorf("%s tells %q:\n%s", what, form, text)
		}
	}
}

// all is an error in all the ways that it is written.
func all(err error) string {
	text := fmt.Sprintf("%v\n%+v\n%#v", err, err, err)
	for ; err != nil; err = errors.Unwrap(err) {
		encoded, _ := json.Marshal(err) // what cannot be encoded tells nothing
		text += fmt.Sprintf("\n%v %+v %s", err, err, encoded)
	}
	return text
}

// TestPasswordIsNotToldByStarts has starts and commands fail in all the ways that
// a server can be of no use.
func TestPasswordIsNotToldByStarts(t *testing.T) {
	a := newAccount(t)
	a.hand(`DEFINE USER OVERWRITE reader ON DATABASE PASSWORD "hunter2 \"&<é\\%s'" ROLES VIEWER`)
	nobody := porttest.Free(t)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "a page", http.StatusOK) }))
	t.Cleanup(page.Close)
	for _, c := range []struct {
		name                         string
		url, namespace, user, secret string
		says                         string
	}{
		{"another password", a.url, a.namespace, "shop", password + "!", `no user "shop" with this password`},
		{"another user", a.url, a.namespace, "shopp", password, `no user "shopp"`},
		{"another namespace", a.url, a.namespace + "x", "shop", password, "no user"},
		{"a user who may not", a.url, a.namespace, "reader", password, "cannot be used"},
		{"no database there", "ws" + strings.TrimPrefix(page.URL, "http"), a.namespace, "shop", password, "there is no SurrealDB"},
		{"nobody there", "ws://" + nobody.Address(), a.namespace, "shop", password, ""},
		{"no such host", "ws://no-such-host.invalid:8000", a.namespace, "shop", password, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := account{t, a.url, a.namespace}
			b := prepare(t, a.manifest(c.url, c.namespace, c.user, c.secret))
			patient := time.Minute
			if c.says == "" { // a start would wait for it
				patient = 2 * time.Second
			}
			ctx, done := context.WithTimeout(t.Context(), patient)
			defer done()
			_, started := engine.Start(ctx, engine.Options{Path: b.dir, Log: b.log})
			if started == nil || !strings.Contains(started.Error(), c.says) {
				t.Errorf("the start ended with %v", started)
			}
			asked, done := context.WithTimeout(t.Context(), patient)
			defer done()
			_, commanded := engine.History(asked, source(t, b))
			if commanded == nil {
				t.Error("a command is no error")
			}
			a.untold("a start", all(started))
			a.untold("a command", all(commanded))
			a.untold("the log", b.log.String())
			if c.says == "" && !strings.Contains(b.log.String(), "does not answer yet") {
				t.Errorf("the log is %s", b.log)
			}
		})
	}
}

// TestPasswordIsNotToldWhileServing serves, loses the server, and then the user:
// neither what is answered nor what is measured or logged tells the password.
func TestPasswordIsNotToldWhileServing(t *testing.T) {
	a := newAccount(t)
	p, err := surrealtest.NewProxy(strings.TrimPrefix(a.url, "ws://"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	b := start(t, a.manifest(p.URL(), a.namespace, "shop", password))
	b.want("POST", "/api/data/notes", `{"text":"one"}`, http.StatusCreated, "")
	looks := func() {
		t.Helper()
		for _, path := range []string{"/api/data/notes", "/api/data/notes?select=nothing", "/ready", "/health", "/api", "/api/openapi.json"} {
			_, body := b.call("GET", path, "")
			a.untold(path, body)
		}
		_, body := b.call("POST", "/api/data/notes", `{"text":"two"}`)
		a.untold("a write", body)
		status, err := json.Marshal(b.Status(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		a.untold("the status", string(status))
		response, err := b.http.Get("http://" + b.MetricsAddr().String() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		measured, err := io.ReadAll(response.Body)
		if err != nil || len(measured) == 0 {
			t.Fatalf("%d bytes of metrics, %v", len(measured), err)
		}
		a.untold("the metrics", string(measured))
	}
	looks()
	ready := func(want int) func() bool {
		return func() bool {
			status, _ := b.call("GET", "/ready", "")
			return status == want
		}
	}
	p.Refuse()
	eventually(t, "the server is lost", ready(http.StatusServiceUnavailable))
	looks()
	p.Resume()
	eventually(t, "the server is back", ready(http.StatusOK))
	looks()
	a.hand("REMOVE USER shop ON DATABASE")
	p.Cut()
	eventually(t, "the user is gone", ready(http.StatusServiceUnavailable))
	looks()
	b.write("edgehive.cue", a.manifest(p.URL(), a.namespace, "shop", password)+"tables: more: columns: text: type: \"text\"\n")
	out, err := b.Reload(t.Context())
	if err == nil {
		t.Errorf("without the database it reloaded: %+v", out)
	}
	a.untold("a reload", fmt.Sprintf("%+v", out)+all(err))
	a.hand(`DEFINE USER OVERWRITE shop ON DATABASE PASSWORD "hunter2 \"&<é\\%s'" ROLES OWNER`)
	eventually(t, "the user is back", ready(http.StatusOK))
	looks()
	a.untold("the log", b.log.String())
	if !b.log.has("was lost") {
		t.Errorf("the log says nothing of the server: %s", b.log)
	}
}
