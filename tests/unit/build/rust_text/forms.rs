//! # Every form of definition that a cell may reach
#![allow(dead_code)]
#![deny(missing_docs)]
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap as Map};
use std::fmt;
use std::rc::Rc;
use std::cell::{Cell, RefCell};
use venus::prelude::*;

// a comment between definitions that is no definition

/// documented
const SCALE: f64 = 2.0;
static NAME: &str = "forms";
const _: () = assert!(SCALE > 1.0);
type Res<T> = Result<T, Failure>;

#[derive(Debug, Clone, Archive, RkyvSerialize, RkyvDeserialize)]
#[rkyv(derive(Debug))]
struct Secret {
    inner: i64,
    #[rkyv(with = Skip)]
    tags: Vec<String>,
    pub(crate) r#type: u8,
}

impl Secret {
    const LIMIT: i64 = 10;
    fn more(&self) -> i64 { self.inner + Self::LIMIT }
    pub(crate) const fn two(&self) -> u8 { self.r#type * 2 }
    #[inline] unsafe fn raw(&self) -> i64 { self.inner }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "<{}>", self.inner) }
}

#[derive(Archive)]
struct Pair(u8, pub String, (i32, f64));
struct Unit;
struct Wrapper<T: Clone = u8, const N: usize = 2>(Vec<[T; N]>) where T: Copy;
struct Borrowed<'a> { text: &'a str }
#[repr(packed)]
struct Packed { a: u8, b: u32 }
union Bits { whole: u32, parts: [u8; 4] }

#[non_exhaustive]
#[derive(Debug, PartialEq, Clone, Copy, PartialOrd, Eq, Ord, Hash)]
enum Kind { Small = 1, Large = 1 << 4 }

enum Tree { Leaf, Node(Box<Tree>, i32, Box<Tree>), Named { r#fn: Rc<i32>, list: Vec<Tree> } }
enum Never {}

struct Opaque { call: Box<dyn Fn(i32) -> i32>, shared: Rc<RefCell<Vec<i32>>> }
#[derive(Clone)]
struct Shared { count: Rc<Cell<i32>> }

#[derive(Debug)]
struct Failure { code: i32 }
struct Silent;

mod shapes {
    pub trait Area { fn area(&self) -> f64; }
    #[derive(Clone)]
    pub struct Square { side: f64 }
    pub enum Shape { Square(Square), Point }
    impl Square { pub fn new(side: f64) -> Square { Square { side } } }
    impl Area for Square { fn area(&self) -> f64 { self.side * self.side * factor() } }
    fn factor() -> f64 { super::helper(0.5) * 1.0 }
    pub(super) fn reachable() -> u8 { 7 }
    pub(crate) mod deep { pub(in crate::shapes) fn no() {} pub(super) fn yes() -> u8 { no(); 8 } }
    pub(crate) fn through() -> u8 { deep::yes() }
}
#[macro_use] mod side; use shapes::{Area, Square};
use Kind::*;

trait Double { fn double(&self) -> Self; const K: i32 = 3; }
impl Double for i32 { fn double(&self) -> i32 { self * 2 } }
impl<T> Double for Vec<T> where for<'a> &'a T: Into<T>, T: Clone { fn double(&self) -> Self { let mut v = self.clone(); v.extend(self.iter().cloned()); v } }

macro_rules! square { ($x:expr) => { $x * $x }; }
macro_rules! vec { ($($x:expr),*) => { <[_]>::into_vec(Box::new([$($x),*])) }; }
macro_rules! make {
    ($v:vis $name:ident { $($field:ident : $t:ty),* }) => {
        #[derive(Debug, Clone)] $v struct $name { $($field: $t),* }
        impl $name { fn sum(&self) -> i32 { 0 $(+ self.$field as i32)* } }
    };
    (consts $($name:ident = $value:expr;)*) => { $(const $name: i32 = $value;)* };
}
make! { pub(crate) Made { a: i32, b: u8 } }
make! { consts ONE = 1; TWO = 2; }

thread_local! { static COUNTER: Cell<u32> = Cell::new(5); }

fn helper<'a, T>(x: T) -> T where T: Copy + 'a { x }
const fn constant() -> usize { 3 }
async fn later() -> u8 { 1 }
extern "C" fn c_call(x: i32) -> i32 { x + 1 }
extern "C" { fn abs(x: i32) -> i32; }
fn hidden_impl() -> impl Iterator<Item = u32> { (0..3).map(|x| x * 2) }
fn data() -> &'static str { include_str!("forms.txt") }
fn main() { println!("never"); }

#[venus::hide]
impl Render for Pair {
    fn render_text(&self) -> String { format!("{}-{}", self.0, self.1) }
    fn render_html(&self) -> Option<String> { Some(format!("<b>{}</b>", self.1)) }
}

/// # Number
#[venus::cell]
pub fn number() -> f64 { SCALE * 10.0 }

#[cell] fn name_of(number: &f64) -> &'static str { if *number > 0.0 { NAME } else { "none" } }

#[venus::cell]
pub fn secret() -> Secret { Secret { inner: 1, tags: vec!["a".to_string()], r#type: 4 } }

#[venus::cell]
#[allow(non_snake_case)]
pub fn secret_more(secret: &Secret) -> i64 { secret.inner + secret.more() + secret.two() as i64 + square!(2) + secret.tags.len() as i64 }

#[venus::cell]
pub fn pair(_number: &f64) -> Pair { Pair(1, String::from("p"), (2, 0.5)) }

#[venus::cell]
pub fn parts(pair: &Pair, secret: Secret) -> (u8, String, String) { (pair.0, format!("{}{}", pair.1, (pair.2).0), secret.to_string()) }

#[venus::cell] #[venus::hide] pub fn wrapped() -> Wrapper<u16, 3> { Wrapper(vec![[1, 2, 3]]) }
#[venus::cell] pub fn unwrapped(wrapped: &Wrapper<u16, 3>) -> u16 { wrapped.0[0][2] }
#[venus::cell] pub fn borrowed() -> Borrowed<'static> { Borrowed { text: "long" } }
#[venus::cell] pub fn length<'a>(borrowed: &'a Borrowed<'a>) -> usize { borrowed.text.len() + constant() }
#[venus::cell] pub fn kind() -> Kind { Large }
#[venus::cell] pub fn kinds(kind: &Kind) -> Vec<Kind> { match kind { Small => vec![Small], Large => vec![Small, Large] } }
#[venus::cell] pub fn tree() -> Tree { Tree::Node(Box::new(Tree::Leaf), 5, Box::new(Tree::Named { r#fn: Rc::new(3), list: Vec::new() })) }
#[venus::cell] pub fn depth(tree: &mut Tree) -> i32 { if let Tree::Node(_, n, _) = tree { *n += 1; *n } else { 0 } }
#[venus::cell] pub fn opaque() -> Opaque { Opaque { call: Box::new(|x| x + 1), shared: Rc::new(RefCell::new(Vec::new())) } }
#[venus::cell] pub fn called(opaque: &Opaque) -> i32 { opaque.shared.borrow_mut().push(1); (opaque.call)(1) }
#[venus::cell] pub fn shared() -> Shared { Shared { count: Rc::new(Cell::new(3)) } }
#[venus::cell] pub fn counted(shared: Shared) -> i32 { shared.count.set(4); shared.count.get() }
#[venus::cell] pub fn area() -> f64 { Square::new(2.0).area() + shapes::reachable() as f64 + self::shapes::through() as f64 }
#[venus::cell] pub fn shape() -> shapes::Shape { shapes::Shape::Square(Square::new(1.0)) }
#[venus::cell] pub fn doubled() -> Vec<i32> { let x = vec![1.double(), <i32 as Double>::K]; x }
#[venus::cell] pub fn made() -> Made { Made { a: ONE, b: TWO as u8 } }
#[venus::cell] pub fn made_sum(made: &Made) -> i32 { made.sum() + made.a + crate::ONE }
#[venus::cell] pub fn counter() -> u32 { COUNTER.with(|c| { c.set(c.get() + 1); c.get() }) }
#[venus::cell] pub fn abi() -> i32 { c_call(1) + hidden_impl().sum::<u32>() as i32 }
#[venus::cell] pub fn fallible() -> Res<Vec<i32>> { Ok(vec![1, 2]) }
#[venus::cell] pub fn of_ok(fallible: &[i32]) -> usize { fallible.len() }
#[venus::cell] pub fn of_whole(fallible: &Res<Vec<i32>>) -> bool { fallible.is_ok() }
#[venus::cell] pub fn of_own(mut fallible: Vec<i32>) -> i32 { fallible.push(3); fallible.iter().sum() }
#[venus::cell] pub fn failing() -> Res<i32> { Err(Failure { code: 4 }) }
#[venus::cell] pub fn silent() -> Result<(), Silent> { Err(Silent) }
#[venus::cell] pub fn panicking(number: &f64) -> i32 {
    let ü = 1; assert!(*number < 0.0, "too large: {}", number); ü
}
#[venus::cell] pub fn nothing() {}
#[venus::cell] pub fn diverging() -> ! { panic!("never") }
#[venus::cell] pub fn words() -> Map<String, usize> { "a b a".split(' ').fold(Map::new(), |mut m, w| { *m.entry(w.to_string()).or_insert(0) += 1; m }) }
#[venus::cell] pub fn größe(words: &Map<String, usize>) -> usize { words["a"] }
#[venus::cell] pub fn of_file() -> String { format!("{}{}", data().trim(), include_str!("forms.txt").trim()) }
#[venus::cell] pub fn slider() -> f64 { input_slider("s", 0.0, 10.0, 3.0) + venus::input_slider_with_step("t", 0.0, 1.0, 0.5, 0.5) }
#[venus::cell] pub fn json(words: &Map<String, usize>) -> Json<BTreeMap<String, usize>> { Json(words.iter().map(|(k, v)| (k.clone(), *v)).collect()) }
#[venus::cell] pub fn r#match(r#secret: &Secret) -> u32 { line!() }
#[venus::cell] pub fn local() -> String {
    #[derive(Debug, Archive)]
    struct Inner { x: i32 }
    impl fmt::Display for Inner { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.x) } }
    Inner { x: 9 }.to_string()
}
#[venus::cell] pub fn picked(kinds: &[Kind], name_of: &str) -> String { format!("{}{}", kinds.len(), name_of) }
#[venus::cell] pub fn sided() -> String { format!("{} {}", side::scaled(1.0), tripled!(5)) }
