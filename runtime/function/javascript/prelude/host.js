// What the host gives, and what it is given: the object is taken away before the
// script runs, so that scripts ask through the kit alone.
export const host = globalThis.__edgehive;
delete globalThis.__edgehive;

// state is of the call that runs. While the script is loaded there is none.
export const state = {
  loading: true,
  event: undefined,
  pending: [], // what waitUntil was given
  started: 0,
};

// inCall refuses what can be had in calls alone: what is loaded is loaded once, and
// every call begins with it.
export function inCall(what) {
  if (state.loading) {
    throw new Error(`${what} is for calls: what stands at the top of a script runs once, before any call`);
  }
}

export function toBytes(data) {
  if (data instanceof Uint8Array) return data;
  if (typeof data === "string") return host.encode(data.toWellFormed());
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError("this takes a string, an ArrayBuffer or a view of one");
}

export function base64(bytes) {
  if (bytes.toBase64) return bytes.toBase64();
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return btoa(text);
}

export function define(members) {
  for (const [name, value] of Object.entries(members)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
}

// parse reads JSON with all integers exact: those that a number cannot hold are
// BigInt. write writes them as they were.
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (key, value, { source }) => (typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? BigInt(source) : value));
}

export function write(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    text = JSON.stringify(value, (key, member) => (typeof member === "bigint" ? JSON.rawJSON(String(member)) : member));
  }
  if (text === undefined) throw new TypeError("this has no form in JSON");
  return text;
}
