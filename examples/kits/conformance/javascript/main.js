// The conformance program of the JavaScript kit.
import { cache, caller, config, db, Fault, fetch, functions, log, publish, secrets, signatures } from "edgehive";

let calls = 0;

const json = (value) => Response.json(value);
const text = (value) => new Response(value);
const base64 = (bytes) => bytes.toBase64();

/** title is that of a row, null where there is none. */
const title = (row) => row?.title ?? null;

function refused(error) {
  const { code, message, details, hint } = error;
  return json({ error: { code: code ?? error.name, message, details: details ?? "", hint: hint ?? "" } });
}

function query(request) {
  return new URL(request.url).searchParams;
}

function recurse(n) {
  return 1 + recurse(n + 1);
}

const paths = {
  async "/facts"(request, { event }) {
    const { kind, function: name, depth, trace } = event;
    const { method, path, route, params, query, headers } = event.request;
    return json({
      kind, function: name, depth, trace, method, path, route, params, query, headers,
      caller: { role: caller.role, uid: caller.uid, email: caller.email }, plan: caller.claims.plan ?? null,
      size: (await request.bytes()).length,
    });
  },
  async "/echo"(request) {
    return new Response(await request.bytes(), { headers: { "Content-Type": "application/octet-stream" } });
  },
  "/headers"(request, { event }) {
    const given = event.request.headers["x-in"] ?? [];
    const headers = new Headers({ "X-Count": String(given.length) });
    for (const value of given) headers.append("X-Out", value);
    headers.append("Set-Cookie", "a=1");
    headers.append("Set-Cookie", "b=2");
    return new Response(null, { status: 207, headers });
  },
  "/bad-head"() {
    try {
      return new Response("x", { status: 99 });
    } catch (error) {
      return refused(error);
    }
  },
  "/stream"() {
    const events = async function* () {
      for (let i = 1; i <= 3; i++) yield `data: ${i}\n\n`;
    };
    return new Response(events(), { headers: { "Content-Type": "text/event-stream" } });
  },
  "/query"(request) {
    const all = {};
    for (const [name, value] of query(request)) (all[name] ??= []).push(value);
    return json(all);
  },
  async "/json"(request) {
    const value = JSON.parse(await request.text(), (key, value, { source }) => (typeof value === "number" ? JSON.rawJSON(source) : value));
    return json(value);
  },
  "/big"(request) {
    return json(Array.from({ length: Number(query(request).get("n")) }, (_, n) => ({ n, name: `row ${n}` })));
  },
  async "/select"() {
    const { rows, count } = await db.from("books").select("id,title").eq("title", `O'Hara, "x" & ü=1+1%`).in("id", ["a,b", `c"d\\`])
      .order("title", { descending: true }).limit(5).offset(10).page();
    return json({ count, rows });
  },
  async "/insert"(request) { return json(await db.insert("books", await request.json())); },
  async "/upsert"(request) { return json(await db.upsert("books", await request.json(), { onConflict: "isbn" })); },
  async "/update"(request) { return json(await db.from("books").eq("id", 7).update(await request.json())); },
  async "/delete"() { return json(await db.from("books").eq("id", 7).delete()); },
  async "/batch"() {
    const { results } = await db.batch([
      { op: "insert", table: "books", rows: [{ title: "A" }], return: true },
      { op: "delete", table: "books", where: "id=eq.7" },
    ]);
    return json(results.map((r) => r.affected));
  },
  async "/named"(request) { return json(await db.call("bestsellers", await request.json())); },
  async "/cache"() {
    await cache.set("k", new Uint8Array([0, 255]), { ttl: "5m" });
    const value = base64(await cache.getBytes("k"));
    const stored = await cache.set("k", "x", { ifAbsent: true });
    const none = (await cache.get("none")) !== null;
    const sum = await cache.add("n", 7, { ttl: "1m" });
    const deleted = await cache.delete("k");
    return json({ value, stored, none, sum, deleted });
  },
  "/config"() { return text(config.get("CURRENCY")); },
  "/secret"() { return text(secrets.get("KEY")); },
  async "/fetch"(request) {
    let answer;
    try {
      answer = await fetch(query(request).get("url"), {
        method: "POST", headers: { "X-Kit": "yes" }, body: await request.bytes(), signal: AbortSignal.timeout(5000),
      });
    } catch (error) {
      throw error.cause ?? error;
    }
    return json({ status: answer.status, url: answer.url, type: answer.headers.get("content-type"), body: await answer.text() });
  },
  async "/publish"(request) {
    await publish("lobby", "said", await request.json());
    return json({ published: true });
  },
  async "/call"(request) {
    return functions.call(query(request).get("name"), await request.bytes());
  },
  async "/crypto"(request) {
    const body = await request.bytes();
    const pair = new Uint8Array([0, 255]);
    return json({
      sha256: base64(await signatures.hash("sha256", body)),
      hmac: base64(await signatures.hmac("sha256", { secret: "KEY" }, body)),
      key: base64(await signatures.hmac("sha256", { key: pair }, body)),
      equal: await signatures.equal(body, body),
      other: await signatures.equal(body, "x"),
      signed: base64(await signatures.sign("ES256", "PEM", body)),
      valid: await signatures.verify("ES256", "P", pair, body),
    });
  },
  "/random"() {
    const random = crypto.getRandomValues(new Uint8Array(32));
    return json({ size: random.length, zero: random.every((byte) => byte === 0), time: new Date().getUTCFullYear() > 2020 });
  },
  "/log"() {
    log.debug("debug %s", "é");
    log.info("info");
    log.warn("warn");
    log.error("error");
    return new Response(null, { status: 200 });
  },
  "/state"() { return text(String(++calls)); },
  "/fail"() { throw new Error("told to fail"); },
  "/panic"() { return null.member; },
  "/memory"() { for (const kept = []; ;) kept.push(new Uint8Array(1 << 20).fill(1)); },
  "/loop"() { for (;;) calls++; },
  "/recurse"() { return text(String(recurse(0))); },
};

export default {
  async fetch(request, env, context) {
    const { pathname } = new URL(request.url);
    const status = /^\/status\/(\d+)$/.exec(pathname);
    if (status) return new Response(null, { status: Number(status[1]) });
    if (!Object.hasOwn(paths, pathname)) return new Response("no such path", { status: 404 });
    try {
      return await paths[pathname](request, context);
    } catch (error) {
      if (error instanceof Fault) return refused(error);
      throw error;
    }
  },
  change({ table, op, cursor, row, old }) {
    return json({ table, op, cursor, title: title(row), old: title(old) });
  },
  scheduled({ cron, due }) {
    return json({ cron, due });
  },
  async call(request) {
    return json({ from: request.from, body: await request.text() });
  },
};
