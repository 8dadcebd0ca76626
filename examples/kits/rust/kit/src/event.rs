use crate::{host, json, FromJson, Value};

/// What a function is called for.
pub struct Event {
    /// Of the request, as in the logs.
    pub id: String,
    /// This one's name.
    pub function: String,
    /// How many functions led to this call.
    pub depth: u32,
    /// W3C traceparent.
    pub trace: String,
    pub caller: Caller,
    pub kind: Kind,
}

/// The kinds of events.
pub enum Kind {
    Request(Request),
    /// A row was written. The same one may come again, with the same cursor: what is done
    /// for it must bear that.
    Change(Change),
    Schedule(Schedule),
    /// Another function called, which is named.
    Call(String),
}

/// Who calls.
pub struct Caller {
    pub role: String,
    pub uid: String,
    pub email: String,
    pub claims: Value,
}

/// An HTTP request.
pub struct Request {
    pub method: String,
    pub path: String,
    /// The declared pattern, "" for /api/edge/NAME.
    pub route: String,
    /// The parameters of the route.
    pub params: Vec<(String, String)>,
    /// The query as it was sent.
    pub query: String,
    pub headers: Headers,
}

/// A row that was written.
pub struct Change {
    pub table: String,
    /// create, update or delete.
    pub op: String,
    pub cursor: String,
    /// Null of a delete.
    pub row: Value,
    /// Null of a create.
    pub old: Value,
}

/// A time that came.
pub struct Schedule {
    pub cron: String,
    /// RFC 3339.
    pub due: String,
}

/// Headers by names in lower case.
#[derive(Default)]
pub struct Headers(pub Vec<(String, Vec<String>)>);

impl Headers {
    /// The first value of a header, or "".
    pub fn get(&self, name: &str) -> &str {
        self.all(name).first().map_or("", String::as_str)
    }

    /// All values of a header.
    pub fn all(&self, name: &str) -> &[String] {
        self.0.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map_or(&[], |(_, values)| values)
    }
}

impl FromJson for Headers {
    fn from_json(value: &Value) -> Result<Self, json::Error> {
        let members = value.members().iter();
        Ok(Headers(members.map(|(name, v)| Ok((name.clone(), FromJson::from_json(v)?))).collect::<Result<_, json::Error>>()?))
    }
}

impl Event {
    pub(crate) fn read() -> Result<Event, json::Error> {
        let v = Value::parse(&host::input(0))?;
        let caller = v.get("caller");
        Ok(Event {
            id: text(&v, "id")?,
            function: text(&v, "function")?,
            depth: v.field::<Option<u32>>("depth")?.unwrap_or_default(),
            trace: text(&v, "trace")?,
            caller: Caller {
                role: text(caller, "role")?,
                uid: text(caller, "uid")?,
                email: text(caller, "email")?,
                claims: caller.get("claims").clone(),
            },
            kind: kind(&v)?,
        })
    }

    /// What was sent: the request's body, or what another function sent.
    pub fn body(&self) -> Vec<u8> {
        host::input(1)
    }

    /// The body as JSON.
    pub fn json<T: FromJson>(&self) -> Result<T, json::Error> {
        T::from_json(&Value::parse(&self.body())?)
    }

    /// The request, if the event is one.
    pub fn request(&self) -> Option<&Request> {
        match &self.kind {
            Kind::Request(request) => Some(request),
            _ => None,
        }
    }
}

fn kind(event: &Value) -> Result<Kind, json::Error> {
    let name = text(event, "kind")?;
    let v = event.get(&name);
    Ok(match name.as_str() {
        "change" => Kind::Change(Change {
            table: text(v, "table")?,
            op: text(v, "op")?,
            cursor: text(v, "cursor")?,
            row: v.get("row").clone(),
            old: v.get("old").clone(),
        }),
        "schedule" => Kind::Schedule(Schedule { cron: text(v, "cron")?, due: text(v, "due")? }),
        "call" => Kind::Call(text(v, "function")?),
        _ => Kind::Request(Request {
            method: text(v, "method")?,
            path: text(v, "path")?,
            route: text(v, "route")?,
            params: v.get("params").members().iter().map(|(n, v)| (n.clone(), v.as_str().unwrap_or_default().into())).collect(),
            query: text(v, "query")?,
            headers: v.field("headers")?,
        }),
    })
}

/// A member that is text, "" where it is missing.
fn text(value: &Value, name: &str) -> Result<String, json::Error> {
    Ok(value.field::<Option<String>>(name)?.unwrap_or_default())
}

impl Request {
    /// A parameter of the route, or "".
    pub fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The parameters of the query, decoded, in the order in which they were sent.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        let pairs = self.query.split('&').filter(|pair| !pair.is_empty());
        pairs
            .map(|pair| {
                let middle = pair.find('=').unwrap_or(pair.len());
                (unescape(&pair[..middle]), unescape(pair.get(middle + 1..).unwrap_or_default()))
            })
            .collect()
    }

    /// The first parameter of the query that has a name, decoded.
    pub fn query_value(&self, name: &str) -> Option<String> {
        self.query_pairs().into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

fn unescape(text: &str) -> String {
    let from = text.as_bytes();
    let mut bytes = Vec::with_capacity(from.len());
    let mut at = 0;
    while at < from.len() {
        let digits = from.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
        match (from[at], digits.and_then(|d| u8::from_str_radix(d, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                at += 2;
            }
            (b'+', _) => bytes.push(b' '),
            (byte, _) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
