import { host, inCall, toBytes, write, define } from "./host.js";
import { Headers, headersOf, typed, writeHeaders } from "./headers.js";
import { ReadableStream } from "./stream.js";
import { URL, URLSearchParams } from "./url.js";
import { deadline } from "./timers.js";

// incoming is a body that is still the host's: of the request, or of the reply
// to the last operation.
export class Incoming {
  constructor(bytes, text) { this.bytes = bytes; this.text = text; }
}

// settle gives a body its form: null, a string, bytes, Incoming, or a stream.
function settle(body, headers) {
  if (body === undefined || body === null) return null;
  const type = (value) => typed(headers, value);
  if (typeof body === "string") { type("text/plain;charset=UTF-8"); return body.toWellFormed(); }
  if (body instanceof URLSearchParams) { type("application/x-www-form-urlencoded;charset=UTF-8"); return body.toString(); }
  if (body instanceof Incoming || body instanceof ReadableStream) return body;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return toBytes(body).slice();
  if (typeof body[Symbol.asyncIterator] === "function" || (typeof body === "object" && typeof body.next === "function")) return ReadableStream.from(body);
  type("text/plain;charset=UTF-8");
  return String(body).toWellFormed();
}

async function gather(stream) {
  const chunks = [];
  let size = 0;
  for await (const chunk of stream) {
    const bytes = toBytes(chunk);
    chunks.push(bytes);
    size += bytes.length;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) { all.set(chunk, at); at += chunk.length; }
  return all;
}

const noBOM = (text) => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);

class Body {
  #body = null;
  #used = false;
  #stream;
  get bodyUsed() { return this.#used || Boolean(this.#stream?.locked); }
  get body() {
    if (this.#body === null) return null;
    if (this.#stream) return this.#stream;
    if (this.#body instanceof ReadableStream) return (this.#stream = this.#body);
    const body = this.#body;
    this.#stream = new ReadableStream({
      pull: (controller) => {
        this.#used = true;
        const bytes = body instanceof Incoming ? body.bytes() : toBytes(body);
        if (bytes.length > 0) controller.enqueue(bytes);
        controller.close();
      },
    });
    this.#body = this.#stream;
    return this.#stream;
  }
  #take() {
    if (this.bodyUsed) throw new TypeError("the body was read already");
    if (this.#body !== null) this.#used = true;
    return this.#body;
  }
  async bytes() {
    const body = this.#take();
    if (body === null) return new Uint8Array(0);
    if (body instanceof Incoming) return body.bytes();
    return body instanceof ReadableStream ? gather(body) : toBytes(body).slice();
  }
  async arrayBuffer() { return (await this.bytes()).buffer; }
  text() { return this.#read(noBOM); }
  json() { return this.#read((text) => JSON.parse(noBOM(text))); }
  // #read makes a promise, at once where the body is there already.
  #read(make) {
    try {
      const body = this.#take();
      if (body instanceof ReadableStream) return gather(body).then((bytes) => make(host.decode(bytes, 0)));
      if (body instanceof Incoming) return Promise.resolve(make(body.text()));
      return Promise.resolve(make(body === null ? "" : typeof body === "string" ? body : host.decode(body, 0)));
    } catch (error) {
      return Promise.reject(error);
    }
  }
  static put(to, body) { to.#body = body; }
  // takeFrom gives the body to who sends it, and copy to who has it too.
  static takeFrom(from) { return from.#take(); }
  static copy(from) {
    if (from.bodyUsed) throw new TypeError("the body was read already");
    if (from.#body instanceof ReadableStream) throw new TypeError("a stream cannot be copied: read it first");
    return from.#body;
  }
}

export const takeBody = Body.takeFrom;
const { put, copy } = Body;

const methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

// received marks what needs no looking at: requests of the host's, and answers.
const received = Symbol("received");

export class Request extends Body {
  #is; // method, url, signal, redirect; of the host's, what they are made of
  #headers;
  constructor(input, init = {}) {
    super();
    if (input === received) {
      this.#is = init;
      this.#headers = init.headers;
      put(this, init.body);
      return;
    }
    const other = input instanceof Request ? input : undefined;
    const method = String(init.method ?? other?.method ?? "GET");
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`${JSON.stringify(method)} is no method`);
    this.#is = {
      method: methods.includes(method.toUpperCase()) ? method.toUpperCase() : method,
      url: other ? other.url : new URL(input).href,
      signal: init.signal ?? other?.signal ?? null,
      redirect: init.redirect ?? other?.redirect ?? "follow",
    };
    this.#headers = new Headers(init.headers ?? other?.headers);
    if (init.body !== undefined && init.body !== null) {
      if (this.method === "GET" || this.method === "HEAD") throw new TypeError(`a request with the method ${this.method} has no body`);
      put(this, settle(init.body, this.#headers));
    } else if (other) {
      put(this, takeBody(other));
    }
  }
  get method() { return this.#is.method; }
  get url() {
    const is = this.#is;
    return is.url ??= `${is.headers["x-forwarded-proto"]?.[0] === "https" ? "https" : "http"}://${is.headers.host?.[0] ?? "localhost"}${is.path}${is.query ? "?" + is.query : ""}`;
  }
  get signal() { return this.#is.signal ?? null; }
  get redirect() { return this.#is.redirect ?? "follow"; }
  get headers() {
    if (!(this.#headers instanceof Headers)) this.#headers = headersOf(this.#headers);
    return this.#headers;
  }
  clone() {
    const body = copy(this);
    const request = new Request(this.url, { method: this.method, headers: this.headers, signal: this.signal, redirect: this.redirect });
    put(request, body);
    return request;
  }
  get [Symbol.toStringTag]() { return "Request"; }
}
// requestOf makes the request of an event: {method, path, query, headers, body}.
export const requestOf = (is) => new Request(received, is);

const nullStatus = [101, 103, 204, 205, 304];

function statusOf(status) {
  const number = Number(status);
  if (!Number.isInteger(number) || number < 200 || number > 599) throw new RangeError(`${status} is no status of a response: they are 200 to 599`);
  return number;
}

export class Response extends Body {
  #headers;
  #url = "";
  constructor(body, init = {}) {
    super();
    if (body === received) {
      this.status = init.status;
      this.statusText = init.statusText ?? "";
      this.#headers = init.headers;
      this.#url = init.url ?? "";
      put(this, init.body);
      return;
    }
    this.status = init.status === undefined ? 200 : statusOf(init.status);
    this.statusText = init.statusText === undefined ? "" : String(init.statusText);
    this.#headers = new Headers(init.headers);
    if (body === undefined || body === null) return;
    if (nullStatus.includes(this.status)) throw new TypeError(`a response with the status ${this.status} has no body`);
    put(this, settle(body, this.#headers));
  }
  static json(data, init = {}) {
    const text = write(data);
    if (init.headers === undefined && init.status === undefined) return responseOf(200, { "content-type": ["application/json"] }, text);
    const headers = new Headers(init.headers);
    typed(headers, "application/json");
    return new Response(text, { ...init, headers });
  }
  static redirect(url, status = 302) {
    if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`${status} is no status of a redirect`);
    return new Response(null, { status, headers: { location: String(url) } });
  }
  get headers() {
    if (!(this.#headers instanceof Headers)) this.#headers = headersOf(this.#headers);
    return this.#headers;
  }
  // This writes the head of an answer.
  static head(response) {
    const headers = response.#headers;
    return `{"status":${statusOf(response.status)},"headers":${headers instanceof Headers ? writeHeaders(headers) : JSON.stringify(headers)}}`;
  }
  get url() { return this.#url; }
  get ok() { return this.status >= 200 && this.status <= 299; }
  get redirected() { return false; }
  get type() { return "default"; }
  clone() {
    return new Response(received, {
      status: this.status, statusText: this.statusText, url: this.#url, headers: new Headers(this.headers), body: copy(this),
    });
  }
  get [Symbol.toStringTag]() { return "Response"; }
}
export const responseOf = (status, headers, body, url) => new Response(received, { status, headers, body, url });
export const headOf = Response.head;
for (const hidden of ["put", "takeFrom", "copy"]) delete Body[hidden];
delete Response.head;

// operate is set by the kit, which knows faults.
export const to = { operate: undefined };

async function fetch(input, init) {
  inCall("fetch");
  const request = new Request(input, init);
  request.signal?.throwIfAborted();
  const body = request.body === null ? undefined : await request.bytes();
  request.signal?.throwIfAborted();
  const head = { method: request.method, url: request.url, headers: {} };
  for (const [name, value] of request.headers) head.headers[name] = value;
  const limit = request.signal?.[deadline];
  if (limit !== undefined) head.timeout = `${Math.max(1, Math.ceil(limit - Date.now()))}ms`;
  let reply;
  try {
    reply = to.operate("fetch", head, body);
  } catch (fault) {
    // As browsers have it, with the fault for those who look.
    throw new TypeError(`fetch ${new URL(request.url).origin}: ${fault.message}`, { cause: fault });
  }
  return responseOf(reply.status, reply.headers, nullStatus.includes(reply.status) ? null : host.result(), reply.url ?? request.url);
}

define({ Request, Response, fetch });
