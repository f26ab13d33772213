"""Files that change while a cell runs, or is compiled: what it gave may not stand for a later execution."""

import time

from faults import going, shared, values, venus  # noqa: F401
from protocol import Client

READERS = """#[venus::cell]
pub fn included() -> String { include_str!("text.txt").to_string() }

#[venus::cell]
pub fn read() -> String { std::fs::read_to_string("data.txt").unwrap() }

#[venus::cell]
pub fn listed() -> usize { std::fs::read_dir("folder").unwrap().count() }

#[venus::cell]
pub fn there() -> bool { std::path::Path::new("appears.txt").exists() }

#[venus::cell]
pub fn size() -> u64 { std::fs::metadata("sized.txt").unwrap().len() }
"""
# Each cell does its reading, and only then waits: for a file below /proc, which is not traced, to be there.
WAIT = """
fn wait() {
    let gate = format!("/proc/self/root{}/go", std::env::current_dir().unwrap().display());
    while !std::path::Path::new(&gate).exists() { std::thread::sleep(std::time::Duration::from_millis(5)); }
}
"""


def waiting(text):
    """The same cells, each of which waits before it gives its value."""
    out = []
    for line in text.splitlines():
        if line.startswith("pub fn"):
            head, body = line.split(" { ", 1)
            line = head + " { let value = { " + body + "; wait(); value }"
        out.append(line)
    return "\n".join(out) + WAIT


def test_change_while_the_cell_runs(shared):
    folder = shared.folder
    (folder / "folder").mkdir()
    (folder / "folder" / "a").write_text("")
    for name, text in (("text.txt", "old"), ("data.txt", "old"), ("sized.txt", "1")):
        (folder / name).write_text(text)
    path = shared.write(waiting(READERS))
    shared.ok(shared.write("#[venus::cell]\nfn a() -> i32 { 1 }\n", "first.rs"))
    changes = {
        "included": lambda: (folder / "text.txt").write_text("new"),
        "read": lambda: (folder / "data.txt").write_text("new"),
        "listed": lambda: (folder / "folder" / "b").write_text(""),
        "there": lambda: (folder / "appears.txt").write_text(""),
        "size": lambda: (folder / "sized.txt").write_text("12"),
    }
    before, after = {}, {}
    with Client(shared) as client:
        for cell, change in changes.items():
            run = client.submit(path, cells=[cell])
            going(client, run, cell)
            time.sleep(0.3)  # until it has read; when it has not, it gives the new value at once
            change()
            (folder / "go").write_text("")
            before[cell] = values(client.follow_run(run))[cell]
            after[cell] = values(client.follow_run(client.submit(path, cells=[cell])))[cell]
            (folder / "go").unlink()
    assert after == {"included": "new", "read": "new", "listed": "2", "there": "true", "size": "2"}, before
    assert set(before.values()) & {"old", "1", "false"}
    (folder / "go").write_text("")
    assert {cell: shared.ok(path).text(cell) for cell in changes} == after
    assert shared.ok(path).executed() == []


OWN = """#[venus::cell]
pub fn lists_then_writes() -> usize {
    let before = std::fs::read_dir("own").unwrap().count();
    std::fs::write("own/made.txt", "x").unwrap();
    before
}

#[venus::cell]
pub fn takes() -> String {
    let text = std::fs::read_to_string("taken.txt").unwrap_or("nothing".into());
    let _ = std::fs::remove_file("taken.txt");
    text
}

#[venus::cell]
pub fn looks_then_makes() -> bool {
    let before = std::path::Path::new("made").exists();
    if !before { std::fs::create_dir("made").unwrap(); }
    before
}

#[venus::cell]
pub fn writes_then_reads() -> String {
    std::fs::write("note.txt", "noted").unwrap();
    std::fs::read_to_string("note.txt").unwrap()
}
"""


def test_change_by_the_cell_itself(shared):
    (shared.folder / "own").mkdir()
    (shared.folder / "taken.txt").write_text("something")
    path = shared.write(OWN, "own.rs")
    names = ("lists_then_writes", "takes", "looks_then_makes", "writes_then_reads")
    first, second, third = shared.ok(path), shared.ok(path), shared.ok(path)
    assert [first.text(n) for n in names] == ["0", "something", "false", "noted"]
    assert [second.text(n) for n in names] == ["1", "nothing", "true", "noted"]
    assert [third.text(n) for n in names] == ["1", "nothing", "true", "noted"]
    assert "writes_then_reads" not in second.executed()
    (shared.folder / "note.txt").write_text("changed")
    assert "writes_then_reads" in shared.ok(path).executed()
