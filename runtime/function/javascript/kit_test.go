package javascript_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// asked runs code in a handler, against operations that all answer alike, and
// gives what it asked for and what it answered.
func asked(t *testing.T, code, reply, body string) (all []string, answer string) {
	t.Helper()
	s := load(t, `import { db, cache, publish, functions, secrets, config, signatures, caller, log, fetch, Fault } from "edgehive";
		export default async (request, env, ctx) => {`+code+`}`)
	h := &host{event: getEvent, operations: map[string]func(string, []byte) (string, []byte, bool){}}
	for _, name := range []string{
		"db.select", "db.insert", "db.update", "db.delete", "db.batch", "db.call", "cache.get", "cache.set", "cache.delete", "cache.add",
		"channel.publish", "fetch", "function.call", "secret.get", "config.get", "crypto.hash", "crypto.hmac", "crypto.equal", "crypto.sign", "crypto.verify",
	} {
		h.operations[name] = func(string, []byte) (string, []byte, bool) { return reply, []byte(body), true }
	}
	if err := s.call(h); err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return h.asked, h.answer()
}

// The kit asks for operations as the contract has them.
func TestOperations(t *testing.T) {
	for _, c := range []struct{ code, reply, body, asked, answer string }{
		{`return db.select("books", "select=id&year=gt.2000")`, `{}`, `[{"id":1}]`, `db.select {"table":"books","query":"select=id&year=gt.2000"} `, `[{"id":1}]`},
		{`return db.select("books", { select: "id,title", year: ["gt.2000", "lt.2010"] })`, `{}`, `[]`, `db.select {"table":"books","query":"select=id%2Ctitle&year=gt.2000&year=lt.2010"} `, `[]`},
		{`return db.select("books", new URLSearchParams({ a: "eq.b c" }))`, `{}`, `[]`, `db.select {"table":"books","query":"a=eq.b+c"} `, `[]`},
		{`return db.page("books")`, `{"count":12}`, `[1]`, `db.select {"table":"books","query":"","count":true} `, `{"rows":[1],"count":12}`},
		{
			`return await db.from("books").select("id", "title").eq("a", "b&c").gt("n", 1).in("t", ["x", 'y"z', "a,b", 3]).contains("tags", ["a b"]).or(["a.eq.1", "b.is.null"]).not("x", "is", null).order("n", { descending: true }).order("t", { nulls: "first" }).limit(5).offset(10)`,
			`{}`, `[]`, `db.select {"table":"books","query":"select=id%2Ctitle&a=eq.b%26c&n=gt.1&t=in.(x%2C%22y%5C%22z%22%2C%22a%2Cb%22%2C3)&tags=cs.%7B%22a%20b%22%7D&or=(a.eq.1%2Cb.is.null)&x=not.is.null&order=n.desc%2Ct.nullsfirst&limit=5&offset=10"} `, `[]`,
		},
		{`return db.from("books").eq("id", 7).one()`, `{}`, `[{"id":7}]`, `db.select {"table":"books","query":"id=eq.7&limit=2"} `, `{"id":7}`},
		{`return db.from("books").eq("id", 7).one().catch((e) => [e instanceof Fault, e.code])`, `{}`, `[]`, `db.select {"table":"books","query":"id=eq.7&limit=2"} `, `[true,"PGRST116"]`},
		{`return (await db.from("books").maybeOne()) ?? "none"`, `{}`, `[]`, `db.select {"table":"books","query":"limit=2"} `, `none`},
		{`return db.from("books").gt("n", 1).order("n").limit(3).count()`, `{"count":12}`, `[1]`, `db.select {"table":"books","query":"n=gt.1&limit=1","count":true} `, `12`},
		{
			`const [row] = await db.select("books"); row.n++; row.s = String(row.id === 9007199254740993n); return row`, `{}`, `[{"id":9007199254740993,"n":1,"t":"1234567890123456","f":1e20}]`,
			`db.select {"table":"books","query":""} `, `{"id":9007199254740993,"n":2,"t":"1234567890123456","f":100000000000000000000,"s":"true"}`,
		},
		{`return db.insert("books", [{ id: 9007199254740993n }])`, `{}`, `[]`, `db.insert {"table":"books","query":""} [{"id":9007199254740993}]`, `[]`},
		{`return db.insert("books", { title: "é" })`, `{"affected":1}`, `[{"id":1}]`, `db.insert {"table":"books","query":""} {"title":"é"}`, `[{"id":1}]`},
		{`return db.from("books").insert([{}, {}])`, `{"affected":2}`, `[{},{}]`, `db.insert {"table":"books","query":""} [{},{}]`, `[{},{}]`},
		{`return db.upsert("books", [{ isbn: 1 }], { onConflict: "isbn" })`, `{"affected":1}`, `[]`, `db.insert {"table":"books","query":"on_conflict=isbn","prefer":"resolution=merge-duplicates"} [{"isbn":1}]`, `[]`},
		{`return db.upsert("books", {}, { ignoreDuplicates: true })`, `{}`, `[]`, `db.insert {"table":"books","query":"","prefer":"resolution=ignore-duplicates"} {}`, `[]`},
		{`return db.update("books", "id=eq.7", { n: null })`, `{}`, `[]`, `db.update {"table":"books","query":"id=eq.7"} {"n":null}`, `[]`},
		{`return db.from("books").eq("id", 7).update({ n: 1 })`, `{}`, `[]`, `db.update {"table":"books","query":"id=eq.7"} {"n":1}`, `[]`},
		{`return db.from("books").is("n", null).delete()`, `{}`, `[]`, `db.delete {"table":"books","query":"n=is.null"} `, `[]`},
		{`return db.batch([{ op: "delete", table: "books", key: "b" }])`, `{}`, `{"results":[]}`, `db.batch {} [{"op":"delete","table":"books","key":"b"}]`, `{"results":[]}`},
		{`return db.call("bestsellers", { n: 3 })`, `{}`, `[1]`, `db.call {"query":"bestsellers"} {"n":3}`, `[1]`},
		{`return cache.get("a")`, `{"found":true}`, `text`, `cache.get {"key":"a"} `, `text`},
		{`return (await cache.getJSON("a")) === null ? "none" : "some"`, `{"found":false}`, ``, `cache.get {"key":"a"} `, `none`},
		{`return cache.getJSON("a")`, `{"found":true}`, `{"b":1}`, `cache.get {"key":"a"} `, `{"b":1}`},
		{`return [...await cache.getBytes("a")]`, `{"found":true}`, "\x00\xff", `cache.get {"key":"a"} `, `[0,255]`},
		{`return cache.set("a", { b: 1 }, { ttl: "5m" })`, `{"stored":true}`, ``, `cache.set {"key":"a","ttl":"5m"} {"b":1}`, `true`},
		{`return cache.set("a", "text", { ttl: 90, ifAbsent: true })`, `{"stored":false}`, ``, `cache.set {"key":"a","ttl":"90s","ifAbsent":true} text`, `false`},
		{`return cache.set("a", new Uint8Array([104, 105]))`, `{"stored":true}`, ``, `cache.set {"key":"a"} hi`, `true`},
		{`return cache.delete("a")`, `{"found":true}`, ``, `cache.delete {"key":"a"} `, `true`},
		{`return cache.add("a", 2, { ttl: 60 })`, `{"value":7}`, ``, `cache.add {"key":"a","by":2,"ttl":"60s"} `, `7`},
		{`return publish("lobby", "said", { text: "hi" })`, `{"cursor":"c"}`, ``, `channel.publish {"channel":"lobby","event":"said"} {"text":"hi"}`, `c`},
		{`const r = await functions.call("price", { id: 1 }); return [r.status, r.headers.get("x-a"), await r.text()]`, `{"status":201,"headers":{"X-A":["b"]}}`, `body`, `function.call {"function":"price"} {"id":1}`, `[201,"b","body"]`},
		{`return secrets.get("KEY")`, `{}`, `hush`, `secret.get {"name":"KEY"} `, `hush`},
		{`return config.get("CURRENCY")`, `{"value":"EUR"}`, ``, `config.get {"name":"CURRENCY"} `, `EUR`},
		{`return env.CURRENCY + env.CURRENCY`, `{"value":"EUR"}`, ``, `config.get {"name":"CURRENCY"} `, `EUREUR`},
		{`return [...await signatures.hash("sha256", "a")]`, `{}`, "\x01", `crypto.hash {"hash":"sha256"} a`, `[1]`},
		{`return [...await signatures.hmac("sha256", { secret: "KEY" }, "a")]`, `{}`, "\x01", `crypto.hmac {"hash":"sha256","secret":"KEY"} a`, `[1]`},
		{`return [...await signatures.hmac("sha256", { key: "k" }, "a")]`, `{}`, "\x01", `crypto.hmac {"hash":"sha256","key":"aw=="} a`, `[1]`},
		{`return signatures.equal("a", "b")`, `{"equal":false}`, ``, `crypto.equal {"to":"YQ=="} b`, `false`},
		{`return [...await signatures.sign("ES256", "PEM", "a")]`, `{}`, "\x02", `crypto.sign {"algorithm":"ES256","secret":"PEM"} a`, `[2]`},
		{`return signatures.verify("EdDSA", "-----BEGIN", new Uint8Array([1]), "a")`, `{"valid":true}`, ``, `crypto.verify {"algorithm":"EdDSA","key":"-----BEGIN","signature":"AQ=="} a`, `true`},
		{`return [...new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode("a")))]`, `{}`, "\x05", `crypto.hash {"hash":"sha256"} a`, `[5]`},
		{`const k = await crypto.subtle.importKey("raw", new TextEncoder().encode("k"), { name: "HMAC", hash: "SHA-512" }, false, ["sign"]);
			return [...new Uint8Array(await crypto.subtle.sign("HMAC", k, new TextEncoder().encode("a")))]`, `{}`, "\x05", `crypto.hmac {"hash":"sha512","key":"aw=="} a`, `[5]`},
		{
			`const r = await fetch("https://api.example.com/a?b", { method: "POST", headers: { "X-A": "1" }, body: JSON.stringify({ a: 1 }) }); return [r.status, r.ok, r.url, r.headers.get("content-type"), await r.json()]`,
			`{"status":404,"headers":{"content-type":["application/json"]},"url":"https://api.example.com/c"}`, `{"e":1}`,
			`fetch {"method":"POST","url":"https://api.example.com/a?b","headers":{"content-type":"text/plain;charset=UTF-8","x-a":"1"}} {"a":1}`, `[404,false,"https://api.example.com/c","application/json",{"e":1}]`,
		},
		{
			`const [a, b] = await Promise.all([fetch("http://a/"), fetch(new Request("http://b/", { method: "DELETE" }))]); return [await a.text(), await b.text()]`, `{"status":200,"headers":{}}`, `x`,
			`fetch {"method":"GET","url":"http://a/","headers":{}} |fetch {"method":"DELETE","url":"http://b/","headers":{}} `, `["x","x"]`,
		},
	} {
		all, answer := asked(t, c.code, c.reply, c.body)
		if got := strings.Join(all, "|"); got != c.asked || answer != c.answer {
			t.Errorf("%s\nasks\n%s\nnot\n%s\nand answers %q, not %q", c.code, got, c.asked, answer, c.answer)
		}
	}
}

func TestFetchTimeout(t *testing.T) {
	all, _ := asked(t, `await fetch("http://a/", { signal: AbortSignal.timeout(5000) })`, `{"status":200}`, ``)
	if len(all) != 1 || !strings.Contains(all[0], `"timeout":"`) || !strings.HasSuffix(all[0], `ms"} `) {
		t.Errorf("it asks %q", all)
	}
}

// A fault is an error with the fault's members.
func TestFaults(t *testing.T) {
	s := load(t, `import { db, Fault, secrets } from "edgehive";
		export default async (request, env) => {
			const e = await db.select("books").catch((e) => e);
			const f = await fetch("https://user:pass@api.example.com/secret").catch((e) => e);
			let g; try { secrets.get("KEY") } catch (e) { g = e }
			return [e instanceof Fault, e instanceof Error, e.name, e.code, e.message, e.hint, JSON.stringify(e), f.name, f.message, f.cause.code, g.code, env.KEY === undefined, "KEY" in env].join("|");
		}`)
	h := &host{event: getEvent, operations: map[string]func(string, []byte) (string, []byte, bool){}}
	for _, name := range []string{"db.select", "fetch", "secret.get", "config.get"} {
		h.operations[name] = func(string, []byte) (string, []byte, bool) {
			return `{"code":"42501","message":"it may not","details":null,"hint":"grant it"}`, nil, false
		}
	}
	if err := s.call(h); err != nil {
		t.Fatal(err)
	}
	want := `true|true|Fault|42501|it may not|grant it|{"code":"42501","message":"it may not","details":null,"hint":"grant it"}|TypeError|fetch https://api.example.com: it may not|42501|42501|true|false`
	if h.answer() != want {
		t.Errorf("it answers\n%s\nnot\n%s", h.answer(), want)
	}
	f, _ := load(t, `import { db } from "edgehive"; export default () => db.select("books")`).fails()
	if f.Message != "Fault: no such operation" {
		t.Errorf("a fault that nobody takes is told as %q", f.Message)
	}
}

// The types name all that there is, and where they are laid beside functions.
func TestTypesNameTheKit(t *testing.T) {
	types, err := os.ReadFile("../../../examples/kits/javascript/kit/index.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	names := expression(t, `
		const out = [];
		const names = (of) => Object.getOwnPropertyNames(of).filter((n) => !["constructor", "toString", "toJSON", "then", "name", "__proto__"].includes(n));
		for (const name of names(edgehive)) {
			out.push(name);
			if (typeof edgehive[name] === "object") out.push(...names(edgehive[name]));
		}
		return [...out, ...names(Object.getPrototypeOf(edgehive.db.from("x")))].join(",")`)
	if !strings.Contains(names, "containedBy") || !strings.Contains(names, "getBytes") {
		t.Fatalf("the kit has %s", names)
	}
	for name := range strings.SplitSeq(names, ",") {
		if !regexp.MustCompile(`\b` + name + `\b`).Match(types) {
			t.Errorf("the types do not name %s", name)
		}
	}
}
