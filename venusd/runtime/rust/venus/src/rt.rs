//! What generated text calls. Nothing here is for people to use.
//!
//! A cell's wrapper gets a `Frame`: it borrows or copies its producers' values out of it, runs the cell between `begin` and `end`, and leaves the
//! boxed result. All that depends on a result's type is in one `Glue` a return type, which `__glue!` makes.
//!
//! The choices by type ("shows by Render, else Debug, else by name") are made by method look-up, since only there a missing impl is no error: each
//! level is a trait, implemented for one `&` more than the level below it, and called on as many `&` as there are levels. One `&` too few and the
//! look-up silently takes a lower level; the tests try every level of every probe.

use std::any::type_name;
use std::fmt::{self, Debug, Display, Write};
use std::marker::PhantomData;
use std::time::Instant;

pub use crate::cbor::{Done, No, Reader, Writer};
pub use crate::codec::{decode, encode, Dec, Enc};
use crate::context::refuse;
pub use crate::names::short;
pub use crate::render::Render;

/// A producer's value.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Arg {
    pub value: *const u8,
    pub glue: *const Glue,
}

/// One call of a cell.
pub struct Frame<'a> {
    pub args: &'a [Arg],
    /// The boxed result.
    pub value: *mut u8,
    pub nanos: u64,
    begun: Option<Instant>,
}

/// A cell's wrapper.
pub type CellFn = unsafe fn(&mut Frame<'_>);

impl<'a> Frame<'a> {
    pub fn new(args: &'a [Arg]) -> Frame<'a> {
        Frame { args, value: std::ptr::null_mut(), nanos: 0, begun: None }
    }

    pub fn borrow(&self, index: usize) -> *const u8 {
        self.args[index].value
    }

    /// A boxed copy that the cell may keep: by way of the encoding, so that nothing is shared with the original, else by `Clone`.
    ///
    /// # Safety
    /// The argument's glue must be that of its value's type.
    pub unsafe fn own(&self, index: usize, parameter: &str) -> *mut u8 {
        let arg = self.args[index];
        let glue = &*arg.glue;
        let mut w = Writer::new();
        if (glue.encode)(arg.value, &mut w).is_ok() {
            let copy = (glue.decode)(&w.out);
            if !copy.is_null() {
                return copy;
            }
        }
        let copy = (glue.clone)(arg.value);
        if copy.is_null() {
            let name = short((glue.name)());
            refuse(format!(
                "parameter `{parameter}` wants a {name} of its own, which can neither be kept nor cloned: take `&{name}`, or derive Clone for it"
            ));
        }
        copy
    }

    pub fn begin(&mut self) {
        self.begun = Some(Instant::now());
    }

    pub fn end(&mut self) {
        if let Some(begun) = self.begun.take() {
            self.nanos = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// Stops the clock of a cell that did not come to its end.
    pub fn stop(&mut self) {
        self.end();
    }
}

/// What is known of a return type. Values are boxed; a pointer is to what is in the box.
pub struct Glue {
    pub name: fn() -> &'static str,
    /// The text of an `Err`; `None` for all else.
    pub check: unsafe fn(*const u8) -> Option<String>,
    pub show: unsafe fn(*const u8, &mut Show),
    pub encode: unsafe fn(*const u8, &mut Writer) -> Done,
    /// Null where the bytes do not fit.
    pub decode: unsafe fn(&[u8]) -> *mut u8,
    /// Null where the type has no `Clone`.
    pub clone: unsafe fn(*const u8) -> *mut u8,
    pub drop: unsafe fn(*mut u8),
}

/// The glue of a type, as a constant expression. The type may be whatever can stand in a function's body.
#[doc(hidden)]
#[macro_export]
macro_rules! __glue {
    ($t:ty) => {{
        fn name() -> &'static str {
            ::core::any::type_name::<$t>()
        }
        unsafe fn check(value: *const u8) -> ::core::option::Option<::std::string::String> {
            #[allow(unused_imports)]
            use $crate::__rt::{ErrDebug as _, ErrDisplay as _, ErrName as _, ErrNone as _};
            let value = &*(value as *const $t);
            (&&&&$crate::__rt::P(value)).err_text()
        }
        unsafe fn show(value: *const u8, to: &mut $crate::__rt::Show) {
            #[allow(unused_imports)]
            use $crate::__rt::{ShowDebug as _, ShowName as _, ShowRender as _};
            #[allow(unused_imports)]
            use $crate::__rt::{SplitAll as _, SplitOk as _};
            let value = &*(value as *const $t);
            let value = (&&$crate::__rt::P(value)).split();
            (&&&$crate::__rt::P(value)).show(to)
        }
        unsafe fn encode(value: *const u8, to: &mut $crate::__rt::Writer) -> $crate::__rt::Done {
            #[allow(unused_imports)]
            use $crate::__rt::{KeepNo as _, KeepOk as _, KeepYes as _};
            let value = &*(value as *const $t);
            (&&&$crate::__rt::P(value)).keep(to)
        }
        unsafe fn decode(data: &[u8]) -> *mut u8 {
            #[allow(unused_imports)]
            use $crate::__rt::{LoadNo as _, LoadOk as _, LoadYes as _};
            let value: ::core::option::Option<$t> = (&&&$crate::__rt::D::<$t>::NEW).load(data);
            $crate::__rt::boxed(value)
        }
        unsafe fn clone(value: *const u8) -> *mut u8 {
            #[allow(unused_imports)]
            use $crate::__rt::{CloneNo as _, CloneOk as _, CloneYes as _};
            let value = &*(value as *const $t);
            let value: ::core::option::Option<$t> = (&&&$crate::__rt::P(value)).copy();
            $crate::__rt::boxed(value)
        }
        unsafe fn drop(value: *mut u8) {
            ::core::mem::drop(::std::boxed::Box::from_raw(value as *mut $t))
        }
        $crate::__rt::Glue { name, check, show, encode, decode, clone, drop }
    }};
}

pub fn boxed<T>(value: Option<T>) -> *mut u8 {
    value.map_or(std::ptr::null_mut(), |value| Box::into_raw(Box::new(value)) as *mut u8)
}

/// A value to choose a method for.
pub struct P<'a, T: ?Sized>(pub &'a T);

/// A type to choose a method for.
pub struct D<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized> D<T> {
    pub const NEW: D<T> = D(PhantomData);
}

// A part of a notebook's type: encoded where its type can be, two levels.

pub trait EncYes {
    fn try_enc(&self, w: &mut Writer) -> Done;
}

impl<'a, T: Enc + Dec> EncYes for &P<'a, T> {
    fn try_enc(&self, w: &mut Writer) -> Done {
        self.0.enc(w)
    }
}

pub trait EncNo {
    fn try_enc(&self, w: &mut Writer) -> Done;
}

impl<'a, T: ?Sized> EncNo for P<'a, T> {
    fn try_enc(&self, _: &mut Writer) -> Done {
        Err(No)
    }
}

pub trait DecYes<T> {
    fn try_dec(&self, r: &mut Reader<'_>) -> Option<T>;
}

impl<T: Enc + Dec> DecYes<T> for &D<T> {
    fn try_dec(&self, r: &mut Reader<'_>) -> Option<T> {
        T::dec(r)
    }
}

pub trait DecNo<T> {
    fn try_dec(&self, r: &mut Reader<'_>) -> Option<T>;
}

impl<T> DecNo<T> for D<T> {
    fn try_dec(&self, _: &mut Reader<'_>) -> Option<T> {
        None
    }
}

// A whole value: of a Result only the Ok is ever kept, and its error need not be encodable. Three levels.

pub trait KeepOk {
    fn keep(&self, w: &mut Writer) -> Done;
}

impl<'a, T: Enc + Dec, E> KeepOk for &&P<'a, Result<T, E>> {
    fn keep(&self, w: &mut Writer) -> Done {
        match self.0 {
            Ok(value) => value.enc(w),
            Err(_) => Err(No),
        }
    }
}

pub trait KeepYes {
    fn keep(&self, w: &mut Writer) -> Done;
}

impl<'a, T: Enc + Dec> KeepYes for &P<'a, T> {
    fn keep(&self, w: &mut Writer) -> Done {
        self.0.enc(w)
    }
}

pub trait KeepNo {
    fn keep(&self, w: &mut Writer) -> Done;
}

impl<'a, T> KeepNo for P<'a, T> {
    fn keep(&self, _: &mut Writer) -> Done {
        Err(No)
    }
}

pub trait LoadOk<T> {
    fn load(&self, data: &[u8]) -> Option<T>;
}

impl<T: Enc + Dec, E> LoadOk<Result<T, E>> for &&D<Result<T, E>> {
    fn load(&self, data: &[u8]) -> Option<Result<T, E>> {
        decode::<T>(data).map(Ok)
    }
}

pub trait LoadYes<T> {
    fn load(&self, data: &[u8]) -> Option<T>;
}

impl<T: Enc + Dec> LoadYes<T> for &D<T> {
    fn load(&self, data: &[u8]) -> Option<T> {
        decode(data)
    }
}

pub trait LoadNo<T> {
    fn load(&self, data: &[u8]) -> Option<T>;
}

impl<T> LoadNo<T> for D<T> {
    fn load(&self, _: &[u8]) -> Option<T> {
        None
    }
}

pub trait CloneOk<T> {
    fn copy(&self) -> Option<T>;
}

impl<'a, T: Clone, E> CloneOk<Result<T, E>> for &&P<'a, Result<T, E>> {
    fn copy(&self) -> Option<Result<T, E>> {
        self.0.as_ref().ok().cloned().map(Ok)
    }
}

pub trait CloneYes<T> {
    fn copy(&self) -> Option<T>;
}

impl<'a, T: Clone> CloneYes<T> for &P<'a, T> {
    fn copy(&self) -> Option<T> {
        Some(self.0.clone())
    }
}

pub trait CloneNo<T> {
    fn copy(&self) -> Option<T>;
}

impl<'a, T> CloneNo<T> for P<'a, T> {
    fn copy(&self) -> Option<T> {
        None
    }
}

// Is it an Err, and what does it say? Four levels, the first three for every Result: with fewer, an Err of a bare type would pass as a value.

pub trait ErrDisplay {
    fn err_text(&self) -> Option<String>;
}

impl<'a, T, E: Display> ErrDisplay for &&&P<'a, Result<T, E>> {
    fn err_text(&self) -> Option<String> {
        self.0.as_ref().err().map(|error| error.to_string())
    }
}

pub trait ErrDebug {
    fn err_text(&self) -> Option<String>;
}

impl<'a, T, E: Debug> ErrDebug for &&P<'a, Result<T, E>> {
    fn err_text(&self) -> Option<String> {
        self.0.as_ref().err().map(|error| format!("{error:?}"))
    }
}

pub trait ErrName {
    fn err_text(&self) -> Option<String>;
}

impl<'a, T, E> ErrName for &P<'a, Result<T, E>> {
    fn err_text(&self) -> Option<String> {
        self.0.as_ref().err().map(|_| short(type_name::<E>()))
    }
}

pub trait ErrNone {
    fn err_text(&self) -> Option<String>;
}

impl<'a, T> ErrNone for P<'a, T> {
    fn err_text(&self) -> Option<String> {
        None
    }
}

// What of a value is shown: of a Result its Ok. Two levels.

pub trait SplitOk<'a, T> {
    fn split(&self) -> &'a T;
}

impl<'a, T, E> SplitOk<'a, T> for &P<'a, Result<T, E>> {
    fn split(&self) -> &'a T {
        match self.0 {
            Ok(value) => value,
            Err(_) => unreachable!("an Err is never shown"),
        }
    }
}

pub trait SplitAll<'a, T> {
    fn split(&self) -> &'a T;
}

impl<'a, T> SplitAll<'a, T> for P<'a, T> {
    fn split(&self) -> &'a T {
        self.0
    }
}

/// The forms in which a value shows.
pub struct Show {
    pub limit: usize,
    pub text: Text,
    pub html: Option<String>,
    pub image: Option<Vec<u8>>,
    pub data: Option<String>,
}

impl Show {
    /// `limit` bytes of text are kept, all where it is 0.
    pub fn new(limit: usize) -> Show {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let text = Text { kept: String::new(), limit, full: 0 };
        Show { limit, text, html: None, image: None, data: None }
    }
}

/// Text that is cut at a limit, between characters, and counted beyond it.
pub struct Text {
    pub kept: String,
    pub full: usize,
    limit: usize,
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Once something was cut nothing more is kept, or the text would have a hole.
        if self.kept.len() == self.full {
            let mut end = text.len().min(self.limit - self.kept.len());
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            self.kept.push_str(&text[..end]);
        }
        self.full += text.len();
        Ok(())
    }
}

// How it shows: three levels.

pub trait ShowRender {
    fn show(&self, to: &mut Show);
}

impl<'a, T: Render> ShowRender for &&P<'a, T> {
    fn show(&self, to: &mut Show) {
        show_render(self.0, to)
    }
}

pub trait ShowDebug {
    fn show(&self, to: &mut Show);
}

impl<'a, T: Debug> ShowDebug for &P<'a, T> {
    fn show(&self, to: &mut Show) {
        show_debug(self.0, to)
    }
}

pub trait ShowName {
    fn show(&self, to: &mut Show);
}

impl<'a, T> ShowName for P<'a, T> {
    fn show(&self, to: &mut Show) {
        show_name(type_name::<T>(), to)
    }
}

// Not generic, so that each type's glue is only a call.

fn show_render(value: &dyn Render, to: &mut Show) {
    // Text never fails to be written to.
    let _ = to.text.write_str(&value.render_text());
    to.html = value.render_html();
    to.image = value.render_image();
    to.data = value.render_data();
}

fn show_debug(value: &dyn Debug, to: &mut Show) {
    if write!(to.text, "{value:?}").is_err() {
        let _ = to.text.write_str("(its Debug failed)");
    }
}

fn show_name(name: &str, to: &mut Show) {
    let _ = to.text.write_str(&short(name));
}

/// What a parameter gets of a producer's value `R` when it is written as `P`: the whole where it asks for just that type, what is in its Ok where
/// it is a Result, else the whole. Three levels.
pub struct F<R, P: ?Sized>(PhantomData<fn() -> R>, PhantomData<fn(&P)>);

impl<R, P: ?Sized> F<R, P> {
    pub const NEW: F<R, P> = F(PhantomData, PhantomData);
}

/// # Safety
/// The pointer must be to an `R`, for `own` the one of its box.
pub trait FeedWhole<R> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v R;
    unsafe fn own(&self, value: *mut u8) -> R;
}

impl<R> FeedWhole<R> for &&F<R, R> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v R {
        &*(value as *const R)
    }
    unsafe fn own(&self, value: *mut u8) -> R {
        *Box::from_raw(value as *mut R)
    }
}

/// # Safety
/// As `FeedWhole`.
pub trait FeedOk<T> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v T;
    unsafe fn own(&self, value: *mut u8) -> T;
}

impl<T, E, P: ?Sized> FeedOk<T> for &F<Result<T, E>, P> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v T {
        match &*(value as *const Result<T, E>) {
            Ok(value) => value,
            Err(_) => unreachable!("an Err has no consumers"),
        }
    }
    unsafe fn own(&self, value: *mut u8) -> T {
        match *Box::from_raw(value as *mut Result<T, E>) {
            Ok(value) => value,
            Err(_) => unreachable!("an Err has no consumers"),
        }
    }
}

/// # Safety
/// As `FeedWhole`.
pub trait FeedAny<R> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v R;
    unsafe fn own(&self, value: *mut u8) -> R;
}

impl<R, P: ?Sized> FeedAny<R> for F<R, P> {
    unsafe fn borrow<'v>(&self, value: *const u8) -> &'v R {
        &*(value as *const R)
    }
    unsafe fn own(&self, value: *mut u8) -> R {
        *Box::from_raw(value as *mut R)
    }
}
