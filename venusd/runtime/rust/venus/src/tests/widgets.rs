use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard};

use crate::context::{running, Context, Refused, Widget};
use crate::*;

/// The context is the process's: tests that set it take turns.
pub static TURN: Mutex<()> = Mutex::new(());

pub fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn with<T: 'static>(settings: &[(&str, &str)], f: impl FnOnce() -> T + std::panic::UnwindSafe) -> (Result<T, String>, Vec<Widget>) {
    let _turn = turn();
    let settings = settings.iter().map(|s| (s.0.to_owned(), s.1.to_owned())).collect();
    *running() = Some(Context { settings, ..Context::default() });
    let result = catch_unwind(f).map_err(|payload| match payload.downcast::<Refused>() {
        Ok(refused) => refused.0,
        Err(payload) => format!("panic: {}", payload.downcast::<String>().unwrap()),
    });
    (result, running().take().unwrap().widgets)
}

#[test]
fn defaults_are_clamped() {
    let (value, widgets) = with(&[], || {
        (input_slider("a", 0.0, 10.0, 50.0), input_select("b", &["x", "y"], 7), input_checkbox("c", true), input_text("d", "name"))
    });
    assert_eq!(value, Ok((10.0, "y".into(), true, String::new())));
    assert_eq!(widgets.len(), 4);
    assert_eq!((widgets[0].initial.as_str(), widgets[0].step, widgets[0].label.as_str()), ("10", 1.0, "a"));
    assert_eq!(widgets[1].options, ["x", "y"]);
    assert_eq!(widgets[3].placeholder, "name");
}

#[test]
fn settings_count() {
    let settings = [("a", "2.5"), ("b", "x"), ("c", "false"), ("d", "hello"), ("other", "1")];
    let (value, widgets) = with(&settings, || {
        (input_slider("a", 0.0, 10.0, 5.0), input_select("b", &["x", "y"], 1), input_checkbox("c", true), input_text("d", ""))
    });
    assert_eq!(value, Ok((2.5, "x".into(), false, "hello".into())));
    assert_eq!((widgets[0].value.as_str(), widgets[0].initial.as_str()), ("2.5", "5"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |text: &str| with(&[("a", text)], || input_slider("a", 0.0, 10.0, 5.0)).0.unwrap_err();
    assert_eq!(refused("11"), "widget `a` is set to \"11\", which is not a number from 0 to 10");
    assert!(refused("NaN").starts_with("widget `a`"));
    assert!(refused("x").starts_with("widget `a`"));
    let (value, widgets) = with(&[("b", "z")], || input_select("b", &["x"], 0));
    assert_eq!(value.unwrap_err(), "widget `b` is set to \"z\", which is not one of \"x\"");
    assert_eq!(widgets.len(), 1);
    assert!(with(&[("c", "yes")], || input_checkbox("c", true)).0.unwrap_err().ends_with("true or false"));
}

#[test]
fn mistakes_are_told() {
    let twice = with(&[], || {
        input_text("a", "");
        input_text("a", "")
    });
    assert!(twice.0.unwrap_err().contains("two widgets of this cell have the id `a`"));
    assert!(with(&[], || input_slider("s", 2.0, 1.0, 1.0)).0.unwrap_err().contains("no range"));
    assert!(with(&[], || input_slider("s", f64::NAN, 1.0, 1.0)).0.unwrap_err().contains("no range"));
    assert!(with(&[], || input_select("s", &[], 0)).0.unwrap_err().contains("no options"));
}
