import * as host from "./host";
import { Value, hexadecimal } from "./json";

/** What a function is called for. One of request, change, schedule and from is set. */
export class Event {
  /** request, change, schedule or call. */
  kind: string;
  /** Of the request, as in the logs. */
  id: string;
  /** This one's name. */
  name: string;
  /** How many functions led to this call. */
  depth: i32;
  /** W3C traceparent. */
  trace: string;
  caller: Caller;
  request: Request;
  change: Change;
  schedule: Schedule;
  /** Of a call: the function that calls. */
  from: string;
  private bytes: Uint8Array | null = null;

  constructor(json: Value) {
    this.kind = json.str("kind");
    this.id = json.str("id");
    this.name = json.str("function");
    this.depth = <i32>json.int("depth");
    this.trace = json.str("trace");
    this.caller = new Caller(json.get("caller"));
    this.request = new Request(json.get("request"));
    this.change = new Change(json.get("change"));
    this.schedule = new Schedule(json.get("schedule"));
    this.from = json.get("call").str("function");
  }

  /** What was sent: the request's body, or what another function sent. */
  get body(): Uint8Array {
    let bytes = this.bytes;
    if (!bytes) {
      bytes = host.input(1);
      this.bytes = bytes;
    }
    return bytes;
  }

  /** The body as text. */
  get text(): string {
    return host.decode(this.body);
  }

  /** The body as JSON. */
  get json(): Value {
    return Value.parse(this.body);
  }
}

/** Who calls. */
export class Caller {
  role: string;
  uid: string;
  email: string;
  claims: Value;

  constructor(json: Value) {
    this.role = json.str("role");
    this.uid = json.str("uid");
    this.email = json.str("email");
    this.claims = json.get("claims");
  }
}

/** An HTTP request. */
export class Request {
  method: string;
  path: string;
  /** The declared pattern, "" for /api/edge/NAME. */
  route: string;
  /** The parameters of the route: an object of texts. */
  params: Value;
  /** The query as it was sent. */
  query: string;
  headers: Headers;

  constructor(json: Value) {
    this.method = json.str("method");
    this.path = json.str("path");
    this.route = json.str("route");
    this.params = json.get("params");
    this.query = json.str("query");
    this.headers = new Headers(json.get("headers"));
  }

  /** A parameter of the route, or "". */
  param(name: string): string {
    return this.params.str(name);
  }

  /** The first parameter of the query that has a name, decoded, or "". */
  queryValue(name: string): string {
    const values = this.queryValues();
    return values.has(name) ? values.get(name)[0] : "";
  }

  /** The parameters of the query, decoded. */
  queryValues(): Map<string, string[]> {
    const values = new Map<string, string[]>();
    const pairs = this.query.split("&");
    for (let i = 0; i < pairs.length; i++) {
      const pair = pairs[i];
      if (pair.length == 0) continue;
      const middle = pair.indexOf("=");
      const name = unescape(middle < 0 ? pair : pair.substring(0, middle));
      if (!values.has(name)) values.set(name, []);
      values.get(name).push(middle < 0 ? "" : unescape(pair.substring(middle + 1)));
    }
    return values;
  }
}

/** Headers by names in lower case. */
export class Headers {
  constructor(public json: Value) {}

  /** The first value of a header, or "". */
  get(name: string): string {
    const values = this.all(name);
    return values.length ? values[0] : "";
  }

  /** All values of a header. */
  all(name: string): string[] {
    const items = this.json.get(name.toLowerCase()).items;
    const values: string[] = [];
    for (let i = 0; i < items.length; i++) values.push(items[i].text);
    return values;
  }
}

/** A row that was written. The same one may come again, with the same cursor: what is
 * done for it must bear that. */
export class Change {
  table: string;
  /** create, update or delete. */
  op: string;
  cursor: string;
  /** Null, as a value, of a delete. */
  row: Value;
  /** Null, as a value, of a create. */
  old: Value;

  constructor(json: Value) {
    this.table = json.str("table");
    this.op = json.str("op");
    this.cursor = json.str("cursor");
    this.row = json.get("row");
    this.old = json.get("old");
  }
}

/** A time that came. */
export class Schedule {
  cron: string;
  /** RFC 3339. */
  due: string;

  constructor(json: Value) {
    this.cron = json.str("cron");
    this.due = json.str("due");
  }
}

function unescape(text: string): string {
  const from = host.encode(text);
  const to = new Uint8Array(from.length);
  let size = 0;
  for (let i = 0; i < from.length; i++) {
    let c = <i32>from[i];
    if (c == 0x2b) {
      c = 0x20;
    } else if (c == 0x25 && i + 2 < from.length) {
      const high = hexadecimal(from[i + 1]);
      const low = hexadecimal(from[i + 2]);
      if (high >= 0 && low >= 0) {
        c = high * 16 + low;
        i += 2;
      }
    }
    to[size++] = <u8>c;
  }
  return host.decode(to.subarray(0, size));
}
