package function_test

import (
	"strings"
	"testing"

	"github.com/edge-hive/edge-hive/runtime/function"
)

func script(code string, change ...func(*function.Definition)) func(*function.Definition) {
	return func(d *function.Definition) {
		d.Code, d.Path = []byte(code), "functions/f.js"
		for _, c := range change {
			c(d)
		}
	}
}

func TestScript(t *testing.T) {
	h, written := newHost(t)
	f := load(t, h, "counts", "kit", "", one, script(`
		let calls = 0
		export default async function (request) {
			calls++
			globalThis.secret = (globalThis.secret ?? "") + "x"
			return new Response(calls + globalThis.secret + await request.text(), {status: 203})
		}`))
	if f.Convention() != function.JavaScript {
		t.Errorf("it is called as %s", f.Convention())
	}
	for range 100 {
		if got := call(t, f, request("!")); got.status != 203 || got.body.String() != "1x!" {
			t.Fatalf("got %d %q", got.status, got.body.String())
		}
	}
	broken := load(t, h, "broken", "kit", "", script("export default function (\n"))
	if err := broken.Warm(t.Context()); err == nil || !strings.Contains(err.Error(), "functions/f.js:2") {
		t.Errorf("got %v", err)
	}
	throws := load(t, h, "throws", "kit", "", script("function inner() { throw new Error('secret') }\nexport default () => inner()\n"))
	callFails(t, throws, request(""), function.CodeFailed)
	if !strings.Contains(written.String(), "functions/f.js:1") {
		t.Errorf("log: %s", written)
	}
	loops := load(t, h, "loops", "kit", "", script("export default () => { for (;;); }\n"), short)
	callFails(t, loops, request(""), function.CodeTimeout)
	waits := load(t, h, "waits", "kit", "", script("export default async () => { await new Promise(r => setTimeout(r, 100000)) }\n"), short)
	callFails(t, waits, request(""), function.CodeTimeout)
	eats := load(t, h, "eats", "kit", "", script("export default () => { const a = []; for (;;) a.push(new Uint8Array(100000)) }\n"))
	callFails(t, eats, request(""), function.CodeMemory)
	if u := h.Usage(); u.Modules != 2 && u.Modules != 1 {
		t.Errorf("%d modules are compiled", u.Modules)
	}
}
