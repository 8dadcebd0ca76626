// Package functions_test runs the shop: its functions are built from source, and called
// as their callers do, in a served backend.
package functions_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/examples/internal/backend"
	"github.com/edge-hive/edge-hive/examples/internal/guest"
)

// built are the functions that are compiled, and whether their module is small enough
// to be committed.
var built = map[string]bool{"webhook": false, "markdown": true, "rank": true, "stock": true}

const secret = "whsec_test"

// shop is the project with its modules, not served yet.
func shop(t *testing.T) *backend.Backend {
	t.Helper()
	t.Setenv("PAYMENTS_KEY", secret)
	b := backend.Copy(t, filepath.Join(backend.Root(t), "examples", "functions"))
	if err := os.MkdirAll(filepath.Join(b.Dir, "modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	ready := t.Run("build", func(t *testing.T) {
		for name, small := range built {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				committed := ""
				if small {
					committed = "examples/functions/modules/" + name + ".wasm"
				}
				code := guest.Module(t, "examples/functions/"+name, committed)
				t.Logf("%d KB", len(code)/1000)
				if err := os.WriteFile(filepath.Join(b.Dir, "modules", name+".wasm"), code, 0o600); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	if !ready {
		t.FailNow()
	}
	return b
}

func TestShop(t *testing.T) {
	b := shop(t)
	b.Serve(t)
	service := b.Run(t, "keys", "--only", "service_role")
	t.Run("markdown", func(t *testing.T) { pages(t, b) })
	t.Run("rank", func(t *testing.T) { search(t, b) })
	t.Run("webhook and stock", func(t *testing.T) { payments(t, b, service) })
	t.Run("nightly", func(t *testing.T) { report(t, b, service) })
}

const welcome = `<!doctype html>
<meta charset="utf-8">
<title>Welcome</title>
<h1>Welcome</h1>
<p>Books, <em>old</em> and <strong>new</strong>, by <code>post</code>.</p>
<ul>
<li>rivers &amp; seas</li>
<li><a href="https://example.com/trains?a=1&amp;b=2">trains</a></li>
</ul>
<blockquote>
<p>Read &lt;more&gt;.</p>
</blockquote>
<pre><code>if (a &lt; b) {}
</code></pre>
`

func pages(t *testing.T, b *backend.Backend) {
	a := b.Do(t, "GET", "/pages/welcome", "", "")
	if a.Status != http.StatusOK || a.Body != welcome || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("%d %v\n%s", a.Status, a.Header, a.Body)
	}
	for _, hidden := range []string{"/pages/plans", "/pages/none"} {
		if a := b.Do(t, "GET", hidden, "", ""); a.Status != http.StatusNotFound || a.Body != "no such page\n" {
			t.Errorf("%s: %d %s", hidden, a.Status, a.Body)
		}
	}
}

func search(t *testing.T, b *backend.Backend) {
	a := b.Do(t, "GET", "/search?q=rivers", "", "")
	const want = `[{"id":"rivers","title":"Rivers of the North","score":7},{"id":"salt","title":"Salt","score":6},` +
		`{"id":"delta","title":"The Delta","score":5}]`
	if a.Status != http.StatusOK || a.Body != want {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if a := b.Do(t, "GET", "/search", "", ""); a.Status != http.StatusBadRequest {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// sign is what the payment provider does.
func sign(body string, at time.Time) string {
	tag := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(tag, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(tag.Sum(nil)))
}

// payments pays an order of three books, of which there are five.
func payments(t *testing.T, b *backend.Backend, service string) {
	few := b.Listen(t, "shelves", "")
	body := `{"id": "e1", "type": "payment.succeeded", "order": "o1"}`
	unknown := strings.Replace(body, "o1", "o9", 1)
	now := time.Now()
	for _, r := range []struct {
		body, signature string
		status          int
		answer          string
	}{
		{body, "", 401, "the signature is wrong or too old\n"},
		{body, sign(body+" ", now), 401, "the signature is wrong or too old\n"},
		{body, sign(body, now.Add(-time.Hour)), 401, "the signature is wrong or too old\n"},
		{body, sign(body, now.Add(time.Hour)), 401, "the signature is wrong or too old\n"},
		{"{", sign("{", now), 400, "the body is no event\n"},
		{unknown, sign(unknown, now), 404, "no such order\n"},
		{body, sign(body, now), 200, "paid\n"},
		{body, sign(body, now), 200, "paid already\n"},
	} {
		a := b.Do(t, "POST", "/hooks/payments", "", r.body, "Signature", r.signature)
		if a.Status != r.status || a.Body != r.answer {
			t.Errorf("%s signed %s: %d %s", r.body, r.signature, a.Status, a.Body)
		}
	}
	eventually(t, func() bool {
		a := b.Do(t, "GET", "/api/data/books?id=eq.rivers&select=stock", "", "")
		return a.Body == `[{"stock":2}]`
	}, "the stock never became 2")
	a := b.Do(t, "GET", "/api/data/movements?select=id,book,quantity", service, "")
	if a.Body != `[{"id":"o1","book":"rivers","quantity":3}]` {
		t.Errorf("the movements are %s", a.Body)
	}
	for timeout := time.After(time.Minute); ; {
		select {
		case message := <-few:
			if strings.Contains(message, `"book":"rivers","left":2`) {
				return
			}
		case <-timeout:
			t.Fatal("nobody was told that few are left")
		}
	}
}

// report runs the night without waiting for it, twice, after a day on which an order was
// paid.
func report(t *testing.T, b *backend.Backend, service string) {
	yesterday := time.Now().UTC().Add(-24 * time.Hour)
	order := fmt.Sprintf(`{"id": "o7", "book": "salt", "quantity": 2, "status": "paid", "paid": %q}`, yesterday.Format(time.RFC3339))
	if a := b.Do(t, "POST", "/api/data/orders", service, order); a.Status != http.StatusCreated {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	b.Stop(t)
	for range 2 {
		b.Run(t, "function", "run", "nightly", "--event", "schedule", "--database")
	}
	b.Serve(t)
	day := yesterday.Format(time.DateOnly)
	a := b.Do(t, "GET", "/api/data/reports?select=id,orders,pieces,best&id=eq."+day, service, "")
	if want := fmt.Sprintf(`[{"id":%q,"orders":1,"pieces":2,"best":"Salt"}]`, day); a.Body != want {
		t.Errorf("the reports are %s\nwant %s", a.Body, want)
	}
}

func eventually(t *testing.T, holds func() bool, otherwise string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise)
		}
	}
}
