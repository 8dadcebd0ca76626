import { define } from "./host.js";

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function nameOf(name) {
  name = String(name);
  if (!token.test(name)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
  return name.toLowerCase();
}

function valueOf(value) {
  value = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (/[\0\n\r]|[^\0-\xff]/.test(value)) throw new TypeError(`${JSON.stringify(value)} cannot be the value of a header`);
  return value;
}

export class Headers {
  #map = new Map(); // lower case name -> values
  constructor(init) {
    if (init === undefined || init === null) return;
    if (init instanceof Headers) {
      for (const [name, values] of init.#map) this.#map.set(name, [...values]);
    } else if (typeof init[Symbol.iterator] === "function") {
      for (const pair of init) {
        const [name, value, ...more] = pair;
        if (value === undefined || more.length) throw new TypeError("a header is a pair of a name and a value");
        this.append(name, value);
      }
    } else if (typeof init === "object") {
      for (const name of Object.keys(init)) this.append(name, init[name]);
    } else {
      throw new TypeError("headers are an object, a list of pairs, or Headers");
    }
  }
  // This takes headers as the host has them: names in lower case, lists of values.
  static [Symbol.for("edgehive.of")](object) {
    const headers = new Headers();
    for (const name in object) headers.#map.set(name.toLowerCase(), object[name]);
    return headers;
  }
  static [Symbol.for("edgehive.typed")](headers, type) {
    if (!headers.#map.has("content-type")) headers.#map.set("content-type", [type]);
  }
  append(name, value) {
    name = nameOf(name);
    const values = this.#map.get(name);
    if (values) values.push(valueOf(value));
    else this.#map.set(name, [valueOf(value)]);
  }
  set(name, value) { this.#map.set(nameOf(name), [valueOf(value)]); }
  get(name) { return this.#map.get(nameOf(name))?.join(", ") ?? null; }
  has(name) { return this.#map.has(nameOf(name)); }
  delete(name) { this.#map.delete(nameOf(name)); }
  getSetCookie() { return [...(this.#map.get("set-cookie") ?? [])]; }
  forEach(callback, self) { for (const [name, value] of this) callback.call(self, value, name, this); }
  *entries() {
    for (const name of [...this.#map.keys()].sort()) {
      const values = this.#map.get(name);
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }
  *keys() { for (const [name] of this) yield name; }
  *values() { for (const [, value] of this) yield value; }
  [Symbol.iterator]() { return this.entries(); }
  get [Symbol.toStringTag]() { return "Headers"; }
  toJSON() { return Object.fromEntries(this.#map); }
  // This writes them as the host wants them.
  static [Symbol.for("edgehive.write")](headers) {
    let text = "";
    for (const [name, values] of headers.#map) text += `${text === "" ? "" : ","}"${name}":${JSON.stringify(values)}`;
    return `{${text}}`;
  }
}

export const headersOf = Headers[Symbol.for("edgehive.of")];
// typed says what a body is, where nobody did.
export const typed = Headers[Symbol.for("edgehive.typed")];
export const writeHeaders = Headers[Symbol.for("edgehive.write")];
delete Headers[Symbol.for("edgehive.write")];
delete Headers[Symbol.for("edgehive.of")];
delete Headers[Symbol.for("edgehive.typed")];

define({ Headers });
