//! Input widgets. Each call declares a widget, which front ends show, and gives its present value: what somebody set, else the default.

use std::fmt::Debug;

use crate::context::{refuse, running, Kind, Widget};

/// A number from `min` to `max` in steps of 1.
#[track_caller]
pub fn input_slider(id: &str, min: f64, max: f64, default: f64) -> f64 {
    input_slider_labeled(id, id, min, max, 1.0, default)
}

/// A number from `min` to `max` in steps of `step`.
#[track_caller]
pub fn input_slider_with_step(id: &str, min: f64, max: f64, step: f64, default: f64) -> f64 {
    input_slider_labeled(id, id, min, max, step, default)
}

/// As `input_slider_with_step`, shown with a label.
#[track_caller]
pub fn input_slider_labeled(
    id: &str,
    label: &str,
    min: f64,
    max: f64,
    step: f64,
    default: f64,
) -> f64 {
    if !(min <= max && min.is_finite() && max.is_finite()) {
        panic!("slider `{id}`: {min} to {max} is no range");
    }
    if !(step > 0.0 && step.is_finite()) {
        panic!("slider `{id}`: {step} is no step");
    }
    if default.is_nan() {
        panic!("slider `{id}`: the default is not a number");
    }
    let initial = default.max(min).min(max);
    let mut widget = new(id, label, Kind::Slider, initial.to_string());
    widget.min = min;
    widget.max = max;
    widget.step = step;
    declare(widget, |text| match text.trim().parse::<f64>() {
        Ok(value) if value >= min && value <= max => Ok(value),
        _ => Err(format!("a number from {min} to {max}")),
    })
    .unwrap_or(initial)
}

/// A line of text, empty at first.
#[track_caller]
pub fn input_text(id: &str, placeholder: &str) -> String {
    input_text_labeled(id, id, placeholder, "")
}

/// A line of text.
#[track_caller]
pub fn input_text_with_default(id: &str, placeholder: &str, default: &str) -> String {
    input_text_labeled(id, id, placeholder, default)
}

/// As `input_text_with_default`, shown with a label.
#[track_caller]
pub fn input_text_labeled(id: &str, label: &str, placeholder: &str, default: &str) -> String {
    let mut widget = new(id, label, Kind::Text, default.to_owned());
    widget.placeholder = placeholder.to_owned();
    declare(widget, |text| Ok(text.to_owned())).unwrap_or_else(|| default.to_owned())
}

/// One of `options`.
#[track_caller]
pub fn input_select(id: &str, options: &[&str], default_index: usize) -> String {
    input_select_labeled(id, id, options, default_index)
}

/// As `input_select`, shown with a label.
#[track_caller]
pub fn input_select_labeled(id: &str, label: &str, options: &[&str], default_index: usize) -> String {
    if options.is_empty() {
        panic!("select `{id}`: there are no options");
    }
    let initial = options[default_index.min(options.len() - 1)];
    let mut widget = new(id, label, Kind::Select, initial.to_owned());
    widget.options = options.iter().map(|option| (*option).to_owned()).collect();
    declare(widget, |text| match options.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("one of {}", list(options))),
    })
    .unwrap_or_else(|| initial.to_owned())
}

/// Yes or no.
#[track_caller]
pub fn input_checkbox(id: &str, default: bool) -> bool {
    input_checkbox_labeled(id, id, default)
}

/// As `input_checkbox`, shown with a label.
#[track_caller]
pub fn input_checkbox_labeled(id: &str, label: &str, default: bool) -> bool {
    let widget = new(id, label, Kind::Checkbox, default.to_string());
    declare(widget, |text| text.trim().parse().map_err(|_| "true or false".to_owned()))
        .unwrap_or(default)
}

fn list<T: Debug>(options: &[T]) -> String {
    let names: Vec<String> = options.iter().take(20).map(|option| format!("{option:?}")).collect();
    let more = if options.len() > 20 { ", …" } else { "" };
    names.join(", ") + more
}

fn new(id: &str, label: &str, kind: Kind, initial: String) -> Widget {
    Widget {
        id: id.to_owned(),
        kind,
        label: label.to_owned(),
        value: initial.clone(),
        initial,
        placeholder: String::new(),
        options: Vec::new(),
        min: 0.0,
        max: 0.0,
        step: 0.0,
    }
}

/// Declares a widget and gives the value that was set for it, as far as `parse` takes it; `None` if nobody set one. What it does not take refuses
/// the cell: `parse` then says what it wants.
#[track_caller]
fn declare<T>(mut widget: Widget, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
    let mut running = running();
    let context = running.as_mut()?;
    if widget.id.is_empty() || context.widgets.iter().any(|other| other.id == widget.id) {
        drop(running);
        match widget.id.is_empty() {
            true => panic!("a widget needs an id that is not empty"),
            false => panic!("two widgets of this cell have the id `{}`: give each its own", widget.id),
        }
    }
    let set = context.settings.iter().find(|setting| setting.0 == widget.id);
    let set = set.map(|setting| setting.1.clone());
    let parsed = set.as_deref().map(parse);
    if let (Some(text), Some(Ok(_))) = (&set, &parsed) {
        widget.value = text.clone();
    }
    let id = widget.id.clone();
    context.widgets.push(widget);
    drop(running);
    match parsed? {
        Ok(value) => Some(value),
        Err(wanted) => {
            let given: String = set.unwrap_or_default().chars().take(200).collect();
            refuse(format!("widget `{id}` is set to {given:?}, which is not {wanted}"))
        }
    }
}
