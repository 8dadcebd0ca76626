use crate::{host, object, operation, Fault, Headers, Value};

/// Tells those who listen to a channel.
pub fn publish(channel: &str, event: &str, payload: impl Into<Value>) -> Result<(), Fault> {
    let head = object! {"channel": channel, "event": event};
    operation("channel.publish", &head, payload.into().to_string().as_bytes())?;
    Ok(())
}

/// What another function answered.
pub struct Called {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// Calls another function.
pub fn call(function: &str, body: &[u8]) -> Result<Called, Fault> {
    let (head, body) = operation("function.call", &object! {"function": function}, body)?;
    Ok(Called { status: head.field("status")?, headers: head.field("headers")?, body })
}

/// A secret that the manifest lets this function read.
pub fn secret(name: &str) -> Result<Vec<u8>, Fault> {
    Ok(operation("secret.get", &object! {"name": name}, b"")?.1)
}

/// A setting of the manifest.
pub fn config(name: &str) -> Result<String, Fault> {
    Ok(operation("config.get", &object! {"name": name}, b"")?.0.field("value")?)
}

/// Writes a line to the log.
pub fn debug(text: impl AsRef<str>) {
    host::log(0, text.as_ref());
}

/// Writes a line to the log.
pub fn info(text: impl AsRef<str>) {
    host::log(1, text.as_ref());
}

/// Writes a line to the log.
pub fn warn(text: impl AsRef<str>) {
    host::log(2, text.as_ref());
}

/// Writes a line to the log.
pub fn error(text: impl AsRef<str>) {
    host::log(3, text.as_ref());
}

/// Nanoseconds since 1970, UTC.
pub fn now() -> i64 {
    host::time()
}

/// Random bytes, good for keys.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    host::random(&mut bytes);
    bytes
}
