//! # A year of bicycles
//!
//! Four counters, an hour a row, 35 040 rows: `data/bike_counts.csv`, which `data/make_bike_counts.py` makes. The town does not
//! exist; rush hours, seasons, rain and one regatta are in the numbers all the same, and this notebook finds them.
//!
//! The file is read by a cell. venus sees that, so a change of the file makes the cell stale without being told.

use std::collections::BTreeMap;
use std::fmt::Write;
use venus::prelude::*;

const FILE: &str = "data/bike_counts.csv";
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// One hour at one counter.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Days since 2023-01-01.
    day: u32,
    month: u8,
    /// Monday is 0.
    weekday: u8,
    hour: u8,
    counter: String,
    count: u32,
    temperature_c: f64,
    rain_mm: f64,
}

/// All of them. Shown by their number and the first few, since nobody reads 35 040 rows.
pub struct Rows(Vec<Row>);

impl Render for Rows {
    fn render_text(&self) -> String {
        let mut text = format!("{} rows", self.0.len());
        for row in self.0.iter().take(3) {
            let _ = write!(
                text,
                "\n  day {}, {:02}:00, {}: {} bicycles at {:.1} °C",
                row.day, row.hour, row.counter, row.count, row.temperature_c
            );
        }
        text
    }
}

/// Bicycles, mean temperature and rain of one day.
#[derive(Clone, Copy)]
pub struct Day {
    day: u32,
    count: f64,
    temperature_c: f64,
    rain_mm: f64,
}

pub struct Days(Vec<Day>);

impl Render for Days {
    fn render_text(&self) -> String {
        let total: f64 = self.0.iter().map(|day| day.count).sum();
        let wet = self.0.iter().filter(|day| day.is_wet()).count();
        format!("{} days, {wet} of them wet, {total} bicycles", self.0.len())
    }
}

impl Day {
    fn is_wet(&self) -> bool {
        self.rain_mm >= 1.0
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn field<'a, T: std::str::FromStr>(
    fields: &mut impl Iterator<Item = &'a str>,
    name: &str,
) -> Result<T, String> {
    let text = fields.next().ok_or_else(|| format!("there is no {name}"))?;
    text.parse().map_err(|_| format!("{name} is '{text}'"))
}

fn parse_row(line: &str) -> Result<Row, String> {
    let (time, rest) = line.split_once(',').ok_or("there is one field only")?;
    let mut parts = time.split(|c: char| !c.is_ascii_digit());
    let (year, month, date): (i64, i64, i64) = (
        field(&mut parts, "the year")?,
        field(&mut parts, "the month")?,
        field(&mut parts, "the day")?,
    );
    let hour: u8 = field(&mut parts, "the hour")?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&date) || hour > 23 {
        return Err(format!("'{time}' is no time"));
    }
    let day = days_from_civil(year, month, date);
    let mut fields = rest.split(',');
    Ok(Row {
        day: u32::try_from(day - days_from_civil(2023, 1, 1))
            .map_err(|_| format!("'{time}' is before 2023"))?,
        month: month as u8,
        weekday: (day + 3).rem_euclid(7) as u8,
        hour,
        counter: field(&mut fields, "the counter")?,
        count: field(&mut fields, "the count")?,
        temperature_c: field(&mut fields, "the temperature")?,
        rain_mm: field(&mut fields, "the rain")?,
    })
}

/// What a table of text and numbers shows: aligned columns, or HTML.
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Render for Table {
    fn render_text(&self) -> String {
        let head: Vec<String> = self.head.iter().map(|cell| cell.to_string()).collect();
        let all: Vec<&Vec<String>> = std::iter::once(&head).chain(&self.rows).collect();
        let width = |column: usize| {
            all.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let mut text = String::new();
        for row in &all {
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                let _ = if column == 0 {
                    write!(text, "{cell:<width$}")
                } else {
                    write!(text, "  {cell:>width$}")
                };
            }
            text.push('\n');
        }
        text.trim_end().to_string()
    }

    fn render_html(&self) -> Option<String> {
        let mut html = String::from("<table><thead><tr>");
        for cell in &self.head {
            let _ = write!(html, "<th>{cell}</th>");
        }
        html += "</tr></thead><tbody>";
        for row in &self.rows {
            html += "<tr>";
            for cell in row {
                let _ = write!(html, "<td>{cell}</td>");
            }
            html += "</tr>";
        }
        Some(html + "</tbody></table>")
    }
}

/// Lines over common labels: bars on a terminal, an SVG picture elsewhere.
pub struct Chart {
    title: String,
    labels: Vec<String>,
    lines: Vec<(String, Vec<f64>)>,
}

impl Chart {
    fn top(&self) -> f64 {
        self.lines
            .iter()
            .flat_map(|(_, values)| values)
            .fold(1e-9, |top: f64, value| top.max(*value))
    }
}

impl Render for Chart {
    fn render_text(&self) -> String {
        let mut text = self.title.clone();
        let top = self.top();
        for (name, values) in &self.lines {
            let _ = write!(text, "\n{name}");
            for (label, value) in self.labels.iter().zip(values) {
                let bar = "▪".repeat((value / top * 40.0).round() as usize);
                let _ = write!(text, "\n  {label:>3} {value:>8.1} {bar}");
            }
        }
        text
    }

    fn render_image(&self) -> Option<Vec<u8>> {
        const COLOURS: [&str; 4] = ["#1b6ca8", "#d1495b", "#66a182", "#edae49"];
        let (width, height, top) = (640.0, 260.0, self.top());
        let step = width / (self.labels.len().max(2) - 1) as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-50 -30 720 330\" font-family=\"sans-serif\" font-size=\"12\">\
             <text x=\"0\" y=\"-12\" font-size=\"15\">{}</text><path d=\"M0 0V{height}H{width}\" fill=\"none\" stroke=\"#888\"/>\
             <text x=\"-6\" y=\"8\" text-anchor=\"end\">{top:.0}</text>",
            self.title
        );
        for (index, label) in self.labels.iter().enumerate() {
            if self.labels.len() <= 12 || index % 3 == 0 {
                let _ = write!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                    index as f64 * step,
                    height + 18.0
                );
            }
        }
        for (index, (name, values)) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points: String = values
                .iter()
                .enumerate()
                .map(|(at, value)| {
                    format!(
                        "{:.1},{:.1} ",
                        at as f64 * step,
                        height - value / top * height
                    )
                })
                .collect();
            let _ = write!(
                svg,
                "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
                 <text x=\"{width}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{name}</text>",
                14 + 16 * index
            );
        }
        svg += "</svg>";
        Some(svg.into_bytes())
    }
}

/// The rows of a counter; "all" stands for every one.
fn chosen<'a>(rows: &'a Rows, counter: &'a str) -> impl Iterator<Item = &'a Row> + 'a {
    rows.0
        .iter()
        .filter(move |row| counter == "all" || row.counter == counter)
}

/// Mean of what is added, by key.
#[derive(Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn get(&self) -> f64 {
        self.sum / self.count.max(1) as f64
    }
}

/// # The rows
///
/// Read and checked; a row that is wrong fails the cell, with its line.
#[venus::cell]
pub fn rows() -> Result<Rows, String> {
    let text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let mut rows = Vec::with_capacity(40_000);
    for (index, line) in text.lines().enumerate().skip(1) {
        rows.push(parse_row(line).map_err(|what| format!("{FILE}:{}: {what}", index + 1))?);
    }
    println!("{FILE}: {} bytes", text.len());
    Ok(Rows(rows))
}

/// # Which counter
#[venus::cell]
pub fn counter() -> String {
    input_select_labeled(
        "place",
        "Counter",
        &["all", "harbour bridge", "old mill", "station", "university"],
        0,
    )
}

/// # Counters
///
/// Bicycles in the year, on a mean day, and in the busiest hour of all.
#[venus::cell]
pub fn counters(rows: &Rows) -> Table {
    let mut by_name: BTreeMap<&str, (u64, u32)> = BTreeMap::new();
    for row in &rows.0 {
        let entry = by_name.entry(&row.counter).or_default();
        entry.0 += u64::from(row.count);
        entry.1 = entry.1.max(row.count);
    }
    let rows = by_name
        .iter()
        .map(|(name, (total, peak))| {
            vec![
                name.to_string(),
                total.to_string(),
                format!("{:.0}", *total as f64 / 365.0),
                peak.to_string(),
            ]
        })
        .collect();
    Table {
        head: vec!["counter", "year", "a day", "busiest hour"],
        rows,
    }
}

/// # Hours of the day
///
/// Work has two peaks, leisure one.
#[venus::cell]
pub fn hours(rows: &Rows, counter: &str) -> Chart {
    let mut means: Vec<[Mean; 2]> = (0..24).map(|_| Default::default()).collect();
    for row in chosen(rows, counter) {
        means[row.hour as usize][(row.weekday >= 5) as usize].add(f64::from(row.count));
    }
    let line = |weekend: usize| means.iter().map(|pair| pair[weekend].get()).collect();
    Chart {
        title: format!("Bicycles an hour, {counter}"),
        labels: (0..24).map(|hour| hour.to_string()).collect(),
        lines: vec![
            ("Monday to Friday".to_string(), line(0)),
            ("weekend".to_string(), line(1)),
        ],
    }
}

/// # Months
#[venus::cell]
pub fn months(rows: &Rows, counter: &str) -> Chart {
    let mut totals = vec![0.0; 12];
    let mut days = vec![std::collections::BTreeSet::new(); 12];
    for row in chosen(rows, counter) {
        totals[row.month as usize - 1] += f64::from(row.count);
        days[row.month as usize - 1].insert(row.day);
    }
    let means = totals
        .iter()
        .zip(&days)
        .map(|(total, days)| total / days.len().max(1) as f64)
        .collect();
    Chart {
        title: format!("Bicycles a day, {counter}"),
        labels: MONTHS.iter().map(|name| name.to_string()).collect(),
        lines: vec![("2023".to_string(), means)],
    }
}

/// # Days
///
/// The rows of a day in one, for the two cells below.
#[venus::cell]
pub fn days(rows: &Rows, counter: &str) -> Days {
    let mut days: BTreeMap<u32, (f64, Mean, Mean)> = BTreeMap::new();
    for row in chosen(rows, counter) {
        let day = days.entry(row.day).or_default();
        day.0 += f64::from(row.count);
        day.1.add(row.temperature_c);
        day.2.add(row.rain_mm);
    }
    let day = |(&day, (count, warm, rain)): (&u32, &(f64, Mean, Mean))| Day {
        day,
        count: *count,
        temperature_c: warm.get(),
        rain_mm: rain.get() * 24.0,
    };
    Days(days.iter().map(day).collect())
}

/// # Weather
///
/// A straight line through the dry days, and how many riders a wet day loses against it.
#[venus::cell]
pub fn weather(days: &Days) -> Result<Table, String> {
    let (wet, dry): (Vec<Day>, Vec<Day>) = days.0.iter().partition(|day| day.is_wet());
    let dry: Vec<(f64, f64)> = dry
        .iter()
        .map(|day| (day.temperature_c, day.count))
        .collect();
    if dry.len() < 10 {
        return Err(format!("{} dry days are too few for a line", dry.len()));
    }
    let n = dry.len() as f64;
    let (mean_x, mean_y) = (
        dry.iter().map(|p| p.0).sum::<f64>() / n,
        dry.iter().map(|p| p.1).sum::<f64>() / n,
    );
    let sxy: f64 = dry.iter().map(|p| (p.0 - mean_x) * (p.1 - mean_y)).sum();
    let sxx: f64 = dry.iter().map(|p| (p.0 - mean_x).powi(2)).sum();
    let syy: f64 = dry.iter().map(|p| (p.1 - mean_y).powi(2)).sum();
    let slope = sxy / sxx;
    let mut lost = Mean::default();
    for day in &wet {
        lost.add(1.0 - day.count / (mean_y + slope * (day.temperature_c - mean_x)));
    }
    let row = |name: &str, value: String| vec![name.to_string(), value];
    Ok(Table {
        head: vec!["what", "value"],
        rows: vec![
            row("dry days", dry.len().to_string()),
            row(
                "bicycles a day at 10 °C",
                format!("{:.0}", mean_y + slope * (10.0 - mean_x)),
            ),
            row("more for each degree", format!("{slope:.1}")),
            row("correlation", format!("{:.2}", sxy / (sxx * syy).sqrt())),
            row("lost on a wet day", format!("{:.0} %", 100.0 * lost.get())),
        ],
    })
}

/// # The day that stands out
///
/// The one that is furthest above the mean of the same weekday in the four weeks around it.
#[venus::cell]
pub fn outlier(days: &Days, counter: &str) -> Option<String> {
    let count: BTreeMap<u32, f64> = days.0.iter().map(|day| (day.day, day.count)).collect();
    let ratio = |day: u32| {
        let mut mean = Mean::default();
        for other in [day.wrapping_sub(14), day.wrapping_sub(7), day + 7, day + 14] {
            if let Some(value) = count.get(&other) {
                mean.add(*value);
            }
        }
        count[&day] / mean.get().max(1.0)
    };
    let (day, ratio) = count
        .keys()
        .map(|day| (*day, ratio(*day)))
        .max_by(|a, b| a.1.total_cmp(&b.1))?;
    let first = |month: usize| {
        (days_from_civil(2023, month as i64, 1) - days_from_civil(2023, 1, 1)) as u32
    };
    let month = (1..=12).rev().find(|month| first(*month) <= day)?;
    let date = day - first(month) + 1;
    Some(format!(
        "{counter}: {date} {}, {ratio:.1} times what is usual",
        MONTHS[month - 1]
    ))
}
