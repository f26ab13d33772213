//! The functions of rt.h, which venus-worker calls. None of them unwinds: what panics inside is caught here.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::io::Write;
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr;

use crate::__rt::{short, Arg, CellFn, Frame, Glue, Show, Writer};
use crate::context::{running, Context, Refused, Widget};
use crate::render::image_mime;

const ABI: u32 = 1;

const OK: u32 = 1;
const ERR: u32 = 2;
const PANIC: u32 = 3;
const REFUSED: u32 = 4;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bytes {
    data: *const u8,
    length: usize,
}

#[repr(C)]
pub struct Setting {
    id: Bytes,
    value: Bytes,
}

#[repr(C)]
pub struct Display {
    mime: Bytes,
    data: Bytes,
    full_length: usize,
}

#[repr(C)]
pub struct WidgetOut {
    id: Bytes,
    label: Bytes,
    value: Bytes,
    initial: Bytes,
    placeholder: Bytes,
    options: *const Bytes,
    option_count: usize,
    min: f64,
    max: f64,
    step: f64,
    kind: u32,
}

#[repr(C)]
pub struct Outcome {
    status: u32,
    encodable: bool,
    interior: bool,
    value: *mut u8,
    message: Bytes,
    file: Bytes,
    type_name: Bytes,
    encoded: Bytes,
    line: u32,
    column: u32,
    displays: *const Display,
    display_count: usize,
    widgets: *const WidgetOut,
    widget_count: usize,
    duration_ns: u64,
    internal: *mut Kept,
}

#[repr(C)]
pub struct Call {
    cell: *const u8,
    glue: *const Glue,
    args: *const Arg,
    arg_count: usize,
    settings: *const Setting,
    setting_count: usize,
    text_limit: usize,
    cell_name: *const c_char,
}

/// What an outcome's pointers are into.
#[derive(Default)]
pub struct Kept {
    message: String,
    place: Place,
    type_name: String,
    encoded: Vec<u8>,
    forms: Vec<(&'static str, Vec<u8>, usize)>,
    displays: Vec<Display>,
    declared: Vec<Widget>,
    options: Vec<Vec<Bytes>>,
    widgets: Vec<WidgetOut>,
}

#[derive(Default)]
struct Place {
    file: String,
    line: u32,
    column: u32,
}

thread_local! {
    /// This thread is in a call: its panics are reported, not printed.
    static CALLED: Cell<bool> = Cell::new(false);
    static LAST: RefCell<Option<(String, Place)>> = RefCell::new(None);
}

impl Bytes {
    fn of(bytes: &[u8]) -> Bytes {
        Bytes { data: bytes.as_ptr(), length: bytes.len() }
    }

    const NONE: Bytes = Bytes { data: ptr::null(), length: 0 };

    unsafe fn text(self) -> String {
        if self.data.is_null() {
            return String::new();
        }
        String::from_utf8_lossy(std::slice::from_raw_parts(self.data, self.length)).into_owned()
    }
}

/// A slice of what C says, where an empty one may be NULL.
unsafe fn slice<'a, T>(data: *const T, count: usize) -> &'a [T] {
    if data.is_null() {
        return &[];
    }
    std::slice::from_raw_parts(data, count)
}

#[no_mangle]
pub extern "C" fn venus_rt_abi() -> u32 {
    ABI
}

#[no_mangle]
pub extern "C" fn venus_rt_init() {
    std::panic::set_hook(Box::new(|info| {
        let message = payload_text(info.payload());
        let place = info.location().map_or_else(Place::default, |location| Place {
            file: location.file().to_owned(),
            line: location.line(),
            column: location.column(),
        });
        let mine = CALLED.try_with(Cell::get).unwrap_or(false);
        // A second panic on the way out ends the process before anybody could report it.
        if !mine || LAST.with(|last| last.borrow().is_some()) {
            print(&message, &place, mine);
        }
        if mine {
            LAST.with(|last| *last.borrow_mut() = Some((message, place)));
        }
    }));
}

fn print(message: &str, place: &Place, mine: bool) {
    let cell = match running().as_ref() {
        Some(context) if !context.cell.is_empty() => format!(" of cell `{}`", context.cell),
        _ => String::new(),
    };
    let thread = std::thread::current();
    let who = match (mine, thread.name()) {
        (true, _) => "the thread".to_owned(),
        (false, Some(name)) => format!("thread `{name}`"),
        (false, None) => "a thread".to_owned(),
    };
    let message = message.replace('\n', " ");
    // Where stderr is gone nobody listens.
    let _ = writeln!(
        std::io::stderr(),
        "{who}{cell} panicked at {}:{}:{}: {message}",
        place.file,
        place.line,
        place.column
    );
}

fn payload_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        return (*text).to_owned();
    }
    match payload.downcast_ref::<String>() {
        Some(text) => text.clone(),
        None => "a panic with a payload that is no text".to_owned(),
    }
}

/// How a call failed.
struct Failure {
    status: u32,
    message: String,
    place: Place,
}

/// Runs `f`; a panic becomes a failure with its message and place.
fn guarded<T>(f: impl FnOnce() -> T) -> Result<T, Failure> {
    LAST.with(|last| last.borrow_mut().take());
    let before = CALLED.with(|called| called.replace(true));
    let result = catch_unwind(AssertUnwindSafe(f));
    CALLED.with(|called| called.set(before));
    let payload = match result {
        Ok(value) => return Ok(value),
        Err(payload) => payload,
    };
    let last = LAST.with(|last| last.borrow_mut().take());
    let failure = match payload.downcast_ref::<Refused>() {
        Some(refused) => {
            Failure { status: REFUSED, message: refused.0.clone(), place: Place::default() }
        }
        None => {
            let (message, place) =
                last.unwrap_or_else(|| (payload_text(&*payload), Place::default()));
            Failure { status: PANIC, message, place }
        }
    };
    // Dropping a payload may run anybody's code, and panic again.
    std::mem::forget(payload);
    Err(failure)
}

/// # Safety
/// `call` and all that it points to must be as rt.h says; `ret` must be writable.
#[no_mangle]
pub unsafe extern "C" fn venus_rt_call(call: *const Call, ret: *mut Outcome) {
    let call = &*call;
    let mut kept = Box::new(Kept::default());
    let mut outcome = empty();
    begin(call);
    let mut frame = Frame::new(slice(call.args, call.arg_count));
    let result = run(call, &mut frame, &mut kept, &mut outcome);
    // A cell may have closed or broken stdout: that is its own affair.
    let _ = guarded(|| std::io::stdout().flush());
    let context = running().take().unwrap_or_default();
    outcome.status = OK;
    outcome.duration_ns = frame.nanos;
    let failure = match (result, context.refused) {
        (Err(failure), None) => Some(failure),
        (_, Some(message)) => Some(Failure { status: REFUSED, message, place: Place::default() }),
        (Ok(()), None) => None,
    };
    match failure {
        None => outcome.value = frame.value,
        Some(failure) => {
            if !frame.value.is_null() {
                venus_rt_drop(call.glue, frame.value);
            }
            outcome.status = failure.status;
            outcome.encodable = false;
            kept.encoded = Vec::new();
            kept.forms = Vec::new();
            kept.message = failure.message;
            kept.place = failure.place;
        }
    }
    kept.declared = context.widgets;
    publish(kept, &mut outcome);
    ptr::write(ret, outcome);
}

fn empty() -> Outcome {
    Outcome {
        status: 0,
        encodable: false,
        interior: false,
        value: ptr::null_mut(),
        message: Bytes::NONE,
        file: Bytes::NONE,
        type_name: Bytes::NONE,
        encoded: Bytes::NONE,
        line: 0,
        column: 0,
        displays: ptr::null(),
        display_count: 0,
        widgets: ptr::null(),
        widget_count: 0,
        duration_ns: 0,
        internal: ptr::null_mut(),
    }
}

unsafe fn begin(call: &Call) {
    let cell = match call.cell_name.is_null() {
        true => String::new(),
        false => CStr::from_ptr(call.cell_name).to_string_lossy().into_owned(),
    };
    let settings = slice(call.settings, call.setting_count);
    let settings = settings.iter().map(|setting| (setting.id.text(), setting.value.text()));
    *running() = Some(Context { cell, settings: settings.collect(), ..Context::default() });
}

/// The steps of a call: the cell, is it an Err, how it shows, how it is kept.
unsafe fn run(
    call: &Call,
    frame: &mut Frame<'_>,
    kept: &mut Kept,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let cell: CellFn = std::mem::transmute::<*const u8, CellFn>(call.cell);
    let glue = &*call.glue;
    kept.type_name = short((glue.name)());
    let ran = guarded(|| cell(frame));
    frame.stop();
    ran?;
    let value = frame.value as *const u8;
    if let Some(message) = guarded(|| (glue.check)(value))? {
        return Err(Failure { status: ERR, message, place: Place::default() });
    }
    kept.forms = guarded(|| {
        let mut show = Show::new(call.text_limit);
        (glue.show)(value, &mut show);
        forms(show)
    })?;
    let mut w = Writer::new();
    // Only std's code and generated code encode; a panic there means that the value is not to be kept.
    outcome.encodable = matches!(guarded(|| (glue.encode)(value, &mut w)), Ok(Ok(())));
    outcome.interior = w.interior;
    if outcome.encodable {
        kept.encoded = w.out;
    }
    Ok(())
}

fn forms(show: Show) -> Vec<(&'static str, Vec<u8>, usize)> {
    let mut forms = vec![("text/plain", show.text.kept.into_bytes(), show.text.full)];
    let rest = [
        ("text/html", show.html.map(String::into_bytes)),
        (show.image.as_deref().map_or("", image_mime), show.image),
        ("application/json", show.data.map(String::into_bytes)),
    ];
    for (mime, data) in rest {
        if let Some(data) = data {
            let length = data.len();
            forms.push((mime, data, length));
        }
    }
    forms
}

/// Points the outcome to what is kept for it.
fn publish(mut kept: Box<Kept>, outcome: &mut Outcome) {
    outcome.message = Bytes::of(kept.message.as_bytes());
    outcome.file = Bytes::of(kept.place.file.as_bytes());
    outcome.line = kept.place.line;
    outcome.column = kept.place.column;
    outcome.type_name = Bytes::of(kept.type_name.as_bytes());
    outcome.encoded = Bytes::of(&kept.encoded);
    kept.displays = kept
        .forms
        .iter()
        .map(|form| Display {
            mime: Bytes::of(form.0.as_bytes()),
            data: Bytes::of(&form.1),
            full_length: form.2,
        })
        .collect();
    kept.options = kept
        .declared
        .iter()
        .map(|widget| widget.options.iter().map(|option| Bytes::of(option.as_bytes())).collect())
        .collect();
    kept.widgets = kept.declared.iter().zip(&kept.options).map(widget_out).collect();
    outcome.displays = kept.displays.as_ptr();
    outcome.display_count = kept.displays.len();
    outcome.widgets = kept.widgets.as_ptr();
    outcome.widget_count = kept.widgets.len();
    outcome.internal = Box::into_raw(kept);
}

fn widget_out((widget, options): (&Widget, &Vec<Bytes>)) -> WidgetOut {
    WidgetOut {
        id: Bytes::of(widget.id.as_bytes()),
        label: Bytes::of(widget.label.as_bytes()),
        value: Bytes::of(widget.value.as_bytes()),
        initial: Bytes::of(widget.initial.as_bytes()),
        placeholder: Bytes::of(widget.placeholder.as_bytes()),
        options: options.as_ptr(),
        option_count: options.len(),
        min: widget.min,
        max: widget.max,
        step: widget.step,
        kind: widget.kind as u32,
    }
}

/// # Safety
/// `outcome` is what venus_rt_call wrote, and is not used afterwards but for its `value`.
#[no_mangle]
pub unsafe extern "C" fn venus_rt_outcome_fini(outcome: *mut Outcome) {
    let kept = std::mem::replace(&mut (*outcome).internal, ptr::null_mut());
    if !kept.is_null() {
        drop(Box::from_raw(kept));
    }
}

/// # Safety
/// `glue` is the address of a Glue; `data` has `length` bytes.
#[no_mangle]
pub unsafe extern "C" fn venus_rt_decode(
    glue: *const Glue,
    data: *const u8,
    length: usize,
) -> *mut u8 {
    let data = slice(data, length);
    guarded(|| ((*glue).decode)(data)).unwrap_or(ptr::null_mut())
}

/// # Safety
/// `glue` is that of `value`, which nobody uses afterwards.
#[no_mangle]
pub unsafe extern "C" fn venus_rt_drop(glue: *const Glue, value: *mut u8) -> bool {
    guarded(|| ((*glue).drop)(value)).is_ok()
}

#[cfg(test)]
impl Call {
    pub fn of(cell: CellFn, glue: &Glue, args: &[Arg]) -> Call {
        Call {
            cell: cell as *const u8,
            glue,
            args: args.as_ptr(),
            arg_count: args.len(),
            settings: ptr::null(),
            setting_count: 0,
            text_limit: 0,
            cell_name: ptr::null(),
        }
    }
}

#[cfg(test)]
impl Outcome {
    /// Status, message, file, line, encoding, the displays' texts, value.
    #[allow(clippy::type_complexity)]
    pub unsafe fn parts(&self) -> (u32, String, String, u32, Vec<u8>, Vec<String>, *mut u8) {
        let displays = slice(self.displays, self.display_count);
        let texts = displays.iter().map(|display| display.data.text()).collect();
        let encoded = slice(self.encoded.data, self.encoded.length).to_vec();
        (self.status, self.message.text(), self.file.text(), self.line, encoded, texts, self.value)
    }
}
