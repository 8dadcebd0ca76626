package function_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/edge-hive/edge-hive/runtime/fault"
	"github.com/edge-hive/edge-hive/runtime/function"
	"github.com/edge-hive/edge-hive/runtime/function/javascript"
)

// loadScript makes a function of JavaScript.
func loadScript(t testing.TB, h *function.Host, code string, change ...func(d *function.Definition)) *function.Function {
	t.Helper()
	d := function.Definition{Name: "script", Code: []byte(code), Path: "functions/script.js", Limits: defaultLimits()}
	for _, c := range change {
		c(&d)
	}
	f, err := h.Load(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close(context.Background()) }) // the host's end says what is left
	return f
}

// Scripts under the meter, in a host: the engine is compiled once for all of them.
func TestScripts(t *testing.T) {
	h, written := newHost(t)
	held := loadScript(t, h, `export default () => "held"`) // so that the engine stays compiled
	if held.Convention() != function.JavaScript {
		t.Errorf("its convention is %s", held.Convention())
	}
	answer := func(t *testing.T, f *function.Function, body string) (*recorder, error) {
		t.Helper()
		r := &recorder{}
		return r, f.Call(t.Context(), request(body), r)
	}

	t.Run("share nothing", func(t *testing.T) {
		one := loadScript(t, h, `globalThis.mine = "one"; Response.json = null; export default () => new Response(String(globalThis.mine))`)
		two := loadScript(t, h, `export default () => Response.json([globalThis.mine ?? "none"])`)
		for range 2 {
			for f, want := range map[*function.Function]string{one: "one", two: `["none"]`} {
				if r, err := answer(t, f, ""); err != nil || r.body.String() != want {
					t.Errorf("it answers %q, %v, want %q", r.body.String(), err, want)
				}
			}
		}
	})

	t.Run("answers", func(t *testing.T) {
		f := loadScript(t, h, `export default async (request, env, ctx) => {
			console.log("asked by", ctx.caller.role);
			return Response.json({ got: await request.text(), type: request.headers.get("content-type") }, { status: 201, headers: { "X-A": "b" } });
		}`)
		r, err := answer(t, f, "hé")
		if err != nil || r.status != 201 || r.header.Get("X-A") != "b" || r.body.String() != `{"got":"hé","type":"text/plain"}` {
			t.Errorf("it answers %d %v %q, %v", r.status, r.header, r.body.String(), err)
		}
		if !strings.Contains(written.String(), "asked by") {
			t.Errorf("the log is %s", written)
		}
	})

	t.Run("each call begins anew", func(t *testing.T) {
		f := loadScript(t, h, `let n = 0; const kept = []; export default (request) => { kept.push(new Array(1000).fill(n)); globalThis.m = (globalThis.m ?? 0) + 1; return [++n, kept.length, globalThis.m, Math.random(), crypto.randomUUID(), Date.now()].join() }`)
		var mu sync.Mutex
		seen, times := map[string]int{}, map[string]bool{}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 250 {
					r, err := answer(t, f, "")
					if err != nil {
						t.Error(err)
						return
					}
					parts := strings.Split(r.body.String(), ",")
					mu.Lock()
					if strings.Join(parts[:3], ",") != "1,1,1" {
						t.Errorf("a call found %q", parts)
					}
					seen[parts[3]]++
					seen[parts[4]]++
					times[parts[5]] = true
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(seen) != 2000 || len(times) < 2 {
			t.Errorf("of 2000 random things %d are different, and of 1000 times %d", len(seen), len(times))
		}
	})

	t.Run("what fails", func(t *testing.T) {
		quick := func(d *function.Definition) { d.Limits.Timeout = 100 * time.Millisecond }
		small := func(d *function.Definition) { d.Limits.Memory = 4 << 20 }
		for name, c := range map[string]struct {
			code, want, logged string
			change             func(d *function.Definition)
		}{
			"thrown":          {`export default () => { throw new Error("secret words") }`, function.CodeFailed, "Error: secret words\\n    at default (functions/script.js:1:", nil},
			"never settled":   {`export default () => new Promise(() => {})`, function.CodeFailed, "the handler's promise never settled", nil},
			"a loop":          {`export default () => { for (;;); }`, function.CodeTimeout, "", quick},
			"a loop of jobs":  {`export default async () => { for (;;) await null }`, function.CodeTimeout, "", quick},
			"a regexp":        {`export default () => String(/^(a+)+$/.test("a".repeat(40) + "b"))`, function.CodeTimeout, "", quick},
			"a timer":         {`export default () => new Promise((r) => setTimeout(r, 60000))`, function.CodeTimeout, "", quick},
			"timers":          {`export default () => new Promise(() => setInterval(() => {}, 1))`, function.CodeTimeout, "", quick},
			"a sort":          {`export default () => { const a = Array.from({ length: 3e4 }, (_, i) => i); for (;;) a.sort(() => Math.random() - 0.5) }`, function.CodeTimeout, "", quick},
			"recursion":       {`const f = () => f() + 1; export default () => f()`, function.CodeFailed, "RangeError: Maximum call stack size exceeded", nil},
			"memory":          {`export default () => { const a = []; for (;;) a.push(new Uint8Array(1 << 16)) }`, function.CodeMemory, "", small},
			"memory of texts": {`export default () => { const a = []; for (;;) a.push("x".repeat(1 << 16) + a.length) }`, function.CodeMemory, "", small},
			"memory of many":  {`export default () => { const a = []; for (let i = 0; ; i++) a.push({ i }) }`, function.CodeMemory, "", small},
			"answer":          {`export default () => "x".repeat(5 << 20)`, function.CodeAnswer, "", nil},
			"no handler":      {`export const a = 1`, function.CodeModule, "exports no handler", nil},
			"no JavaScript":   {`export default () => {`, function.CodeModule, "functions/script.js:1:", nil},
		} {
			t.Run(name, func(t *testing.T) {
				change := []func(*function.Definition){}
				if c.change != nil {
					change = append(change, c.change)
				}
				f := loadScript(t, h, c.code, change...)
				for i := range 2 {
					if i > 0 && c.want == function.CodeTimeout {
						continue
					}
					before := len(written.String())
					r, err := answer(t, f, "")
					said := written.String()[before:]
					if got := fault.From(err).Code; err == nil || got != c.want {
						t.Errorf("it gives %v, and answers %.100q", err, r.body.String())
					}
					if !strings.Contains(said, c.logged) {
						t.Errorf("the log is %s", said)
					}
					if f := fault.From(err); strings.Contains(f.Message+f.Details+f.Hint+r.body.String(), "secret words") {
						t.Errorf("the answer tells what the script is like inside: %+v", f)
					}
				}
				if r, err := answer(t, held, ""); err != nil || r.body.String() != "held" {
					t.Errorf("its neighbour answers %q, %v", r.body.String(), err)
				}
			})
		}
	})

	t.Run("a load that never ends", func(t *testing.T) {
		f := loadScript(t, h, `for (;;);`)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := f.Warm(ctx); fault.From(err).Code != function.CodeTimeout {
			t.Errorf("it gives %v", err)
		}
	})

	t.Run("what is wrong with it is told to who loads it", func(t *testing.T) {
		f := loadScript(t, h, "import './lib.js'", func(d *function.Definition) {
			d.Files = fstest.MapFS{"functions/lib.js": {Data: []byte("\nnull.x")}}
		})
		var said *javascript.LoadError
		if err := f.Warm(t.Context()); !errors.As(err, &said) || said.Path != "functions/lib.js" || said.Line != 2 {
			t.Errorf("it gives %v", err)
		}
	})

	// The engine's own bound on recursion comes before the meter's, in whatever way.
	t.Run("too deep", func(t *testing.T) {
		for _, way := range []string{
			`const f = () => f(); f()`,
			`const f = (a) => a.map((x) => f([x])); f([1])`,
			`const f = () => { [2, 1].sort(f) }; f()`,
			`const f = () => { "a".replace(/a/, f) }; f()`,
			`const f = () => { JSON.parse("[1]", f) }; f()`,
			`const o = { toJSON() { return JSON.stringify(o) } }; JSON.stringify(o)`,
			`const o = { toString() { return "" + o } }; "" + o`,
			`const p = new Proxy({}, { get: () => p.x }); p.x`,
			`function* g() { yield* g() } g().next()`,
			`const f = () => eval("f()"); f()`,
			`eval("(".repeat(1e6))`,
			`JSON.parse("[".repeat(1e6))`,
			`class A { get x() { return new A().x } } new A().x`,
		} {
			f := loadScript(t, h, `export default () => { try { `+way+` } catch (e) { return e.name } }`)
			if r, err := answer(t, f, ""); err != nil || r.body.String() != "RangeError" && r.body.String() != "SyntaxError" {
				t.Errorf("%s gives %q, %v", way, r.body.String(), err)
			}
		}
	})

	t.Run("a deep recursion is charged, and given back", func(t *testing.T) {
		f := loadScript(t, h, `const f = () => f() + 1; export default () => { try { f() } catch (e) { return e.name } }`)
		if r, err := answer(t, f, ""); err != nil || r.body.String() != "RangeError" {
			t.Fatalf("it answers %q, %v", r.body.String(), err)
		}
		before := h.Usage().Memory
		for range 20 {
			if _, err := answer(t, f, ""); err != nil {
				t.Fatal(err)
			}
		}
		if after := h.Usage().Memory; after > before {
			t.Errorf("20 calls took %d bytes, and %d were taken after them", before, after)
		}
	})

	t.Run("operations", func(t *testing.T) {
		f := loadScript(t, h, `import { cache, db, Fault } from "edgehive";
			export default async (request) => {
				const given = new Uint8Array([0, 255, ...await request.bytes()]);
				await cache.set("k", given);
				const back = await cache.getBytes("k");
				const e = await db.select("books").catch((e) => e);
				return [back.join("."), e instanceof Fault, e.code, e.message].join("|");
			}`, func(d *function.Definition) {
			kept := map[string][]byte{}
			d.Operations = map[string]function.Operation{
				"cache.set": {Do: func(_ context.Context, _ *function.Call, head, body []byte) (function.Reply, error) {
					kept[string(head)] = body
					return function.Reply{Head: []byte(`{"stored":true}`)}, nil
				}},
				"cache.get": {Do: func(_ context.Context, _ *function.Call, head, _ []byte) (function.Reply, error) {
					return function.Reply{Head: []byte(`{"found":true}`), Body: kept[string(head)]}, nil
				}},
				"db.select": {Class: function.Statement, Do: func(context.Context, *function.Call, []byte, []byte) (function.Reply, error) {
					return function.Reply{}, fault.New("42501", "it may not").WithCause(errors.New("hidden"))
				}},
			}
		})
		r, err := answer(t, f, "a")
		if want := "0.255.97|true|42501|it may not"; err != nil || r.body.String() != want {
			t.Errorf("it answers %q, %v", r.body.String(), err)
		}
	})

	t.Run("streams", func(t *testing.T) {
		f := loadScript(t, h, `export default () => new Response((async function* () { for (let i = 0; i < 3; i++) yield String(i) })())`)
		r, err := answer(t, f, "")
		if err != nil || fmt.Sprint(r.pieces) != "[0 1 2]" {
			t.Errorf("it answers in pieces %q, %v", r.pieces, err)
		}
	})
}

func TestInspectScript(t *testing.T) {
	if convention, faults := function.Inspect([]byte("x"), "a/b.js", "", javascript.LeastMemory); convention != function.JavaScript || len(faults) > 0 {
		t.Errorf("it says %s, %v", convention, faults)
	}
	if _, faults := function.Inspect([]byte("x"), "a/b.js", "", 1<<20); len(faults) != 1 || faults[0].Code != function.CodeModule {
		t.Errorf("of little memory it says %v", faults)
	}
}

func BenchmarkScripts(b *testing.B) {
	h, _ := newHost(b, quiet)
	for name, code := range map[string]string{
		"empty": `export default () => new Response(null)`,
		"json": `export default { async fetch(request) {
			const items = await request.json();
			return Response.json(items.filter((i) => i.price > 3).map((i) => ({ ...i, total: i.price * 2 })));
		} }`,
	} {
		b.Run(name, func(b *testing.B) {
			f := loadScript(b, h, code)
			e := request(`[{"id":1,"price":1},{"id":2,"price":2},{"id":3,"price":3},{"id":4,"price":4},{"id":5,"price":5},{"id":6,"price":6},{"id":7,"price":7},{"id":8,"price":8}]`)
			b.ReportAllocs()
			for b.Loop() {
				if err := f.Call(context.Background(), e, nowhere{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("load", func(b *testing.B) {
		held := loadScript(b, h, `export default () => {}`)
		defer held.Close(context.Background())
		for b.Loop() {
			f := loadScript(b, h, `export default () => {}`)
			if err := f.Warm(context.Background()); err != nil {
				b.Fatal(err)
			}
			if err := f.Close(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
