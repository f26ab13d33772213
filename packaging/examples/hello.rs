//! # Hello, venus
//!
//! A notebook is a Rust file. Each function marked `#[venus::cell]` is a **cell**: venus runs it, shows its value and keeps it.
//! A parameter that is named like a cell is an **edge**: the value comes from there. Everything else is a definition.
//!
//! Run it twice, and the second run computes nothing. Change `STEPS` or the body of a cell, and only what needs it runs again.

use venus::prelude::*;

/// How many terms are summed up.
const STEPS: usize = 6;

/// A table that knows how to show itself, as text and as HTML.
pub struct Table {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Render for Table {
    fn render_text(&self) -> String {
        let mut widths: Vec<usize> = self.head.iter().map(|cell| cell.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.len());
            }
        }
        let line = |row: &Vec<String>| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            cells.join("  ")
        };
        std::iter::once(&self.head)
            .chain(&self.rows)
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn render_html(&self) -> Option<String> {
        let row = |cells: &Vec<String>, tag: &str| {
            let cells: String = cells
                .iter()
                .map(|cell| format!("<{tag}>{cell}</{tag}>"))
                .collect();
            format!("<tr>{cells}</tr>")
        };
        let body: String = self.rows.iter().map(|cells| row(cells, "td")).collect();
        Some(format!("<table>{}{body}</table>", row(&self.head, "th")))
    }
}

/// # Who is greeted
///
/// A text widget. From the shell: `venusctl run hello.rs --set name.who=Ada`.
#[venus::cell]
pub fn name() -> String {
    input_text_with_default("who", "a name", "world")
}

/// # The greeting
///
/// The parameter is named like the cell above, so this cell runs after it and borrows its value.
#[venus::cell]
pub fn greeting(name: &String) -> String {
    format!("Hello, {name}!")
}

/// # Terms
///
/// The terms of 4 − 4/3 + 4/5 − 4/7 + …, which goes to π, slowly.
#[venus::cell]
pub fn terms() -> Vec<f64> {
    println!("computing {STEPS} terms");
    (0..STEPS)
        .map(|k| if k % 2 == 0 { 4.0 } else { -4.0 } / (2 * k + 1) as f64)
        .collect()
}

/// # Sums, and a better one
///
/// The mean of two neighbouring sums is far closer to π than either. A value with a `Render` of its own is shown by it.
#[venus::cell]
pub fn sums(terms: &[f64]) -> Table {
    let mut sum = 0.0;
    let mut rows = Vec::new();
    for (k, term) in terms.iter().enumerate() {
        let mean = sum + term / 2.0;
        sum += term;
        rows.push(vec![
            format!("{}", k + 1),
            format!("{sum:.6}"),
            format!("{mean:.6}"),
        ]);
    }
    Table {
        head: vec!["terms".into(), "sum".into(), "mean of two".into()],
        rows,
    }
}

/// # How close it comes
///
/// Two edges: the sum again, and the name.
#[venus::cell]
pub fn verdict(terms: &[f64], name: &str) -> String {
    let last = terms.last().copied().unwrap_or(0.0);
    let sum: f64 = terms.iter().sum();
    let error = (sum - last / 2.0 - std::f64::consts::PI).abs();
    format!(
        "{name}, with {} terms the error is {error:.1e}",
        terms.len()
    )
}
