//! The conformance program of the Rust kit.

use std::cell::Cell;

use edgehive::fetch::Fetch;
use edgehive::{array, cache, crypto, db, object, to_base64, Answer, Event, Fault, Kind, Outcome, Query, Request, Value};

edgehive::handle!(handle);

thread_local! {
    static CALLS: Cell<u64> = Cell::new(0);
}

edgehive::record! {
    struct Title { title: String }
}

fn handle(event: &Event, answer: &mut Answer) -> Outcome {
    let value = match &event.kind {
        Kind::Request(request) => return serve(event, request, answer),
        Kind::Change(change) => object! {
            "table": &change.table, "op": &change.op, "cursor": &change.cursor,
            "title": title(&change.row)?, "old": title(&change.old)?,
        },
        Kind::Schedule(schedule) => object! {"cron": &schedule.cron, "due": &schedule.due},
        Kind::Call(from) => object! {"from": from, "body": String::from_utf8(event.body())?},
    };
    answer.json(200, value)?;
    Ok(())
}

fn title(row: &Value) -> Result<Option<String>, edgehive::json::Error> {
    use edgehive::FromJson;
    Ok(Option::<Title>::from_json(row)?.map(|book| book.title))
}

fn serve(event: &Event, request: &Request, answer: &mut Answer) -> Outcome {
    if let Some(status) = request.path.strip_prefix("/status/") {
        answer.status(status.parse()?);
        return Ok(());
    }
    match request.path.as_str() {
        "/echo" => answer.bytes(200, "application/octet-stream", &event.body())?,
        "/headers" => {
            let values = request.headers.all("x-in");
            answer.status(207).set("X-Count", &values.len().to_string());
            for value in values {
                answer.add("X-Out", value);
            }
            answer.add("Set-Cookie", "a=1").add("Set-Cookie", "b=2");
        }
        "/bad-head" => match answer.text(99, "x") {
            Err(fault) => answer.json(200, refused(fault))?,
            Ok(()) => return Err("status 99 was taken".into()),
        },
        "/stream" => {
            answer.set("Content-Type", "text/event-stream");
            for i in 1..=3 {
                answer.write(format!("data: {}\n\n", i).as_bytes())?;
                answer.flush()?;
            }
        }
        "/json" => answer.json(200, event.json::<Value>()?)?,
        "/log" => {
            edgehive::debug("debug é");
            edgehive::info("info");
            edgehive::warn("warn");
            edgehive::error("error");
        }
        "/state" => {
            let calls = CALLS.with(|calls| {
                calls.set(calls.get() + 1);
                calls.get()
            });
            answer.text(200, &calls.to_string())?;
        }
        "/fail" => return Err("told to fail".into()),
        "/panic" => panic!("told to panic"),
        "/memory" => {
            let mut kept = Vec::new();
            loop {
                kept.push(vec![unknown(1u8); 1 << 20]);
            }
        }
        "/loop" => loop {
            unknown(0);
        },
        "/recurse" => answer.text(200, &recurse(1).to_string())?,
        "/config" => match edgehive::config("CURRENCY") {
            Ok(value) => answer.text(200, &value)?,
            Err(fault) => answer.json(200, refused(fault))?,
        },
        "/secret" => match edgehive::secret("KEY") {
            Ok(value) => answer.text(200, &String::from_utf8(value)?)?,
            Err(fault) => answer.json(200, refused(fault))?,
        },
        "/call" => match edgehive::call(&request.query_value("name").unwrap_or_default(), &event.body()) {
            Ok(called) => answer.bytes(called.status, called.headers.get("content-type"), &called.body)?,
            Err(fault) => answer.json(200, refused(fault))?,
        },
        _ => match operation(event, request) {
            Ok(Some(value)) => answer.json(200, value)?,
            Ok(None) => answer.text(404, "no such path")?,
            Err(fault) => answer.json(200, refused(fault))?,
        },
    }
    Ok(())
}

fn refused(fault: Fault) -> Value {
    object! {"error": object! {"code": fault.code, "message": fault.message, "details": fault.details, "hint": fault.hint}}
}

/// Keeps the compiler from knowing a value.
fn unknown<T: Copy>(value: T) -> T {
    unsafe { std::ptr::read_volatile(&value) }
}

#[inline(never)]
fn recurse(n: u64) -> u64 {
    let frame = unknown([n; 64]);
    if unknown(n) == 0 {
        return n;
    }
    recurse(unknown(n + 1)) + frame[(n % 64) as usize]
}

/// The paths that answer with JSON, or with the fault of the host.
fn operation(event: &Event, request: &Request) -> Result<Option<Value>, Fault> {
    let by_id = || Query::new().filter("id", "eq", 7);
    Ok(Some(match request.path.as_str() {
        "/facts" => facts(event, request),
        "/query" => query(request),
        "/big" => {
            let n = request.query_value("n").and_then(|n| n.parse().ok()).unwrap_or(0u32);
            Value::Array((0..n).map(|i| object! {"n": i, "name": format!("row {}", i)}).collect())
        }
        "/select" => {
            let query = Query::new()
                .select("id,title")
                .filter("title", "eq", "O'Hara, \"x\" & ü=1+1%")
                .one_of("id", &["a,b", "c\"d\\"])
                .order("title.desc")
                .limit(5)
                .offset(10);
            let (rows, count) = db::select_count::<Value>("books", &query)?;
            object! {"count": count, "rows": rows}
        }
        "/insert" => db::insert::<Value>("books", event.json::<Value>()?)?.into(),
        "/upsert" => db::upsert::<Value>("books", "isbn", event.json::<Value>()?)?.into(),
        "/update" => db::update::<Value>("books", &by_id(), event.json::<Value>()?)?.into(),
        "/delete" => db::delete::<Value>("books", &by_id())?.into(),
        "/batch" => {
            let written = db::batch(vec![
                object! {"op": "insert", "table": "books", "rows": array![object! {"title": "A"}], "return": true},
                object! {"op": "delete", "table": "books", "where": by_id().as_str()},
            ])?;
            written.into_iter().map(|w| w.affected).collect::<Vec<_>>().into()
        }
        "/named" => db::named::<Value>("bestsellers", event.json::<Value>()?)?,
        "/cache" => {
            cache::set("k", &[0, 255], Some("5m"))?;
            object! {
                "value": cache::get("k")?.map(|value| to_base64(&value)),
                "stored": cache::set_absent("k", b"x", None)?,
                "none": cache::get("none")?.is_some(),
                "sum": cache::add("n", 7, Some("1m"))?,
                "deleted": cache::delete("k")?,
            }
        }
        "/fetch" => {
            let url = request.query_value("url").unwrap_or_default();
            let fetched = Fetch::new("POST", &url).header("X-Kit", "yes").timeout("5s").body(event.body()).send()?;
            object! {
                "status": fetched.status, "url": fetched.url, "type": fetched.headers.get("Content-Type"),
                "body": String::from_utf8_lossy(&fetched.body).into_owned(),
            }
        }
        "/publish" => {
            edgehive::publish("lobby", "said", event.json::<Value>()?)?;
            object! {"published": true}
        }
        "/crypto" => {
            let body = event.body();
            object! {
                "sha256": to_base64(&crypto::hash("sha256", &body)?),
                "hmac": to_base64(&crypto::hmac("sha256", "KEY", &body)?),
                "key": to_base64(&crypto::hmac_key("sha256", &[0, 255], &body)?),
                "equal": crypto::equal(&body, &body)?,
                "other": crypto::equal(&body, b"x")?,
                "signed": to_base64(&crypto::sign("ES256", "PEM", &body)?),
                "valid": crypto::verify("ES256", "P", &body, &[0, 255])?,
            }
        }
        "/random" => {
            let bytes = edgehive::random::<32>();
            object! {"size": bytes.len(), "zero": bytes == [0; 32], "time": edgehive::now() > 1_609_459_200_000_000_000}
        }
        _ => return Ok(None),
    }))
}

fn facts(event: &Event, request: &Request) -> Value {
    let params = request.params.iter().map(|(name, value)| (name.clone(), value.into())).collect();
    let headers = request.headers.0.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect();
    let caller = &event.caller;
    object! {
        "kind": "request", "function": &event.function, "depth": event.depth, "trace": &event.trace,
        "method": &request.method, "path": &request.path, "route": &request.route, "params": Value::Object(params),
        "query": &request.query, "headers": Value::Object(headers),
        "caller": object! {"role": &caller.role, "uid": &caller.uid, "email": &caller.email},
        "plan": caller.claims.get("plan"), "size": event.body().len(),
    }
}

fn query(request: &Request) -> Value {
    let mut members: Vec<(String, Value)> = Vec::new();
    for (name, value) in request.query_pairs() {
        match members.iter_mut().find(|(n, _)| *n == name) {
            Some((_, Value::Array(values))) => values.push(value.into()),
            _ => members.push((name, array![value])),
        }
    }
    Value::Object(members)
}
