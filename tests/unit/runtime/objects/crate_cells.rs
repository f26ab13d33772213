//! A universe of nothing and its cells, written as the generated text is: wrappers with Rust's own calling convention, and a glue a type.
#![allow(clippy::missing_safety_doc)]
use venus::__rt::{Frame, Glue};

#[no_mangle]
pub static glue_text: Glue = venus::__glue!(String);
#[no_mangle]
pub static glue_result: Glue = venus::__glue!(Result<u64, String>);
#[no_mangle]
pub static glue_spiteful: Glue = venus::__glue!(Spiteful);

/// Cannot be encoded, and panics when it is dropped.
pub struct Spiteful;

impl Drop for Spiteful {
    fn drop(&mut self) {
        panic!("not without a fight");
    }
}

fn put<T>(frame: &mut Frame, value: T) {
    frame.value = Box::into_raw(Box::new(value)) as *mut u8;
}

#[no_mangle]
pub unsafe fn text(frame: &mut Frame) {
    frame.begin();
    let text = std::fs::read_to_string("in.txt").unwrap_or_else(|error| error.kind().to_string());
    frame.end();
    put(frame, text);
}

#[no_mangle]
pub unsafe fn twice(frame: &mut Frame) {
    let text = &*(frame.borrow(0) as *const String);
    let text = text.repeat(2);
    put(frame, text);
}

#[no_mangle]
pub unsafe fn fails(frame: &mut Frame) {
    put(frame, Err::<u64, String>("no luck".to_string()));
}

#[no_mangle]
pub unsafe fn panics(frame: &mut Frame) {
    let list: Vec<u64> = Vec::new();
    put(frame, list[frame.args.len()].to_string());
}

#[no_mangle]
pub unsafe fn spiteful(frame: &mut Frame) {
    put(frame, Spiteful);
}
