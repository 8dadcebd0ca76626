//! Prints what it is sent in capitals, and what it was asked.

use std::env::var;
use std::io::{self, Read};

fn main() -> Result<(), io::Error> {
    let mut body = String::new();
    if io::stdin().read_to_string(&mut body)? == 0 {
        return Err(io::Error::new(io::ErrorKind::Other, "nothing to shout"));
    }
    let variable = |name| var(name).unwrap_or_default();
    print!("Status: 201 Created\nContent-Type: text/plain\nX-Path: {}\n\n", variable("PATH_INFO"));
    print!("{} {}: {}", variable("REQUEST_METHOD"), variable("QUERY_STRING"), body.to_uppercase());
    Ok(())
}
