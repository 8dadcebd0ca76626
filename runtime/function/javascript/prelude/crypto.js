import { host, state, inCall, toBytes, base64, define } from "./host.js";
import { to } from "./fetch.js";

// The engine's own random numbers go on from where its memory says, which is the
// same at the start of each call: these begin anew.
let seeded = false;
let a, b, c, d;

export function reseed() {
  seeded = false;
}

Math.random = function random() {
  if (!seeded) {
    [a, b, c, d] = new Int32Array(host.random(16).buffer);
    seeded = true;
  }
  const next = () => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  return (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
};

const hashes = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512" };

function hashOf(algorithm) {
  const name = String(algorithm?.name ?? algorithm).toUpperCase();
  if (!Object.hasOwn(hashes, name)) throw new DOMException(`the hash ${name} is not known: ${Object.keys(hashes).join(", ")} are`, "NotSupportedError");
  return hashes[name];
}

class CryptoKey {
  #bytes;
  constructor(bytes, hash, extractable, usages) {
    this.#bytes = bytes;
    this.type = "secret";
    this.extractable = Boolean(extractable);
    this.algorithm = { name: "HMAC", hash: { name: hash }, length: bytes.length * 8 };
    this.usages = [...usages];
  }
  static bytesOf(key) { return key.#bytes; }
}
const bytesOf = CryptoKey.bytesOf;
delete CryptoKey.bytesOf;

function onlyHMAC(algorithm) {
  const name = String(algorithm?.name ?? algorithm).toUpperCase();
  if (name !== "HMAC") throw new DOMException(`${name} is not known to crypto.subtle here: HMAC is; see signatures of the kit`, "NotSupportedError");
}

function hmac(key, data, usage) {
  if (!key.usages.includes(usage)) throw new DOMException(`this key is not for ${usage}`, "InvalidAccessError");
  to.operate("crypto.hmac", { hash: hashOf(key.algorithm.hash), key: base64(bytesOf(key)) }, toBytes(data));
  return host.result();
}

const subtle = {
  async digest(algorithm, data) {
    to.operate("crypto.hash", { hash: hashOf(algorithm) }, toBytes(data));
    return host.result().buffer;
  },
  async importKey(format, data, algorithm, extractable, usages) {
    onlyHMAC(algorithm);
    if (format !== "raw") throw new DOMException(`keys in the format ${format} are not read here: raw is`, "NotSupportedError");
    hashOf(algorithm.hash);
    const hash = String(algorithm.hash.name ?? algorithm.hash).toUpperCase();
    return new CryptoKey(toBytes(data).slice(), hash, extractable, usages);
  },
  async exportKey(format, key) {
    if (!key.extractable) throw new DOMException("this key is not to be exported", "InvalidAccessError");
    if (format !== "raw") throw new DOMException(`keys are not written as ${format} here: raw is`, "NotSupportedError");
    return bytesOf(key).slice().buffer;
  },
  async sign(algorithm, key, data) {
    onlyHMAC(algorithm);
    return hmac(key, data, "sign").buffer;
  },
  async verify(algorithm, key, signature, data) {
    onlyHMAC(algorithm);
    const tag = hmac(key, data, "verify");
    return to.operate("crypto.equal", { to: base64(toBytes(signature)) }, tag).equal;
  },
};

const crypto = {
  subtle,
  getRandomValues(view) {
    inCall("crypto.getRandomValues");
    if (!ArrayBuffer.isView(view) || view instanceof Float32Array || view instanceof Float64Array || view instanceof DataView) {
      throw new DOMException("this takes an array of integers", "TypeMismatchError");
    }
    if (view.byteLength > 65536) throw new DOMException("at most 65536 bytes at once", "QuotaExceededError");
    toBytes(view).set(host.random(view.byteLength));
    return view;
  },
  randomUUID() {
    inCall("crypto.randomUUID");
    const bytes = host.random(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  },
};

const clock = performance.now.bind(performance);
export function start() {
  state.started = clock();
}

define({
  crypto,
  CryptoKey,
  performance: {
    now: () => clock() - state.started,
    get timeOrigin() { return Date.now() - (clock() - state.started); },
    toJSON() { return { timeOrigin: this.timeOrigin }; },
  },
});
