"""Runs that wait for each other, looks in between, and what a run that is going must not notice of them."""


from faults import going, shared, values, venus  # noqa: F401
from protocol import Client

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
