//! HTML tables of what std's collections hold.

use crate::render::Render;

/// Rows beyond this are counted, not shown.
pub const ROWS_MAX: usize = 500;

pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
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
    out
}

fn line(out: &mut String, tag: &str, cells: &[String]) {
    out.push_str("<tr>");
    for cell in cells {
        out.push_str(&format!("<{tag}>{}</{tag}>", escape(cell)));
    }
    out.push_str("</tr>");
}

/// A table with a heading, or none where it is empty. `total` counts the rows that there are, shown or not.
pub fn table(heading: &[String], rows: &[Vec<String>], total: usize) -> String {
    let mut out = String::from("<table>");
    if !heading.is_empty() {
        out.push_str("<thead>");
        line(&mut out, "th", heading);
        out.push_str("</thead>");
    }
    out.push_str("<tbody>");
    for row in rows {
        line(&mut out, "td", row);
    }
    out.push_str("</tbody></table>");
    if total > rows.len() {
        out.push_str(&format!("<p>{} of {total} rows</p>", rows.len()));
    }
    out
}

/// A table of elements that have rows or records; `None` where they have neither.
pub fn of_elements<'a, T: Render + 'a>(
    items: impl Iterator<Item = &'a T>,
    total: usize,
) -> Option<String> {
    let items: Vec<&T> = items.take(ROWS_MAX).collect();
    if let Some(records) = items.iter().map(|item| item.__record()).collect::<Option<Vec<_>>>() {
        return (total > 0).then(|| of_records(&records, total));
    }
    let rows = items.iter().map(|item| item.__row()).collect::<Option<Vec<_>>>()?;
    Some(table(&[], &rows, total))
}

/// Columns are all names that occur, in the order first seen.
fn of_records(records: &[Vec<(String, String)>], total: usize) -> String {
    let mut heading: Vec<String> = Vec::new();
    for (name, _) in records.iter().flatten() {
        if !heading.contains(name) {
            heading.push(name.clone());
        }
    }
    let cell = |record: &[(String, String)], name: &String| {
        record.iter().find(|entry| entry.0 == *name).map_or(String::new(), |entry| entry.1.clone())
    };
    let rows: Vec<Vec<String>> = records
        .iter()
        .map(|record| heading.iter().map(|name| cell(record, name)).collect())
        .collect();
    table(&heading, &rows, total)
}
