//! Blocks: headings, lists, quotes, code, lines and paragraphs. What is not Markdown of
//! this subset is text; HTML is always text.

use crate::span;

/// Blocks nest no deeper than this.
const DEEPEST: usize = 8;

pub fn render(text: &str, out: &mut String) {
    let lines: Vec<&str> = text.lines().collect();
    blocks(&lines, 0, out);
}

fn blocks(lines: &[&str], depth: usize, out: &mut String) {
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_start();
        at += if line.is_empty() {
            1
        } else if line.starts_with("```") {
            code(&lines[at..], out)
        } else if let Some((level, title)) = heading(line) {
            element(&format!("h{}", level), title, out);
            1
        } else if is_rule(line) {
            out.push_str("<hr>\n");
            1
        } else if line.starts_with('>') && depth < DEEPEST {
            quote(&lines[at..], depth, out)
        } else if item(line).is_some() && depth < DEEPEST {
            list(&lines[at..], depth, out)
        } else {
            paragraph(&lines[at..], out)
        };
    }
}

fn element(name: &str, text: &str, out: &mut String) {
    out.push_str(&format!("<{}>", name));
    span::render(text, out);
    out.push_str(&format!("</{}>\n", name));
}

/// `## Title` is level 2.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|b| *b == b'#').count();
    let title = line[level..].strip_prefix(' ')?;
    if level > 0 && level <= 6 {
        return Some((level, title.trim().trim_end_matches('#').trim_end()));
    }
    None
}

fn is_rule(line: &str) -> bool {
    let marks: Vec<char> = line.chars().filter(|c| !c.is_whitespace()).collect();
    marks.len() >= 3 && matches!(marks[0], '-' | '*' | '_') && marks.iter().all(|c| *c == marks[0])
}

/// From ``` to ```, or to the end. Gives how many lines it is.
fn code(lines: &[&str], out: &mut String) -> usize {
    let length = lines[1..].iter().position(|l| l.trim_start().starts_with("```")).unwrap_or(lines.len() - 1);
    out.push_str("<pre><code>");
    for line in &lines[1..=length] {
        span::escape(line, out);
        out.push('\n');
    }
    out.push_str("</code></pre>\n");
    (length + 2).min(lines.len())
}

fn quote(lines: &[&str], depth: usize, out: &mut String) -> usize {
    let quoted: Vec<&str> = lines
        .iter()
        .map_while(|line| line.trim_start().strip_prefix('>'))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    out.push_str("<blockquote>\n");
    blocks(&quoted, depth + 1, out);
    out.push_str("</blockquote>\n");
    quoted.len()
}

/// What stands behind the mark of an item, and whether the list is numbered.
fn item(line: &str) -> Option<(&str, bool)> {
    if let Some(rest) = line.strip_prefix(|c| matches!(c, '-' | '*' | '+')) {
        return rest.strip_prefix(' ').map(|text| (text, false));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 9 {
        return None;
    }
    line[digits..].strip_prefix(". ").map(|text| (text, true))
}

/// Items of one kind; lines that stand deeper than the first one's mark belong to the item
/// above them.
fn list(lines: &[&str], depth: usize, out: &mut String) -> usize {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let numbered = item(lines[0].trim_start()).map_or(false, |(_, numbered)| numbered);
    let tag = if numbered { "ol" } else { "ul" };
    out.push_str(&format!("<{}>\n", tag));
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at].trim_start();
        let text = match item(line) {
            Some((text, kind)) if kind == numbered && lines[at].len() - line.len() == indent => text,
            _ => break,
        };
        let inner: Vec<&str> = lines[at + 1..]
            .iter()
            .map_while(|l| {
                let trimmed = l.trim_start();
                if !trimmed.is_empty() && l.len() - trimmed.len() > indent { Some(*l) } else { None }
            })
            .collect();
        out.push_str("<li>");
        span::render(text, out);
        if !inner.is_empty() {
            out.push('\n');
            blocks(&inner, depth + 1, out);
        }
        out.push_str("</li>\n");
        at += 1 + inner.len();
    }
    out.push_str(&format!("</{}>\n", tag));
    at
}

/// Lines up to an empty one, or to one that begins another block.
fn paragraph(lines: &[&str], out: &mut String) -> usize {
    let ends = |line: &&str| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with("```") || line.starts_with('>') || heading(line).is_some() || item(line).is_some()
    };
    let length = 1 + lines[1..].iter().position(|line| ends(&line)).unwrap_or(lines.len() - 1);
    let text: Vec<&str> = lines[..length].iter().map(|line| line.trim()).collect();
    element("p", &text.join("\n"), out);
    length
}
