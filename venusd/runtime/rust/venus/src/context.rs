//! What the running cell may ask for and what it declares. One cell runs at a time, so there is one context; threads that a cell starts see it too.

use std::sync::{Mutex, MutexGuard};

/// A widget as the cell asked for it. Numbers are a slider's.
#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    pub id: String,
    pub kind: Kind,
    pub label: String,
    pub value: String,
    pub initial: String,
    pub placeholder: String,
    pub options: Vec<String>,
    pub min: f64,
    pub max: f64,
    pub step: f64,
}

/// As in rt.h.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(u32)]
pub enum Kind {
    Slider = 1,
    Text = 2,
    Select = 3,
    Checkbox = 4,
}

/// One cell's call.
#[derive(Default)]
pub struct Context {
    pub cell: String,
    pub settings: Vec<(String, String)>,
    pub widgets: Vec<Widget>,
    /// Why the cell cannot be run with these settings.
    pub refused: Option<String>,
}

/// What a cell that cannot be run unwinds with, past every panic hook.
pub struct Refused(pub String);

static RUNNING: Mutex<Option<Context>> = Mutex::new(None);

/// The context of the running cell, `None` outside of one.
pub fn running() -> MutexGuard<'static, Option<Context>> {
    RUNNING.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Ends the cell as refused.
pub fn refuse(message: String) -> ! {
    if let Some(context) = running().as_mut() {
        context.refused.get_or_insert_with(|| message.clone());
    }
    std::panic::resume_unwind(Box::new(Refused(message)))
}
