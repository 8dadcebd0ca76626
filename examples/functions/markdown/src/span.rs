//! What stands within a line: emphasis, code and links.

/// Writes text that means nothing to HTML.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

/// Spans nest no deeper than this.
const DEEPEST: usize = 8;

pub fn render(text: &str, out: &mut String) {
    spans(text, 0, out);
}

fn spans(text: &str, depth: usize, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(|c| matches!(c, '\\' | '`' | '*' | '[')) {
        escape(&rest[..at], out);
        rest = &rest[at..];
        let used = if depth < DEEPEST { span(rest, depth, out) } else { 0 };
        if used == 0 {
            escape(&rest[..1], out);
        }
        rest = &rest[used.max(1)..];
    }
    escape(rest, out);
}

/// Renders the span that text begins with, and gives its length; 0 where it is none.
fn span(text: &str, depth: usize, out: &mut String) -> usize {
    if let Some(escaped) = text.strip_prefix('\\') {
        return match escaped.chars().next() {
            Some(c) if c.is_ascii_punctuation() => {
                escape(&escaped[..1], out);
                2
            }
            _ => 0,
        };
    }
    if let Some((code, length)) = between(text, "`") {
        out.push_str("<code>");
        escape(code, out);
        out.push_str("</code>");
        return length;
    }
    for (mark, tag) in [("**", "strong"), ("*", "em")] {
        if let Some((inner, length)) = between(text, mark) {
            if inner.starts_with(' ') || inner.ends_with(' ') {
                continue;
            }
            out.push_str(&format!("<{}>", tag));
            spans(inner, depth + 1, out);
            out.push_str(&format!("</{}>", tag));
            return length;
        }
    }
    link(text, depth, out)
}

/// What stands between two marks, and the length with them.
fn between<'a>(text: &'a str, mark: &str) -> Option<(&'a str, usize)> {
    let rest = text.strip_prefix(mark)?;
    let length = rest.find(mark)?;
    if length == 0 {
        return None;
    }
    Some((&rest[..length], length + 2 * mark.len()))
}

/// `[text](address)`, where the address is one that a page may lead to.
fn link(text: &str, depth: usize, out: &mut String) -> usize {
    let parts = || {
        let rest = text.strip_prefix('[')?;
        let middle = rest.find("](")?;
        let end = middle + rest[middle..].find(')')?;
        Some((&rest[..middle], &rest[middle + 2..end], end + 2))
    };
    let (label, address, length) = match parts() {
        Some(parts) => parts,
        None => return 0,
    };
    let safe = ["https://", "http://", "mailto:", "/", "#"].iter().any(|start| address.starts_with(start));
    if !safe || address.starts_with("//") || address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return 0;
    }
    out.push_str("<a href=\"");
    escape(address, out);
    out.push_str("\">");
    spans(label, depth + 1, out);
    out.push_str("</a>");
    length
}
