"""What a notebook may hold, seen through what its cells say: forms of cells, edges, definitions, texts, and errors of the whole."""

import json

import pytest

from venus import place

FORMS = r'''//! # Every form
//!
//! of a cell.
use venus::prelude::*;

#[venus::cell]
fn plain() -> i32 { 1 }

#[cell]
pub fn short() -> i32 { 2 }

#[venus::cell] pub fn one_line() -> i32 { 3 }

#[allow(unused_variables)] #[cell] #[allow(dead_code)] pub(crate) fn among() -> i32 { let x = 9; 4 }

#[allow(non_snake_case)]
/// # Below an attribute
#[venus::cell]
// an ordinary comment in between
#[inline(never)]
pub fn Spread() -> i32 {
    5
}

#[ venus :: cell ]
fn spaced() -> i32 { 6 }

#[venus::cell(volatile)]
fn always() -> i32 { 7 }

#[cell(cache)]
fn kept() -> i32 { 8 }

#[venus::cell(timeout = "50s")]
fn limited() -> i32 { 9 }

#[venus::cell(cache, timeout = "1m")]
fn two() -> i32 { 10 }

#[cell]
fn nothing() {}

#[cell]
fn r#type() -> i32 { 12 }

#[cell]
fn after_keyword(r#type: &i32) -> i32 { *r#type + 1 }

#[cell]
fn größe_λ() -> i32 { 14 }

#[cell]
fn uses_unicode(größe_λ: &i32) -> String { format!("{}·☃", größe_λ) }

// #[cell] fn commented_out() -> i32 { 99 }
/* #[cell] fn commented_too() -> i32 { 99 } /* nested */ #[cell] fn still() {} */

fn helper() -> &'static str { "#[cell] fn in_a_string() {} // not a comment { \" /* " }

const RAW: &str = r##"
#[cell]
fn in_a_raw_string() -> i32 { 99 } "# }}}
"##;

#[cell]
fn quoted() -> usize { helper().len() + RAW.len() + '{'.len_utf8() + '\''.len_utf8() + b'"' as usize }

#[cfg(any())]
#[cell]
fn mentions() {}
'''


def test_every_form_of_a_cell(shared):
    text = FORMS[: FORMS.index("#[cfg(any())]")]
    result = shared.ok(shared.write(text))
    names = [e["cell"] for e in result.of("cell_finished")]
    expected = {"plain": "1", "short": "2", "one_line": "3", "among": "4", "Spread": "5", "spaced": "6", "always": "7", "kept": "8",
                "limited": "9", "two": "10", "nothing": "()", "after_keyword": "13", "größe_λ": "14"}
    for name, value in expected.items():
        assert result.text(name) == value, name
    keyword = [name for name in names if name.removeprefix("r#") == "type"]
    assert len(keyword) == 1 and result.text(keyword[0]) == "12"
    assert "14·☃" in result.text("uses_unicode")
    assert sorted(names) == sorted([*expected, keyword[0], "uses_unicode", "quoted"])
    assert result.events[0]["event"] == "run_started" and result.events[0]["cells"] == len(names)
    assert result.finished["ok"] == len(names)
    again = shared.ok(shared.folder / "nb.rs")
    assert again.executed() == ["always"]


def test_crlf_is_the_same_notebook(shared):
    """Values, output, and the lines and columns of errors; the file stays as it is."""
    text = ("//! # Title\n\nuse venus::prelude::*;\n\n/// # One\n/// more\n#[venus::cell]\npub fn one() -> i32 {\n    println!(\"a\");\n    41 }\n\n"
            "#[cell]\npub fn two(one: &i32) -> String {\n    format!(\"{}é\", one + 1)\n}\n\n"
            "#[cell]\npub fn bad(one: &i32) -> i32 {\n    let é = 1;\n    /* ☃ */ é + \"x\"\n}\n\n"
            "#[cell]\npub fn tabs(one: &i32) -> i32 {\n\t\tlet s = \"e\u0301\"; assert!(*one < 0, \"tabbed\");\n\t\t3\n}\n\n"
            "#[cell]\npub fn falls(one: &i32) -> i32 {\n    let s = \"日本語\"; if *one > 0 { panic!(\"über\") }\n    3\n}\n")
    path = shared.write(text.replace("\n", "\r\n"), "crlf.rs")
    result = shared.run(path)
    assert result.code == 1
    assert result.text("one") == "41" and "42é" in result.text("two")
    assert [e["text"] for e in result.of("cell_output", cell="one")] == ["a\n"]
    bad, falls = result.cell("bad")["error"], result.cell("falls")["error"]
    assert bad["kind"] == "compile" and bad["code"] == "E0277"
    assert (bad["line"], bad["column"]) == place(text, "é + \"x\"", "+")
    assert falls["kind"] == "panic" and "über" in falls["message"]
    assert (falls["line"], falls["column"]) == place(text, "panic!(\"über\")")
    tabs = result.cell("tabs")["error"]
    assert (tabs["line"], tabs["column"]) == place(text, "assert!(*one")
    assert path.read_bytes() == text.replace("\n", "\r\n").encode()
    inspected = json.loads(shared.ctl("inspect", f"{path}:one", "--json").out.splitlines()[0])
    assert inspected["display_name"] == "One"
    assert "\r" not in inspected["description"]


EDGES = r'''
use venus::prelude::*;
#[derive(Clone, Debug)]
pub struct Point { x: i32, y: i32 }

#[cell] fn number() -> i32 { 5 }
#[cell] fn text() -> String { "héllo".to_string() }
#[cell] fn list() -> Vec<i32> { vec![1, 2, 3] }
#[cell] fn point() -> Point { Point { x: 1, y: 2 } }
#[cell] fn fixed() -> &'static str { "static" }
#[cell] fn array() -> [u8; 3] { [7, 8, 9] }
#[cell] fn boxed() -> Box<str> { "boxed".into() }

#[cell] fn by_ref(number: &i32, text: &String, list: &Vec<i32>, point: &Point) -> String { format!("{number} {text} {list:?} {}", point.x) }
#[cell] fn by_value(number: i32, text: String, list: Vec<i32>, point: Point) -> String {
    let mut list = list; list.push(4); format!("{number} {text} {list:?} {}", point.y)
}
#[cell] fn by_mut(number: &mut i32, text: &mut String, list: &mut Vec<i32>, point: &mut Point) -> String {
    *number += 1; text.push('!'); list.clear(); point.x = 100; format!("{number} {text} {list:?} {point:?}")
}
#[cell] fn mut_binding(mut number: i32, mut list: Vec<i32>) -> i32 { number += 10; list.push(number); list.iter().sum() }
#[cell] fn after_mut(number: &i32, text: &String, list: &Vec<i32>, point: &Point, by_mut: &String) -> String {
    format!("{number} {text} {list:?} {point:?} {}", by_mut.starts_with("6 h"))
}
#[cell] fn unsized_too(text: &str, list: &[i32], array: &[u8], boxed: &str) -> String { format!("{text} {} {} {boxed}", list.len(), array.len()) }
#[cell] fn mut_slice(list: &mut [i32]) -> Vec<i32> { list.reverse(); list.to_vec() }
#[cell] fn statics(fixed: &'static str) -> usize { fixed.len() }
#[cell] fn statics_ref(fixed: &str) -> &'static str { if fixed.len() > 3 { "long" } else { "short" } }
#[cell] fn ignored(_number: &i32, _text: &str) -> i32 { 1 }
#[cell] fn _exact() -> i32 { 70 }
#[cell] fn exact() -> i32 { 71 }
#[cell] fn which(_exact: &i32) -> i32 { *_exact }
#[cell] fn seven(number: &i32, text: &str, list: &[i32], point: &Point, fixed: &str, array: &[u8; 3], boxed: &Box<str>) -> usize {
    *number as usize + text.len() + list.len() + point.x as usize + fixed.len() + array.len() + boxed.len()
}
#[cell] fn lifetimes<'a>(text: &'a str, number: &'a i32) -> usize { let both: (&'a str, &'a i32) = (text, number); both.0.len() + *both.1 as usize }
'''


def test_every_form_of_an_edge(shared):
    result = shared.ok(shared.write(EDGES))
    assert "5 héllo [1, 2, 3] 1" in result.text("by_ref")
    assert "5 héllo [1, 2, 3, 4] 2" in result.text("by_value")
    assert "6 héllo! [] Point { x: 100, y: 2 }" in result.text("by_mut")
    assert result.text("mut_binding") == "21"
    assert "5 héllo [1, 2, 3] Point { x: 1, y: 2 } true" in result.text("after_mut"), "a copy was changed, not the producer's value"
    assert "héllo 3 3 boxed" in result.text("unsized_too")
    assert result.text("mut_slice").split() == "[3, 2, 1]".split()
    assert result.text("statics") == "6" and "long" in result.text("statics_ref")
    assert result.text("which") == "70"
    assert result.text("seven") == str(5 + 6 + 3 + 1 + 6 + 3 + 5)
    assert result.text("lifetimes") == "11"
    # a change of a value behind a leading underscore reaches who ignores it
    edited = shared.ok(shared.write(EDGES.replace("-> i32 { 5 }", "-> i32 { 6 }")))
    assert {"number", "by_ref", "ignored", "seven"} <= set(edited.executed())
    assert not {"statics", "unsized_too", "which", "text"} & set(edited.executed())


DEFINITIONS = r'''#![allow(dead_code)]
#![allow(unused_imports)]
//! Definitions of every kind.
use venus::prelude::*;
use std::collections::{BTreeMap as Map, HashMap};
use std::fmt::{self, Display, Write as _};
use shapes::*;
use self::shapes::inner::deep as deeper;
extern crate std as also_std;
extern crate core;

const LIMIT: usize = 3;
static NAME: &str = "static";
static mut COUNTER: u32 = 0;
type Pairs = Vec<(u8, String)>;

struct Secret { hidden: i64, list: Vec<i32> }
impl Secret {
    const START: i64 = 40;
    fn new() -> Secret { Secret { hidden: Self::START, list: vec![1] } }
    fn add(&mut self, by: i64) -> &mut Self { self.hidden += by; self }
}
impl Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "<{}>", self.hidden) }
}
impl std::ops::Add for Secret { type Output = Secret; fn add(self, o: Secret) -> Secret { Secret { hidden: self.hidden + o.hidden, list: vec![] } } }
struct Tuple(i32, pub(crate) f64);
struct Unit;
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind { A, B(u8), C { x: u16 } }
#[repr(C)] union Bits { float: f32, word: u32 }
struct Wrapper<T, const N: usize> where T: Clone { items: [T; N] }
impl<T: Clone, const N: usize> Wrapper<T, N> { fn first(&self) -> T { self.items[0].clone() } }
trait Speak { fn say(&self) -> String; fn twice(&self) -> String { format!("{0}{0}", self.say()) } }
impl Speak for Kind { fn say(&self) -> String { format!("{:?}", self) } }
impl Speak for i32 { fn say(&self) -> String { format!("i{}", self) } }
impl<T: Speak> Speak for Option<T> { fn say(&self) -> String { match self { Some(x) => x.say(), None => "none".into() } } }
trait Loud { const LOUD: bool = false; type Out; }
impl Loud for i32 { type Out = u8; }
fn helper<'a>(text: &'a str, n: usize) -> &'a str { &text[..n] }
pub(crate) fn generic<T: Into<f64>>(x: T) -> f64 { x.into() * 2.0 }
fn dynamic(s: &dyn Speak) -> String { s.twice() }
const fn square(x: usize) -> usize { x * x }
unsafe fn raw(p: *const i32) -> i32 { *p }
extern "C" fn called(x: i32) -> i32 { x + 1 }
extern "C" { fn abs(x: i32) -> i32; }
mod shapes {
    use super::LIMIT;
    #[derive(Debug)] pub struct Area { pub(super) w: f64, pub(crate) h: f64 }
    impl Area { pub fn new() -> Area { Area { w: 2.0, h: LIMIT as f64 } } pub(super) fn size(&self) -> f64 { self.w * self.h } }
    pub mod inner { pub(in super::super) fn deep() -> &'static str { "deep" } pub enum Leaf { One, Two } }
    pub trait Twice { fn twice_of(&self) -> i32; }
    impl Twice for i32 { fn twice_of(&self) -> i32 { self * 2 } }
}
macro_rules! triple { ($e:expr) => { $e * 3 }; }
macro_rules! maker { ($name:ident, $value:expr) => { pub fn $name() -> i32 { $value } }; }
maker!(made, 17);
thread_local! { static LOCAL: std::cell::Cell<i32> = std::cell::Cell::new(5); }
#[venus::hide]
const HIDDEN: i32 = 33;
#[venus::hide]
impl From<u8> for Tuple { fn from(x: u8) -> Tuple { Tuple(x as i32, 0.5) } }
#[rustfmt::skip] const EMPTY: [u8; 0] = [];
mod beside;

#[cell] fn secret() -> Secret { let mut s = Secret::new(); s.add(2); s.list.push(2); s }
#[cell] fn private(secret: &Secret) -> String { format!("{} {} {:?}", secret, secret.hidden, secret.list) }
#[cell] fn methods(secret: Secret) -> i64 { let mut s = secret; s.add(1); (s + Secret::new()).hidden }
#[cell] fn tuple() -> (i32, f64) { let t = Tuple::from(3u8); (t.0, t.1) }
#[cell] fn kinds() -> Vec<Kind> { vec![Kind::C { x: 9 }, Kind::B(1), Kind::A] }
#[cell] fn sorted(kinds: &[Kind]) -> Vec<Kind> { let mut k = kinds.to_vec(); k.sort(); k }
#[cell] fn bits() -> u32 { unsafe { Bits { float: 1.0 }.word } }
#[cell] fn wrapper() -> Wrapper<u8, 2> { Wrapper { items: [4, 5] } }
#[cell] fn wrapped(wrapper: &Wrapper<u8, 2>) -> u8 { wrapper.first() }
#[cell] fn traits() -> String { format!("{} {} {} {}", Kind::A.twice(), 4.say(), Some(4).say(), <i32 as Loud>::LOUD) }
#[cell] fn dynamics() -> String { dynamic(&None::<i32>) }
#[cell] fn consts() -> usize { LIMIT + square(LIMIT) + NAME.len() + EMPTY.len() }
#[cell] fn aliases() -> Pairs { let mut p = Pairs::new(); p.push((1, "x".into())); p }
#[cell] fn maps() -> Map<String, usize> { Map::from([("a".to_string(), 1)]) }
#[cell] fn helpers() -> String { format!("{} {} {}", helper("abcdef", 2), generic(2u8), deeper()) }
#[cell] fn unsafes() -> i32 { let x = 5; unsafe { COUNTER += 1; raw(&x) + called(1) + abs(-3) } }
#[cell] fn modules() -> f64 { let a = Area::new(); a.size() + a.w + shapes::Area::new().h + 4.twice_of() as f64 }
#[cell] fn macros() -> i32 { triple!(made()) + made() }
#[cell] fn locals() -> i32 { LOCAL.with(|l| { l.set(l.get() + 1); l.get() }) }
#[cell] fn hidden() -> i32 { HIDDEN }
#[cell] fn external() -> also_std::string::String { core::any::type_name::<Kind>().rsplit("::").next().unwrap().to_string() }
#[cell] fn module_file() -> String { format!("{} {}", beside::word(), include_str!("sub/data.txt").trim()) }
#[venus::hide] #[cell] fn hidden_cell() -> i32 { HIDDEN + 1 }
#[cell] fn enums() -> &'static str { match shapes::inner::Leaf::Two { shapes::inner::Leaf::One => "1", shapes::inner::Leaf::Two => "2" } }
#[cell] fn nested_items() -> i32 { struct Inner { x: i32 } impl Inner { fn get(&self) -> i32 { self.x } } const K: i32 = 2; Inner { x: K }.get() }
'''

DEFINED = {"private": "<42> 42 [1, 2]", "methods": "83", "tuple": "(3, 0.5)", "sorted": "[A, B(1), C { x: 9 }]", "bits": "1065353216", "wrapped": "4",
           "traits": "AA i4 i4 false", "dynamics": "nonenone", "consts": "18", "aliases": '[(1, "x")]', "helpers": "ab 4 deep", "unsafes": "10",
           "modules": "19.0", "macros": "68", "locals": "6", "hidden": "33", "external": "Kind", "module_file": "beside data",
           "hidden_cell": "34", "enums": "2", "nested_items": "2"}


def write_definitions(venus, folder="defs"):
    venus.write("pub fn word() -> &'static str { \"beside\" }\n", f"{folder}/beside.rs")
    venus.write("data\n", f"{folder}/sub/data.txt")
    return venus.write(DEFINITIONS, f"{folder}/nb.rs")


def compact(text):
    return "".join(text.split()).replace('"', "").replace(",]", "]").replace(",}", "}")


def test_every_kind_of_definition_reaches_the_cells(shared):
    path = write_definitions(shared)
    result = shared.ok(path)
    for name, value in DEFINED.items():
        assert compact(result.text(name)) == compact(value), name
    assert "a" in result.text("maps") and "1" in result.text("maps")
    again = shared.ok(path)
    assert set(again.executed()) <= {"unsafes", "locals"}, "cells with mutable state may run again, the others may not"
    for name in DEFINED.keys() - {"unsafes", "locals"}:
        assert again.text(name) == result.text(name)


def test_no_use_line_and_what_the_prelude_brings(shared):
    bare = shared.ok(shared.write('#[venus::cell]\nfn a() -> f64 { venus::input_slider("s", 0.0, 4.0, 1.0) + 1.0 }\n'
                                  "#[cell]\nfn b(a: &f64) -> f64 { a * 2.0 }\n#[venus::hide]\nconst N: u8 = 1;\n"
                                  "struct S;\nimpl venus::Render for S { fn render_text(&self) -> String { format!(\"S{N}\") } }\n"
                                  "#[cell] fn s() -> S { S }\n"))
    assert bare.text("a") == "2.0" and bare.text("b") == "4.0" and bare.text("s") == "S1"
    derives = shared.ok(shared.write("use venus::prelude::*;\n#[derive(Archive, RkyvSerialize, RkyvDeserialize, Clone)]\npub struct P { x: f64 }\n"
                                     "#[hide] const A: i32 = 1;\n#[cell] pub fn p() -> P { P { x: 1.5 } }\n"
                                     "#[cell] pub fn x(p: &P) -> f64 { p.x + A as f64 }\n"
                                     "#[cell] pub fn j() -> Json<Vec<(String, u8)>> { Json(vec![(\"k\".into(), 1)]) }\n"))
    assert derives.text("x") == "2.5"
    assert json.loads(derives.text("j")) == [["k", 1]]


TEXTS = r'''//! # First run
//! still the first

//! the second run

use venus::prelude::*;

// A comment of its own,
// two lines.

// attached to the item below
const A: i32 = 1;

/// # The display name
///
/// Some *markdown*.
#[cell]
fn named() -> i32 { A }

/// Text first
/// ## Then a heading
/// # And another
#[cell]
fn second() -> i32 { 2 }

/// No heading
#[cell]
fn without() -> i32 { 3 }

#[doc = "# From doc"]
#[cell]
fn docs() -> i32 { 4 }

/** # Block */
#[cell]
fn block() -> i32 { 5 }

#[cell]
fn zz_first(aa_last: &i32) -> i32 { *aa_last }

#[cell]
fn aa_last() -> i32 { 6 }

#[cell]
#[venus::hide]
fn covered() -> i32 { 7 }
'''


def inspect(venus, path, cell):
    lines = venus.ctl("inspect", f"{path}:{cell}", "--json").out.splitlines()
    return next(e for e in map(json.loads, lines) if e["event"] == "cell")


def test_names_descriptions_and_order(shared):
    path = shared.write(TEXTS)
    result = shared.ok(path)
    assert result.text("zz_first") == "6", "edges decide the order of running"
    executed = result.executed()
    assert executed.index("aa_last") < executed.index("zz_first")
    status = json.loads(shared.ctl("status", path, "--json").out.splitlines()[0])
    assert status["title"] == "First run"
    shown = [(cell["cell"], cell["display_name"]) for cell in status["cells"]]
    assert shown[:3] == [("named", "The display name"), ("second", "Then a heading"), ("without", "without")]
    assert [name for name, _ in shown] == ["named", "second", "without", "docs", "block", "zz_first", "aa_last", "covered"]
    assert [cell["line"] for cell in status["cells"]] == [place(TEXTS, f"fn {name}(")[0] for name, _ in shown]
    named = inspect(shared, path, "named")
    assert named["description"] == "# The display name\n\nSome *markdown*."
    assert "fn named()" in named["source"] and named["inputs"] == [] and named["consumers"] == []
    zz = inspect(shared, path, "zz_first")
    assert zz["inputs"] == ["aa_last"] and inspect(shared, path, "aa_last")["consumers"] == ["zz_first"]
    covered = shared.ctl("inspect", f"{path}:covered")
    assert covered.code == 0 and "fn covered" not in covered.out, "a hidden cell's source is not shown"
    assert "7" in covered.out


REFUSED = r'''use venus::prelude::*;
#[cell] fn good() -> i32 { 1 }
#[cell] fn generic<T: Default>() -> i32 { 2 }
#[cell] async fn later() -> i32 { 3 }
#[cell] fn opaque() -> impl Iterator<Item = i32> { 0..4 }
mod inside {
    #[venus::cell]
    fn in_a_module() -> i32 { 5 }
}
struct S;
impl S {
    #[cell]
    fn method(&self) -> i32 { 6 }
}
#[cell] fn patterns((a, b): (i32, i32)) -> i32 { a + b }
#[cell(sometimes)] fn unknown_option() -> i32 { 7 }
#[cell(timeout = "soon")] fn odd_timeout() -> i32 { 8 }
#[cell] fn borrows(words: &String) -> &str { words }
#[cell] fn words() -> String { "w".into() }
#[cell] fn misspelt(wrods: &str) -> i32 { 9 }
#[cell] fn needs(misspelt: &i32) -> i32 { 10 }
#[cell] fn round(back: &i32) -> i32 { *back }
#[cell] fn back(trip: &i32) -> i32 { *trip }
#[cell] fn trip(round: &i32) -> i32 { *round }
#[cell] fn selfish(selfish: &i32) -> i32 { *selfish }
#[cell] fn twin() -> i32 { 11 }

#[cell] fn twin() -> i32 { 12 }
#[cell] fn fine(good: &i32) -> i32 { *good + 1 }
'''


def test_errors_of_cells_and_of_the_whole_name_their_lines(shared):
    path = shared.write(REFUSED)
    result = shared.run(path)
    assert result.code == 1
    assert result.text("good") == "1" and result.text("fine") == "2" and "w" in result.text("words")
    finished = {e["cell"]: e for e in result.of("cell_finished")}

    def error(name, *words):
        event = finished[name]
        assert event["status"] == "failed", event
        line = place(REFUSED, f"fn {name}")[0]
        assert event["error"]["line"] == line, event
        for word in words:
            assert word in event["error"]["message"], event
        return event["error"]

    error("generic", "generic")
    error("later", "async")
    error("opaque", "impl")
    error("patterns")
    error("unknown_option", "sometimes")
    error("odd_timeout", "timeout")
    error("borrows", "borrow")
    misspelt = error("misspelt", "wrods", "words")
    assert misspelt["kind"] == "graph"
    assert (misspelt["line"], misspelt["column"]) == place(REFUSED, "wrods")
    for name in ("round", "back", "trip"):
        cycle = finished[name]["error"]
        assert finished[name]["status"] == "failed" and cycle["kind"] == "graph"
        assert all(word in cycle["message"] for word in ("round", "back", "trip")), "the path is spelled out"
    assert finished["selfish"]["status"] == "failed" and "selfish" in finished["selfish"]["error"]["message"]
    assert finished["needs"]["status"] == "skipped" and finished["needs"]["error"]["because"] == "misspelt"
    twins = [e for e in result.of("cell_finished") if e["cell"] == "twin"]
    assert twins and all(e["status"] == "failed" and e["error"]["kind"] == "graph" for e in twins)
    lines = [place(REFUSED, "fn twin", count=n)[0] for n in (1, 2)]
    assert {str(line) for line in lines} <= set("".join(c if c.isdigit() else " " for c in " ".join(
        f"{e['error']['message']} {e['error']['line']}" for e in twins)).split()), twins
    # cells where none may be: said at that line, as a text and as JSON
    shown = shared.ctl("run", path)
    for needle in ("fn in_a_module", "fn method"):
        line = place(REFUSED, needle)[0]
        said = [part for part in (shown.out + shown.err).splitlines() if f"nb.rs:{line}:" in part or f"nb.rs:{line - 1}:" in part]
        assert said, f"nothing is said of line {line}:\n{shown}"


BROKEN = {
    "unclosed_brace": "#[cell] fn broken() -> i32 { if true { 1 }\n",
    "missing_type": "#[cell] fn broken() -> { 1 }\n",
    "missing_value": "#[cell] fn broken() -> i32 { let x = ; 1 }\n",
    "stray": "#[cell] fn broken() -> i32 { 1 ) }\n",
    "operator": "#[cell] fn broken() -> i32 { 1 + * }\n",
}


@pytest.mark.parametrize("form", BROKEN)
def test_a_broken_cell_among_good_ones(shared, form):
    text = ("use venus::prelude::*;\n#[cell] fn before() -> i32 { 1 }\n\n" + BROKEN[form] +
            "\n#[cell] fn after(before: &i32) -> i32 { before + 1 }\n#[cell] fn needs(broken: &i32) -> i32 { *broken }\n")
    result = shared.run(shared.write(text))
    assert result.code == 1
    assert result.text("before") == "1" and result.text("after") == "2"
    broken = result.cell("broken")
    assert broken["status"] == "failed" and broken["error"]["kind"] in ("syntax", "compile")
    assert 4 <= broken["error"]["line"] <= 6 and broken["error"]["column"] >= 1
    assert result.cell("needs")["status"] == "skipped" and result.cell("needs")["error"]["because"] == "broken"


def test_a_broken_definition_is_an_error_at_its_place(shared):
    text = "use venus::prelude::*;\n#[cell] fn apart() -> i32 { 1 }\nstruct Good { x: i32 }\n\nfn é_helper() -> i32 {\n    /* é */ \"☃\" + 1\n}\n#[cell] fn uses() -> i32 { é_helper() }\n"
    result = shared.run(shared.write(text))
    assert result.code == 1
    error = result.cell("uses")["error"]
    assert error["kind"] == "compile" and error["code"] == "E0369"
    assert (error["line"], error["column"]) == place(text, '"☃" + 1', "+")
    plain = shared.ctl("run", shared.folder / "nb.rs")
    line, column = place(text, '"☃" + 1', "+")
    assert f"nb.rs:{line}:{column}" in plain.out + plain.err and '"☃" + 1' in plain.out + plain.err
