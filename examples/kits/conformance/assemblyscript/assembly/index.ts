// The conformance program of the AssemblyScript kit.
import {
  Answer, Event, Fault, Fetch, Query, Reply, Value, cache, callFunction, config, crypto, db, log, now, publish,
  random, run, secret, toBase64,
} from "../edgehive";

export function edgehive_handle(): i32 {
  return run(handle);
}

let calls = 0;

class Book {
  title: string;

  constructor(json: Value) {
    this.title = json.str("title");
  }
}

function handle(event: Event, answer: Answer): void {
  if (event.kind == "change") {
    const c = event.change;
    const told = Value.object().set("table", c.table).set("op", c.op).set("cursor", c.cursor);
    answer.json(200, told.set("title", title(c.row)).set("old", title(c.old)));
  } else if (event.kind == "schedule") {
    answer.json(200, Value.object().set("cron", event.schedule.cron).set("due", event.schedule.due));
  } else if (event.kind == "call") {
    answer.json(200, Value.object().set("from", event.from).set("body", event.text));
  } else {
    request(event, answer);
  }
}

function title(row: Value): Value {
  return row.isNull ? row : Value.of(new Book(row).title);
}

function refused(fault: Fault | null): Value {
  const told = Value.object();
  if (fault) {
    told.set("code", fault.code).set("message", fault.message).set("details", fault.details).set("hint", fault.hint);
  }
  return Value.object().set("error", told);
}

/** Answers with what an operation gave. */
function given(answer: Answer, reply: Reply, value: Value): void {
  answer.json(200, reply.ok ? value : refused(reply.fault));
}

function rows(answer: Answer, reply: Reply): void {
  const list = Value.array();
  const found = reply.rows;
  for (let i = 0; i < found.length; i++) list.push(found[i]);
  given(answer, reply, list);
}

function request(event: Event, answer: Answer): void {
  const r = event.request;
  const path = r.path;
  if (path.startsWith("/status/")) {
    answer.status(I32.parseInt(path.substring("/status/".length)));
  } else if (path == "/facts") {
    const caller = event.caller;
    const who = Value.object().set("role", caller.role).set("uid", caller.uid).set("email", caller.email);
    const facts = Value.object().set("kind", event.kind).set("function", event.name).set("depth", event.depth);
    facts.set("trace", event.trace).set("method", r.method).set("path", r.path).set("route", r.route);
    facts.set("params", r.params).set("query", r.query).set("headers", r.headers.json).set("caller", who);
    answer.json(200, facts.set("plan", caller.claims.get("plan")).set("size", event.body.length));
  } else if (path == "/echo") {
    answer.bytes(200, "application/octet-stream", event.body);
  } else if (path == "/headers") {
    const values = r.headers.all("x-in");
    answer.status(207).set("X-Count", values.length.toString());
    for (let i = 0; i < values.length; i++) answer.add("X-Out", values[i]);
    answer.add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
  } else if (path == "/bad-head") {
    if (answer.text(99, "x")) throw new Error("status 99 was taken");
    answer.json(200, refused(answer.fault));
  } else if (path == "/stream") {
    answer.set("Content-Type", "text/event-stream");
    for (let i = 1; i <= 3; i++) {
      if (!answer.print("data: " + i.toString() + "\n\n") || !answer.flush()) return;
    }
  } else if (path == "/query") {
    const values = r.queryValues();
    const names = values.keys();
    const told = Value.object();
    for (let i = 0; i < names.length; i++) told.set(names[i], values.get(names[i]));
    answer.json(200, told);
  } else if (path == "/json") {
    answer.json(200, event.json);
  } else if (path == "/big") {
    const n = I32.parseInt(r.queryValue("n"));
    const list = Value.array();
    for (let i = 0; i < n; i++) list.push(Value.object().set("n", i).set("name", "row " + i.toString()));
    answer.json(200, list);
  } else if (path == "/log") {
    log.debug("debug é");
    log.info("info");
    log.warn("warn");
    log.error("error");
  } else if (path == "/random") {
    const bytes = random(32);
    let zero = true;
    for (let i = 0; i < bytes.length; i++) zero = zero && bytes[i] == 0;
    answer.json(200, Value.object().set("size", bytes.length).set("zero", zero).set("time", now() > 1_609_459_200_000_000_000));
  } else if (path == "/state") {
    answer.text(200, (++calls).toString());
  } else if (path == "/fail" || path == "/panic") {
    throw new Error("told to " + path.substring(1));
  } else if (path == "/memory") {
    const kept: Uint8Array[] = [];
    while (true) kept.push(new Uint8Array(1 << 20).fill(1));
  } else if (path == "/loop") {
    while (true) calls++;
  } else if (path == "/recurse") {
    answer.text(200, recurse(1).toString());
  } else if (!operations(event, answer)) {
    answer.text(404, "no such path");
  }
}

function recurse(n: i32): i32 {
  return n == 0 ? calls : recurse(n + 1) + calls + n;
}

/** The paths that ask for operations; false where there is none of this name. */
function operations(event: Event, answer: Answer): bool {
  const path = event.request.path;
  if (path == "/select") {
    const query = new Query().select("id,title").where("title", "eq", "O'Hara, \"x\" & ü=1+1%");
    query.in("id", ["a,b", 'c"d\\']).order("title.desc").limit(5).offset(10);
    const reply = db.selectCount("books", query);
    given(answer, reply, Value.object().set("count", reply.head.int("count")).set("rows", reply.rows));
  } else if (path == "/insert") {
    rows(answer, db.insert("books", event.json));
  } else if (path == "/upsert") {
    rows(answer, db.upsert("books", "isbn", event.json));
  } else if (path == "/update") {
    rows(answer, db.update("books", new Query().where("id", "eq", 7), event.json));
  } else if (path == "/delete") {
    rows(answer, db.remove("books", new Query().where("id", "eq", 7)));
  } else if (path == "/batch") {
    const inserted = Value.array().push(Value.object().set("title", "A"));
    const insert = Value.object().set("op", "insert").set("table", "books").set("rows", inserted).set("return", true);
    const remove = Value.object().set("op", "delete").set("table", "books").set("where", "id=eq.7");
    const reply = db.batch(Value.array().push(insert).push(remove));
    const results = reply.json.get("results").items;
    const affected: i64[] = [];
    for (let i = 0; i < results.length; i++) affected.push(results[i].int("affected"));
    given(answer, reply, Value.of(affected));
  } else if (path == "/named") {
    const reply = db.named("bestsellers", event.json);
    given(answer, reply, reply.json);
  } else if (path == "/cache") {
    caching(answer);
  } else if (path == "/config") {
    const reply = config("CURRENCY");
    if (reply.ok) answer.text(200, reply.head.str("value"));
    else answer.json(200, refused(reply.fault));
  } else if (path == "/secret") {
    const reply = secret("KEY");
    if (reply.ok) answer.text(200, reply.text);
    else answer.json(200, refused(reply.fault));
  } else if (path == "/fetch") {
    const fetch = new Fetch("POST", event.request.queryValue("url")).header("X-Kit", "yes").timeout("5s");
    const got = fetch.send(event.body);
    const told = Value.object().set("status", got.status).set("url", got.url);
    given(answer, got.reply, told.set("type", got.headers.get("Content-Type")).set("body", got.text));
  } else if (path == "/publish") {
    given(answer, publish("lobby", "said", event.json), Value.object().set("published", true));
  } else if (path == "/call") {
    const called = callFunction(event.request.queryValue("name"), event.body);
    if (called.ok) answer.bytes(called.status, called.headers.get("content-type"), called.body);
    else answer.json(200, refused(called.reply.fault));
  } else if (path == "/crypto") {
    cryptography(event, answer);
  } else {
    return false;
  }
  return true;
}

function caching(answer: Answer): void {
  const pair = new Uint8Array(2);
  pair[1] = 255;
  const set = cache.set("k", pair, "5m");
  if (!set.ok) {
    answer.json(200, refused(set.fault));
    return;
  }
  const told = Value.object().set("value", toBase64(cache.get("k").must().body));
  told.set("stored", cache.setAbsent("k", Uint8Array.wrap(String.UTF8.encode("x"))).must().head.bool("stored"));
  told.set("none", cache.get("none").must().head.bool("found"));
  told.set("sum", cache.add("n", 7, "1m").must().head.int("value"));
  answer.json(200, told.set("deleted", cache.remove("k").must().head.bool("found")));
}

function cryptography(event: Event, answer: Answer): void {
  const body = event.body;
  const pair = new Uint8Array(2);
  pair[1] = 255;
  const hash = crypto.hash("sha256", body);
  if (!hash.ok) {
    answer.json(200, refused(hash.fault));
    return;
  }
  const told = Value.object().set("sha256", toBase64(hash.body));
  told.set("hmac", toBase64(crypto.hmac("sha256", "KEY", body).must().body));
  told.set("key", toBase64(crypto.hmacKey("sha256", pair, body).must().body));
  told.set("equal", crypto.equal(body, body));
  told.set("other", crypto.equal(body, Uint8Array.wrap(String.UTF8.encode("x"))));
  told.set("signed", toBase64(crypto.sign("ES256", "PEM", body).must().body));
  answer.json(200, told.set("valid", crypto.verify("ES256", "P", body, pair).must().head.bool("valid")));
}
