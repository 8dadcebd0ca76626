// What the host calls: adopt with a script that is loaded, dispatch for each call.
import { host, state, toBytes, parse, define } from "./host.js";
import "./text.js";
import "./headers.js";
import { ReadableStream } from "./stream.js";
import { timers } from "./timers.js";
import { inspect, messageOf, stackOf } from "./console.js";
import "./url.js";
import { Response, Incoming, requestOf, headOf, takeBody } from "./fetch.js";
import { reseed, start } from "./crypto.js";
import "./clone.js";
import edgehive, { config, secrets } from "edgehive";

define({ edgehive, self: globalThis });
if (!globalThis.queueMicrotask) define({ queueMicrotask: (run) => { Promise.resolve().then(run); } });

// describe tells the host of an exception.
function describe(error) {
  let message, stack = "";
  try {
    message = messageOf(error);
    stack = stackOf(error);
    if (!message && error !== "") message = String(error);
  } catch {
    message = "an exception that cannot be described";
  }
  host.fail(message || "an exception that says nothing", stack);
}

const kinds = { request: "fetch", change: "change", schedule: "scheduled", call: "call" };
const handlers = {};

// adopt takes the promise of a script's exports.
function adopt(loaded) {
  loaded.then((exports) => {
    const main = exports.default;
    if (typeof main === "function") handlers.fetch = main;
    for (const name of Object.values(kinds)) {
      if (typeof main === "object" && main !== null && typeof main[name] === "function") handlers[name] = main[name].bind(main);
      else if (typeof exports[name] === "function") handlers[name] = exports[name];
    }
    if (Object.keys(handlers).length === 0) {
      throw new Error("the script exports no handler: write `export default { async fetch(request) { return new Response(\"hello\"); } }`, " +
        "or change, scheduled or call in the place of fetch");
    }
    host.done();
  }).catch(describe);
}

// env is for those who are used to it: a member is a value of config, else a secret.
const env = new Proxy({}, {
  get(known, name) {
    if (typeof name !== "string") return undefined;
    if (!Object.hasOwn(known, name)) {
      known[name] = attempt(() => config.get(name)) ?? attempt(() => secrets.get(name));
    }
    return known[name];
  },
  has(known, name) { return this.get(known, name) !== undefined; },
});

function attempt(get) {
  try { return get(); } catch { return undefined; }
}

const incoming = new Incoming(host.body, host.text);

function requestOfEvent(event) {
  const { method = "POST", path = "/", query = "", headers = {} } = event.request ?? {};
  const body = method === "GET" || method === "HEAD" ? null : incoming;
  return requestOf({ method, path, query, headers, body });
}

class Context {
  constructor(event) { this.event = event; }
  get id() { return this.event.id; }
  get function() { return this.event.function; }
  get depth() { return this.event.depth ?? 0; }
  get trace() { return this.event.trace ?? null; }
  get caller() { return edgehive.caller; }
  get params() { return this.event.request?.params ?? {}; }
  get route() { return this.event.request?.route ?? ""; }
  waitUntil(promise) { state.pending.push(Promise.resolve(promise)); }
}

function run(event) {
  const context = new Context(event);
  switch (event.kind) {
    case "change":
      need("change");
      return handlers.change(event.change, env, context);
    case "schedule":
      need("scheduled");
      return handlers.scheduled({ ...event.schedule, scheduledTime: Date.parse(event.schedule?.due) }, env, context);
    case "call":
      if (handlers.call) {
        const request = requestOfEvent(event);
        return handlers.call(Object.assign(request, { from: event.call?.function ?? "" }), env, context);
      }
    // falls through: a function that answers requests answers calls
    default:
      need("fetch");
      return handlers.fetch(requestOfEvent(event), env, context);
  }
}

function need(name) {
  if (handlers[name]) return;
  throw new Error(`the script exports no ${name}, which is what answers this kind of event`);
}

function dispatch() {
  state.loading = false;
  reseed();
  start();
  state.pending = [];
  try {
    const text = host.event();
    let event = JSON.parse(text);
    if (event.kind === "change") event = parse(text); // rows, with integers of 64 bits
    state.event = event;
    const result = run(event);
    if (typeof result?.then === "function") Promise.resolve(result).then((value) => answer(event, value)).catch(describe);
    else answer(event, result)?.catch?.(describe);
  } catch (error) {
    describe(error);
  }
}

// answer gives the host what a handler gave, and is done. It is a promise where
// that takes time.
function answer(event, value) {
  if (!(value instanceof Response)) {
    // Of a change and a schedule only a status says anything.
    if (event.kind === "change" || event.kind === "schedule") return finish();
    value = responseOfValue(value);
  }
  const body = takeBody(value);
  const why = host.head(headOf(value));
  if (why !== undefined) throw new Error(why);
  if (body instanceof ReadableStream) return flow(body).then(finish);
  // Where that is refused, it is too much or nobody listens: the host knows.
  if (typeof body === "string") host.print(body);
  else if (body !== null) host.write(body instanceof Incoming ? body.bytes() : body);
  return finish();
}

function responseOfValue(value) {
  if (value === undefined || value === null) return new Response(null, { status: 204 });
  if (typeof value === "string") return new Response(value);
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return new Response(value, { headers: { "content-type": "application/octet-stream" } });
  if (typeof value === "function" || typeof value === "symbol") throw new TypeError("the handler gave no Response, but " + inspect(value));
  return Response.json(value);
}

// flow sends a stream, each chunk when it is there.
async function flow(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const chunk = typeof value === "string" ? host.print(value) : host.write(toBytes(value));
    // Nobody listens any more, or it is too much: there is no use in going on.
    if ((chunk ?? host.flush()) !== undefined) {
      await reader.cancel();
      return;
    }
  }
}

function finish() {
  if (state.pending.length === 0) {
    host.done();
    return undefined;
  }
  const pending = state.pending.splice(0);
  return Promise.allSettled(pending).then((results) => {
    for (const { reason, status } of results) {
      if (status === "rejected") host.log(3, `what was waited for was rejected: ${inspect(reason)}`);
    }
    return finish();
  });
}

Object.assign(host, { adopt, dispatch, timers, describe });
