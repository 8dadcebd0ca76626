import { host, toBytes, define } from "./host.js";

const names = ["unicode-1-1-utf-8", "unicode11utf8", "unicode20utf8", "utf-8", "utf8", "x-unicode20utf8"];

class TextEncoder {
  get encoding() { return "utf-8"; }
  encode(text = "") { return host.encode(String(text).toWellFormed()); }
  encodeInto(text, to) {
    let read = 0, written = 0;
    for (const c of String(text).toWellFormed()) {
      const bytes = host.encode(c);
      if (written + bytes.length > to.length) break;
      to.set(bytes, written);
      read += c.length;
      written += bytes.length;
    }
    return { read, written };
  }
}

class TextDecoder {
  #rest = new Uint8Array(0);
  #begun = false;
  constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
    if (!names.includes(String(label).trim().toLowerCase())) {
      throw new RangeError(`the encoding ${label} is not known here: utf-8 is`);
    }
    this.fatal = Boolean(fatal);
    this.ignoreBOM = Boolean(ignoreBOM);
  }
  get encoding() { return "utf-8"; }
  decode(data = new Uint8Array(0), { stream = false } = {}) {
    let bytes = toBytes(data);
    if (this.#rest.length > 0) {
      const all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
      bytes = all;
    }
    const end = stream ? complete(bytes) : bytes.length;
    this.#rest = bytes.slice(end);
    const begun = this.#begun;
    this.#begun = stream && (begun || end > 0);
    const text = host.decode(bytes.subarray(0, end), this.fatal ? 1 : 0);
    if (text === undefined) throw new TypeError("the data is not valid utf-8");
    return !this.ignoreBOM && !begun && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }
}

// complete gives how many bytes there are before a character that is not all there.
function complete(bytes) {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const b = bytes[bytes.length - back];
    if (b < 0x80) break;
    if (b >= 0xc0) {
      const size = b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : 2;
      return back < size ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

define({ TextEncoder, TextDecoder });
