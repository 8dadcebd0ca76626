package javascript_test

import (
	"strings"
	"testing"
)

// Each is the body of a handler, and what it answers.
func TestWhatScriptsKnow(t *testing.T) {
	for name, c := range map[string]struct{ code, want string }{
		"language": {
			`
			class A { #x = 1; static { A.y = 2 } get x() { return this.#x } }
			const { a, ...rest } = { a: 1, b: 2n, c: [..."né"] };
			const label = async function* () { yield 1; yield 2 };
			const all = []; for await (const v of label()) all.push(v);
			const { promise, resolve } = Promise.withResolvers(); resolve(7);
			return [new A().x, A.y, rest.b ** 70n, rest.c.at(-1), all, await promise, [3, 1, 2].toSorted(), null ?? "none", ({}).x?.y,
				"aXbX".replaceAll("X", "-"), /(?<year>\d{4})/u.exec("in 2026").groups.year, Object.groupBy([1, 2, 3], (n) => n % 2 ? "odd" : "even").odd].join("|")`,
			"1|2|1180591620717411303424|é|1,2|7|1,2,3|none||a-b-|2026|1,3",
		},
		"text": {
			`
			const bytes = new TextEncoder().encode("é€😀\ud800");
			const d = new TextDecoder(); const b = new TextEncoder().encode("€uro");
			const parts = d.decode(b.subarray(0, 2), { stream: true }) + "," + d.decode(b.subarray(2));
			let fatal; try { new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array([0xff])) } catch (e) { fatal = e.name }
			let known; try { new TextDecoder("utf-16") } catch (e) { known = e.name }
			return [bytes.length, new TextDecoder().decode(bytes), parts, new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 97, 0xff])), fatal, known,
				new TextEncoder().encode("a\0b").length].join("|")`,
			"12|é€😀\ufffd|,€uro|a\ufffd|TypeError|RangeError|3",
		},
		"base64": {`return btoa("hello") + atob("aGVsbG8=")`, "aGVsbG8=hello"},
		"headers": {
			`
			const h = new Headers({ "X-B": " 1 ", a: "2" }); h.append("x-b", "3"); h.append("Set-Cookie", "a=1"); h.append("set-cookie", "b=2");
			let bad = []; for (const f of [() => h.set("a b", 1), () => h.set("a", "x\r\nb: c"), () => h.set("a", "€")]) try { f() } catch (e) { bad.push(e.name) }
			return [...h].join(";") + "|" + h.get("X-b") + "|" + h.get("none") + "|" + h.getSetCookie() + "|" + bad + "|" + new Headers([["k", "v"]]).has("K")`,
			"a,2;set-cookie,a=1;set-cookie,b=2;x-b,1, 3|1, 3|null|a=1,b=2|TypeError,TypeError,TypeError|true",
		},
		"request": {
			`
			const r = new Request("https://example.com/a?b=c#d", { method: "post", body: new URLSearchParams({ a: "1 2" }), headers: { "X-A": "1" } });
			const copy = r.clone();
			return [r.method, r.url, r.headers.get("content-type"), await r.text(), r.bodyUsed, await copy.text(), await r.text().catch((e) => e.name),
				await new Request("http://a/", { method: "PUT", body: new Uint8Array([1, 2]) }).arrayBuffer().then((b) => b.byteLength)].join("|")`,
			"POST|https://example.com/a?b=c#d|application/x-www-form-urlencoded;charset=UTF-8|a=1+2|true|a=1+2|TypeError|2",
		},
		"response": {
			`
			const r = Response.json({ a: [1] }, { status: 201, headers: { "X-A": "b" } });
			const all = []; for await (const chunk of new Response("streamed").body) all.push(new TextDecoder().decode(chunk));
			let bad = []; for (const f of [() => new Response("", { status: 99 }), () => new Response("x", { status: 204 }), () => Response.redirect("/x", 200)]) try { f() } catch (e) { bad.push(e.name) }
			return [r.status, r.ok, r.headers.get("content-type"), (await r.json()).a, Response.redirect("http://a/b").headers.get("location"), all, bad].join("|")`,
			"201|true|application/json|1|http://a/b|streamed|RangeError,TypeError,RangeError",
		},
		"streams": {
			`
			const s = new ReadableStream({ start(c) { c.enqueue("a") }, pull(c) { c.enqueue("b"); c.close() } });
			const out = []; for await (const v of s) out.push(v);
			let stopped = ""; for await (const v of new ReadableStream({ pull(c) { c.enqueue(1) }, cancel() { stopped = "stopped" } })) break;
			const broken = new ReadableStream({ pull() { throw new Error("no") } });
			return [out, stopped, await new Response(ReadableStream.from(["x", "y"])).text(), await broken.getReader().read().catch((e) => e.message)].join("|")`,
			"a,b|stopped|xy|no",
		},
		"timers": {`
			const out = []; const stop = setInterval(() => out.push("i"), 1);
			setTimeout((v) => out.push(v), 20, "late"); const never = setTimeout(() => out.push("never"), 5); clearTimeout(never);
			queueMicrotask(() => out.push("micro")); setTimeout(() => out.push("soon"));
			await new Promise((r) => setTimeout(r, 30)); clearInterval(stop);
			return [out[0], out.includes("soon"), out.includes("i"), out.includes("never"), out.indexOf("late") > 1].join("|")`, "micro|true|true|false|true"},
		"abort": {`
			const c = new AbortController(); let heard = 0; c.signal.addEventListener("abort", () => heard++); c.abort(); c.abort();
			return [heard, c.signal.aborted, await fetch("http://a/", { signal: c.signal }).catch((e) => e.name), AbortSignal.abort("why").reason,
				AbortSignal.any([c.signal]).aborted].join("|")`, "1|true|AbortError|why|true"},
		"structuredClone": {
			`
			const a = { d: new Date(0), m: new Map([[1, new Set([2])]]), b: new Uint8Array([1, 2]), l: [1, , 3], e: new TypeError("x") }; a.self = a;
			const c = structuredClone(a); let bad; try { structuredClone(() => 1) } catch (e) { bad = e.name }
			return [c !== a, c.self === c, c.d.getTime(), c.m.get(1).has(2), c.b[1], c.l.length, 1 in c.l, c.e instanceof TypeError, bad].join("|")`,
			"true|true|0|true|2|3|false|true|DataCloneError",
		},
		"crypto": {
			`
			const v = crypto.getRandomValues(new Uint32Array(4)); const id = crypto.randomUUID();
			let bad; try { crypto.getRandomValues(new Uint8Array(65537)) } catch (e) { bad = e.name }
			return [v.some(Boolean), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id), id !== crypto.randomUUID(), bad].join("|")`,
			"true|true|true|QuotaExceededError",
		},
		"Math.random": {`
			const n = Array.from({ length: 1000 }, Math.random);
			return [n.every((v) => v >= 0 && v < 1), new Set(n).size, Math.abs(n.reduce((a, b) => a + b) / 1000 - 0.5) < 0.1].join("|")`, "true|1000|true"},
		"time":              {`return [Math.abs(Date.now() - performance.timeOrigin) < 60000, performance.now() >= 0 && performance.now() < 60000, new Date(0).getTimezoneOffset(), new Date().getFullYear() > 2024].join("|")`, "true|true|0|true"},
		"no more than that": {`return [typeof require, typeof process, typeof std, typeof os, typeof __edgehive, typeof WebAssembly].join("|")`, "undefined|undefined|undefined|undefined|undefined|undefined"},
		"eval":              {`return String(eval("1+1") + new Function("return 3")())`, "5"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := expression(t, c.code); got != c.want {
				t.Errorf("it answers\n%s\nnot\n%s", got, c.want)
			}
		})
	}
}

// Of the URL standard's own examples, and what people write.
func TestURL(t *testing.T) {
	cases := [][3]string{
		{"https://example.com", "", "https://example.com/"},
		{"HTTPS://EXAMPLE.com:443/A?b#c", "", "https://example.com/A?b#c"},
		{"https://user:pa ss@example.com:8080/", "", "https://user:pa%20ss@example.com:8080/"},
		{"https://example.com/a/./b/../c/%2e%2E/d", "", "https://example.com/a/d"},
		{"https://example.com/a/..", "", "https://example.com/"},
		{"http://example.com/a b?c d#e f", "", "http://example.com/a%20b?c%20d#e%20f"},
		{"http://example.com/é?ü='", "", "http://example.com/%C3%A9?%C3%BC=%27"},
		{"http:\\\\example.com\\a", "", "http://example.com/a"},
		{"  http://exa\tmple.com/\n ", "", "http://example.com/"},
		{"http://192.168.0.1.:80/", "", "http://192.168.0.1/"},
		{"http://0x7f.1/", "", "http://127.0.0.1/"},
		{"http://2130706433/", "", "http://127.0.0.1/"},
		{"http://256.1.1.1/", "", "invalid"},
		{"http://[::1]:3000/x", "", "http://[::1]:3000/x"},
		{"http://[2001:DB8:0:0:1:0:0:1]/", "", "http://[2001:db8::1:0:0:1]/"},
		{"http://[::ffff:1.2.3.4]/", "", "http://[::ffff:102:304]/"},
		{"http://[1::2::3]/", "", "invalid"},
		{"http://[::1", "", "invalid"},
		{"http://a:99999/", "", "invalid"},
		{"http://a:b/", "", "invalid"},
		{"http://", "", "invalid"},
		{"http://a b/", "", "invalid"},
		{"http://a%2fb/", "", "invalid"},
		{"http://ex%61mple.com/", "", "http://example.com/"},
		{"/x", "", "invalid"},
		{"", "", "invalid"},
		{"mailto:ann@example.com", "", "mailto:ann@example.com"},
		{"data:text/plain,hi there", "", "data:text/plain,hi there"},
		{"custom://Host/a/../b", "", "custom://Host/b"},
		{"file:///etc/../tmp/x", "", "file:///tmp/x"},
		{"b", "https://example.com/a/c?d#e", "https://example.com/a/b"},
		{"../b?x", "https://example.com/a/c/d", "https://example.com/a/b?x"},
		{"/b", "https://example.com/a/c", "https://example.com/b"},
		{"//other.org/b", "https://example.com/a", "https://other.org/b"},
		{"?q", "https://example.com/a?b#c", "https://example.com/a?q"},
		{"#h", "https://example.com/a?b#c", "https://example.com/a?b#h"},
		{"", "https://example.com/a?b#c", "https://example.com/a?b"},
		{"https:b", "https://example.com/a/c", "https://example.com/a/b"},
		{"http:b", "https://example.com/a/c", "http://b/"},
		{"x", "mailto:a", "invalid"},
		{"https://münchen.example/", "", "invalid"},
	}
	var code, want strings.Builder
	code.WriteString("const out = [];")
	for _, c := range cases {
		base := ""
		if c[1] != "" {
			base = "," + quoted(c[1])
		}
		code.WriteString("try { out.push(new URL(" + quoted(c[0]) + base + ").href) } catch (e) { out.push(e instanceof TypeError ? 'invalid' : String(e)) }\n")
		want.WriteString(c[2] + "\n")
	}
	code.WriteString("return out.join('\\n') + '\\n'")
	got, wanted := strings.Split(expression(t, code.String()), "\n"), strings.Split(want.String(), "\n")
	for i, c := range cases {
		if got[i] != wanted[i] {
			t.Errorf("new URL(%q, %q) is %q, not %q", c[0], c[1], got[i], wanted[i])
		}
	}
	for name, c := range map[string][2]string{
		"members": {
			`const u = new URL("https://a:b@example.com:81/p/q?x=1&y=2#z");
			return [u.protocol, u.username, u.password, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.origin, JSON.stringify({ u })].join(" ")`,
			`https: a b example.com:81 example.com 81 /p/q ?x=1&y=2 #z https://example.com:81 {"u":"https://a:b@example.com:81/p/q?x=1&y=2#z"}`,
		},
		"setters": {`const u = new URL("https://example.com/p"); u.pathname = "a b/../c?"; u.search = "x=é"; u.hash = "h h"; u.port = "8080"; u.hostname = "B.org"; u.username = "u@";
			const before = u.href; u.port = "443"; u.host = "c.org:99"; u.protocol = "http"; u.protocol = "mailto"; u.hostname = "a b"; u.search = ""; u.hash = "";
			return before + " " + u.href`, "https://u%40@b.org:8080/c%3F?x=%C3%A9#h%20h http://u%40@c.org:99/c%3F"},
		"search": {
			`const u = new URL("https://e.com/?a=1&b=2&a=3%20+4"); const p = u.searchParams; const all = p.getAll("a"); p.set("a", "ü &"); p.append("c", ""); p.delete("b");
			const href = u.href; u.search = "?z=1"; return [all, href, p.get("z"), p.get("a"), p.has("z", "2"), p.size, [...new URLSearchParams([["b", 1], ["a", 2]])].join(";")].join(" ")`,
			"1,3  4 https://e.com/?a=%C3%BC+%26&c= 1  false 1 b,1;a,2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := expression(t, c[0]); got != c[1] {
				t.Errorf("it answers\n%s\nnot\n%s", got, c[1])
			}
		})
	}
}

// What is written to the console is as a person would read it.
func TestConsole(t *testing.T) {
	h := load(t, `export default () => {
		const o = { a: 1, "b-c": [1, "x", null], d: new Map([["k", { e: undefined }]]), f() {} }; o.self = o;
		console.log("a %s has %d, 100%%", "b", "7", o);
		console.debug(new Uint8Array([1, 2]), -0, 5n, Symbol("s"), new Date(0), new Set([1]));
		console.warn(Array.from({ length: 200 }, () => 1).length, "\n");
		console.error(new TypeError("oh", { cause: new Error("why") }));
		console.assert(1 === 2, "no");
		console.count(); console.count();
	}`).get()
	want := []string{
		`1 a b has 7, 100% {a: 1, "b-c": [1, "x", null], d: Map(1) {"k" => {e: undefined}}, f: [function f], self: [circular]}`,
		`0 Uint8Array(2) [1, 2] -0 5n Symbol(s) 1970-01-01T00:00:00.000Z Set(1) {1}`,
		"2 200 \n",
		"3 TypeError: oh, because of Error: why\n    at default (functions/x.js:6:50)",
		"3 Assertion failed: no",
		"1 default: 1", "1 default: 2",
	}
	for i := range want {
		if i >= len(h.logged) || h.logged[i] != want[i] {
			t.Errorf("the log is\n%q\nnot\n%q", h.logged, want)
			break
		}
	}
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}
