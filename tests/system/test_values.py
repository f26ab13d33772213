"""What values show, how they are passed on, and widgets."""

import json

import pytest

SHOWN = r'''use std::collections::{BTreeMap, HashMap};
use venus::prelude::*;
pub struct Bare { secret: i32 }
#[derive(Debug)] pub struct Dbg { x: f32, names: Vec<&'static str> }
#[derive(Debug)] pub struct Both;
impl Render for Both {
    fn render_text(&self) -> String { "as text".into() }
    fn render_html(&self) -> Option<String> { Some("<b>as &amp; html</b>".into()) }
    fn render_image(&self) -> Option<Vec<u8>> { Some(b"<svg xmlns=\"http://www.w3.org/2000/svg\"><rect/></svg>".to_vec()) }
    fn render_data(&self) -> Option<String> { Some("{\"k\":[1,2]}".into()) }
}
pub struct Png(Vec<u8>);
impl Render for Png {
    fn render_text(&self) -> String { format!("{} bytes", self.0.len()) }
    fn render_image(&self) -> Option<Vec<u8>> { Some(self.0.clone()) }
}
#[cell] fn int() -> i64 { -42 }
#[cell] fn wide() -> u128 { u128::MAX }
#[cell] fn float() -> f64 { 0.1 + 0.2 }
#[cell] fn whole() -> f32 { 3.0 }
#[cell] fn nan() -> f64 { f64::NAN }
#[cell] fn truth() -> bool { true }
#[cell] fn letter() -> char { 'é' }
#[cell] fn text() -> String { "two\nlines ☃".into() }
#[cell] fn unit() {}
#[cell] fn tuple() -> (i32, String, bool) { (1, "a".into(), false) }
#[cell] fn vector() -> Vec<Option<i32>> { vec![Some(1), None] }
#[cell] fn nested() -> Vec<Vec<u8>> { vec![vec![1], vec![]] }
#[cell] fn map() -> BTreeMap<String, f64> { [("one".to_string(), 1.5), ("two<&".to_string(), 2.0)].into_iter().collect() }
#[cell] fn hash() -> HashMap<i32, &'static str> { (0..50).map(|i| (i, "v")).collect() }
#[cell] fn option() -> Option<String> { None }
#[cell] fn result() -> Result<u8, String> { Ok(200) }
#[cell] fn bare() -> Bare { Bare { secret: 5 } }
#[cell] fn bare_used(bare: &Bare) -> i32 { bare.secret }
#[cell] fn dbg() -> Dbg { Dbg { x: 1.5, names: vec!["n"] } }
#[cell] fn both() -> Both { Both }
#[cell] fn png() -> Png { Png(vec![0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 255]) }
#[cell] fn json() -> Json<BTreeMap<String, Vec<i32>>> { Json([("a".to_string(), vec![1, 2])].into_iter().collect()) }
#[cell] fn long() -> String { "0123456789".repeat(200_000) }
#[cell] fn long_len(long: &str) -> usize { long.len() }
#[cell] fn controls() -> String { "\x1b[31mred\x07\u{9d}".into() }
'''


def test_what_values_show(shared):
    path = shared.write(SHOWN, "shown.rs")
    result = shared.ok(path)
    expected = {"int": "-42", "wide": str(2**128 - 1), "float": "0.30000000000000004", "whole": "3.0", "nan": "NaN", "truth": "true", "unit": "()",
                "bare_used": "5", "long_len": "2000000"}
    for cell, text in expected.items():
        assert result.text(cell) == text, cell
    assert "é" in result.text("letter") and "two" in result.text("text") and "lines ☃" in result.text("text")
    for cell, words in {"tuple": ("1", "a", "false"), "vector": ("1", "None"), "option": ("None",), "result": ("200",), "bare": ("Bare",),
                        "dbg": ("Dbg", "1.5", '"n"'), "map": ("one", "1.5", "two<&"), "nested": ("1",)}.items():
        assert all(word in result.text(cell) for word in words), (cell, result.text(cell))
    kinds = {e["cell"]: e["type"] for e in result.of("cell_finished")}
    assert kinds["int"] == "i64" and kinds["map"].replace(" ", "") == "BTreeMap<String,f64>" and kinds["bare"] == "Bare" and kinds["unit"] == "()"
    html = result.cell("map")["display"]["text/html"]
    assert "<table" in html and "two&lt;&amp;" in html and "two<&" not in html
    both = result.cell("both")["display"]
    assert both["text/plain"] == "as text" and both["text/html"] == "<b>as &amp; html</b>"
    assert json.loads(both["application/json"]) == {"k": [1, 2]} if isinstance(both["application/json"], str) else both["application/json"] == {"k": [1, 2]}
    assert any(kind.startswith("image/svg") for kind in both)
    assert "image/png" in result.cell("png")["display"] and result.text("png") == "10 bytes"
    shown = result.text("json")
    assert json.loads(shown) == {"a": [1, 2]} and "\n" in shown, "indented"
    assert len(result.text("long")) < 1_000_000 and result.cell("long")["size"] == 2_000_000, "cut, with the length told"
    plain = shared.ctl("run", path, "--cell", "long")
    assert plain.code == 0 and len(plain.out) < 1_000_000 and "2.0 MB in all" in plain.out
    plain = shared.ctl("run", path, "--cell", "controls")
    assert plain.code == 0 and "\x1b" not in plain.out and "\x07" not in plain.out and "\x9d" not in plain.out and "red" in plain.out
    # once more, from what was kept
    again = shared.ok(path)
    assert again.executed() == []
    for event in result.of("cell_finished"):
        assert again.cell(event["cell"])["display"] == event["display"] and again.cell(event["cell"])["digest"] == event["digest"]
    # the same, executed in another process: the digest of a hash map too
    shared.kill()
    fresh = shared.ok(path, "--fresh")
    assert "hash" in fresh.executed()
    assert [e["digest"] for e in fresh.of("cell_finished") if e["cell"] == "hash"] == [result.cell("hash")["digest"]]


PASSED = r'''use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{atomic::{AtomicU32, Ordering}, Arc, Mutex};
use venus::prelude::*;
pub struct Op { name: String, run: Box<dyn Fn(i32) -> i32> }
pub struct Counter { hits: Cell<u32>, log: RefCell<Vec<String>> }
#[derive(Clone)] pub struct OnlyClone { f: fn(i32) -> i32, n: i32 }
fn double(x: i32) -> i32 { x * 2 }

#[cell] fn closure() -> Box<dyn Fn(i32) -> i32> { let k = 3; Box::new(move |x| x + k) }
#[cell] fn call_closure(closure: &Box<dyn Fn(i32) -> i32>) -> i32 { closure(4) }
#[cell] fn any() -> Box<dyn Any> { Box::new(5u8) }
#[cell] fn call_any(any: &Box<dyn Any>) -> u8 { *any.downcast_ref::<u8>().unwrap() }
#[cell] fn op() -> Op { Op { name: "add".into(), run: Box::new(|x| x + 10) } }
#[cell] fn call_op(op: &Op) -> String { format!("{} {}", op.name, (op.run)(1)) }
#[cell] fn pointer() -> fn(i32) -> i32 { double }
#[cell] fn call_pointer(pointer: &fn(i32) -> i32) -> i32 { pointer(4) }
#[cell] fn only_clone() -> OnlyClone { OnlyClone { f: double, n: 1 } }
#[cell] fn take_clone(mut only_clone: OnlyClone) -> i32 { only_clone.n += 5; (only_clone.f)(only_clone.n) }
#[cell] fn see_clone(only_clone: &OnlyClone, take_clone: &i32) -> i32 { only_clone.n * 100 + take_clone }

#[cell] fn counter() -> Counter { Counter { hits: Cell::new(1), log: RefCell::new(vec![]) } }
#[cell] fn first_counts(counter: &Counter) -> String { counter.hits.set(counter.hits.get() + 1); counter.log.borrow_mut().push("a".into()); format!("{} {:?}", counter.hits.get(), counter.log.borrow()) }
#[cell] fn then_counts(counter: &Counter, first_counts: &str) -> String { counter.hits.set(counter.hits.get() + 1); counter.log.borrow_mut().push("b".into()); format!("{} {:?} {}", counter.hits.get(), counter.log.borrow(), first_counts.len()) }
#[cell] fn rc() -> Rc<RefCell<Vec<i32>>> { Rc::new(RefCell::new(vec![1])) }
#[cell] fn push_rc(rc: &Rc<RefCell<Vec<i32>>>) -> Vec<i32> { rc.borrow_mut().push(2); rc.borrow().clone() }
#[cell] fn see_rc(rc: &Rc<RefCell<Vec<i32>>>, push_rc: &[i32]) -> usize { rc.borrow().len() * 10 + push_rc.len() }
#[cell] fn shared() -> Arc<Mutex<i32>> { Arc::new(Mutex::new(1)) }
#[cell] fn lock_shared(shared: &Arc<Mutex<i32>>) -> i32 { *shared.lock().unwrap() += 5; *shared.lock().unwrap() }
#[cell] fn see_shared(shared: &Arc<Mutex<i32>>, lock_shared: &i32) -> i32 { *shared.lock().unwrap() * 100 + lock_shared }
#[cell] fn atomic() -> AtomicU32 { AtomicU32::new(7) }
#[cell] fn bump(atomic: &AtomicU32) -> u32 { atomic.fetch_add(1, Ordering::SeqCst) + 1 }
#[cell] fn see_atomic(atomic: &AtomicU32, bump: &u32) -> u32 { atomic.load(Ordering::SeqCst) * 100 + bump }

#[cell] fn big() -> Vec<f64> { (0..6_250_000).map(|i| i as f64).collect() }
#[cell] fn big_sum(big: &[f64]) -> f64 { big.iter().sum() }
#[cell] fn big_own(mut big: Vec<f64>) -> f64 { big[0] = 0.5; big.truncate(3); big.iter().sum() }
#[cell] fn big_after(big: &Vec<f64>, big_own: &f64) -> f64 { big[0] + big.len() as f64 + *big_own }

#[cell] fn text() -> String { "héllo world".into() }
#[cell] fn length(text: &str) -> usize { text.len() }
#[cell] fn word() -> &'static str { "static" }
#[cell] fn owned_word(text: &String) -> String { text.split(' ').next().unwrap().to_string() }
#[cell] fn six(text: &str, word: &str, length: usize, big_sum: &f64, rc: &Rc<RefCell<Vec<i32>>>, mut owned_word: String) -> String { owned_word.push('!'); format!("{} {} {} {} {} {}", text.len(), word, length, big_sum, rc.borrow().len(), owned_word) }
'''

GIVEN = {"call_closure": "7", "call_any": "5", "call_op": "add 11", "call_pointer": "8", "take_clone": "12", "see_clone": "112",
         "first_counts": '2 ["a"]', "then_counts": '2 ["b"] 7', "see_rc": "12", "see_shared": "106", "see_atomic": "708",
         "big_sum": "19531246875000.0", "big_own": "3.5", "big_after": "6250003.5", "length": "12", "six": "12 static 12 19531246875000 1 héllo!"}


def unquoted(text):
    return text.replace("\\", "").strip('"')


def test_values_are_passed_on(shared):
    """What cannot be encoded too; a cell that changes what it was given changes its own copy."""
    path = shared.write(PASSED, "passed.rs")
    result = shared.run(path)
    odd = [e for e in result.of("cell_finished") if e["status"] != "ok"]
    assert result.code == 0, odd
    for cell, value in GIVEN.items():
        assert unquoted(result.text(cell)) == value, cell
    kept = shared.ok(path)
    assert kept.executed() == [], "nothing that is held in memory is lost between runs"
    assert {cell: kept.text(cell) for cell in GIVEN} == {cell: result.text(cell) for cell in GIVEN}
    # without the worker, only what cannot be encoded and is needed is made again
    shared.kill()
    edited = shared.ok(shared.write(PASSED.replace("closure(4)", "closure(5)").replace("big.truncate(3)", "big.truncate(2)"), "passed.rs"))
    assert edited.text("call_closure") == "8" and edited.text("big_own") == "1.5" and edited.text("big_after") == "6250001.5"
    assert set(edited.executed()) >= {"call_closure", "big_own", "big_after"}
    assert not {"big", "big_sum", "text", "counter", "rc", "six"} & set(edited.executed())
    inspected = json.loads(shared.ctl("inspect", f"{path}:closure", "--json").out.splitlines()[0])
    assert inspected.get("memory_only") is True, "the cell says so"


def test_a_copy_that_cannot_be_made_is_an_error(shared):
    text = ("use venus::prelude::*;\npub struct Op(Box<dyn Fn() -> i32>);\n#[cell] fn op() -> Op { Op(Box::new(|| 1)) }\n"
            "#[cell] fn by_ref(op: &Op) -> i32 { (op.0)() }\n#[cell] fn by_value(op: Op) -> i32 { (op.0)() }\n#[cell] fn other() -> i32 { 2 }\n")
    result = shared.run(shared.write(text, "copy.rs"))
    assert result.code == 1 and result.text("by_ref") == "1" and result.text("other") == "2"
    failed = result.cell("by_value")
    assert failed["status"] == "failed" and "op" in failed["error"]["message"] and "Clone" in failed["error"]["message"]
    assert failed["error"]["line"] == 5


WIDGETS = r'''use venus::prelude::*;
#[cell] fn slide() -> f64 { input_slider("s", 0.0, 10.0, 2.5) }
#[cell] fn steps() -> f64 { input_slider_with_step("s", 0.0, 1.0, 0.25, 0.5) }
#[cell] fn labelled() -> f64 { input_slider_labeled("s", "The slide", -1.0, 1.0, 0.5, 0.0) }
#[cell] fn clamped() -> f64 { input_slider("s", 0.0, 10.0, 99.0) }
#[cell] fn text() -> String { input_text("t", "a placeholder") }
#[cell] fn given() -> String { input_text_with_default("t", "a placeholder", "dflt") }
#[cell] fn told() -> String { input_text_labeled("t", "The text", "a placeholder") + &input_text_with_default("u", "", "U") }
#[cell] fn select() -> String { input_select("c", &["red", "green é", "blue"], 1) }
#[cell] fn choice() -> String { input_select_labeled("c", "The colour", &["red", "green"], 0) }
#[cell] fn tick() -> bool { input_checkbox("b", true) }
#[cell] fn ticked() -> bool { input_checkbox_labeled("b", "The tick", false) }
#[cell] fn full() -> f64 { venus::input_slider("s", 0.0, 4.0, 1.0) + if venus::input_checkbox("b", true) { 0.5 } else { 0.0 } }
#[cell] fn uses(slide: &f64, select: &str) -> String { format!("{slide} {select}") }
#[cell] fn apart(tick: &bool) -> bool { !tick }
'''


def widgets_text():
    return WIDGETS.replace('input_text_labeled("t", "The text", "a placeholder")', 'input_text_labeled("t", "The text", "a placeholder", "L")')


def test_widgets_have_defaults_and_are_listed(shared):
    path = shared.write(widgets_text(), "widgets.rs")
    result = shared.ok(path)
    for cell, value in {"slide": "2.5", "steps": "0.5", "labelled": "0.0", "clamped": "10.0", "tick": "true", "ticked": "false", "full": "1.5",
                        "apart": "false", "text": "", "given": "dflt", "told": "LU", "select": "green é", "choice": "red",
                        "uses": "2.5 green é"}.items():
        assert unquoted(result.text(cell)) == value, cell

    def listed(cell):
        inspected = json.loads(shared.ctl("inspect", f"{path}:{cell}", "--json").out.splitlines()[0])
        assert inspected["widgets"] == result.cell(cell)["widgets"]
        return {widget["id"]: widget for widget in inspected["widgets"]}

    slide = listed("slide")["s"]
    assert (slide["min"], slide["max"], slide["step"], float(slide["value"])) == (0, 10, 1.0, 2.5)
    assert listed("steps")["s"]["step"] == 0.25 and listed("labelled")["s"]["label"] == "The slide"
    assert listed("select")["c"]["options"] == ["red", "green é", "blue"] and listed("choice")["c"]["label"] == "The colour"
    assert listed("text")["t"]["placeholder"] == "a placeholder" and listed("ticked")["b"]["label"] == "The tick"
    assert set(listed("full")) == {"s", "b"} and set(listed("told")) == {"t", "u"}
    shown = shared.ctl("inspect", f"{path}:select").out
    assert "green é" in shown and "blue" in shown


def test_widgets_are_set_and_stay_set(shared):
    path = shared.write(widgets_text(), "set.rs")
    shared.ok(path)
    result = shared.ok(path, "--set", "slide.s=4.5", "--set", "select.c=blue")
    assert sorted(result.executed()) == ["select", "slide", "uses"]
    assert unquoted(result.text("uses")) == "4.5 blue"
    assert shared.ok(path).executed() == [], "it persists"
    shared.kill()
    kept = shared.ok(path)
    assert kept.executed() == [] and unquoted(kept.text("uses")) == "4.5 blue"
    shared.ctl("daemon", "stop")
    assert unquoted(shared.ok(path).text("uses")) == "4.5 blue"
    back = shared.ok(path, "--set", "slide.s=2.5")
    assert unquoted(back.text("uses")) == "2.5 blue"
    ticked = shared.ok(path, "--set", "tick.b=false", "--set", "told.u=x=y é", "--set", "full.s=3")
    assert ticked.text("apart") == "true" and unquoted(ticked.text("told")) == "Lx=y é" and ticked.text("full") == "3.5"
    # another notebook has values of its own
    other = shared.ok(shared.write(widgets_text(), "other.rs"))
    assert unquoted(other.text("uses")) == "2.5 green é"


@pytest.mark.parametrize("setting,words", [("slide.s=11", ("10",)), ("slide.s=-0.5", ("0",)), ("slide.s=much", ("much",)), ("slide.s=nan", ("nan",)),
                                           ("select.c=purple", ("purple", "red")), ("tick.b=perhaps", ("perhaps",)), ("slide.none=1", ("none",)),
                                           ("nocell.s=1", ("nocell",)), ("slide", ("slide",)), ("slide.s", ("slide.s",))])
def test_a_value_outside_is_refused(shared, setting, words):
    path = shared.write(widgets_text(), "refused.rs")
    before = shared.ok(path)
    refused = shared.run(path, "--set", setting)
    assert refused.code in (1, 2), refused
    said = refused.out + refused.err
    assert all(word in said for word in words), refused
    after = shared.ok(path)
    assert after.executed() == []
    assert [after.text(c) for c in ("slide", "select", "tick")] == [before.text(c) for c in ("slide", "select", "tick")]


def test_ids_are_unique_within_a_cell(shared):
    result = shared.run(shared.write('#[cell] fn twice() -> f64 { venus::input_slider("x", 0.0, 1.0, 0.0) + venus::input_slider("x", 0.0, 5.0, 2.0) }\n'
                                     '#[cell] fn once() -> f64 { venus::input_slider("x", 0.0, 5.0, 2.0) }\n', "twice.rs"))
    assert result.text("once") == "2.0"
    assert result.cell("twice")["status"] == "failed" and "`x`" in result.cell("twice")["error"]["message"]
