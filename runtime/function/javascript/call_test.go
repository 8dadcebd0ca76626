package javascript_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const getEvent = `{"kind":"request","id":"r1","function":"x","request":{"method":"GET","path":"/"}}`

// A handler may be written in the ways that people know.
func TestShapesOfHandlers(t *testing.T) {
	for name, code := range map[string]string{
		"an object":        `export default { async fetch(request) { return new Response("hi") } }`,
		"its own this":     `export default { text: "hi", fetch() { return new Response(this.text) } }`,
		"an instance":      `class A { #text = "hi"; fetch() { return new Response(this.#text) } } export default new A()`,
		"a function":       `export default async function (request) { return new Response("hi") }`,
		"an arrow":         `export default () => new Response("hi")`,
		"a named export":   `export async function fetch() { return new Response("hi") }`,
		"a text":           `export default () => "hi"`,
		"a thenable":       `export default () => ({ then(resolve) { resolve("hi") } })`,
		"a promise of one": `export default async () => Promise.resolve(Promise.resolve(new Response("hi")))`,
	} {
		t.Run(name, func(t *testing.T) {
			h := load(t, code).get()
			if status, headers := h.status(t); h.answer() != "hi" || status != 200 || headers["content-type"][0] != "text/plain;charset=UTF-8" {
				t.Errorf("it answers %s %q", h.head, h.answer())
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for code, want := range map[string]string{
		`return new Response("a", { status: 201, headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X-A", "1"]] })`: `{"status":201,"headers":{"set-cookie":["a=1","b=2"],"x-a":["1"],"content-type":["text/plain;charset=UTF-8"]}} a`,
		`return Response.json({ a: [1, "é"] })`: `{"status":200,"headers":{"content-type":["application/json"]}} {"a":[1,"é"]}`,
		`return { a: 1 }`:                       `{"status":200,"headers":{"content-type":["application/json"]}} {"a":1}`,
		`return [1]`:                            `{"status":200,"headers":{"content-type":["application/json"]}} [1]`,
		`return 7`:                              `{"status":200,"headers":{"content-type":["application/json"]}} 7`,
		``:                                      `{"status":204,"headers":{}} `,
		`return null`:                           `{"status":204,"headers":{}} `,
		`return new Response(null, { status: 404 })`:             `{"status":404,"headers":{}} `,
		`return new Response(new Uint8Array([104, 105]).buffer)`: `{"status":200,"headers":{}} hi`,
		`return new TextEncoder().encode("hi")`:                  `{"status":200,"headers":{"content-type":["application/octet-stream"]}} hi`,
		`return Response.redirect("https://example.com/", 303)`:  `{"status":303,"headers":{"location":["https://example.com/"]}} `,
		`return new Response("a\ud800b")`:                        `{"status":200,"headers":{"content-type":["text/plain;charset=UTF-8"]}} a` + "\ufffdb",
		`return new Response(request.url + request.method)`:      `{"status":200,"headers":{"content-type":["text/plain;charset=UTF-8"]}} http://localhost/GET`,
		`return new Response(await request.text())`:              `{"status":200,"headers":{"content-type":["text/plain;charset=UTF-8"]}} `,
	} {
		h := load(t, "export default async (request) => {"+code+"}").get()
		if got := h.head + " " + h.answer(); got != want {
			t.Errorf("%s answers\n%s\nnot\n%s", code, got, want)
		}
	}
}

// What came is there whole.
func TestRequests(t *testing.T) {
	s := load(t, `export default async (request, env, ctx) => {
		const { method, url, headers } = request;
		const body = headers.get("x-read") === "bytes" ? [...await request.bytes()] : await request[headers.get("x-read") ?? "text"]();
		const { caller, ...rest } = ctx;
		return { method, url, headers: Object.fromEntries(headers), body, caller, params: ctx.params, route: ctx.route, id: ctx.id, depth: ctx.depth, trace: ctx.trace, f: ctx.function };
	}`)
	h := s.send(`{"kind":"request","id":"r1","function":"x","depth":2,"trace":"00-a-b-01",
		"caller":{"role":"authenticated","uid":"u1","email":"ann@example.com","claims":{"team":"a"}},
		"request":{"method":"POST","path":"/price/7","route":"/price/{id}","params":{"id":"7"},"query":"a=b%20c",
		"headers":{"host":["example.com"],"x-forwarded-proto":["https"],"x-read":["json"],"x-many":["1","2"]}}}`, []byte(`{"n": 1}`))
	want := `{"method":"POST","url":"https://example.com/price/7?a=b%20c","headers":{"host":"example.com","x-forwarded-proto":"https","x-many":"1, 2","x-read":"json"},` +
		`"body":{"n":1},"caller":{"role":"authenticated","uid":"u1","email":"ann@example.com","claims":{"team":"a"}},` +
		`"params":{"id":"7"},"route":"/price/{id}","id":"r1","depth":2,"trace":"00-a-b-01","f":"x"}`
	if h.answer() != want {
		t.Errorf("it answers\n%s\nnot\n%s", h.answer(), want)
	}
	h = s.send(`{"kind":"request","request":{"method":"POST","path":"/","headers":{"x-read":["bytes"]}}}`, []byte{0, 0xff, 7})
	if !strings.Contains(h.answer(), `"body":[0,255,7]`) {
		t.Errorf("of bytes it answers %s", h.answer())
	}
	h = s.send(`{"kind":"request","request":{"method":"POST","path":"/"}}`, []byte("\xef\xbb\xbfa\xffb\x00c"))
	if !strings.Contains(h.answer(), `"body":"a`+"\ufffd"+`b\u0000c"`) {
		t.Errorf("of what is no UTF-8 it answers %s", h.answer())
	}
}

func TestOtherEvents(t *testing.T) {
	s := load(t, `export default {
		async change(event, env, ctx) { console.log(event.table, event.op, event.row, event.old, event.cursor, ctx.event.kind); return new Response(null, { status: event.row ? 200 : 503 }) },
		scheduled(event) { console.log(event.cron, event.scheduledTime) },
		async call(request) { return Response.json({ from: request.from, input: await request.json() }) },
	}`)
	h := s.send(`{"kind":"change","change":{"table":"orders","op":"update","cursor":"c1","row":{"id":1},"old":{"id":1}}}`, nil)
	if want := "1 orders update {id: 1} {id: 1} c1 change"; !slices.Equal(h.logged, []string{want}) || h.answer() != "" {
		t.Errorf("of a change it logs %q, and answers %q", h.logged, h.answer())
	}
	h = s.send(`{"kind":"change","change":{"table":"orders","op":"delete","row":null,"old":{"id":1}}}`, nil)
	if status, _ := h.status(t); status != 503 {
		t.Errorf("the status is %d", status)
	}
	h = s.send(`{"kind":"schedule","schedule":{"cron":"0 3 * * *","due":"2026-01-02T02:00:00+00:00"}}`, nil)
	if want := "1 0 3 * * * 1767319200000"; !slices.Equal(h.logged, []string{want}) {
		t.Errorf("of a schedule it logs %q", h.logged)
	}
	h = s.send(`{"kind":"call","call":{"function":"other"}}`, []byte(`[1]`))
	if h.answer() != `{"from":"other","input":[1]}` {
		t.Errorf("of a call it answers %q", h.answer())
	}
	if f, _ := s.fails(); f.Message != "Error: the script exports no fetch, which is what answers this kind of event" {
		t.Errorf("of a request it says %q", f.Message)
	}
	h = load(t, `export default async (request) => request.method + await request.text()`).send(`{"kind":"call","call":{"function":"other"}}`, []byte("in"))
	if h.answer() != "POSTin" {
		t.Errorf("a function that answers requests answers a call with %q", h.answer())
	}
}

func TestStreams(t *testing.T) {
	s := load(t, `export default (request) => new Response((async function* () {
		try { for (let i = 0; i < 3; i++) { yield "data: " + i + "\n\n"; await new Promise((r) => setTimeout(r, 1)) } } finally { console.log("over") }
	})(), { headers: { "content-type": "text/event-stream" } })`)
	h := s.get()
	if !slices.Equal(h.written, []string{"data: 0\n\n", "data: 1\n\n", "data: 2\n\n"}) || h.flushes != 3 {
		t.Errorf("it wrote %q, and flushed %d times", h.written, h.flushes)
	}
	h = &host{event: getEvent, refuse: errors.New("nobody listens")}
	if err := s.call(h); err != nil || !slices.Equal(h.logged, []string{"1 over"}) {
		t.Errorf("where nobody listens it gives %v, and logs %q", err, h.logged)
	}
	f, h := load(t, `export default () => new Response(new ReadableStream({ pull(c) { c.enqueue("a"); c.error(new Error("broken")) } }))`).fails()
	if f.Message != "Error: broken" || h.answer() != "a" {
		t.Errorf("a broken stream: %q, %q", f.Message, h.answer())
	}
}

// A call that fails says why, and where.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct{ code, message, stack string }{
		"thrown":          {`export default () => { throw new TypeError("no") }`, "TypeError: no", "    at default (functions/x.js:1:34)"},
		"rejected":        {"export default async () => { await null;\n await g() }\nasync function g() { await 1; throw new Error('deep', { cause: 'why' }) }", "Error: deep, because of \"why\"", "    at g (functions/x.js:3:41)"},
		"thrown text":     {`export default () => { throw "text" }`, "text", ""},
		"thrown null":     {`export default () => { throw null }`, "null", ""},
		"of many":         {`export default () => Promise.any([Promise.reject(new Error("a")), Promise.reject("b")])`, "AggregateError: ", ""},
		"never settles":   {`export default () => new Promise(() => {})`, "the handler's promise never settled", ""},
		"too deep":        {`const f = () => 1 + f(); export default () => f()`, "RangeError: Maximum call stack size exceeded", "    at f (functions/x.js:1:"},
		"no response":     {`export default () => () => 1`, "TypeError: the handler gave no Response, but [function (anonymous)]", ""},
		"a head refused":  {`export default () => new Response("", { headers: { "refuse-me": "1" } })`, "Error: such a header cannot be sent", ""},
		"a used body":     {`export default async () => { const r = new Response("a"); await r.text(); return r }`, "TypeError: the body was read already", ""},
		"a timer":         {`export default () => new Promise(() => setTimeout(() => { throw new Error("in a timer") }, 1))`, "Error: in a timer", "functions/x.js:1:69"},
		"its own words":   {`export default () => { throw Object.assign(new Error("x"), { name: "PaymentError" }) }`, "PaymentError: x", ""},
		"no words at all": {`export default () => { throw { get constructor() { throw 1 } } }`, "an exception that cannot be described", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, c.code)
			f, _ := s.fails()
			if !strings.HasPrefix(f.Message, c.message) || !strings.Contains(f.Stack, c.stack) || strings.Contains(f.Stack, "edgehive:") {
				t.Errorf("it fails with %q at\n%s\nnot %q at\n%s", f.Message, f.Stack, c.message, c.stack)
			}
			if again, _ := s.fails(); again.Message != f.Message {
				t.Errorf("the next call fails with %q", again.Message)
			}
		})
	}
}

// Rejections that nobody hears are logged; those that are heard late are not.
func TestUnhandledRejections(t *testing.T) {
	h := load(t, `export default async () => {
		Promise.reject(new Error("lost"));
		const p = Promise.reject(new Error("heard")); await null; p.catch(() => {});
		for (let i = 0; i < 100; i++) Promise.reject(i).catch(() => {});
		return "fine";
	}`).get()
	if h.answer() != "fine" || len(h.logged) != 1 || !strings.HasPrefix(h.logged[0], "3 a promise was rejected, and nobody listened: Error: lost\n    at default (functions/x.js:2:") {
		t.Errorf("it answers %q, and logs %q", h.answer(), h.logged)
	}
	h = load(t, `export default () => { for (let i = 0; i < 1000; i++) Promise.reject(i); return "fine" }`).get()
	if len(h.logged) != 16 {
		t.Errorf("of 1000 rejections it logs %d", len(h.logged))
	}
}

func TestWaitUntil(t *testing.T) {
	h := load(t, `export default (request, env, ctx) => {
		ctx.waitUntil(new Promise((r) => setTimeout(r, 5)).then(() => { console.log("after"); ctx.waitUntil(Promise.resolve().then(() => console.log("and more"))) }));
		ctx.waitUntil(Promise.reject(new Error("no")));
		return "fine";
	}`).get()
	if h.answer() != "fine" || len(h.logged) != 3 || h.logged[0] != "1 after" || h.logged[1] != "1 and more" || !strings.HasPrefix(h.logged[2], "3 what was waited for was rejected: Error: no\n") {
		t.Errorf("it answers %q, and logs %q", h.answer(), h.logged)
	}
}

// Nothing that a call leaves behind is there in the next, and random numbers are
// not those of the call before.
func TestEachCallBeginsAnew(t *testing.T) {
	s := load(t, `let n = 0; const list = []; const fixed = Math.random();
		export default () => {
			globalThis.left = (globalThis.left ?? 0) + 1; list.push(++n); Array.prototype.extra = "x"; URL.prototype.toString = () => "gone";
			caches.set("a", 1); return [n, list.length, globalThis.left, caches.size, fixed].join() + "|" + Math.random() + "|" + crypto.randomUUID() + "|" + Date.now();
		}; const caches = new Map();`)
	seen := map[string]bool{}
	var first []string
	var last string
	for i := range 1000 {
		parts := strings.Split(s.get().answer(), "|")
		if i == 0 {
			first = parts
		}
		if parts[0] != first[0] || !strings.HasPrefix(parts[0], "1,1,1,1,") {
			t.Fatalf("call %d found what was left behind: %s", i, parts[0])
		}
		for _, random := range parts[1:3] {
			if seen[random] {
				t.Fatalf("call %d has the random %s of another", i, random)
			}
			seen[random] = true
		}
		last = parts[3]
	}
	if last == first[3] {
		t.Error("time stands still between calls")
	}
}

// A call that is not reset must not lose memory either: what the host makes in
// the guest is freed.
func TestNothingIsLost(t *testing.T) {
	s := load(t, `export default async (request) => { console.log("x"); const t = await request.text(); return Response.json({ t, n: new TextEncoder().encode(t).length }) }`)
	size := func() uint32 { return s.module.Memory().Size() }
	run := func(n int) {
		for range n {
			h := &host{event: `{"kind":"request","request":{"method":"POST","path":"/"}}`, body: bytes.Repeat([]byte("x"), 10_000)}
			if err := s.instance.Call(t.Context(), h); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(300)
	before := size()
	run(1500)
	if after := size(); after > before+1<<20 {
		t.Errorf("1500 calls made the memory grow from %d to %d bytes", before, after)
	}
}

func TestMemory(t *testing.T) {
	s := load(t, `export default async (request) => {
		const a = []; for (;;) a.push(new Uint8Array(1 << 20)); }`)
	if f, _ := s.fails(); !f.Memory || f.Message != "InternalError: out of memory" {
		t.Errorf("it fails with %+v", f)
	}
	s = load(t, `export default () => { let s = "x"; for (;;) s += s + Math.random() }`)
	if f, _ := s.fails(); f.Message != "InternalError: string too long" {
		t.Errorf("of a text it fails with %+v", f)
	}
	// The host's own share: a body that does not fit.
	s = load(t, `export default async (request) => String((await request.text()).length)`)
	err := s.call(&host{event: `{"kind":"request","request":{"method":"POST","path":"/"}}`, body: make([]byte, 80<<20)})
	if err == nil || !strings.Contains(err.Error(), "memory") {
		t.Errorf("a body that does not fit gives %v", err)
	}
}

func TestBigBodies(t *testing.T) {
	s := load(t, `export default async (request) => new Response(await request.bytes())`)
	body := bytes.Repeat([]byte("0123456789abcdef\x00\xff"), 4<<20/18)
	h := s.send(`{"kind":"request","request":{"method":"POST","path":"/"}}`, body)
	if h.answer() != string(body) {
		t.Errorf("%d bytes came back as %d others", len(body), len(h.answer()))
	}
}

// What waits for a timer ends with its context, and what it waited for is not run.
func TestDeadlines(t *testing.T) {
	s := load(t, `export default () => new Promise((r) => setTimeout(r, 60_000))`)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := s.instance.Call(ctx, &host{event: getEvent}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it gives %v", err)
	}
}

// Many scripts share the engine, and know nothing of each other.
func TestScriptsSideBySide(t *testing.T) {
	var all []*script
	for i := range 5 {
		all = append(all, load(t, fmt.Sprintf(`globalThis.n = %d; export default () => String(n)`, i)))
	}
	for i, s := range all {
		if got := s.get().answer(); got != fmt.Sprint(i) {
			t.Errorf("script %d answers %q", i, got)
		}
	}
}

// What a deep recursion makes of the machine stack is known, and can be given up.
func TestMachineStack(t *testing.T) {
	s := load(t, `function f() { f() } export default () => { try { f() } catch (e) { return e.name } }`)
	for range 2 {
		if got := s.get().answer(); got != "RangeError" {
			t.Fatalf("it answers %q", got)
		}
		if n := s.instance.MachineStack(); n < 1<<20 || n > 32<<20 {
			t.Errorf("the machine stack has %d bytes", n)
		}
		s.instance.Renew()
		if n := s.instance.MachineStack(); n != 0 {
			t.Errorf("of the machine stack %d bytes are left", n)
		}
	}
}
