//! The cache. A time to live is as in the manifest, "5m"; None is the cache's own.

use crate::{object, operation, Fault, Value};

fn head(key: &str, ttl: Option<&str>) -> Vec<(String, Value)> {
    let mut members = vec![("key".into(), key.into())];
    if let Some(ttl) = ttl {
        members.push(("ttl".into(), ttl.into()));
    }
    members
}

/// A value, if it is there.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Fault> {
    let (head, body) = operation("cache.get", &object! {"key": key}, b"")?;
    Ok(if head.field("found")? { Some(body) } else { None })
}

/// Keeps a value.
pub fn set(key: &str, value: &[u8], ttl: Option<&str>) -> Result<(), Fault> {
    operation("cache.set", &Value::Object(head(key, ttl)), value)?;
    Ok(())
}

/// Keeps a value unless there is one, and says whether it did.
pub fn set_absent(key: &str, value: &[u8], ttl: Option<&str>) -> Result<bool, Fault> {
    let mut members = head(key, ttl);
    members.push(("ifAbsent".into(), true.into()));
    Ok(operation("cache.set", &Value::Object(members), value)?.0.field("stored")?)
}

/// Forgets a value, and says whether there was one.
pub fn delete(key: &str) -> Result<bool, Fault> {
    Ok(operation("cache.delete", &object! {"key": key}, b"")?.0.field("found")?)
}

/// Adds to a number, 0 where there is none, and gives the sum.
pub fn add(key: &str, by: i64, ttl: Option<&str>) -> Result<i64, Fault> {
    let mut members = head(key, ttl);
    members.push(("by".into(), by.into()));
    Ok(operation("cache.add", &Value::Object(members), b"")?.0.field("value")?)
}
