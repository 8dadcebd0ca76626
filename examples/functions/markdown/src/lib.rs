//! The function markdown: a page, kept as Markdown, as HTML. Who may not read the row
//! gets what he would get of a page that there is not.

mod block;
mod span;

use edgehive::{db, Answer, Event, Outcome, Query};

edgehive::handle!(handle);

edgehive::record! {
    struct Page { title: String, text: Option<String> }
}

fn handle(event: &Event, answer: &mut Answer) -> Outcome {
    let request = event.request().ok_or("not called by a request")?;
    let id = match request.param("id") {
        "" => request.path.trim_start_matches('/'),
        id => id,
    };
    let query = Query::new().select("title,text").filter("id", "eq", id).limit(1);
    let pages: Vec<Page> = db::select("pages", &query)?;
    let page = match pages.first() {
        Some(page) => page,
        None => return Ok(answer.text(404, "no such page\n")?),
    };
    answer.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src https:");
    let html = render(&page.title, page.text.as_deref().unwrap_or_default());
    Ok(answer.bytes(200, "text/html; charset=utf-8", html.as_bytes())?)
}

fn render(title: &str, text: &str) -> String {
    let mut html = String::from("<!doctype html>\n<meta charset=\"utf-8\">\n<title>");
    span::escape(title, &mut html);
    html.push_str("</title>\n");
    block::render(text, &mut html);
    html
}
