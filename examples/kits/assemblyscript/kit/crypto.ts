import { Value } from "./json";
import { Reply, operation } from "./operation";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Base64 of bytes, with padding. */
export function toBase64(bytes: Uint8Array): string {
  let out = "";
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (<u32>bytes[i] << 16) | (left > 1 ? <u32>bytes[i + 1] << 8 : 0) | (left > 2 ? <u32>bytes[i + 2] : 0);
    out += ALPHABET.charAt(group >> 18) + ALPHABET.charAt((group >> 12) & 63);
    out += left > 1 ? ALPHABET.charAt((group >> 6) & 63) : "=";
    out += left > 2 ? ALPHABET.charAt(group & 63) : "=";
  }
  return out;
}

/** The bytes of base64, as far as it is that. */
export function fromBase64(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length * 3) / 4);
  let group: u32 = 0;
  let bits = 0;
  let size = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = ALPHABET.indexOf(text.charAt(i).replace("-", "+").replace("_", "/"));
    if (digit < 0) break;
    group = (group << 6) | digit;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[size++] = <u8>(group >> bits);
    }
  }
  return bytes.subarray(0, size);
}

/** Digests, tags and signatures. A secret stays with the host, which uses it by its name. */
export namespace crypto {
  /** The digest of data is the reply's body: sha256, sha384, sha512, sha1 or md5. */
  export function hash(hash: string, data: Uint8Array): Reply {
    return operation("crypto.hash", Value.object().set("hash", hash), data);
  }

  /** The tag of a message under a secret is the reply's body. */
  export function hmac(hash: string, secret: string, message: Uint8Array): Reply {
    return operation("crypto.hmac", Value.object().set("hash", hash).set("secret", secret), message);
  }

  /** The tag of a message under a key is the reply's body. */
  export function hmacKey(hash: string, key: Uint8Array, message: Uint8Array): Reply {
    return operation("crypto.hmac", Value.object().set("hash", hash).set("key", toBase64(key)), message);
  }

  /** Compares in a time that tells nothing of where they differ. */
  export function equal(a: Uint8Array, b: Uint8Array): bool {
    return operation("crypto.equal", Value.object().set("to", toBase64(a)), b).must().head.bool("equal");
  }

  /** The signature of a message by a secret, a private key in PEM, is the reply's body:
   * ES256, EdDSA or RS256. */
  export function sign(algorithm: string, secret: string, message: Uint8Array): Reply {
    return operation("crypto.sign", Value.object().set("algorithm", algorithm).set("secret", secret), message);
  }

  /** reply.head.bool("valid") says whether the signature is that of a public key in PEM. */
  export function verify(algorithm: string, key: string, message: Uint8Array, signature: Uint8Array): Reply {
    const head = Value.object().set("algorithm", algorithm).set("key", key).set("signature", toBase64(signature));
    return operation("crypto.verify", head, message);
  }
}
