//! Digests, tags and signatures. A secret stays with the host, which uses it by its name.

use crate::{object, operation, to_base64, Fault};

/// The digest of data: sha256, sha384, sha512, sha1 or md5.
pub fn hash(hash: &str, data: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(operation("crypto.hash", &object! {"hash": hash}, data)?.1)
}

/// The tag of a message under a secret.
pub fn hmac(hash: &str, secret: &str, message: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(operation("crypto.hmac", &object! {"hash": hash, "secret": secret}, message)?.1)
}

/// The tag of a message under a key.
pub fn hmac_key(hash: &str, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(operation("crypto.hmac", &object! {"hash": hash, "key": to_base64(key)}, message)?.1)
}

/// Compares in a time that tells nothing of where they differ.
pub fn equal(a: &[u8], b: &[u8]) -> Result<bool, Fault> {
    Ok(operation("crypto.equal", &object! {"to": to_base64(a)}, b)?.0.field("equal")?)
}

/// Signs a message with a secret, a private key in PEM: ES256, EdDSA or RS256.
pub fn sign(algorithm: &str, secret: &str, message: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(operation("crypto.sign", &object! {"algorithm": algorithm, "secret": secret}, message)?.1)
}

/// Checks a signature with a public key in PEM.
pub fn verify(algorithm: &str, public_key: &str, message: &[u8], signature: &[u8]) -> Result<bool, Fault> {
    let head = object! {"algorithm": algorithm, "key": public_key, "signature": to_base64(signature)};
    Ok(operation("crypto.verify", &head, message)?.0.field("valid")?)
}
