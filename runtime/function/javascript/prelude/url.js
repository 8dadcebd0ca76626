// URL and URLSearchParams, as the URL standard has them, but for names of hosts
// that are not ASCII: those are to be written in punycode.
import { host, define } from "./host.js";

const ports = { "http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": "" };
const special = (scheme) => Object.hasOwn(ports, scheme);

const sets = {
  control: /[^\x20-\x7e]/,
  fragment: /[^\x20-\x7e]|[ "<>`]/,
  query: /[^\x20-\x7e]|[ "#<>]/,
  specialQuery: /[^\x20-\x7e]|[ "#<>']/,
  path: /[^\x20-\x7e]|[ "#<>?^`{}]/,
  userinfo: /[^\x20-\x7e]|[ "#<>?^`{}/:;=@[\\\]|]/,
};

function percent(text, set) {
  let out = "";
  for (const c of text) {
    if (!set.test(c)) { out += c; continue; }
    for (const b of host.encode(c.toWellFormed())) out += "%" + b.toString(16).toUpperCase().padStart(2, "0");
  }
  return out;
}

function unpercent(text) {
  const bytes = [];
  for (const b of host.encode(text.toWellFormed())) bytes.push(b);
  const out = [];
  for (let i = 0; i < bytes.length; i++) {
    const pair = bytes[i] === 0x25 ? String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0) : "";
    if (/^[0-9a-fA-F]{2}$/.test(pair)) { out.push(parseInt(pair, 16)); i += 2; } else out.push(bytes[i]);
  }
  return host.decode(new Uint8Array(out), 0);
}

function invalid(text, why) {
  return new TypeError(`${JSON.stringify(String(text))} is no URL: ${why}`);
}

function number4(part) {
  if (part === "") return NaN;
  if (/^0[xX][0-9a-fA-F]*$/.test(part)) return part.length === 2 ? 0 : parseInt(part.slice(2), 16);
  if (/^0[0-7]+$/.test(part)) return parseInt(part, 8);
  return /^[0-9]+$/.test(part) && !/^0[0-9]/.test(part) ? parseInt(part, 10) : NaN;
}

function parse4(name) {
  const parts = name.split(".");
  if (parts.at(-1) === "" && parts.length > 1) parts.pop();
  if (!/^(?:[0-9]+|0[xX][0-9a-fA-F]*)$/.test(parts.at(-1))) return undefined;
  const numbers = parts.map(number4);
  const last = numbers.pop();
  if (parts.length > 4 || Number.isNaN(last) || numbers.some((n) => Number.isNaN(n) || n > 255) ||
    last >= 256 ** (4 - numbers.length)) return null;
  let all = last;
  numbers.forEach((n, i) => { all += n * 256 ** (3 - i); });
  return [24, 16, 8, 0].map((shift) => Math.floor(all / 2 ** shift) % 256).join(".");
}

function parse6(text) {
  const tail = /^(.*:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (tail) {
    const n = tail.slice(2).map(Number);
    if (n.some((v, i) => v > 255 || String(v) !== tail[i + 2])) return null;
    text = tail[1] + (n[0] * 256 + n[1]).toString(16) + ":" + (n[2] * 256 + n[3]).toString(16);
  }
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const words = halves.map((half) => (half === "" ? [] : half.split(":")));
  const count = words.flat().length;
  if (halves.length === 1 ? count !== 8 : count > 7) return null;
  if (!words.flat().every((w) => /^[0-9a-fA-F]{1,4}$/.test(w))) return null;
  const all = halves.length === 1 ? words[0] : [...words[0], ...Array(8 - count).fill("0"), ...words[1]];
  const values = all.map((w) => parseInt(w, 16));
  let best = -1, length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && values[i + n] === 0) n++;
    if (n > length) { best = i; length = n; }
  }
  let out = "";
  for (let i = 0; i < 8; i++) {
    if (i === best) { out += i === 0 ? "::" : ":"; i += length - 1; continue; }
    out += values[i].toString(16) + (i < 7 ? ":" : "");
  }
  return out;
}

function parseHost(text, isSpecial, whole) {
  if (text.startsWith("[")) {
    const six = text.endsWith("]") ? parse6(text.slice(1, -1)) : null;
    if (six === null) throw invalid(whole, "its address is none");
    return `[${six}]`;
  }
  if (!isSpecial) {
    if (/[\0\t\n\r #/:<>?@[\\\]^|]/.test(text)) throw invalid(whole, "the name of its host has a character that it may not have");
    return percent(text, sets.control);
  }
  const name = unpercent(text).toLowerCase();
  if (name === "") throw invalid(whole, "it has no host");
  if (/[^\0-\x7f]/.test(name)) throw invalid(whole, "the name of its host is not ASCII: write it in punycode (xn--...)");
  if (/[\0-\x20"#%/:<>?@[\\\]^`{|}\x7f]/.test(name)) throw invalid(whole, "the name of its host has a character that it may not have");
  const four = parse4(name);
  if (four === null) throw invalid(whole, "its address is none");
  return four ?? name;
}

function parsePort(text, scheme, whole) {
  if (text === "") return "";
  if (!/^[0-9]+$/.test(text) || Number(text) > 65535) throw invalid(whole, "its port is none");
  const port = String(Number(text));
  return port === ports[scheme] ? "" : port;
}

function parsePath(text, isSpecial, base, file) {
  const path = base ? base.slice(0, -1) : [];
  const parts = (isSpecial ? text.replace(/\\/g, "/") : text).split("/");
  if (parts[0] === "" && parts.length > 1) { parts.shift(); path.length = 0; }
  parts.forEach((part, i) => {
    const plain = part.replace(/%2e/gi, ".");
    const end = i === parts.length - 1;
    if (plain === "..") {
      if (!(file && path.length === 1 && /^[A-Za-z]:$/.test(path[0]))) path.pop();
      if (end) path.push("");
    } else if (plain === ".") {
      if (end) path.push("");
    } else {
      path.push(percent(part, sets.path));
    }
  });
  return path;
}

// Most addresses are plain: no user, nothing to escape or to resolve, and a host
// that is a name.
const plain = /^(https?:)\/\/((?:[a-z0-9-]+\.)*[a-z][a-z0-9-]*)(\/[A-Za-z0-9_~:@!$&*+,;=/-]*)?(?:\?([A-Za-z0-9_~:@!$&*+,;=/.%-]*))?$/;

function parse(text, base) {
  const easy = plain.exec(text);
  if (easy && !easy[2].includes("xn--")) {
    return {
      scheme: easy[1], username: "", password: "", host: easy[2], port: "", opaque: null, hash: null,
      path: easy[3] === undefined ? [""] : easy[3].slice(1).split("/"), query: easy[4] ?? null,
    };
  }
  const whole = text;
  text = text.replace(/^[\0-\x20]+|[\0-\x20]+$/g, "").replace(/[\t\n\r]/g, "");
  let hash = null, query = null;
  const take = (mark) => {
    const at = text.indexOf(mark);
    if (at < 0) return null;
    const rest = text.slice(at + 1);
    text = text.slice(0, at);
    return rest;
  };
  hash = take("#");
  query = take("?");
  if (hash !== null) hash = percent(hash, sets.fragment);
  const url = { scheme: "", username: "", password: "", host: null, port: "", path: [], opaque: null, query: null, hash };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  let rest = text;
  if (scheme && !(base && special(scheme[1].toLowerCase() + ":") && base.scheme === scheme[1].toLowerCase() + ":" &&
    !/^[/\\]{2}/.test(text.slice(scheme[0].length)) && base.opaque === null)) {
    url.scheme = scheme[1].toLowerCase() + ":";
    rest = text.slice(scheme[0].length);
    base = url.scheme === "file:" && base?.scheme === "file:" ? base : undefined;
  } else {
    if (!base) throw invalid(whole, "it has no scheme");
    if (scheme) rest = text.slice(scheme[0].length);
    url.scheme = base.scheme;
    if (base.opaque !== null && (rest !== "" || query !== null || hash === null)) throw invalid(whole, "its base has no path");
  }
  const isSpecial = special(url.scheme);
  if (query !== null) url.query = percent(query, isSpecial ? sets.specialQuery : sets.query);
  const slashes = isSpecial ? /^[/\\]{2}[/\\]*/ : /^\/\//;
  const authority = isSpecial && url.scheme !== "file:" && !base ? /^[/\\]*/.exec(rest) : slashes.exec(rest);
  if (authority) {
    rest = url.scheme === "file:" ? rest.slice(2) : rest.slice(authority[0].length);
    const end = rest.search(isSpecial ? /[/\\]/ : /\//);
    let where = end < 0 ? rest : rest.slice(0, end);
    rest = end < 0 ? "" : rest.slice(end);
    const at = where.lastIndexOf("@");
    if (at >= 0) {
      const user = where.slice(0, at);
      const colon = user.indexOf(":");
      url.username = percent(colon < 0 ? user : user.slice(0, colon), sets.userinfo);
      url.password = colon < 0 ? "" : percent(user.slice(colon + 1), sets.userinfo);
      where = where.slice(at + 1);
      if (where === "") throw invalid(whole, "it has no host");
    }
    const port = /:([^:\]]*)$/.exec(where);
    if (port && url.scheme !== "file:") {
      url.port = parsePort(port[1], url.scheme, whole);
      where = where.slice(0, port.index);
      if (where === "") throw invalid(whole, "it has no host");
    }
    if (url.scheme === "file:" && (where === "" || where.toLowerCase() === "localhost")) url.host = "";
    else if (where === "" && !isSpecial) url.host = "";
    else url.host = parseHost(where, isSpecial, whole);
    url.path = rest === "" ? (isSpecial ? [""] : []) : parsePath(rest, isSpecial, undefined, url.scheme === "file:");
    return url;
  }
  if (base) {
    Object.assign(url, { username: base.username, password: base.password, host: base.host, port: base.port });
    if (rest === "") {
      url.path = [...base.path];
      url.opaque = base.opaque;
      if (query === null) url.query = base.query;
    } else {
      url.path = parsePath(rest, isSpecial, base.path, url.scheme === "file:");
    }
    return url;
  }
  if (url.scheme === "file:") url.host = "";
  if (isSpecial || rest.startsWith("/")) url.path = parsePath(rest, isSpecial, undefined, url.scheme === "file:");
  else url.opaque = percent(rest, sets.control);
  return url;
}

function pathOf(url) {
  return url.opaque ?? (url.path.length ? "/" + url.path.join("/") : "");
}

function serialize(url) {
  let text = url.scheme;
  if (url.host !== null) {
    text += "//";
    if (url.username || url.password) text += url.username + (url.password ? ":" + url.password : "") + "@";
    text += url.host + (url.port ? ":" + url.port : "");
  } else if (url.opaque === null && url.path.length > 1 && url.path[0] === "") {
    text += "/.";
  }
  return text + pathOf(url) + (url.query !== null ? "?" + url.query : "") + (url.hash !== null ? "#" + url.hash : "");
}

const follow = Symbol("follow");

export class URLSearchParams {
  #list = [];
  [follow] = undefined;
  constructor(init = "") {
    if (typeof init === "object" && init !== null) {
      if (typeof init[Symbol.iterator] === "function") {
        for (const pair of init) {
          const two = [...pair];
          if (two.length !== 2) throw new TypeError("a parameter is a pair of a name and a value");
          this.#list.push(two.map((v) => String(v).toWellFormed()));
        }
      } else {
        for (const name of Object.keys(init)) this.#list.push([name.toWellFormed(), String(init[name]).toWellFormed()]);
      }
      return;
    }
    this.#read(String(init).replace(/^\?/, ""));
  }
  #read(text) {
    this.#list = text === "" ? [] : text.split("&").filter(Boolean).map((part) => {
      const at = part.indexOf("=");
      const plain = (s) => (/[%+]|[^\0-\x7f]/.test(s) ? unpercent(s.replace(/\+/g, " ")) : s);
      return at < 0 ? [plain(part), ""] : [plain(part.slice(0, at)), plain(part.slice(at + 1))];
    });
  }
  #changed() { this[follow]?.(this.toString()); }
  static [follow](text, changed) {
    const params = new URLSearchParams(text);
    params[follow] = changed;
    return params;
  }
  static [Symbol.for("edgehive.read")](params, text) { params.#read(text); }
  get size() { return this.#list.length; }
  append(name, value) { this.#list.push([String(name).toWellFormed(), String(value).toWellFormed()]); this.#changed(); }
  delete(name, value) {
    this.#list = this.#list.filter(([n, v]) => n !== String(name) || (value !== undefined && v !== String(value)));
    this.#changed();
  }
  get(name) { return this.#list.find(([n]) => n === String(name))?.[1] ?? null; }
  getAll(name) { return this.#list.filter(([n]) => n === String(name)).map(([, v]) => v); }
  has(name, value) { return this.#list.some(([n, v]) => n === String(name) && (value === undefined || v === String(value))); }
  set(name, value) {
    const i = this.#list.findIndex(([n]) => n === String(name));
    if (i < 0) { this.append(name, value); return; }
    this.#list = this.#list.filter(([n], j) => n !== String(name) || j === i);
    this.#list[i][1] = String(value).toWellFormed();
    this.#changed();
  }
  sort() { this.#list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)); this.#changed(); }
  forEach(callback, self) { for (const [name, value] of this.#list) callback.call(self, value, name, this); }
  *entries() { for (const [name, value] of this.#list) yield [name, value]; }
  *keys() { for (const [name] of this.#list) yield name; }
  *values() { for (const [, value] of this.#list) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  toString() {
    const form = (text) => encodeURIComponent(text).replace(/%20/g, "+").replace(/[!'()~]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
    return this.#list.map(([name, value]) => `${form(name)}=${form(value)}`).join("&");
  }
  get [Symbol.toStringTag]() { return "URLSearchParams"; }
}

const reread = URLSearchParams[Symbol.for("edgehive.read")];
delete URLSearchParams[Symbol.for("edgehive.read")];

export class URL {
  #url;
  #params;
  constructor(text, base) {
    this.#url = parse(String(text), base === undefined ? undefined : parse(String(base)));
  }
  static canParse(text, base) { return URL.parse(text, base) !== null; }
  static parse(text, base) {
    try { return new URL(text, base); } catch { return null; }
  }
  #set(change) { try { change(this.#url); } catch { /* as the standard has it: what cannot be is left as it was */ } }
  get href() { return serialize(this.#url); }
  set href(text) { this.#url = parse(String(text)); this.#follow(); }
  get origin() { return special(this.#url.scheme) && this.#url.scheme !== "file:" ? `${this.#url.scheme}//${this.host}` : "null"; }
  get protocol() { return this.#url.scheme; }
  set protocol(text) {
    const scheme = String(text).toLowerCase().replace(/:.*$/s, "") + ":";
    if (/^[a-z][a-z0-9+.-]*:$/.test(scheme) && special(scheme) === special(this.#url.scheme)) {
      this.#url.scheme = scheme;
      if (this.#url.port === ports[scheme]) this.#url.port = "";
    }
  }
  get username() { return this.#url.username; }
  set username(text) { if (this.#url.host) this.#url.username = percent(String(text), sets.userinfo); }
  get password() { return this.#url.password; }
  set password(text) { if (this.#url.host) this.#url.password = percent(String(text), sets.userinfo); }
  get host() { return (this.#url.host ?? "") + (this.#url.port ? ":" + this.#url.port : ""); }
  set host(text) {
    this.#set((url) => {
      if (url.opaque !== null) return;
      const m = /^([^/?#\\]*?)(?::([0-9]*))?(?:[/?#\\].*)?$/s.exec(String(text));
      const name = parseHost(m[1], special(url.scheme), text);
      if (m[2]) url.port = parsePort(m[2], url.scheme, text);
      url.host = name;
    });
  }
  get hostname() { return this.#url.host ?? ""; }
  set hostname(text) { this.#set((url) => { if (url.opaque === null) url.host = parseHost(String(text).replace(/[/?#\\].*$/s, ""), special(url.scheme), text); }); }
  get port() { return this.#url.port; }
  set port(text) { this.#set((url) => { if (url.host) url.port = parsePort(/^[0-9]*/.exec(String(text))[0], url.scheme, text); }); }
  get pathname() { return pathOf(this.#url); }
  set pathname(text) {
    if (this.#url.opaque === null) {
      text = String(text).replace(/[?#]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
      this.#url.path = parsePath(/^[/\\]/.test(text) ? text : "/" + text, special(this.#url.scheme), undefined, this.#url.scheme === "file:");
    }
  }
  get search() { return this.#url.query ? "?" + this.#url.query : ""; }
  set search(text) {
    text = String(text).replace(/^\?/, "");
    this.#url.query = text === "" ? null : percent(text, special(this.#url.scheme) ? sets.specialQuery : sets.query);
    this.#follow();
  }
  get searchParams() {
    this.#params ??= URLSearchParams[follow](this.#url.query ?? "", (text) => { this.#url.query = text === "" ? null : text; });
    return this.#params;
  }
  #follow() { if (this.#params) reread(this.#params, this.#url.query ?? ""); }
  get hash() { return this.#url.hash ? "#" + this.#url.hash : ""; }
  set hash(text) {
    text = String(text).replace(/^#/, "");
    this.#url.hash = text === "" ? null : percent(text, sets.fragment);
  }
  toString() { return this.href; }
  toJSON() { return this.href; }
  get [Symbol.toStringTag]() { return "URL"; }
}

define({ URL, URLSearchParams });
