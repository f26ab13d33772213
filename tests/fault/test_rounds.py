"""Many runs with something going wrong in the middle of each: afterwards all is as if it had not."""

import os
import random
import signal
import threading
import time

from faults import descriptors, venus  # noqa: F401
from protocol import CANCELLED, CELL_FINISHED, FAILED, FINISHED, OK, STARTED, Client, Refused
from venus import descendants, name_of, wait_gone
from wire import fields

ROUNDS = int(os.environ.get("VENUS_FAULT_ROUNDS", "60"))
SEED = int(os.environ.get("VENUS_FAULT_SEED", "20"))

NOTEBOOK = """use std::cell::RefCell;
const N: i64 = NUMBER;

#[venus::cell]
pub fn base() -> i64 { println!("base {N}"); N }

#[venus::cell]
pub fn plain(base: &i64) -> Vec<i64> { (0..1000).map(|i| i + base).collect() }

#[venus::cell]
pub fn closure(base: &i64) -> Box<dyn Fn(i64) -> i64> { let base = *base; Box::new(move |x| x + base) }

#[venus::cell]
pub fn shared(plain: &Vec<i64>) -> RefCell<Vec<i64>> { RefCell::new(plain[..3].to_vec()) }

#[venus::cell]
pub fn one(shared: &RefCell<Vec<i64>>) -> i64 { shared.borrow_mut().push(1); shared.borrow().len() as i64 }

#[venus::cell]
pub fn two(shared: &RefCell<Vec<i64>>, closure: &Box<dyn Fn(i64) -> i64>) -> i64 {
    shared.borrow_mut().push(1);
    closure(shared.borrow().len() as i64)
}

#[venus::cell(volatile)]
pub fn slow(base: &i64) -> i64 {
    for i in 0..SLOW { println!("line {i}"); std::thread::sleep(std::time::Duration::from_millis(10)); }
    *base
}

#[venus::cell]
pub fn bad(slow: &i64) -> i64 { CRASH; *slow }

#[venus::cell]
pub fn last(one: &i64, two: &i64, bad: &i64) -> String { format!("{one} {two} {bad}") }
"""
CRASHES = {"none": "", "panic": 'panic!("on purpose")', "abort": "std::process::abort()", "exit": "std::process::exit(3)",
           "compile": "let _: String = 1"}


def write(venus, name, number, slow=0, crash="none"):
    text = NOTEBOOK.replace("NUMBER", str(number)).replace("SLOW", str(slow)).replace("CRASH", CRASHES[crash])
    path = venus.folder / f"{name}.rs"
    new = venus.folder / f"{name}.new"
    new.write_text(text)
    new.rename(path)
    return path


def check_events(events):
    """Of one run: each cell that it names ends once, and its own end is last."""
    names = [n.decode() for e in events if e.kind == STARTED for n in e.body.get(3, [])]
    ended = [e.text(1) for e in events if e.kind == CELL_FINISHED]
    assert sorted(ended) == sorted(names), (names, ended)
    assert [e.kind for e in events].count(FINISHED) == 1 and events[-1].kind == FINISHED
    assert events[-1].number(1) in (OK, FAILED, CANCELLED)
    assert [e.seq for e in events] == sorted({e.seq for e in events})


def follow(venus, path, outcomes, **options):
    """A client of its own; what it sees of its run, or why it saw no end."""
    try:
        with Client(venus) as client:
            events = client.follow_run(client.submit(path, **options))
    except (OSError, Refused) as error:
        outcomes.append(error)
        return
    try:
        check_events(events)
        outcomes.append(events)
    except AssertionError as error:
        outcomes.append(error)


def workers(venus, pid):
    return [p for p in descendants(pid) if name_of(p).startswith("venus-worker")] if pid else []


FAULTS = ("nothing", "cancel", "timeout", "worker", "client", "close", "looks", "stop", "term", "kill")
DEADLY = ("stop", "term", "kill")


def fault(venus, kind, pid, path, process, random):
    if kind == "cancel":
        assert venus.ctl("cancel", path).code == 0
    elif kind == "worker":
        for worker in workers(venus, pid):
            os.kill(worker, signal.SIGKILL)
    elif kind == "client":
        process.kill()
    elif kind == "close":
        with Client(venus) as client:
            client.submit(path)
    elif kind == "looks":
        for _ in range(5):
            assert venus.ctl("inspect", path).code == 0
    elif kind == "stop":
        venus.stop()
    elif kind in ("term", "kill"):
        os.kill(pid, signal.SIGTERM if kind == "term" else signal.SIGKILL)


def quiet(venus):
    """No run goes on, or waits."""
    with Client(venus) as client:
        sessions = client.status().get(8, [])
        return all(4 not in fields(s) for s in sessions)


def finish(venus, names, numbers):
    """All notebooks give what they should."""
    for name in names:
        result = venus.ok(write(venus, name, numbers[name]))
        assert result.text("last") == f"4 {4 + numbers[name]} {numbers[name]}", result
        assert result.text("base") == str(numbers[name])
        assert "".join(e["text"] for e in result.of("cell_output", cell="base")) == f"base {numbers[name]}\n"
    assert quiet(venus)


def test_rounds(venus):
    print("seed", SEED)
    chance = random.Random(SEED)
    numbers = {"a": 1, "b": 2}
    finish(venus, numbers, numbers)
    counts = {}
    for round in range(ROUNDS):
        kind = chance.choice(FAULTS)
        pid = venus.pid()
        for name in numbers:
            if chance.random() < 0.4:
                numbers[name] += 1
        crash = chance.choice(["none", "none", *CRASHES])
        wait = chance.random() * 0.8
        both = chance.random() < 0.5
        print(f"round {round}: {kind} after {wait:.2f} s, crash {crash}, numbers {numbers}, daemon {pid}", flush=True)
        path = write(venus, "a", numbers["a"], chance.randrange(40), crash)
        other = write(venus, "b", numbers["b"], chance.randrange(40)) if both else path
        outcomes = []
        options = {"timeout_ms": chance.randrange(1, 600)} if kind == "timeout" else {}
        threads = [threading.Thread(target=follow, args=(venus, p, outcomes), kwargs=options) for p in (path, other)]
        process = venus.start("run", path, "--json")
        for thread in threads:
            thread.start()
        time.sleep(wait)
        fault(venus, kind, pid, path, process, chance)
        process.communicate(timeout=60)
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        for outcome in outcomes:
            assert kind in DEADLY or isinstance(outcome, list), outcome
            assert not isinstance(outcome, AssertionError), outcome
        if kind in DEADLY:
            wait_gone(pid)
        finish(venus, numbers, numbers)
        if kind not in DEADLY:
            assert venus.pid() == pid, venus.log()
        pid = venus.pid()
        counts.setdefault(pid, []).append(descriptors(pid))
        for word in ("AddressSanitizer", "LeakSanitizer", "runtime error", "Assertion"):
            assert word not in venus.log(), venus.log()
    for pid, seen in counts.items():
        assert max(seen) - min(seen) <= 4, (pid, seen)
