"""Runs that wait for each other, looks in between, and what a run that is going must not notice of them."""


import threading

from faults import going, shared, values, venus  # noqa: F401
from protocol import CANCELLED, CELL_FINISHED, OK, Client

GATED = """use venus::prelude::*;

#[venus::cell]
pub fn gate() -> u32 {
    while !std::path::Path::new("NAME.go").exists() { std::thread::sleep(std::time::Duration::from_millis(5)); }
    7
}

#[venus::cell]
pub fn knob(gate: &u32) -> f64 { let _ = gate; input_slider("x", 0.0, 10.0, 1.0) }

#[venus::cell]
pub fn shown(knob: &f64) -> String { format!("{knob}") }
"""


def gated(venus, name, text=GATED):
    path = venus.write(text.replace("NAME", name), name + ".rs")
    return path, venus.folder / (name + ".go")


def test_settings_of_a_waiting_run_are_not_those_of_the_one_that_goes(shared):
    path, go = gated(shared, "settings")
    shared.ctl("status")
    shared.ok(shared.write("#[venus::cell]\nfn a() -> i32 { 1 }\n", "first.rs"))
    with Client(shared) as one, Client(shared) as two:
        first = one.submit(path)
        going(one, first, "gate")
        second = two.submit(path, settings=[("knob", "x", "5")])
        go.write_text("")
        assert values(one.follow_run(first))["shown"] == "1"
        assert values(two.follow_run(second))["shown"] == "5"
    for value, text in (("1", "1"), ("5", "5"), ("1", "1")):
        result = shared.ok(path, "--set", f"knob.x={value}")
        assert result.text("shown") == text and set(result.executed()) <= {"gate", "knob", "shown"}, result
    assert shared.ok(path).text("shown") == "1"


KEPT = """use std::cell::RefCell;
use std::io::Write;

fn count(name: &str) {
    std::fs::OpenOptions::new().append(true).create(true).open(name).unwrap().write_all(b"x").unwrap();
}

#[venus::cell(volatile)]
pub fn start() -> u64 { std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 }

#[venus::cell]
pub fn closure(start: &u64) -> Box<dyn Fn() -> u64> { count("closure.count"); let start = *start; Box::new(move || start) }

#[venus::cell]
pub fn inner(start: &u64) -> RefCell<Vec<u64>> { RefCell::new(vec![*start; 100000]) }

#[venus::cell]
pub fn first(inner: &RefCell<Vec<u64>>) -> usize { inner.borrow_mut().push(1); inner.borrow().len() }

#[venus::cell]
pub fn second(inner: &RefCell<Vec<u64>>, closure: &Box<dyn Fn() -> u64>, start: &u64) -> bool {
    inner.borrow_mut().push(1);
    inner.borrow().len() == 100001 && closure() == *start
}
"""


def test_looks_and_cancelled_runs_take_nothing_from_the_run_that_goes(shared):
    """What ends beside a run does not drop the values that it has just made or brought."""
    path = shared.write(KEPT, "kept.rs")
    shared.ok(path)
    count, stop, errors = shared.folder / "closure.count", threading.Event(), []

    def look():
        try:
            with Client(shared) as client:
                while not stop.is_set():
                    assert len(client.inspect(path)[2]) == 5
        except Exception as error:  # noqa: BLE001 - it is told below
            errors.append(error)

    def queue():
        try:
            with Client(shared) as client:
                while not stop.is_set():
                    client.submit(path, timeout_ms=1)
        except Exception as error:  # noqa: BLE001 - it is told below
            errors.append(error)

    others = [threading.Thread(target=look), threading.Thread(target=queue), threading.Thread(target=look)]
    with Client(shared) as client:
        for other in others[::2]:
            other.start()
        for _ in range(15):
            before = len(count.read_text())
            assert values(client.follow_run(client.submit(path)))["second"] == "true"
            assert len(count.read_text()) == before + 1
        others[1].start()
        for _ in range(10):
            seen = values(client.follow_run(client.submit(path)))
            assert seen["second"] == "true" and seen["first"] == "100001"
        stop.set()
        for other in others:
            other.join(60)
        assert not errors, errors


def test_cancel_of_a_notebook_whose_file_is_gone(shared):
    path, _ = gated(shared, "gone")
    with Client(shared) as client:
        run = client.submit(path)
        going(client, run, "gate")
        path.unlink()
        assert client.cancel(path=path) == 1
        events = client.follow_run(run)
        assert events[-1].number(1) == CANCELLED
        assert {e.text(1): e.number(2) for e in events if e.kind == CELL_FINISHED} == dict.fromkeys(("gate", "knob", "shown"), CANCELLED)
        assert client.cancel(path=path) == client.cancel(run=run.run) == 0


def test_cancel_in_the_middle_of_a_queue(shared):
    path, go = gated(shared, "middle")
    with Client(shared) as client:
        runs = [client.submit(path)]
        going(client, runs[0], "gate")
        runs += [client.submit(path, settings=[("knob", "x", str(n))]) for n in range(2, 6)]
        assert client.cancel(run=runs[2].run) == 1
        assert client.cancel(run=runs[4].run) == 1
        go.write_text("")
        ends = [client.follow_run(run) for run in runs]
        assert [e[-1].number(1) for e in ends] == [OK, OK, CANCELLED, OK, CANCELLED]
        assert [values(e).get("shown") for e in ends] == ["1", "2", None, "4", None]
        # A cancelled run sets nothing.
        assert values(client.follow_run(client.submit(path)))["shown"] == "4"


def test_half_written_impl(shared):
    path = shared.write("trait T {}\nimpl<X> T for {}\nimpl\n\n#[venus::cell]\npub fn a() -> i32 { 1 }\n", "half.rs")
    assert shared.run(path).code in (0, 1)
    assert shared.ctl("inspect", path).code == 0
