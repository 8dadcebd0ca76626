//! Rows, as the function's caller or as the service, on the tables that are granted.

use std::fmt::Display;

use crate::{object, operation, Fault, FromJson, Value};

/// Which rows, in the data API's own words. Values are escaped: they may come from
/// anywhere. The empty query is every row.
#[derive(Clone, Default)]
pub struct Query(String);

impl Query {
    pub fn new() -> Query {
        Query::default()
    }

    /// A query as it stands in an address: "select=id,title&year=gt.2000".
    pub fn raw(query: &str) -> Query {
        Query(query.into())
    }

    fn with(mut self, name: &str, op: &str, value: &str) -> Query {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        escape(name, &mut self.0);
        self.0.push('=');
        self.0.push_str(op);
        escape(value, &mut self.0);
        self
    }

    /// Which columns and related rows: "id,title,author(name)".
    pub fn select(self, columns: &str) -> Query {
        self.with("select", "", columns)
    }

    /// The rows whose column compares so: op is eq, neq, gt, gte, lt, lte, like, ilike, is
    /// and the others of the data API.
    pub fn filter(self, column: &str, op: &str, value: impl Display) -> Query {
        self.with(column, &format!("{}.", op), &value.to_string())
    }

    /// The rows whose column has one of the values.
    pub fn one_of<T: Display>(self, column: &str, values: &[T]) -> Query {
        let quoted = values.iter().map(|v| format!("\"{}\"", v.to_string().replace('\\', "\\\\").replace('"', "\\\"")));
        self.with(column, "in.", &format!("({})", quoted.collect::<Vec<_>>().join(",")))
    }

    /// Sorts: "price.desc,title".
    pub fn order(self, by: &str) -> Query {
        self.with("order", "", by)
    }

    pub fn limit(self, rows: u64) -> Query {
        self.with("limit", "", &rows.to_string())
    }

    pub fn offset(self, rows: u64) -> Query {
        self.with("offset", "", &rows.to_string())
    }

    /// The query as in an address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn escape(text: &str, out: &mut String) {
    for b in text.bytes() {
        match b {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'_' | b'.' | b'~' => out.push(b as char),
            _ => out.push_str(&format!("%{:02X}", b)),
        }
    }
}

fn rows<T: FromJson>(body: &[u8]) -> Result<Vec<T>, Fault> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Vec::from_json(&Value::parse(body)?)?)
}

/// Rows.
pub fn select<T: FromJson>(table: &str, query: &Query) -> Result<Vec<T>, Fault> {
    rows(&operation("db.select", &object! {"table": table, "query": query.as_str()}, b"")?.1)
}

/// Rows, and how many there are without limit and offset.
pub fn select_count<T: FromJson>(table: &str, query: &Query) -> Result<(Vec<T>, u64), Fault> {
    let (head, body) = operation("db.select", &object! {"table": table, "query": query.as_str(), "count": true}, b"")?;
    Ok((rows(&body)?, head.field("count")?))
}

/// Writes a row, or an array of rows, and gives them as they are then.
pub fn insert<T: FromJson>(table: &str, values: impl Into<Value>) -> Result<Vec<T>, Fault> {
    rows(&operation("db.insert", &object! {"table": table}, values.into().to_string().as_bytes())?.1)
}

/// Inserts, and merges into the rows that are there already by the columns of a unique
/// index, "" for the key.
pub fn upsert<T: FromJson>(table: &str, on_conflict: &str, values: impl Into<Value>) -> Result<Vec<T>, Fault> {
    let query = if on_conflict.is_empty() { Query::new() } else { Query::new().with("on_conflict", "", on_conflict) };
    let head = object! {"table": table, "query": query.as_str(), "prefer": "resolution=merge-duplicates"};
    rows(&operation("db.insert", &head, values.into().to_string().as_bytes())?.1)
}

/// Sets columns of the rows of a query, and gives them as they are then.
pub fn update<T: FromJson>(table: &str, query: &Query, set: impl Into<Value>) -> Result<Vec<T>, Fault> {
    let head = object! {"table": table, "query": query.as_str()};
    rows(&operation("db.update", &head, set.into().to_string().as_bytes())?.1)
}

/// Deletes the rows of a query, and gives them as they were.
pub fn delete<T: FromJson>(table: &str, query: &Query) -> Result<Vec<T>, Fault> {
    rows(&operation("db.delete", &object! {"table": table, "query": query.as_str()}, b"")?.1)
}

/// What became of one write of a batch.
pub struct Written {
    pub affected: u64,
    pub rows: Value,
}

/// Carries out all of the writes, each an object as `POST /api/batch` takes it, or none.
pub fn batch(writes: Vec<Value>) -> Result<Vec<Written>, Fault> {
    let (_, body) = operation("db.batch", &object! {}, Value::Array(writes).to_string().as_bytes())?;
    let answer = Value::parse(&body)?;
    let results = answer.get("results").items().iter();
    results.map(|r| Ok(Written { affected: r.field("affected")?, rows: r.get("rows").clone() })).collect()
}

/// Runs a named query with arguments, an object, and gives what it gives.
pub fn named<T: FromJson>(query: &str, arguments: impl Into<Value>) -> Result<T, Fault> {
    let (_, body) = operation("db.call", &object! {"query": query}, arguments.into().to_string().as_bytes())?;
    Ok(T::from_json(&Value::parse(&body)?)?)
}
