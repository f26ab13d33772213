"""What runs again, and what does not: results are reused while what they were made from is as it was."""

import json
import os
import shutil
from pathlib import Path

import pytest

BASE = r'''//! # Cached
use venus::prelude::*;

const A: i32 = 1;
const B: i32 = 10;
fn scale(x: i32) -> i32 { x * B }

/// # The source
#[cell]
pub fn source() -> i32 { println!("source runs"); 7 }

#[cell]
pub fn parity(source: &i32) -> i32 { source % 2 }

#[cell]
pub fn after_parity(parity: &i32) -> i32 { parity + 100 }

#[cell]
pub fn uses_a() -> i32 { A + 1 }

#[cell]
pub fn uses_b() -> i32 { scale(2) }

#[cell]
pub fn both(uses_a: &i32, uses_b: &i32) -> i32 { uses_a + uses_b }
'''


def test_only_what_an_edit_concerns_runs_again(shared):
    def run(text):
        return shared.ok(shared.write(text, "edits.rs"))

    first = run(BASE)
    assert sorted(first.executed()) == sorted(["source", "parity", "after_parity", "uses_a", "uses_b", "both"])
    second = run(BASE)
    assert second.executed() == [] and second.compiled() == []
    assert [e["text"] for e in second.of("cell_output", cell="source")] == ["source runs\n"], "kept output is shown again"
    for edit in (lambda t: t.replace("const A", "// a comment\nconst A"), lambda t: t.replace("//! # Cached", "//! # Other words\n//! more"),
                 lambda t: t.replace("/// # The source", "/// # Renamed\n/// described"), lambda t: t.replace("{ source % 2 }", "{\n    source   %  2 // odd?\n}"),
                 lambda t: "\n\n\n" + t, lambda t: t.replace("\n", "\r\n"), lambda t: t + "\n// the end\n",
                 lambda t: t.replace("const A: i32 = 1;\nconst B: i32 = 10;\n", "const B: i32 = 10;\nconst A: i32 = 1;\n"),
                 lambda t: t[: t.index("#[cell]\npub fn uses_a")] + t[t.index("#[cell]\npub fn both"):] +
                 "\n" + t[t.index("#[cell]\npub fn uses_a"): t.index("#[cell]\npub fn both")]):
        changed = run(edit(BASE))
        assert edit(BASE) != BASE and changed.executed() == [], edit(BASE)
        assert changed.text("both") == "22"
    # an edited body: that cell, and its dependents only as far as values change
    cut = run(BASE.replace("runs\"); 7 }", "runs\"); 9 }"))
    assert cut.executed() == ["source", "parity"] and cut.text("after_parity") == "101"
    assert run(BASE.replace("runs\"); 7 }", "runs\"); 8 }")).executed() == ["source", "parity", "after_parity"]
    assert run(BASE).executed() == [], "what was once computed is still known"
    # a constant: the cells that reach it, directly or through a helper
    assert run(BASE.replace("A: i32 = 1;", "A: i32 = 2;")).executed() == ["uses_a", "both"]
    constant = run(BASE.replace("B: i32 = 10;", "B: i32 = 20;"))
    assert constant.executed() == ["uses_b", "both"] and constant.text("both") == "42"
    # what was renamed is another cell, its value is the same
    renamed = run(BASE.replace("uses_a", "used_a"))
    assert renamed.text("both") == "22" and not {"source", "parity", "uses_b"} & set(renamed.executed())


FILES = r'''use venus::prelude::*;
#[cell] fn table() -> Vec<i32> { std::fs::read_to_string("data/a.csv").unwrap().lines().map(|l| l.parse().unwrap()).collect() }
#[cell] fn total(table: &[i32]) -> i32 { table.iter().sum() }
#[cell] fn other() -> usize { std::fs::read("data/b.csv").unwrap().len() }
#[cell] fn folder() -> Vec<String> { let mut n: Vec<_> = std::fs::read_dir("dir").unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect(); n.sort(); n }
#[cell] fn there() -> bool { std::path::Path::new("maybe.txt").exists() }
#[cell] fn linked() -> String { std::fs::read_to_string("link.txt").unwrap() }
#[cell] fn included() -> &'static str { include_str!("inc.txt") }
#[cell] fn size() -> u64 { std::fs::metadata("data/sized.bin").unwrap().len() }
#[cell] fn mapped() -> usize { use std::io::{Read, Seek, SeekFrom}; let mut f = std::fs::File::open("data/seek.txt").unwrap(); f.seek(SeekFrom::Start(2)).unwrap(); let mut s = String::new(); f.read_to_string(&mut s).unwrap(); s.len() }
#[cell] fn none() -> i32 { 1 }
'''


def test_files_that_a_cell_was_seen_to_read(shared):
    put = shared.write
    for name, text in {"data/a.csv": "1\n2\n", "data/b.csv": "xyz", "dir/one": "1", "one.txt": "one", "two.txt": "two", "inc.txt": "first",
                       "data/sized.bin": "12345", "data/seek.txt": "abcdef"}.items():
        put(text, name)
    (shared.folder / "link.txt").symlink_to("one.txt")
    path = put(FILES, "files.rs")
    first = shared.ok(path)
    assert first.text("total") == "3" and "one" in first.text("linked") and first.text("there") == "false"

    def changed():
        result = shared.ok(path)
        return sorted(result.executed()), result

    assert changed()[0] == []
    os.utime(shared.folder / "data/a.csv")
    put("xyz", "data/b.csv")
    assert changed()[0] == [], "touched, and written with the same bytes"
    put("1\n5\n", "data/a.csv")
    cells, result = changed()
    assert cells == ["table", "total"] and result.text("total") == "6"
    put("5\n1\n", "data/a.csv")
    assert changed()[0] == ["table", "total"], "of the same size"
    assert changed()[0] == []
    shutil.copy(shared.folder / "data/a.csv", shared.folder / "new.csv")
    os.replace(shared.folder / "new.csv", shared.folder / "data/a.csv")
    assert changed()[0] == [], "another file with the same bytes"
    put("2", "dir/two")
    cells, result = changed()
    assert cells == ["folder"] and "two" in result.text("folder")
    put("x", "maybe.txt")
    cells, result = changed()
    assert cells == ["there"] and result.text("there") == "true"
    (shared.folder / "maybe.txt").unlink()
    assert changed()[1].text("there") == "false"
    (shared.folder / "link.txt").unlink()
    (shared.folder / "link.txt").symlink_to("two.txt")
    cells, result = changed()
    assert cells == ["linked"] and "two" in result.text("linked")
    put("three", "two.txt")
    assert changed()[0] == ["linked"]
    put("second", "inc.txt")
    cells, result = changed()
    assert cells == ["included"] and "second" in result.text("included")
    put("1234567", "data/sized.bin")
    assert changed()[1].text("size") == "7"
    put("abcdefgh", "data/seek.txt")
    cells, result = changed()
    assert cells == ["mapped"] and result.text("mapped") == "6"
    (shared.folder / "data/b.csv").unlink()
    gone = shared.run(path)
    assert gone.code == 1 and gone.executed() == ["other"] and gone.cell("other")["error"]["kind"] == "panic"
    put("back", "data/b.csv")
    assert changed()[1].text("other") == "4"
    shared.kill()
    put("7\n", "data/a.csv")
    cells, result = changed()
    assert cells == ["table", "total"] and result.text("total") == "7", "also what changed while no daemon was there"
    inspected = json.loads(shared.ctl("inspect", f"{path}:table", "--json").out.splitlines()[0])
    assert any("a.csv" in json.dumps(entry) for entry in inspected["trace"])


def test_kill_between_runs_changes_nothing(shared):
    path = shared.write(BASE, "between.rs")
    first = shared.ok(path)
    shown = {e["cell"]: (e["display"], e["digest"], e["type"]) for e in first.of("cell_finished")}
    for number in (9, 15):
        shared.kill(number)
        again = shared.ok(path)
        assert again.executed() == [] and again.compiled() == []
        assert {e["cell"]: (e["display"], e["digest"], e["type"]) for e in again.of("cell_finished")} == shown
        assert all(e["cached"] for e in again.of("cell_finished"))
        assert [e["text"] for e in again.of("cell_output", cell="source")] == ["source runs\n"]


BIG = ("#[cell] fn big() -> Vec<u64> { (0..20_000).map(|i| i * i % 977).collect() }\n"
       "#[cell] fn sum(big: &[u64]) -> u64 { big.iter().sum() }\n#[cell] fn note() -> String { println!(\"printed\"); \"n\".repeat(5000) }\n")


def damage(venus, code, part):
    """Changes a byte of every object that the store holds, of code or of all else."""
    found = 0
    for at in [p for p in venus.home.glob("h/cache/**/cas/**/*") if p.is_file()]:
        data = bytearray(at.read_bytes())
        if (b"ELF" in data[:100] or b"rust\0" in data[:100]) == code:
            data[len(data) // part] ^= 0x55
            os.chmod(at, 0o600)
            at.write_bytes(data)
            found += 1
    assert found


def check_damage(venus, code):
    path = venus.write(BIG)
    first = venus.ok(path)
    venus.stop()
    damage(venus, code, 2)
    second = venus.ok(path)
    assert {c: second.text(c) for c in ("sum", "note")} == {c: first.text(c) for c in ("sum", "note")}
    venus.stop()
    damage(venus, code, 3)
    edited = venus.ok(venus.write(BIG.replace("big.iter().sum()", "big.iter().sum::<u64>() + 1")))
    assert int(edited.text("sum")) == int(first.text("sum")) + 1 and edited.text("note") == first.text("note")
    assert venus.ok(path).executed() == []


def test_a_damaged_value_is_noticed_and_made_again(venus):
    check_damage(venus, code=False)


def test_damaged_code_is_noticed_and_made_again(venus):
    check_damage(venus, code=True)


def test_volatile_cells_always_run_and_others_wait_for_their_value(shared):
    text = ("use std::sync::atomic::{AtomicU32, Ordering};\n"
            "#[cell(volatile)] fn reads() -> String { std::fs::read_to_string(\"tick.txt\").unwrap() }\n"
            "#[cell] fn after(reads: &str) -> usize { reads.len() }\n#[cell(volatile)] fn same() -> i32 { 4 }\n#[cell] fn after_same(same: &i32) -> i32 { *same }\n"
            "static N: AtomicU32 = AtomicU32::new(0);\n#[cell(cache)] fn kept() -> u32 { N.fetch_add(1, Ordering::SeqCst) }\n")
    shared.write("a", "tick.txt")
    path = shared.write(text, "volatile.rs")
    shared.ok(path)
    for _ in range(2):
        again = shared.ok(path)
        assert {"reads", "same"} <= set(again.executed())
        assert not {"after", "after_same", "kept"} & set(again.executed()), "the value is the same: the wave stops"
    shared.write("bb", "tick.txt")
    moved = shared.ok(path)
    assert moved.text("after") == "2" and "after_same" not in moved.executed()


def test_fresh_runs_all_and_cells_can_be_named(shared):
    path = shared.write(BASE.replace("i32", "i16").replace("println!", "eprintln!"), "fresh.rs")
    part = shared.ok(path, "--cell", "parity")
    assert part.executed() == ["source", "parity"] and [e["cell"] for e in part.of("cell_finished")] == ["source", "parity"]
    rest = shared.ok(path)
    assert sorted(rest.executed()) == sorted(["after_parity", "uses_a", "uses_b", "both"])
    fresh = shared.ok(path, "--fresh")
    assert len(fresh.executed()) == 6
    assert shared.ok(path).executed() == []


def test_the_same_code_elsewhere(shared):
    """Another notebook with the same cells reuses compiled code; results belong to code and inputs, not to a path."""
    shared.ok(shared.write(BASE, "here/one.rs"))
    other = shared.ok(shared.write(BASE, "there/two.rs"))
    assert other.compiled() == [] and other.text("both") == "22"


OLD = Path("/usr/bin/rustc")


@pytest.mark.skipif(not OLD.exists() or OLD.resolve() == Path(shutil.which("rustc") or "/").resolve(), reason="no second rustc in /usr/bin")
def test_another_toolchain_is_another_result(venus):
    text = "#[cell] fn version() -> i32 { 5 }\n#[cell] fn next(version: &i32) -> i32 { version + 1 }\n"
    path = venus.write(text)
    venus.ok(path)
    assert venus.ok(path).executed() == []
    venus.stop()
    venus.env["VENUS_RUSTC"] = str(OLD)
    other = venus.ok(path)
    assert "version" in other.executed() and other.text("next") == "6"
    assert venus.ok(path).executed() == []
    venus.stop()
    del venus.env["VENUS_RUSTC"]
    assert venus.ok(path).executed() == [], "what the first toolchain made is still known"


EXAMPLES = Path(__file__).resolve().parents[2] / "packaging" / "examples"


def test_examples_run_twice_and_the_second_executes_nothing(shared):
    folder = shared.folder / "examples"
    shutil.copytree(EXAMPLES, folder)
    notebooks = sorted(folder.glob("*.rs"))
    assert len(notebooks) >= 4
    first = {path: shared.ok(path, timeout=600) for path in notebooks}
    assert all(result.executed() for result in first.values())
    shared.kill()
    for path in notebooks:
        again = shared.ok(path)
        assert again.executed() == [] and again.compiled() == []
        for event in first[path].of("cell_finished"):
            assert again.cell(event["cell"])["display"] == event["display"]
            output = [[(e["stream"], e["text"]) for e in run.of("cell_output", cell=event["cell"])] for run in (first[path], again)]
            assert output[0] == output[1]


def test_maps_are_walked_in_the_same_order_in_every_worker(venus):
    path = venus.write("""
use std::collections::HashMap;
#[venus::cell(volatile)]
pub fn keys() -> String {
    let map: HashMap<u32, u32> = (0..30).map(|i| (i, i)).collect();
    format!("{:?}", map.keys().collect::<Vec<_>>())
}
""")
    first = venus.ok(path).text("keys")
    venus.stop()
    second = venus.ok(path)
    assert second.executed() == ["keys"]
    assert second.text("keys") == first
