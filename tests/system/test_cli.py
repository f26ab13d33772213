"""venusctl as scripts and people rely on it: exit codes, JSON lines, plain text, a terminal, options."""

import json
import os
import pty
import re
import select
import signal
import time

from conftest import BASE
from venus import place, wait_for

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

MIXED = r'''//! # Mixed
use venus::prelude::*;

#[venus::cell]
pub fn one() -> i64 { println!("out 1"); eprintln!("err 1"); 1 }

#[venus::cell]
pub fn rich(one: &i64) -> f64 { *one as f64 * input_slider("k", 0.0, 10.0, 3.0) + input_select("how", &["a", "b"], 0).len() as f64 }

#[venus::cell]
pub fn unit(one: &i64) { let _ = one; }

#[venus::cell]
pub fn panics() -> i64 { panic!("on purpose") }

#[venus::cell]
pub fn errs() -> Result<i64, String> { Err("not today".into()) }

#[venus::cell]
pub fn exits() -> i64 { std::process::exit(3) }

#[venus::cell]
pub fn typed() -> i64 { "text" }

#[venus::cell]
pub fn below(panics: &i64) -> i64 { *panics }

#[venus::cell]
pub fn lost(nobody: &i64) -> i64 { *nobody }

#[venus::cell]
pub fn half() -> i64 { let = 1; 2 }

#[venus::cell(timeout = "300ms")]
pub fn late() -> i64 { std::thread::sleep(std::time::Duration::from_secs(30)); 1 }
'''
SLOW = BASE + '''
#[venus::cell(volatile)]
fn slow(next: &i64) -> i64 { println!("slow begins"); std::thread::sleep(std::time::Duration::from_secs(60)); next * 10 }

#[venus::cell]
fn end(slow: &i64) -> i64 { slow + 5 }
'''
HEX32, HEX64 = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{64}")
STATUSES = {"ok", "failed", "skipped", "cancelled"}
KINDS = {"compile", "panic", "error", "crash", "limit", "denied", "timeout", "upstream", "graph", "syntax"}


def check_events(result, cells):
    """Every line is one of the documented objects, with the documented types, in a legal order."""
    lines = result.out.splitlines()
    events = [json.loads(line) for line in lines]
    assert result.out.endswith("\n") and all(line.startswith('{"event":') for line in lines), result
    first, last = events[0], events[-1]
    assert first["event"] == "run_started" and first["notebook"].startswith("/") and first["cells"] == len(cells) and HEX32.fullmatch(first["run"])
    finished, started = {}, {}
    for event in events:
        assert event["run"] == first["run"]
        kind = event["event"]
        cell = event.get("cell")
        if kind == "cell_started":
            assert set(event) == {"event", "run", "cell", "action"} and event["action"] in ("compile", "execute"), event
            assert cell in cells and cell not in finished
            started.setdefault(cell, []).append(event["action"])
        elif kind == "cell_output":
            assert set(event) == {"event", "run", "cell", "stream", "text"} and event["stream"] in ("stdout", "stderr") and event["text"], event
            assert cell in cells and cell not in finished
        elif kind == "cell_finished":
            assert cell in cells and cell not in finished, f"{cell} finished twice"
            finished[cell] = event
            check_finished(event)
            if event["cached"]:
                assert "execute" not in started.get(cell, [])
        else:
            assert kind in ("run_started", "run_finished", "warning"), event
    assert set(finished) == set(cells)
    assert last["event"] == "run_finished" and last["status"] in ("ok", "failed", "cancelled") and type(last["duration_us"]) is int
    for status in STATUSES:
        assert last[status] == sum(e["status"] == status for e in finished.values()), status
    assert last["cached"] == sum(e["cached"] for e in finished.values())
    assert sum(last[status] for status in STATUSES) == first["cells"]
    return finished, last


def check_finished(event):
    assert event["status"] in STATUSES and type(event["cached"]) is bool, event
    assert None not in event.values(), event
    if event["status"] == "ok":
        assert "error" not in event and event["type"] and HEX64.fullmatch(event["digest"]) and event["display"]["text/plain"] is not None, event
        assert type(event["duration_us"]) is int
        return
    assert not {"display", "digest"} & set(event), event
    error = event.get("error")
    if event["status"] == "cancelled" and error is None:
        return
    assert error["message"] and error["kind"] in KINDS | {"cancel"}, event
    for key in ("line", "column"):
        assert key not in error or error[key] >= 1
    if "code" in error:
        assert error["kind"] == "compile" and re.fullmatch(r"E\d{4}", error["code"])
    assert ("because" in error) == (error["kind"] == "upstream"), event


# JSON


def test_json_lines(warm):
    path = warm.write(MIXED, "mixed.rs")
    cells = re.findall(r"pub fn (\w+)", MIXED)
    result = warm.run(path)
    assert result.code == 1 and result.err == "", result
    finished, last = check_events(result, cells)
    assert last["status"] == "failed" and last["ok"] == 3 and last["cached"] == 0 and last["skipped"] == 1
    for cell, kind in {"panics": "panic", "errs": "error", "exits": "crash", "typed": "compile", "below": "upstream", "lost": "graph",
                       "half": "syntax", "late": "timeout"}.items():
        assert finished[cell]["error"]["kind"] == kind, finished[cell]
    assert finished["below"]["status"] == "skipped" and finished["below"]["error"]["because"] == "panics"
    assert finished["typed"]["error"]["code"] == "E0308"
    assert (finished["typed"]["error"]["line"], finished["typed"]["error"]["column"]) == place(MIXED, '"text"')
    assert (finished["panics"]["error"]["line"], finished["panics"]["error"]["column"]) == place(MIXED, 'panic!("on')
    assert finished["panics"]["error"]["message"] == "on purpose" and finished["errs"]["error"]["message"] == "not today"
    assert "3" in finished["exits"]["error"]["message"]
    rich = finished["rich"]
    assert rich["type"] == "f64" and rich["display"]["text/plain"] == "4.0" and [w["id"] for w in rich["widgets"]] == ["k", "how"]
    assert "widgets" not in finished["one"] and finished["unit"]["type"] == "()"

    again, last = check_events(warm.run(path), cells)
    assert last["cached"] == last["ok"] == 3
    for cell in ("one", "rich", "unit"):
        assert again[cell]["cached"] and {k: v for k, v in again[cell].items() if k not in ("run", "cached")} == {
            k: v for k, v in finished[cell].items() if k not in ("run", "cached")}
    for cell in set(cells) - {"one", "rich", "unit"}:
        assert again[cell]["error"]["message"] == finished[cell]["error"]["message"]

    # Only the asked cells and what they need are part of a run.
    part = warm.run(path, "--cell", "rich")
    assert part.code == 0
    check_events(part, ["one", "rich"])
    part = warm.run(path, "--cell", "below", "-c", "unit")
    assert part.code == 1
    check_events(part, ["panics", "below", "one", "unit"])

    inspect_all(warm, path, cells)


def inspect_all(warm, path, cells):
    whole = warm.ctl("inspect", path, "--json")
    assert whole.code == 0 and whole.err == ""
    (session,) = whole.of("session")
    assert session["notebook"] == str(path) and [c["cell"] for c in session["cells"]] == cells == [c["cell"] for c in whole.of("cell")]
    (rich,) = warm.ctl("inspect", f"{path}:rich", "--json").events
    assert rich["event"] == "cell" and rich["inputs"] == ["one"] and rich["type"] == "f64" and HEX64.fullmatch(rich["key"]) and rich["why"]
    assert rich["source"].startswith("#[venus::cell]\npub fn rich") and rich["line"] == place(MIXED, "pub fn rich")[0] and rich["trace"] == []
    (one,) = warm.ctl("inspect", f"{path}:one", "--json").events
    assert set(one["consumers"]) == {"rich", "unit"} and one["display"] == {"text/plain": "1"}
    warm.ctl("inspect", f"{path}:rihc").line(2, "rich")
    text = warm.ctl("inspect", f"{path}:rich")
    assert text.code == 0 and all(word in text.out for word in ("f64", "4.0", "one", rich["key"], "mixed.rs")), text

    status = warm.ctl("status", "--json")
    (daemon,) = status.of("daemon")
    assert daemon["sessions"] == 1 and daemon["pid"] == warm.pid() and [s["notebook"] for s in status.of("session")] == [str(path)]
    states = {c["cell"]: c["status"] for c in warm.ctl("status", path, "--json").events[0]["cells"]}
    assert states["rich"] == "ok" and states["below"] == "skipped" and states["panics"] == "failed"
    changed = warm.write(MIXED.replace("*one as f64", "2.0 * *one as f64"), "mixed.rs")
    states = {c["cell"]: c["status"] for c in warm.ctl("inspect", changed, "--json").of("cell")}
    assert states["rich"] == "stale" and states["one"] == "ok", states
    stale = warm.ctl("inspect", f"{changed}:rich")
    assert stale.code == 0 and "stale" in stale.out and re.search(r"why\s+\w+", stale.out), stale
    for arguments in (("status", path), ("status",)):
        plain = warm.ctl(*arguments)
        assert plain.code == 0 and "rich" in plain.out and "below" in plain.out and not CONTROL.search(plain.out), plain


# Ends


def test_timeout(warm):
    path = warm.write(SLOW, "slow.rs")
    result = warm.run(path, "--timeout", "2s")
    assert result.code == 124, result
    finished, last = check_events(result, ["base", "next", "slow", "end"])
    assert last["status"] == "cancelled" and finished["next"]["status"] == "ok", result
    assert finished["slow"]["status"] == "cancelled" or finished["slow"]["error"]["kind"] == "timeout"
    assert finished["end"]["status"] in ("cancelled", "skipped")
    plain = warm.ctl("run", path, "--timeout", "500ms")
    assert plain.code == 124 and "time" in plain.out + plain.err, plain
    assert warm.run(path, "--cell", "next", "--timeout", "60s").finished["cached"] == 2


def test_interrupt(warm):
    path = warm.write(SLOW, "slow.rs")
    warm.ok(warm.write(BASE, "base.rs"))
    pid = warm.pid()
    for signals in (1, 2):
        client = warm.start("run", path, "--json")
        said = b""
        for line in client.stdout:
            said += line
            if b"slow begins" in line:
                break
        client.send_signal(signal.SIGINT)
        if signals == 2 and client.poll() is None:
            client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=60)
        assert client.returncode == 130, (client.returncode, err)
        if signals == 1:
            events = [json.loads(line) for line in (said + out).splitlines()]
            finished = {e["cell"]: e for e in events if e["event"] == "cell_finished"}
            assert events[-1]["event"] == "run_finished" and events[-1]["status"] == "cancelled", events
            assert finished["slow"]["status"] == "cancelled" and finished["next"]["status"] == "ok" and len(finished) == 4
        # The cell is stopped: nobody runs it any more.
        wait_for(lambda: warm.ctl("cancel", path, "--json").events[0]["cancelled"] == 0, what="no run is going")
    assert warm.pid() == pid
    result = warm.run(path, "--cell", "next")
    assert result.code == 0 and result.executed() == [], result
    states = {c["cell"]: c["status"] for c in warm.ctl("status", path, "--json").events[0]["cells"]}
    assert states["next"] == "ok" and states["slow"] in ("cancelled", "never_run", "stale"), states


def test_cancel(warm):
    path = warm.write(SLOW, "slow.rs")
    for by_run in (False, True):
        client = warm.start("run", path, "--json")
        first = json.loads(client.stdout.readline())
        said = b""
        for line in client.stdout:
            said += line
            if b"slow begins" in line:
                break
        cancelled = warm.ctl("cancel", first["run"] if by_run else path, "--json")
        assert cancelled.code == 0 and cancelled.events == [{"event": "cancel", "cancelled": 1}], cancelled
        out, err = client.communicate(timeout=60)
        last = json.loads((said + out).splitlines()[-1])
        assert last["event"] == "run_finished" and last["status"] == "cancelled" and client.returncode in (1, 130), (client.returncode, out, err)
    nothing = warm.ctl("cancel", path)
    assert nothing.code == 0 and "no run" in nothing.out
    warm.ctl("cancel", "gone.rs").line(2, "gone.rs")


# Options


def test_usage(shared):
    path = shared.write(BASE, "usage.rs")
    cases = {
        (): ("--help",),
        ("rum", path): ("rum", "run"),
        ("inspct", path): ("inspect",),
        ("frobnicate",): ("frobnicate", "--help"),
        ("run",): ("NOTEBOOK",),
        ("run", path, path): ("usage.rs",),
        ("run", "--relese", path): ("--relese", "--release"),
        ("run", "--sett", "a.b=1", path): ("--set",),
        ("--colour", "never", "status"): ("--color",),
        ("--color", "sometimes", "status"): ("sometimes", "always"),
        ("run", path, "--cell"): ("--cell", "NAME"),
        ("run", path, "--json=yes"): ("--json",),
        ("run", path, "--timeout", "soon"): ("soon", "30s"),
        ("run", path, "--timeout", "-1s"): ("-1s",),
        ("run", path, "--set", "k=3"): ("k=3", "CELL.ID=VALUE"),
        ("run", path, "--profile", "open"): ("--profile", "sandbox"),
        ("run", path, "--allow-net=example.org"): ("--allow-net", "sandbox"),
        ("run", path, "--deny-read=/"): ("--deny-read", "sandbox"),
        ("run", path, "--cell", "bse"): ("bse", "`base`"),
        ("run", path, "--cell", "base", "--cell", "zzzzzz"): ("zzzzzz",),
        ("inspect", f"{path}:nxt"): ("nxt", "`next`"),
        ("inspect",): ("NOTEBOOK",),
        ("daemon",): ("start",),
        ("daemon", "restart"): ("restart", "start"),
        ("cancel",): ("RUN",),
        ("status", "--wrong"): ("--wrong",),
        ("logs", "extra"): ("extra",),
        ("run", "\x1b[31m--red"): (),
        ("--\x1b[31mred",): (),
    }
    for arguments, words in cases.items():
        result = shared.ctl(*arguments)
        result.line(2, *words)
        assert result.out == "", arguments
    for arguments in (("--help",), ("-h",), ("run", "--help"), ("help",), ("help", "run"), ("daemon", "-h")):
        result = shared.ctl(*arguments)
        assert result.code == 0 and "Usage: venusctl" in result.out and result.err == "" and not CONTROL.search(result.out), result
    for option in ("--cell", "--release", "--fresh", "--set", "--timeout", "--json", "--raw", "--color", "--socket", "--quiet"):
        assert option in shared.ctl("run", "--help").out, option
    for code in ("0 ", "1 ", "2 ", "3 ", "4 ", "124 ", "130 "):
        assert code in shared.ctl("--help").out
    assert re.fullmatch(r"venusctl \d+\.\d+\.\d+\n", shared.ctl("--version").out) and shared.ctl("-V").code == 0
    # Options before and after, short and joined, and what only looks like one.
    shared.write(BASE, "--json")
    for arguments in (("-q", "run", "-cbase", path), ("run", path, "-q", "-c", "base"), ("run", "--quiet", "--cell=base", path), ("run", "-qcbase", path)):
        assert shared.ctl(*arguments).out == "41\n", arguments
    assert "nothing" not in shared.ctl("run", "--", "--json").err and shared.ctl("run", "-q", "--", "--json").out == "base: 41\nnext: 42\n"


def test_set(warm):
    text = '''use venus::prelude::*;
#[venus::cell]
fn knobs() -> String { format!("{} {} {} {}", input_slider("k", 0.0, 10.0, 3.0), input_text("t", "type"), input_select("s", &["red", "green"], 1), input_checkbox("c", false)) }

#[venus::cell]
fn other() -> i32 { 1 }
'''
    path = warm.write(text)
    # Set before anybody ran it: nothing is known of its widgets yet but what the code says.
    assert warm.ok(path).text("knobs") == "3  green false"
    result = warm.ok(path, "--set", "knobs.k=4", "--set", "knobs.t=a = b", "--set", "knobs.s=red", "--set", "knobs.c=true")
    assert result.text("knobs") == "4 a = b red true" and result.executed() == ["knobs"]
    assert warm.ok(path).executed() == []
    for setting, words in {
        "knobs.k=11": ("knobs.k", "10"), "knobs.k=-1": ("knobs.k", "0"), "knobs.k=much": ("knobs.k",), "knobs.k=nan": ("knobs.k",), "knobs.k=": ("knobs.k",),
        "knobs.s=blue": ("knobs.s", "red", "green"), "knobs.c=perhaps": ("knobs.c", "true"), "knobs.none=1": ("knobs", "none"),
        "knob.k=1": ("knob",), "other.k=1": ("other", "k"), "knobs.k": ("CELL.ID=VALUE",), "=1": ("CELL.ID=VALUE",), "knobs.=1": (),
    }.items():
        result = warm.run(path, "--set", setting)
        result.line(2, *words)
        assert result.out == ""
    # One that is refused leaves the others as they were.
    warm.run(path, "--set", "knobs.k=7", "--set", "knobs.s=blue").line(2)
    result = warm.ok(path)
    assert result.executed() == [] and result.text("knobs") == "4 a = b red true"
    warm.kill()
    result = warm.ok(path)
    assert result.executed() == [] and result.text("knobs") == "4 a = b red true"
    assert {w["id"]: w["value"] for w in result.cell("knobs")["widgets"]} == {"k": "4", "t": "a = b", "s": "red", "c": "true"}


def test_fresh_and_release(warm):
    path = warm.write(BASE + '\n#[venus::cell]\nfn mode() -> bool { cfg!(debug_assertions) }\n')
    first = warm.ok(path)
    assert warm.ok(path).executed() == []
    fresh = warm.ok(path, "--fresh", "--cell", "next")
    assert fresh.executed() == ["base", "next"] and fresh.finished["cached"] == 0 and not fresh.of("cell_started", cell="mode")
    release = warm.ok(path, "--release")
    assert set(release.executed()) == {"base", "next", "mode"} and release.compiled() and (first.text("mode"), release.text("mode")) == ("true", "false")
    assert warm.ok(path, "--release").executed() == [] and warm.ok(path).executed() == []
    assert warm.ok(path).text("mode") == "true"


# Text

HOSTILE = r'''
/// # \x1b[31m RAW
#[venus::cell]
fn prints() -> i64 { println!("a\x1b]0;title\x07\rb\x1b[2J \u{9b}31m \u{202e}evil\u{8}\0"); eprint!("\x1b[?1049hunfinished \x1b]52;c;"); 1 }

#[venus::cell]
fn value() -> String { "v\x1b[31m\u{9d}\u{202e}\r\x07 é ☃".into() }

#[venus::cell]
fn panics() -> i64 { panic!("p\x1b[31m\r\x07") }

#[venus::cell]
fn errs() -> Result<i64, String> { Err("e\x1b[31m\u{9b}2J".into()) }
'''.replace(r"# \x1b[31m RAW", "# \x1b[31m\u202eRAW")


def test_hostile_text(warm):
    path = warm.write(HOSTILE, "hostile\x1b[35m.rs")
    for arguments in (("run", path), ("run", path), ("run", "-q", path), ("run", "-v", path), ("run", path, "--color", "never"), ("inspect", path),
                      ("inspect", f"{path}:prints"), ("inspect", f"{path}:value"), ("status",), ("status", path), ("run", path, "--fresh")):
        result = warm.ctl(*arguments)
        assert result.code in (0, 1) and not CONTROL.search(result.out + result.err), (arguments, result)
    plain = warm.ctl("run", path)
    assert plain.code == 1 and r"\x1b]0;title\x07" in plain.out and r"\u{202e}" in plain.out and "é ☃" in plain.out, plain
    # Colours of one's own are the only codes there are, whatever a cell says.
    coloured = warm.ctl("run", path, "--color", "always")
    rest = re.sub(r"\x1b\[[0-9;]*m", "", coloured.out + coloured.err)
    assert "\x1b[" in coloured.out and not CONTROL.search(rest), coloured
    assert rest.replace("\n", "").count("title") == 1 and r"\x1b[31m" in rest
    raw = warm.ctl("run", path, "--raw")
    assert "a\x1b]0;title\x07" in raw.out and "v\x1b[31m" in raw.out, raw
    # JSON has the text itself, and the line none of it.
    result = warm.run(path)
    assert result.text("value") == "v\x1b[31m\u009d\u202e\r\x07 é ☃"
    said = "".join(e["text"] for e in result.of("cell_output", cell="prints", stream="stdout"))
    assert said == "a\x1b]0;title\x07\rb\x1b[2J \u009b31m \u202eevil\x08\0\n"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", result.out)


def test_plain_and_colour(warm):
    path = warm.write(MIXED, "mixed.rs")
    result = warm.ctl("run", path, env={"NO_COLOR": ""})
    assert result.code == 1 and not CONTROL.search(result.out + result.err), result
    assert re.search(r"one.*out 1", result.out) and re.search(r"one.*err 1", result.out + result.err) and "4.0" in result.out
    # A compiler's error looks like the compiler's.
    line, column = place(MIXED, '"text"')
    assert f"mixed.rs:{line}:{column}" in result.out and 'pub fn typed() -> i64 { "text" }' in result.out and "^" in result.out and "E0308" in result.out
    again = warm.ctl("run", path)
    assert "cached" in again.out and not CONTROL.search(again.out)
    for env, option, coloured in (({}, "always", True), ({"NO_COLOR": ""}, "always", True), ({}, "auto", False), ({"NO_COLOR": ""}, "auto", False), ({}, "never", False)):
        text = warm.ctl("--color", option, "run", path, env=env).out
        assert ("\x1b[" in text) == coloured, (env, option)
    quiet = warm.ctl("run", "-q", path, "--cell", "rich", "--cell", "unit")
    assert quiet.code == 0 and "rich: 4.0" in quiet.out and "out 1" not in quiet.out and "cached" not in quiet.out, quiet
    failing = warm.ctl("run", "-q", path)
    assert failing.code == 1 and "on purpose" in failing.out + failing.err and "not today" in failing.out + failing.err
    # A reader that goes away ends the client, not the daemon.
    pid = warm.pid()
    client = warm.start("run", path)
    client.stdout.close()
    client.wait(60)
    client.stderr.close()
    assert warm.pid() == pid


# A terminal


class Screen:
    """As much of a terminal as venusctl uses; anything else is an error."""

    def __init__(self):
        self.lines, self.row, self.column, self.hidden, self.drawn = [""], 0, 0, False, 0

    def feed(self, text):
        for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b.|[\r\n]|[^\x1b\r\n]+", text, re.S):
            if part == "\r":
                self.column = 0
            elif part == "\n":
                self.row += 1
                while len(self.lines) <= self.row:
                    self.lines.append("")
            elif part[0] != "\x1b":
                assert not CONTROL.search(part), repr(part)
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[:self.column] + part + line[self.column + len(part):]
                self.column += len(part)
            else:
                self.code(part)

    def code(self, part):
        if part[-1] == "m":
            return
        if part in ("\x1b[?25l", "\x1b[?25h"):
            self.hidden = part[-1] == "l"
            self.drawn += self.hidden
        elif part[-1] == "A":
            self.row -= int(part[2:-1] or 1)
            assert self.row >= 0, "above the screen"
        elif part in ("\x1b[J", "\x1b[0J"):
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif part in ("\x1b[K", "\x1b[0K"):
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif part == "\x1b[2K":
            self.lines[self.row] = ""
        else:
            raise AssertionError(f"unexpected {part!r}")

    @property
    def text(self):
        return "\n".join(self.lines)


def on_terminal(venus, *arguments, until=None, then=None, env=()):
    """Runs venusctl with a terminal for everything: exit code and all that it wrote. At `until`, `then(pid, fd)` is called, once."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.chdir(venus.folder)
            whole = {**{k: v for k, v in venus.env.items() if k != "NO_COLOR"}, "TERM": "xterm-256color", "COLUMNS": "100", **dict(env)}
            os.execve(str(venus.bin / "venusctl"), ["venusctl", *map(str, arguments)], whole)
        finally:
            os._exit(127)
    written, end = b"", time.monotonic() + 120
    while True:
        assert time.monotonic() < end, written
        if not select.select([fd], [], [], 1)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        written += data
        if then and until in written:
            then(pid, fd)
            then = None
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def test_terminal(warm):
    text = HOSTILE + '''
#[venus::cell]
fn waits(value: &String) -> usize { std::thread::sleep(std::time::Duration::from_millis(700)); value.len() }
'''
    path = warm.write(text, "hostile.rs")
    code, written = on_terminal(warm, "run", path)
    screen = Screen()
    screen.feed(written)
    assert code == 1 and not screen.hidden and screen.drawn > 3, written
    # Progress was there, and is gone.
    assert re.search(r"waits.*running", written) and not re.search("running|compiling", screen.text), screen.text
    for word in ("prints", "waits", r"\x1b]0;title", r"v\x1b[31m", r"p\x1b[31m", r"e\x1b[31m", "3 ok", "2 failed"):
        assert word in screen.text, screen.text
    assert screen.column == 0 and screen.lines[-1] == ""
    # Nothing to do, nothing to draw.
    code, written = on_terminal(warm, "run", path, "--cell", "waits")
    screen = Screen()
    screen.feed(written)
    assert code == 0 and screen.drawn == 0 and "cached" in screen.text
    code, written = on_terminal(warm, "run", path, "--cell", "value", env={"NO_COLOR": "1"})
    assert code == 0 and not re.search(r"\x1b\[[0-9;]*m", written)
    code, written = on_terminal(warm, "run", path, "--json", "--cell", "value")
    assert code == 0 and "\x1b" not in written


def test_interrupt_on_a_terminal(warm):
    path = warm.write(SLOW, "slow.rs")
    code, written = on_terminal(warm, "run", path, until=b"slow begins", then=lambda pid, fd: os.write(fd, b"\x03"))
    screen = Screen()
    screen.feed(re.sub(r"\^C", "", written))
    assert code == 130 and not screen.hidden, written
    assert re.search(r"slow.*cancelled", screen.text) and "running" not in screen.text, screen.text
    # Gone in the middle: the cursor is there again.
    code, written = on_terminal(warm, "run", path, until=b"slow begins", then=lambda pid, fd: os.kill(pid, signal.SIGTERM))
    screen = Screen()
    screen.feed(written)
    assert code not in (0, 1) and not screen.hidden, written
    assert warm.ctl("status").code == 0
