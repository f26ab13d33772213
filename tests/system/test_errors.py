"""Running: what a cell is given, how it may end, and that its end is its own affair."""

import json
import subprocess

from venus import place, wait_for

GIVEN = r'''use std::io::{Read, Write};
use venus::prelude::*;

#[cell] fn folder() -> bool { std::env::current_dir().unwrap() == std::path::Path::new(file_folder()) && std::fs::read_to_string("near.txt").unwrap() == "near" }
fn file_folder() -> &'static str { "FOLDER" }
#[cell] fn stdin() -> usize { let mut text = String::new(); std::io::stdin().read_to_string(&mut text).unwrap(); text.len() }
#[cell] fn ordered() -> i32 {
    for i in 0..2000 { print!("{i} "); if i % 100 == 99 { println!(); eprintln!("e{i}"); } }
    let out = std::io::stdout(); let mut lock = out.lock(); lock.write_all("ünï".as_bytes()).unwrap(); lock.write_all(&[0xff, 0xfe, b'\n']).unwrap();
    print!("no line end"); 1
}
#[cell] fn quiet(ordered: &i32) -> i32 { *ordered }
#[cell] fn children() -> bool { std::process::Command::new("sh").arg("-c").arg("echo from a child; echo and its stderr >&2").status().unwrap().success() }
#[cell] fn threads() -> i32 { std::thread::spawn(|| { println!("from a thread"); 5 }).join().unwrap() }
#[cell] fn big_output() -> usize { let line = "x".repeat(99); for _ in 0..5_000 { println!("{line}"); } 5_000 }
'''


def test_what_a_cell_is_given_and_what_it_prints(shared):
    folder = shared.folder / "sub folder é"
    shared.write("near", "sub folder é/near.txt")
    path = shared.write(GIVEN.replace("FOLDER", str(folder)), "sub folder é/nb.rs")
    result = shared.ok(path, cwd="/")
    assert result.text("folder") == "true" and result.text("stdin") == "0"

    def output(run, cell, stream):
        return "".join(e["text"] for e in run.of("cell_output", cell=cell, stream=stream))

    lines = ["".join(f"{i} " for i in range(n, n + 100)) for n in range(0, 2000, 100)]
    expected = "".join(line + "\n" for line in lines)
    printed = output(result, "ordered", "stdout")
    assert printed.startswith(expected + "ünï") and printed.endswith("no line end")
    assert output(result, "ordered", "stderr") == "".join(f"e{n + 99}\n" for n in range(0, 2000, 100))
    assert output(result, "quiet", "stdout") == ""
    assert output(result, "children", "stdout") == "from a child\n" and output(result, "children", "stderr") == "and its stderr\n"
    assert output(result, "threads", "stdout") == "from a thread\n"
    assert output(result, "big_output", "stdout") == ("x" * 99 + "\n") * 5_000
    # a daemon of its own later: the same values and the same output, from what was kept
    shared.kill()
    again = shared.ok(path, cwd="/")
    cached = [e["cell"] for e in again.of("cell_finished", cached=True)]
    assert {"folder", "ordered", "quiet", "threads", "big_output"} <= set(cached)
    for cell in cached:
        assert again.text(cell) == result.text(cell)
        for stream in ("stdout", "stderr"):
            assert output(again, cell, stream) == output(result, cell, stream), (cell, stream)


ENDS = r'''use std::fmt;
use venus::prelude::*;
#[derive(Debug)] pub struct Plain { code: i32 }
#[derive(Debug)] pub struct Told;
impl fmt::Display for Told { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, "told\nby two lines") } }
pub struct Silent;
fn helper(x: i32) -> i32 {
    /* é日 */ if x > 0 { panic!("in a helper {}", x) }
    x
}
macro_rules! fall { ($e:expr) => { panic!("by macro {}", $e) }; }
mod inner { pub fn deep(v: &[u8]) -> u8 {
        v[v.len() + 2] } }

#[cell] fn good() -> i32 { 1 }
#[cell] fn ok_result() -> Result<i32, String> { Ok(7) }
#[cell] fn uses_ok(ok_result: &i32) -> i32 { ok_result + 1 }
#[cell] fn err_text() -> Result<i32, String> { Err("a plain text".into()) }
#[cell] fn err_display() -> Result<i32, Told> { Err(Told) }
#[cell] fn err_debug() -> Result<i32, Plain> { Err(Plain { code: 42 }) }
#[cell] fn err_silent() -> Result<i32, Silent> { Err(Silent) }
#[cell] fn err_boxed() -> Result<i32, Box<dyn std::error::Error>> { let n: i32 = "twelve".parse()?; Ok(n) }
#[cell] fn err_io() -> std::io::Result<String> { std::fs::read_to_string("not there.txt") }
#[cell] fn panics() -> i32 {
    println!("before");
    let s = "日本"; panic!("the message: {}", s)
}
#[cell] fn unwraps() -> i32 { let none: Option<i32> = None; none.unwrap() }
#[cell] fn divides(good: &i32) -> i32 { let zero = good - 1; 10 / zero }
#[cell] fn indexes() -> u8 { inner::deep(&[1, 2, 3]) }
#[cell] fn in_helper(good: &i32) -> i32 { helper(*good) }
#[cell] fn by_macro() -> i32 { fall!(3) }
#[cell] fn in_thread() -> i32 { std::thread::spawn(|| { if true { panic!("inside the thread") } 1 }).join().unwrap() }
#[cell] fn any_payload() -> i32 { std::panic::panic_any(5i32) }
#[cell] fn exits() -> i32 { println!("last words"); std::process::exit(3) }
#[cell] fn aborts() -> i32 { std::process::abort() }
#[cell] fn signalled() -> i32 { unsafe { *(8 as *const i32) } }
#[cell] fn killed() -> i32 { extern "C" { fn raise(n: i32) -> i32; } unsafe { raise(9) } }
#[cell] fn overflows() -> u64 { fn down(n: u64) -> u64 { let a = [n; 64]; if n == u64::MAX { 0 } else { down(n + 1) + a[(n % 64) as usize] } } down(0) }
#[cell] fn slow_dies(good: &i32) -> i32 { std::process::exit(*good) }
#[cell] fn caught() -> i32 { std::panic::catch_unwind(|| { if true { panic!("caught one") } 1 }).unwrap_or(9) }
#[cell(timeout = "700ms")] fn forever() -> i32 { loop { std::thread::sleep(std::time::Duration::from_millis(10)) } }
#[cell(timeout = "700ms")] fn spins() -> i32 { let mut n = 0u64; loop { n = std::hint::black_box(n + 1); if n == u64::MAX { return 1 } } }
#[cell] fn because(panics: &i32, good: &i32) -> i32 { *panics + *good }
#[cell] fn far(because: &i32) -> i32 { *because }
#[cell] fn good_after(good: &i32, uses_ok: &i32) -> i32 { good + uses_ok }
'''


def test_each_way_to_fail_is_that_cell_s_own(shared):
    path = shared.write(ENDS)
    result = shared.run(path)
    assert result.code == 1
    error = {e["cell"]: e.get("error") for e in result.of("cell_finished")}
    status = {e["cell"]: e["status"] for e in result.of("cell_finished")}
    assert result.text("good") == "1" and "7" in result.text("ok_result") and result.text("uses_ok") == "8" and result.text("good_after") == "9"
    assert result.text("caught") == "9"
    for cell, text in {"err_text": "a plain text", "err_display": "told\nby two lines", "err_debug": "Plain { code: 42 }",
                       "err_boxed": "invalid digit found in string", "err_io": "No such file or directory"}.items():
        assert (status[cell], error[cell]["kind"]) == ("failed", "error") and text in error[cell]["message"], (cell, error[cell])
    assert (status["err_silent"], error["err_silent"]["kind"]) == ("failed", "error") and "Silent" in error["err_silent"]["message"]
    assert result.events[-1]["failed"] == list(status.values()).count("failed")

    def panicked(cell, message, *at, **more):
        assert status[cell] == "failed" and error[cell]["kind"] == "panic", error[cell]
        assert message in error[cell]["message"], error[cell]
        assert (error[cell]["line"], error[cell]["column"]) == place(ENDS, *at, **more), error[cell]

    panicked("panics", "the message: 日本", 'let s = "日本"', "panic!(")
    panicked("unwraps", "None", "none.unwrap()", "unwrap()")
    panicked("divides", "divide by zero", "10 / zero")
    panicked("indexes", "index out of bounds: the len is 3 but the index is 5", "v[v.len()")
    panicked("in_helper", "in a helper 1", 'panic!("in a helper')
    panicked("in_thread", "", 'spawn(|| { if true { panic!("inside', "unwrap()")
    assert status["by_macro"] == "failed" and "by macro 3" in error["by_macro"]["message"]
    assert error["by_macro"]["line"] in (place(ENDS, "fall!(3)")[0], place(ENDS, "macro_rules! fall")[0])
    assert (status["any_payload"], error["any_payload"]["kind"]) == ("failed", "panic")
    for cell, words in {"exits": ("exit", "3"), "aborts": ("SIGABRT",), "signalled": ("SIGSEGV",), "killed": ("SIGKILL",),
                        "overflows": ("stack",), "slow_dies": ("exit", "1")}.items():
        assert (status[cell], error[cell]["kind"]) == ("failed", "crash"), (cell, error[cell])
        assert all(word.lower() in error[cell]["message"].lower() for word in words), (cell, error[cell])
        assert error[cell]["line"] == place(ENDS, f"fn {cell}(")[0]
    for cell in ("forever", "spins"):
        assert (status[cell], error[cell]["kind"]) == ("failed", "timeout") and "0.7" in error[cell]["message"]
    assert status["because"] == "skipped" and error["because"]["kind"] == "upstream" and error["because"]["because"] == "panics"
    assert status["far"] == "skipped" and error["far"]["because"] in ("because", "panics")
    assert "".join(e["text"] for e in result.of("cell_output", cell="panics", stream="stdout")) == "before\n"
    assert "".join(e["text"] for e in result.of("cell_output", cell="exits", stream="stdout")) == "last words\n"
    # said in words too, and nothing of the daemon was harmed
    plain = shared.ctl("run", path, "--cell", "far", "--cell", "panics")
    line, column = place(ENDS, 'let s = "日本"', "panic!(")
    assert plain.code == 1 and f"nb.rs:{line}:{column}" in plain.out + plain.err and "the message: 日本" in plain.out + plain.err
    assert "panics" in [line for line in plain.out.splitlines() if "far" in line][-1] or "because" in plain.out


def test_a_consumer_may_ask_for_the_whole_result(shared):
    text = ("#[cell] fn parsed() -> Result<i32, String> { Ok(4) }\n"
            "#[cell] fn whole(parsed: &Result<i32, String>) -> bool { parsed == &Ok(4) }\n"
            "#[cell] fn part(parsed: &i32) -> i32 { *parsed }\n#[cell] fn own(parsed: Result<i32, String>) -> i32 { parsed.unwrap() + 1 }\n")
    result = shared.ok(shared.write(text, "whole.rs"))
    assert (result.text("whole"), result.text("part"), result.text("own")) == ("true", "4", "5")
    failed = shared.run(shared.write(text.replace("{ Ok(4) }", "{ Err(\"no\".into()) }"), "whole.rs"))
    assert failed.cell("parsed")["error"]["kind"] == "error"
    assert {failed.cell(cell)["error"]["because"] for cell in ("whole", "part", "own")} == {"parsed"}


def test_a_limit_on_memory_is_that_cell_s_own(shared):
    text = ("#[cell] fn before() -> i32 { 1 }\n"
            "#[cell(memory = \"512M\")] fn hungry() -> usize { let v = vec![1u8; 3 << 30]; v.iter().map(|x| *x as usize).sum() }\n"
            "#[cell(memory = \"1G\")] fn frugal(before: &i32) -> i32 { before + 1 }\n"
            "#[cell] fn after(before: &i32) -> i32 { before + 2 }\n#[cell] fn needs(hungry: &usize) -> usize { *hungry }\n")
    path = shared.write(text)
    for _ in range(2):
        result = shared.run(path)
        assert result.code == 1
        assert result.cell("hungry")["status"] == "failed" and result.cell("hungry")["error"]["kind"] == "limit"
        assert result.text("before") == "1" and result.text("after") == "3"
        assert result.cell("needs")["error"]["because"] == "hungry"
        if not shared.sanitized:
            assert result.text("frugal") == "2"


def test_values_come_back_after_a_crash(shared):
    """What the worker held is brought back, encoded or computed again, for those that still need it."""
    text = ("use venus::prelude::*;\npub struct Op(Box<dyn Fn(i32) -> i32>);\n"
            "#[cell] fn kept() -> Vec<i32> { println!(\"kept runs\"); (0..5).collect() }\n"
            "#[cell] fn only_here() -> Op { println!(\"op runs\"); Op(Box::new(|x| x + 1)) }\n"
            "#[cell] fn boom(kept: &[i32], only_here: &Op) -> i32 { std::process::exit((only_here.0)(kept[1])) }\n"
            "#[cell] fn after(kept: &[i32], only_here: &Op) -> i32 { (only_here.0)(kept[4]) }\n")
    path = shared.write(text)
    first = shared.run(path)
    assert first.cell("boom")["error"]["kind"] == "crash" and first.text("after") == "5"
    assert first.executed().count("kept") == 1
    fixed = shared.ok(shared.write(text.replace("std::process::exit((only_here.0)(kept[1]))", "(only_here.0)(kept[2])")))
    assert fixed.text("boom") == "3" and fixed.text("after") == "5"
    assert "kept" not in fixed.executed()


def test_what_a_cell_closes_or_writes_harms_only_itself(shared):
    text = ("use venus::prelude::*;\nextern \"C\" { fn close(fd: i32) -> i32; fn write(fd: i32, p: *const u8, n: usize) -> isize; }\n"
            "#[cell] fn good() -> i32 { 1 }\n"
            "#[cell] fn closes() -> i32 { for fd in 0..256 { unsafe { close(fd); } } 2 }\n"
            "#[cell] fn garbage() -> i32 { for fd in 3..64 { unsafe { write(fd, b\"garbage\\0\\xff\".as_ptr(), 9); } } 3 }\n"
            "#[cell] fn after(good: &i32) -> i32 { println!(\"still heard\"); good + 3 }\n")
    pid = None
    for _ in range(2):
        result = shared.run(shared.write(text))
        pid = pid or shared.pid()
        assert result.text("good") == "1" and result.text("after") == "4"
        assert "".join(e["text"] for e in result.of("cell_output", cell="after")) == "still heard\n"
        for cell in ("closes", "garbage"):
            event = result.cell(cell)
            assert event["status"] == "ok" or event["error"]["kind"] == "crash", event
    assert shared.pid() == pid, "the daemon lived on"


def test_nothing_is_left_of_a_cell_that_was_killed(shared):
    text = ("#[cell(timeout = \"1s\")] fn parent() -> i32 { std::process::Command::new(\"sleep\").arg(\"98765.25\").status().unwrap(); 1 }\n"
            "#[cell] fn other() -> i32 { 2 }\n")
    result = shared.run(shared.write(text, "killed.rs"))
    assert result.cell("parent")["error"]["kind"] == "timeout" and result.text("other") == "2"
    pattern = "^sleep 98765.25$"
    wait_for(lambda: subprocess.run(["pgrep", "-f", pattern], stdout=subprocess.DEVNULL).returncode == 1, what="no child is left")


def test_status_tells_the_state_of_each_cell(shared):
    text = ("#[cell] fn a() -> i32 { 1 }\n#[cell] fn b(a: &i32) -> i32 { if *a == 1 { panic!(\"x\") } 2 }\n#[cell] fn c(b: &i32) -> i32 { *b }\n"
            "#[cell] fn d() -> i32 { 4 }\n")
    path = shared.write(text, "states.rs")

    def states():
        found = json.loads(shared.ctl("status", path, "--json").out.splitlines()[0])
        return {cell["cell"]: cell["status"] for cell in found["cells"]}

    shared.run(path, "--cell", "c")
    assert states() == {"a": "ok", "b": "failed", "c": "skipped", "d": "never_run"}
    failed = json.loads(shared.ctl("inspect", f"{path}:b", "--json").out.splitlines()[0])
    assert failed["status"] == "failed" and failed["why"].startswith("it failed with this code"), failed
    shared.ok(path, "--cell", "d")
    assert states()["d"] == "ok"
    shared.write(text.replace("{ 4 }", "{ 5 }").replace("i32 { 1 }", "i32 { 3 }"), "states.rs")
    shared.ok(path, "--cell", "c")
    after = states()
    assert (after["a"], after["b"], after["c"]) == ("ok", "ok", "ok")
    inspected = json.loads(shared.ctl("inspect", f"{path}:d", "--json").out.splitlines()[0])
    assert inspected["status"] == "stale" and inspected["why"] and inspected["display"]["text/plain"] == "4"


def test_an_error_of_the_definitions_is_said_once(shared):
    text = ("pub struct Lost { x: Missing }\n#[cell] fn a() -> i32 { 4101 }\n#[cell] fn b(a: &i32) -> i32 { *a }\n#[cell] fn c() -> i32 { 4102 }\n")
    path = shared.write(text, "once.rs")
    told = shared.ctl("run", path)
    assert told.code == 1
    assert told.out.count("cannot find type `Missing`") == 1 and ":1:22" in told.out
    assert told.out.count("failed: as said above") == 3
    for name in "abc":
        error = shared.run(path).cell(name)["error"]
        assert (error["kind"], error["line"], error["column"]) == ("compile", 1, 22)
