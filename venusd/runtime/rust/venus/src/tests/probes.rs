//! Each probe, each level: a level that is never reached would be no error anywhere else.

use std::fmt::{self, Debug, Display};
use std::rc::Rc;

use crate::__glue;
use crate::__rt::*;

struct Bare;
#[derive(Debug)]
struct Debugged;
struct Displayed;
struct Rendered;
#[derive(Clone)]
struct Cloned(#[allow(dead_code)] Rc<dyn Fn()>);

impl Display for Displayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("displayed")
    }
}

impl Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("debug of rendered")
    }
}

impl Render for Rendered {
    fn render_text(&self) -> String {
        "rendered".into()
    }
    fn render_html(&self) -> Option<String> {
        Some("<b>".into())
    }
}

fn text<T>(glue: Glue, value: T) -> String {
    let mut show = Show::new(0);
    unsafe { (glue.show)(&value as *const T as *const u8, &mut show) };
    assert_eq!(show.text.full, show.text.kept.len());
    show.text.kept
}

fn err<T>(glue: Glue, value: T) -> Option<String> {
    unsafe { (glue.check)(&value as *const T as *const u8) }
}

fn kept<T>(glue: &Glue, value: &T) -> Option<Vec<u8>> {
    let mut w = Writer::new();
    unsafe { (glue.encode)(value as *const T as *const u8, &mut w) }.ok().map(|()| w.out)
}

fn copies<T>(glue: Glue, value: T) -> bool {
    let copy = unsafe { (glue.clone)(&value as *const T as *const u8) };
    if !copy.is_null() {
        unsafe { (glue.drop)(copy) };
    }
    !copy.is_null()
}

#[test]
fn show_levels() {
    assert_eq!(text(__glue!(Rendered), Rendered), "rendered");
    assert_eq!(text(__glue!(Debugged), Debugged), "Debugged");
    assert_eq!(text(__glue!(Bare), Bare), "Bare");
    assert_eq!(text(__glue!(Vec<Debugged>), vec![Debugged]), "[Debugged]");
    assert_eq!(text(__glue!(Vec<Bare>), vec![Bare]), "Vec<Bare>");
    assert_eq!(text(__glue!(f64), 20.0), "20.0");
    assert_eq!(text(__glue!(()), ()), "()");
    assert_eq!(text(__glue!(&'static str), "a\"b"), "a\"b");
    assert_eq!(text(__glue!(Result<Rendered, Bare>), Ok::<_, Bare>(Rendered)), "rendered");
    assert_eq!(text(__glue!(Result<Bare, Bare>), Ok::<_, Bare>(Bare)), "Bare");
}

#[test]
fn err_levels() {
    assert_eq!(err(__glue!(Result<u8, Displayed>), Err::<u8, _>(Displayed)).as_deref(), Some("displayed"));
    assert_eq!(err(__glue!(Result<u8, Debugged>), Err::<u8, _>(Debugged)).as_deref(), Some("Debugged"));
    assert_eq!(err(__glue!(Result<u8, Bare>), Err::<u8, _>(Bare)).as_deref(), Some("Bare"));
    assert_eq!(err(__glue!(Result<u8, Bare>), Ok::<u8, Bare>(1)), None);
    assert_eq!(err(__glue!(u8), 1u8), None);
    assert_eq!(err(__glue!(std::io::Result<u8>), Err::<u8, _>(std::io::Error::other_text())).as_deref(), Some("why"));
}

trait OtherText {
    fn other_text() -> Self;
}

impl OtherText for std::io::Error {
    fn other_text() -> Self {
        std::io::Error::new(std::io::ErrorKind::Other, "why")
    }
}

#[test]
fn keep_levels() {
    assert_eq!(kept(&__glue!(u8), &1u8), Some(vec![1]));
    assert_eq!(kept(&__glue!(Bare), &Bare), None);
    assert_eq!(kept(&__glue!(Result<u8, Bare>), &Ok::<u8, Bare>(1)), Some(vec![1]));
    assert_eq!(kept(&__glue!(Result<Bare, Bare>), &Ok::<Bare, Bare>(Bare)), None);
    let glue = __glue!(Result<String, Bare>);
    let back = unsafe { (glue.decode)(&[0x61, b'a']) } as *mut Result<String, Bare>;
    assert!(!back.is_null());
    assert_eq!(unsafe { Box::from_raw(back) }.ok().as_deref(), Some("a"));
    assert!(unsafe { (glue.decode)(&[0x01]) }.is_null());
    assert!(unsafe { (__glue!(Bare).decode)(&[0xf6]) }.is_null());
}

#[test]
fn clone_levels() {
    assert!(copies(__glue!(Cloned), Cloned(Rc::new(|| ()))));
    assert!(!copies(__glue!(Bare), Bare));
    assert!(copies(__glue!(Result<u8, Bare>), Ok::<u8, Bare>(1)));
    assert!(!copies(__glue!(Result<Bare, u8>), Ok::<Bare, u8>(Bare)));
}

#[test]
fn feed_levels() {
    type Same = Result<u8, Bare>;
    let value: Same = Ok(7);
    let at = &value as *const Same as *const u8;
    let inner: &u8 = unsafe { (&&&F::<Same, u8>::NEW).borrow(at) };
    assert_eq!(*inner, 7);
    let whole: &Same = unsafe { (&&&F::<Same, Same>::NEW).borrow(at) };
    assert!(whole.is_ok());
    let text = String::from("a");
    let plain: &str = unsafe { (&&&F::<String, str>::NEW).borrow(&text as *const String as *const u8) };
    assert_eq!(plain, "a");
    let boxed = Box::into_raw(Box::new(Ok::<u8, Bare>(9))) as *mut u8;
    let own: u8 = unsafe { (&&&F::<Same, u8>::NEW).own(boxed) };
    assert_eq!(own, 9);
}

#[test]
fn field_levels() {
    let mut w = Writer::new();
    assert!((&&P(&1u8)).try_enc(&mut w).is_ok());
    assert!((&&P(&Bare)).try_enc(&mut w).is_err());
    assert!((&&P(&vec![Bare])).try_enc(&mut w).is_err());
    assert_eq!((&&D::<u8>::NEW).try_dec(&mut Reader::new(&[1])), Some(1));
    assert!((&&D::<Bare>::NEW).try_dec(&mut Reader::new(&[1])).is_none());
}

#[test]
fn names_are_short() {
    assert_eq!(short("alloc::vec::Vec<nb::shapes::Config>"), "Vec<Config>");
    assert_eq!(short("core::result::Result<f64, alloc::string::String>"), "Result<f64, String>");
    assert_eq!(short("nb::View<'_, '_, nb::Row<'_>>"), "View<Row>");
    assert_eq!(short("&'static [(u8, nb::A)]"), "&'static [(u8, A)]");
    assert_eq!(short("alloc::boxed::Box<dyn core::ops::Fn(f64) -> nb::größe::Maß>"), "Box<dyn Fn(f64) -> Maß>");
}
