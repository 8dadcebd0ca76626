use std::io;

use crate::{host, object, Fault, Value};

/// What a function answers. It is an `io::Write`: what is written becomes the body as a
/// whole, unless `flush` makes it a stream.
#[derive(Default)]
pub struct Answer {
    status: Option<u16>,
    headers: Vec<(String, Vec<String>)>,
    begun: bool,
}

impl Answer {
    /// Sets the status, 200 where it is not called.
    pub fn status(&mut self, status: u16) -> &mut Answer {
        self.status = Some(status);
        self
    }

    /// Sets a header, in place of what was set of it before.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Answer {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.add(name, value)
    }

    /// Adds a value to a header.
    pub fn add(&mut self, name: &str, value: &str) -> &mut Answer {
        match self.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, values)) => values.push(value.into()),
            None => self.headers.push((name.into(), vec![value.into()])),
        }
        self
    }

    /// Tells the host the status and the headers, once. A head that is refused may be set
    /// anew.
    pub(crate) fn begin(&mut self) -> Result<(), Fault> {
        if !self.begun && (self.status.is_some() || !self.headers.is_empty()) {
            let headers = self.headers.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect();
            let head = object! {"status": self.status.unwrap_or(200), "headers": Value::Object(headers)};
            if !host::output_head(&head.to_string()) {
                return Err(Fault::last());
            }
        }
        self.begun = true;
        Ok(())
    }

    /// Appends to the body. The status and the headers are final from then on.
    pub fn write(&mut self, data: &[u8]) -> Result<(), Fault> {
        self.begin()?;
        closed(host::output_write(data))
    }

    /// Sends what was written: from here on the answer is a stream.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.begin()?;
        closed(host::output_flush())
    }

    /// Answers with a body of a type.
    pub fn bytes(&mut self, status: u16, content_type: &str, body: &[u8]) -> Result<(), Fault> {
        self.status(status).set("Content-Type", content_type).write(body)
    }

    /// Answers with text.
    pub fn text(&mut self, status: u16, text: &str) -> Result<(), Fault> {
        self.bytes(status, "text/plain; charset=utf-8", text.as_bytes())
    }

    /// Answers with JSON.
    pub fn json(&mut self, status: u16, value: impl Into<Value>) -> Result<(), Fault> {
        self.bytes(status, "application/json", value.into().to_string().as_bytes())
    }
}

/// The answer is larger than its limit, or nobody listens to it any more.
fn closed(taken: bool) -> Result<(), Fault> {
    if taken {
        return Ok(());
    }
    Err(Fault { message: "the answer takes no more".into(), ..Fault::default() })
}

impl io::Write for Answer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        Answer::write(self, data).map_err(|fault| io::Error::new(io::ErrorKind::Other, fault))?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Answer::flush(self).map_err(|fault| io::Error::new(io::ErrorKind::Other, fault))
    }
}
