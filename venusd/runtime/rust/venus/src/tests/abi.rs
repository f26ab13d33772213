//! The C side's view: calls through the functions of rt.h.

use std::mem::MaybeUninit;
use std::ptr;

use super::widgets::turn;
use crate::__glue;
use crate::__rt::*;
use crate::abi::*;

static STRING: Glue = __glue!(String);
static FALLIBLE: Glue = __glue!(Result<String, String>);

struct Rude;
impl Drop for Rude {
    fn drop(&mut self) {
        panic!("rude");
    }
}

unsafe fn hello(frame: &mut Frame<'_>) {
    frame.begin();
    let value = String::from("hello");
    frame.end();
    frame.value = Box::into_raw(Box::new(value)) as *mut u8;
}

unsafe fn failing(frame: &mut Frame<'_>) {
    let value: Result<String, String> = Err("no luck".into());
    frame.value = Box::into_raw(Box::new(value)) as *mut u8;
}

unsafe fn panicking(_: &mut Frame<'_>) {
    panic!("boom {}", 1);
}

unsafe fn taking(frame: &mut Frame<'_>) {
    let mut own = *Box::from_raw(frame.own(0, "text") as *mut String);
    own.push('!');
    frame.value = Box::into_raw(Box::new(own)) as *mut u8;
}

unsafe fn grabbing(frame: &mut Frame<'_>) {
    frame.own(0, "rude");
}

struct Seen {
    status: u32,
    message: String,
    file: String,
    line: u32,
    encoded: Vec<u8>,
    text: String,
    value: *mut u8,
}

fn call(cell: CellFn, glue: &Glue, args: &[Arg]) -> Seen {
    let _turn = turn();
    let request = Call::of(cell, glue, args);
    let mut outcome = MaybeUninit::uninit();
    unsafe {
        venus_rt_call(&request, outcome.as_mut_ptr());
        let mut outcome = outcome.assume_init();
        let seen = outcome.seen();
        venus_rt_outcome_fini(&mut outcome);
        seen
    }
}

impl Outcome {
    unsafe fn seen(&self) -> Seen {
        let (status, message, file, line, encoded, displays, value) = self.parts();
        let text = displays.first().map_or(String::new(), |d| d.clone());
        Seen { status, message, file, line, encoded, text, value }
    }
}

fn hooked<T>(f: impl FnOnce() -> T) -> T {
    // The hook is the process's, as the harness's own is: both are needed by turns.
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| venus_rt_init());
    f()
}

#[test]
fn a_value_comes_out() {
    let seen = call(hello, &STRING, &[]);
    assert_eq!((seen.status, seen.text.as_str()), (1, "hello"));
    assert_eq!(seen.encoded, b"\x65hello");
    assert!(unsafe { venus_rt_drop(&STRING, seen.value) });
}

#[test]
fn an_err_fails() {
    let seen = call(failing, &FALLIBLE, &[]);
    assert_eq!((seen.status, seen.message.as_str()), (2, "no luck"));
    assert!(seen.value.is_null() && seen.encoded.is_empty());
}

#[test]
fn a_panic_has_its_place() {
    let seen = hooked(|| call(panicking, &STRING, &[]));
    assert_eq!((seen.status, seen.message.as_str()), (3, "boom 1"));
    assert!(seen.file.ends_with("abi.rs") && seen.line > 0 && seen.value.is_null());
}

#[test]
fn own_copies() {
    let text = String::from("a");
    let arg = Arg { value: &text as *const String as *const u8, glue: &STRING };
    let seen = call(taking, &STRING, &[arg]);
    assert_eq!((seen.text.as_str(), text.as_str()), ("a!", "a"));
    assert!(unsafe { venus_rt_drop(&STRING, seen.value) });
    let glue = __glue!(Rude);
    let rude = std::mem::ManuallyDrop::new(Rude);
    let arg = Arg { value: &*rude as *const Rude as *const u8, glue: &glue };
    let seen = call(grabbing, &STRING, &[arg]);
    assert_eq!(seen.status, 4);
    assert!(seen.message.starts_with("parameter `rude` wants a Rude of its own"), "{}", seen.message);
}

#[test]
fn decode_and_drop_never_unwind() {
    let value = unsafe { venus_rt_decode(&STRING, b"\x61a".as_ptr(), 2) };
    assert!(!value.is_null());
    assert!(unsafe { venus_rt_drop(&STRING, value) });
    assert!(unsafe { venus_rt_decode(&STRING, b"\x62a".as_ptr(), 2) }.is_null());
    assert!(unsafe { venus_rt_decode(&STRING, ptr::null(), 0) }.is_null());
    let rude = Box::into_raw(Box::new(Rude)) as *mut u8;
    assert!(!hooked(|| unsafe { venus_rt_drop(&__glue!(Rude), rude) }));
}
