package operation_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/edge-hive/edge-hive/runtime/auth"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/manifest"
)

// page is an answer to a test.
type page struct {
	status int
	body   bytes.Buffer
}

func (p *page) Head(status int, _ http.Header) error { p.status = status; return nil }
func (p *page) Write(b []byte) (int, error)          { return p.body.Write(b) }
func (p *page) Flush() error                         { return nil }

// TestGuests has scripts in a real host use the operations, as their callers.
func TestGuests(t *testing.T) {
	w := open(t)
	host, err := function.NewHost(t.Context(), function.Options{Log: slog.New(slog.NewTextHandler(w.log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, func() error { return host.Close(context.Background()) })
	load := func(name, code string, asService bool, grants *manifest.Grants) *function.Function {
		t.Helper()
		f, err := host.Load(t.Context(), function.Definition{
			Name: name, Code: []byte(code), Path: name + ".js", Service: asService, Grants: grants, Operations: w.operations,
			Secrets: map[string]manifest.SecretValue{"KEY": manifest.NewSecretValue("k")},
			Limits: function.Limits{
				Memory: 32 << 20, Timeout: 20 * time.Second, Instances: 12, Waiting: 12, Answer: 1 << 20, Log: 64 << 10, Operations: 50, Statements: 10, Fetches: 2,
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	tables := []manifest.TableGrant{{Table: "orders", Operations: []string{"read", "create"}}}
	const list = `import { db } from "edgehive"; export default async () => Response.json((await db.select("orders", "select=id")).map((o) => o.id))`
	set := function.NewSet(
		load("mine", list, false, &manifest.Grants{Tables: tables}),
		load("all", list, true, &manifest.Grants{Tables: tables}),
		load("denied", `import { db } from "edgehive"; export default async () => { try { await db.select("books") } catch (e) { return e.code + " " + e.message } }`, true, &manifest.Grants{Tables: tables}),
		load("asks", `import { functions } from "edgehive"; export default async () => (await functions.call("mine")).text()`, false, &manifest.Grants{Functions: []string{"mine"}}),
		load("asksAll", `import { functions } from "edgehive"; export default async () => (await functions.call("mine")).text()`, true, &manifest.Grants{Functions: []string{"mine"}}),
		load("again", `import { functions } from "edgehive";
			export default async (request) => {
				const n = Number(await request.text());
				try { return await (await functions.call("again", String(n + 1))).text() } catch (e) { return n + " " + e.code }
			}`, false, &manifest.Grants{Functions: []string{"again"}}),
		load("busy", `import { db } from "edgehive"; export default async () => { let n = 0; try { for (;;) { await db.select("orders", "limit=1"); n++ } } catch (e) { return n + " " + e.code } }`, false, &manifest.Grants{Tables: tables}),
		load("signed", `import { signatures, cache, db } from "edgehive";
			export default async () => {
				const tag = await signatures.hmac("sha256", { secret: "KEY" }, "m");
				await cache.set("tag", tag, { ttl: 60 });
				return [await signatures.equal(tag, await cache.getBytes("tag")), await cache.add("n", 2), (await db.insert("orders", { state: "made" }))[0].owner].join()
			}`, false, &manifest.Grants{Cache: true, Tables: tables}),
	)
	defer closed(t, func() error { return set.Close(context.Background()) })
	run := func(name string, caller *auth.Caller, body string) string {
		t.Helper()
		var p page
		e := &function.Event{Kind: function.KindRequest, ID: "r", Caller: caller, Body: []byte(body), Request: &function.Request{Method: "POST", Path: "/", Header: http.Header{}}}
		if err := set.Call(t.Context(), name, e, &p); err != nil {
			return err.Error()
		}
		return p.body.String()
	}
	for _, test := range []struct {
		name   string
		caller *auth.Caller
		want   string
	}{
		{"mine", ann, "[1]"},
		{"mine", bob, "[2]"},
		{"mine", nobody, "[]"},
		{"all", nobody, "[1,2]"},
		{"denied", ann, "42501 permission denied for table books"},
		{"asks", bob, "[2]"},
		{"asksAll", nobody, "[1,2]"}, // as the service role, which mine is called by
		{"busy", ann, "10 function-budget"},
		{"signed", bob, "true,2," + bobID},
		{"again", ann, "8 function-depth"},
	} {
		if got := run(test.name, test.caller, "0"); got != test.want {
			t.Errorf("%s as %s: %s, want %s", test.name, test.caller.Role, got, test.want)
		}
	}
	log := w.log.take()
	if !strings.Contains(log, "a function asked for what it is not granted") || strings.Contains(log, "level=ERROR") {
		t.Errorf("the log: %s", log)
	}
}
