//! Requests to elsewhere, to the hosts that are granted.

use crate::{operation, Fault, Headers, Value};

/// A request: `Fetch::new("POST", url).header("X-A", "b").body(b"...").send()`.
pub struct Fetch {
    head: Vec<(String, Value)>,
    headers: Vec<(String, Value)>,
    body: Vec<u8>,
}

/// What came back, whatever its status.
pub struct Fetched {
    pub status: u16,
    pub headers: Headers,
    /// After redirects.
    pub url: String,
    pub body: Vec<u8>,
}

/// Gets what is at an address.
pub fn get(url: &str) -> Result<Fetched, Fault> {
    Fetch::new("GET", url).send()
}

impl Fetch {
    pub fn new(method: &str, url: &str) -> Fetch {
        let head = vec![("method".into(), method.into()), ("url".into(), url.into())];
        Fetch { head, headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: &str) -> Fetch {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Fetch {
        self.body = body.into();
        self
    }

    /// How long the answer may take: "5s".
    pub fn timeout(mut self, timeout: &str) -> Fetch {
        self.head.push(("timeout".into(), timeout.into()));
        self
    }

    pub fn send(mut self) -> Result<Fetched, Fault> {
        self.head.push(("headers".into(), Value::Object(self.headers)));
        let (head, body) = operation("fetch", &Value::Object(self.head), &self.body)?;
        Ok(Fetched { status: head.field("status")?, headers: head.field("headers")?, url: head.field("url")?, body })
    }
}
