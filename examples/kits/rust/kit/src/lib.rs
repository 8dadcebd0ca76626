//! What a function in Rust is written with:
//!
//!     use edgehive::{Answer, Event, Outcome};
//!
//!     edgehive::handle!(handle);
//!
//!     fn handle(event: &Event, answer: &mut Answer) -> Outcome {
//!         answer.text(200, "hello")?;
//!         Ok(())
//!     }
//!
//! Nothing that a call leaves behind, in statics or on the heap, is there in the next.

mod answer;
mod base64;
pub mod cache;
pub mod crypto;
pub mod db;
mod event;
pub mod fetch;
mod host;
pub mod json;
mod services;

use std::fmt;

pub use answer::Answer;
pub use base64::{decode as from_base64, encode as to_base64};
pub use db::Query;
pub use event::{Caller, Change, Event, Headers, Kind, Request, Schedule};
pub use json::{FromJson, Value};
pub use services::{call, config, debug, error, info, now, publish, random, secret, warn, Called};

/// What a handler gives. An error fails the call: the caller sees that it failed, the log
/// sees why. What the caller shall know belongs into the answer.
pub type Outcome = Result<(), Box<dyn std::error::Error>>;

/// What the host says of something that it refused or that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    pub code: String,
    pub message: String,
    pub details: String,
    pub hint: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}

impl From<json::Error> for Fault {
    fn from(e: json::Error) -> Fault {
        Fault { message: e.to_string(), ..Fault::default() }
    }
}

impl Fault {
    fn last() -> Fault {
        let head = host::result(0);
        match Value::parse(&head) {
            Ok(v) => Fault {
                code: text(&v, "code"),
                message: text(&v, "message"),
                details: text(&v, "details"),
                hint: text(&v, "hint"),
            },
            Err(_) => Fault { message: String::from_utf8_lossy(&head).into_owned(), ..Fault::default() },
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).as_str().unwrap_or_default().into()
}

/// Asks the host for an operation by its name: what the functions of this crate are made
/// of. Gives the head and the body of its answer.
pub fn operation(op: &str, head: &Value, body: &[u8]) -> Result<(Value, Vec<u8>), Fault> {
    if !host::call(op, &head.to_string(), body) {
        return Err(Fault::last());
    }
    Ok((Value::parse(&host::result(0))?, host::result(1)))
}

/// Says what answers calls.
#[macro_export]
macro_rules! handle {
    ($handler:path) => {
        #[no_mangle]
        pub extern "C" fn edgehive_handle() -> i32 {
            $crate::run($handler)
        }
    };
}

/// One call: what `handle!` is made of.
pub fn run(handler: impl FnOnce(&Event, &mut Answer) -> Outcome) -> i32 {
    std::panic::set_hook(Box::new(|panic| host::fail(&panic.to_string())));
    let outcome: Outcome = Event::read().map_err(Into::into).and_then(|event| {
        let mut answer = Answer::default();
        handler(&event, &mut answer)?;
        Ok(answer.begin()?)
    });
    match outcome {
        Ok(()) => 0,
        Err(e) => {
            host::fail(&e.to_string());
            1
        }
    }
}
