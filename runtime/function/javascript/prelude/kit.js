// The kit: what scripts import as "edgehive".
import { host, state, inCall, toBytes, base64, parse, write } from "edgehive:host.js";
import { log } from "edgehive:console.js";
import { to, responseOf } from "edgehive:fetch.js";

// Fault is an operation that was refused or failed.
export class Fault extends Error {
  constructor({ code, message, details, hint }) {
    super(message || code);
    this.code = code;
    if (details) this.details = details;
    if (hint) this.hint = hint;
  }
  get name() { return "Fault"; }
  toJSON() { return { code: this.code, message: this.message, details: this.details ?? null, hint: this.hint ?? null }; }
}

function operate(operation, head, body) {
  inCall(operation);
  const text = JSON.stringify(head);
  const reply = body === undefined ? host.operate(operation, text) : host.operate(operation, text, toBytes(body));
  if (reply.startsWith("!")) throw new Fault(JSON.parse(reply.slice(1)));
  return reply === "" ? {} : parse(reply);
}
to.operate = operate;

const json = () => {
  const text = host.answer();
  return text === "" ? null : parse(text);
};
const payload = (value) => (typeof value === "string" || value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? toBytes(value) : write(value));

// queryOf takes a query as text, as URLSearchParams, or as an object: {select:
// "id,title", year: "gt.2000"}, a list for a name that is there more than once.
function queryOf(query) {
  if (query === undefined || query === null) return "";
  if (query instanceof Query) return query.toString();
  if (typeof query !== "object" || query instanceof URLSearchParams) return String(query).replace(/^\?/, "");
  const parts = [];
  for (const name of Object.keys(query)) {
    for (const value of [query[name]].flat()) parts.push(part(name, value));
  }
  return parts.join("&");
}

const part = (name, value) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`;

const one = (rows) => {
  if (rows.length !== 1) throw new Fault({ code: "PGRST116", message: `exactly one row was asked for, and there are ${rows.length}` });
  return rows[0];
};

// In lists a value is quoted where it would be read as something else.
const item = (value) => (value === null || typeof value === "number" || typeof value === "boolean" || /^[\w.-]+$/.test(value)
  ? String(value) : `"${String(value).replace(/["\\]/g, "\\$&")}"`);
const list = (values) => `(${[...values].map(item).join(",")})`;
const braces = (value) => (Array.isArray(value) ? `{${value.map(item).join(",")}}` : typeof value === "object" && value !== null ? JSON.stringify(value) : String(value));

// Query puts a query together, in the data API's own words. It is a promise of the
// rows: await it, or end it with one of the verbs.
class Query {
  #table;
  #parts = [];
  constructor(table) { this.#table = String(table); }
  #add(name, value) { this.#parts.push(part(name, value)); return this; }
  select(...columns) { return this.#add("select", columns.flat().join(",")); }
  where(column, operator, value) {
    if (operator === "in") value = list(value);
    else if (operator === "cs" || operator === "cd" || operator === "ov") value = braces(value);
    return this.#add(column, `${operator}.${value}`);
  }
  eq(column, value) { return value === null ? this.is(column, null) : this.where(column, "eq", value); }
  neq(column, value) { return value === null ? this.not(column, "is", null) : this.where(column, "neq", value); }
  gt(column, value) { return this.where(column, "gt", value); }
  gte(column, value) { return this.where(column, "gte", value); }
  lt(column, value) { return this.where(column, "lt", value); }
  lte(column, value) { return this.where(column, "lte", value); }
  like(column, pattern) { return this.where(column, "like", pattern); }
  ilike(column, pattern) { return this.where(column, "ilike", pattern); }
  match(column, pattern) { return this.where(column, "match", pattern); }
  imatch(column, pattern) { return this.where(column, "imatch", pattern); }
  is(column, value) { return this.where(column, "is", value); }
  in(column, values) { return this.where(column, "in", values); }
  contains(column, value) { return this.where(column, "cs", value); }
  containedBy(column, value) { return this.where(column, "cd", value); }
  overlaps(column, value) { return this.where(column, "ov", value); }
  search(column, words, operator = "wfts") { return this.where(column, operator, words); }
  not(column, operator, value) {
    if (operator === "in") value = list(value);
    else if (operator === "cs" || operator === "cd" || operator === "ov") value = braces(value);
    return this.#add(column, `not.${operator}.${value}`);
  }
  or(conditions) { return this.#add("or", `(${[conditions].flat().join(",")})`); }
  and(conditions) { return this.#add("and", `(${[conditions].flat().join(",")})`); }
  order(column, { descending = false, nulls } = {}) {
    const term = `${column}${descending ? ".desc" : ""}${nulls ? `.nulls${nulls}` : ""}`;
    const i = this.#parts.findIndex((p) => p.startsWith("order="));
    if (i < 0) return this.#add("order", term);
    this.#parts[i] += encodeURIComponent("," + term);
    return this;
  }
  limit(n) { return this.#add("limit", n); }
  offset(n) { return this.#add("offset", n); }
  toString() { return this.#parts.join("&"); }
  async rows() { return db.select(this.#table, this); }
  async page() { return db.page(this.#table, this); }
  async one() { return one(await this.limit(2).rows()); }
  async maybeOne() {
    const rows = await this.limit(2).rows();
    return rows.length === 0 ? null : one(rows);
  }
  async count() { return (await db.page(this.#table, new Query(this.#table).#take(this).limit(1))).count; }
  #take(other) { this.#parts = other.#parts.filter((p) => !/^(limit|offset|order)=/.test(p)); return this; }
  async insert(rows) { return db.insert(this.#table, rows, { query: this }); }
  async upsert(rows, options) { return db.upsert(this.#table, rows, { ...options, query: this }); }
  async update(set) { return db.update(this.#table, this, set); }
  async delete() { return db.delete(this.#table, this); }
  then(resolve, reject) { return this.rows().then(resolve, reject); }
}

export const db = {
  from: (table) => new Query(table),
  async select(table, query) {
    operate("db.select", { table, query: queryOf(query) });
    return json();
  },
  async page(table, query) {
    const { count } = operate("db.select", { table, query: queryOf(query), count: true });
    return { rows: json(), count };
  },
  async insert(table, rows, { query, prefer } = {}) {
    operate("db.insert", { table, query: queryOf(query), prefer }, write(rows));
    return json();
  },
  async upsert(table, rows, { query, onConflict, ignoreDuplicates = false } = {}) {
    const parts = [queryOf(query)].filter(Boolean);
    if (onConflict) parts.push(part("on_conflict", [onConflict].flat().join(",")));
    const prefer = `resolution=${ignoreDuplicates ? "ignore" : "merge"}-duplicates`;
    operate("db.insert", { table, query: parts.join("&"), prefer }, write(rows));
    return json();
  },
  async update(table, query, set) {
    operate("db.update", { table, query: queryOf(query) }, write(set));
    return json();
  },
  async delete(table, query) {
    operate("db.delete", { table, query: queryOf(query) });
    return json();
  },
  async batch(writes) {
    operate("db.batch", {}, write(writes));
    return json();
  },
  async call(query, values = {}) {
    operate("db.call", { query }, write(values));
    return json();
  },
};

export const cache = {
  async get(key) { return operate("cache.get", { key }).found ? host.answer() : null; },
  async getJSON(key) { return operate("cache.get", { key }).found ? json() : null; },
  async getBytes(key) { return operate("cache.get", { key }).found ? host.result() : null; },
  async set(key, value, { ttl, ifAbsent } = {}) {
    return operate("cache.set", { key, ttl: time(ttl), ifAbsent }, payload(value)).stored;
  },
  async delete(key) { return operate("cache.delete", { key }).found; },
  async add(key, by = 1, { ttl } = {}) { return operate("cache.add", { key, by, ttl: time(ttl) }).value; },
};

// time takes seconds as a number, or what the manifest takes ("5m").
const time = (ttl) => (typeof ttl === "number" ? `${ttl}s` : ttl);

export async function publish(channel, event, data = null) {
  return operate("channel.publish", { channel, event }, write(data)).cursor;
}

export const functions = {
  async call(name, input) {
    const body = input === undefined ? undefined : payload(input);
    const { status, headers } = operate("function.call", { function: name }, body);
    return responseOf(status ?? 200, headers ?? {}, host.result());
  },
};

export const secrets = {
  get(name) {
    operate("secret.get", { name });
    return host.answer();
  },
};

export const config = {
  get(name) { return operate("config.get", { name }).value; },
};

const pem = (key) => (typeof key === "string" ? key : base64(toBytes(key)));

// signatures are the host's: keys that are secrets never come into the script.
export const signatures = {
  async hash(hash, data) {
    operate("crypto.hash", { hash }, toBytes(data));
    return host.result();
  },
  async hmac(hash, { secret, key }, data) {
    operate("crypto.hmac", secret === undefined ? { hash, key: base64(toBytes(key)) } : { hash, secret }, toBytes(data));
    return host.result();
  },
  async equal(a, b) { return operate("crypto.equal", { to: base64(toBytes(a)) }, toBytes(b)).equal; },
  async sign(algorithm, secret, data) {
    operate("crypto.sign", { algorithm, secret }, toBytes(data));
    return host.result();
  },
  async verify(algorithm, key, signature, data) {
    return operate("crypto.verify", { algorithm, key: pem(key), signature: base64(toBytes(signature)) }, toBytes(data)).valid;
  },
};

// caller is who this call is for.
export const caller = {
  get role() { return state.event?.caller?.role ?? ""; },
  get uid() { return state.event?.caller?.uid || null; },
  get email() { return state.event?.caller?.email || null; },
  get claims() { return state.event?.caller?.claims ?? {}; },
  toJSON() { return { role: this.role, uid: this.uid, email: this.email, claims: this.claims }; },
};

const fetch = globalThis.fetch;
export { log, fetch };

export default { db, cache, publish, functions, secrets, config, signatures, caller, log, fetch, Fault };
