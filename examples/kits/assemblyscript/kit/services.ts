import * as host from "./host";
import { Headers } from "./event";
import { Value } from "./json";
import { NOTHING, Reply, operation } from "./operation";

const UNESCAPED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_.~";

function escape(text: string): string {
  const bytes = host.encode(text);
  let out = "";
  for (let i = 0; i < bytes.length; i++) {
    const c = String.fromCharCode(bytes[i]);
    if (UNESCAPED.includes(c)) out += c;
    else out += "%" + (bytes[i] < 16 ? "0" : "") + bytes[i].toString(16).toUpperCase();
  }
  return out;
}

/** Which rows, in the data API's own words. Values are escaped: they may come from
 * anywhere. The empty query is every row. */
export class Query {
  private parts: string[] = [];

  /** A query as it stands in an address: "select=id,title&year=gt.2000". */
  static raw(query: string): Query {
    const made = new Query();
    made.parts.push(query);
    return made;
  }

  private with(name: string, op: string, value: string): Query {
    this.parts.push(escape(name) + "=" + op + escape(value));
    return this;
  }

  /** Which columns and related rows: "id,title,author(name)". */
  select(columns: string): Query {
    return this.with("select", "", columns);
  }

  /** The rows whose column compares so: op is eq, neq, gt, gte, lt, lte, like, ilike, is
   * and the others of the data API. */
  where<T>(column: string, op: string, value: T): Query {
    const made = Value.of<T>(value);
    return this.with(column, op + ".", isString<T>() ? made.text : made.toString());
  }

  /** The rows whose column has one of the values. */
  in(column: string, values: string[]): Query {
    const quoted: string[] = [];
    for (let i = 0; i < values.length; i++) {
      quoted.push('"' + values[i].replaceAll("\\", "\\\\").replaceAll('"', '\\"') + '"');
    }
    return this.with(column, "in.", "(" + quoted.join(",") + ")");
  }

  /** Sorts: "price.desc,title". */
  order(by: string): Query {
    return this.with("order", "", by);
  }

  limit(rows: i32): Query {
    return this.with("limit", "", rows.toString());
  }

  offset(rows: i32): Query {
    return this.with("offset", "", rows.toString());
  }

  /** An upsert goes by the columns of this unique index. */
  onConflict(columns: string): Query {
    return this.with("on_conflict", "", columns);
  }

  toString(): string {
    return this.parts.join("&");
  }
}

/** Rows, as the function's caller or as the service, on the tables that are granted. */
export namespace db {
  function head(table: string, query: Query): Value {
    return Value.object().set("table", table).set("query", query.toString());
  }

  export function select(table: string, query: Query = new Query()): Reply {
    return operation("db.select", head(table, query));
  }

  /** With how many there are without limit and offset: reply.head.int("count"). */
  export function selectCount(table: string, query: Query = new Query()): Reply {
    return operation("db.select", head(table, query).set("count", true));
  }

  /** Writes a row, or an array of rows, and gives them as they are then. */
  export function insert(table: string, rows: Value): Reply {
    return operation("db.insert", head(table, new Query()), rows.toBytes());
  }

  /** Inserts, and merges into the rows that are there already by the columns of a unique
   * index, "" for the key. */
  export function upsert(table: string, onConflict: string, rows: Value): Reply {
    const query = onConflict.length ? new Query().onConflict(onConflict) : new Query();
    return operation("db.insert", head(table, query).set("prefer", "resolution=merge-duplicates"), rows.toBytes());
  }

  /** Sets columns of the rows of a query, and gives them as they are then. */
  export function update(table: string, query: Query, set: Value): Reply {
    return operation("db.update", head(table, query), set.toBytes());
  }

  /** Deletes the rows of a query, and gives them as they were. */
  export function remove(table: string, query: Query): Reply {
    return operation("db.delete", head(table, query));
  }

  /** Carries out all of the writes, an array of what POST /api/batch takes, or none. */
  export function batch(writes: Value): Reply {
    return operation("db.batch", Value.object(), writes.toBytes());
  }

  /** Runs a named query with arguments, an object. */
  export function named(query: string, args: Value = Value.object()): Reply {
    return operation("db.call", Value.object().set("query", query), args.toBytes());
  }
}

/** The cache. A time to live is as in the manifest, "5m"; "" is the cache's own. */
export namespace cache {
  function head(key: string, ttl: string): Value {
    const made = Value.object().set("key", key);
    return ttl.length ? made.set("ttl", ttl) : made;
  }

  /** The value is the reply's body; reply.head.bool("found") says whether it is there. */
  export function get(key: string): Reply {
    return operation("cache.get", head(key, ""));
  }

  export function set(key: string, value: Uint8Array, ttl: string = ""): Reply {
    return operation("cache.set", head(key, ttl), value);
  }

  /** Keeps a value unless there is one: reply.head.bool("stored") says whether it did. */
  export function setAbsent(key: string, value: Uint8Array, ttl: string = ""): Reply {
    return operation("cache.set", head(key, ttl).set("ifAbsent", true), value);
  }

  /** reply.head.bool("found") says whether there was one. */
  export function remove(key: string): Reply {
    return operation("cache.delete", head(key, ""));
  }

  /** Adds to a number, 0 where there is none: the sum is reply.head.int("value"). */
  export function add(key: string, by: i64, ttl: string = ""): Reply {
    return operation("cache.add", head(key, ttl).set("by", by));
  }
}

/** A request to elsewhere: new Fetch("POST", url).header("X-A", "b").send(body). */
export class Fetch {
  private head: Value;
  private headers: Value = Value.object();

  constructor(method: string, url: string) {
    this.head = Value.object().set("method", method).set("url", url);
  }

  header(name: string, value: string): Fetch {
    this.headers.set(name, value);
    return this;
  }

  /** How long the answer may take: "5s". */
  timeout(timeout: string): Fetch {
    this.head.set("timeout", timeout);
    return this;
  }

  send(body: Uint8Array = NOTHING): Response {
    return new Response(operation("fetch", this.head.set("headers", this.headers), body));
  }
}

/** What came back from elsewhere, or from another function, whatever its status. */
export class Response {
  constructor(public reply: Reply) {}

  get ok(): bool {
    return this.reply.ok;
  }

  get status(): i32 {
    return <i32>this.reply.head.int("status");
  }

  get headers(): Headers {
    return new Headers(this.reply.head.get("headers"));
  }

  /** Of a fetch: the address after redirects. */
  get url(): string {
    return this.reply.head.str("url");
  }

  get body(): Uint8Array {
    return this.reply.body;
  }

  get text(): string {
    return this.reply.text;
  }
}

/** Tells those who listen to a channel. */
export function publish(channel: string, event: string, payload: Value): Reply {
  return operation("channel.publish", Value.object().set("channel", channel).set("event", event), payload.toBytes());
}

/** Calls another function. */
export function callFunction(name: string, body: Uint8Array = NOTHING): Response {
  return new Response(operation("function.call", Value.object().set("function", name), body));
}

/** A secret that the manifest lets this function read: the reply's body. */
export function secret(name: string): Reply {
  return operation("secret.get", Value.object().set("name", name));
}

/** A setting of the manifest: reply.head.str("value"). */
export function config(name: string): Reply {
  return operation("config.get", Value.object().set("name", name));
}

/** Lines for the log. */
export namespace log {
  export function debug(text: string): void {
    host.log(0, text);
  }

  export function info(text: string): void {
    host.log(1, text);
  }

  export function warn(text: string): void {
    host.log(2, text);
  }

  export function error(text: string): void {
    host.log(3, text);
  }
}

/** Nanoseconds since 1970, UTC. */
export function now(): i64 {
  return host.time();
}

/** Random bytes, good for keys. */
export function random(size: i32): Uint8Array {
  const bytes = new Uint8Array(size);
  host.random(bytes);
  return bytes;
}
