#!/usr/bin/env python3
"""Prints a table of ratios, all taken in one run: venus beside the bare tool that does the same work.

usage: tests/bench/bench.py [--quick] [ROW...]      (needs the release build: cmake --workflow --preset release)

Arms are interleaved, every arm is warmed, each row gives n, min, p50, p95, p99 in milliseconds. A spin loop is timed at the
start and the end: a drift over 10 % is told, since then the machine changed speed meanwhile. Nothing here passes or fails.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "harness"))
os.environ.setdefault("VENUS_BIN", str(ROOT / "build" / "release" / "bin"))

from venus import Venus  # noqa: E402

HEADER = "use venus::prelude::*;\n\n#[derive(Debug, Clone)]\npub struct Row { pub id: u64, pub name: String, pub score: f64 }\n\n"
FIRST = '#[venus::cell]\npub fn rows() -> Vec<Row> {\n    (0..1000).map(|i| Row { id: i, name: format!("row {i}"), score: i as f64 * 0.5 }).collect()\n}\n'


def cell(index, salt=0, source="rows"):
    """A 12-line cell over the notebook's types, as people write them."""
    return f"""
#[venus::cell]
pub fn cell_{index}({source}: &Vec<Row>) -> f64 {{
    let mut total = {salt}.0;
    for row in {source}.iter().filter(|row| row.id % {index + 2} == 0) {{
        total += row.score;
        if row.name.len() > {index % 7} {{
            total -= 1.0;
        }}
    }}
    let names: Vec<&str> = {source}.iter().map(|row| row.name.as_str()).take(3).collect();
    total + names.len() as f64
}}
"""


# A cell that leaves the work to the notebook's definitions, as cells that are edited often do; DEFINITIONS is what it uses.
DEFINITIONS = """
pub struct Summary { pub count: usize, pub mean: f64, pub spread: f64 }

impl Summary {
    pub fn of(rows: &[Row], keep: impl Fn(&Row) -> bool) -> Summary {
        let kept: Vec<f64> = rows.iter().filter(|row| keep(row)).map(|row| row.score).collect();
        let mean = kept.iter().sum::<f64>() / kept.len().max(1) as f64;
        let spread = kept.iter().map(|x| (x - mean).powi(2)).sum::<f64>().sqrt();
        Summary { count: kept.len(), mean, spread }
    }
}

pub fn even(row: &Row) -> bool { row.id % 2 == 0 }
pub fn longest(rows: &[Row]) -> usize { rows.iter().map(|row| row.name.len()).max().unwrap_or(0) }
"""


def light_cell(salt=0):
    return f"""
#[venus::cell]
pub fn light(rows: &Vec<Row>) -> f64 {{
    let summary = Summary::of(rows, even);
    let mut score = {salt}.0;
    if summary.count > 10 {{
        score += summary.mean;
    }} else {{
        score -= 1.0;
    }}
    if longest(rows) > 6 {{
        score += summary.spread / 2.0;
    }}
    score.max(0.0)
}}
"""


def notebook(cells, salts=None):
    salts = salts or {}
    return HEADER + FIRST + "".join(cell(i, salts.get(i, 0)) for i in range(cells - 1))


def bare(index, salt=0):
    """The same cell as a crate of its own, with the types that it uses."""
    text = HEADER.replace("use venus::prelude::*;\n", "") + cell(index, salt).replace("#[venus::cell]", "#[no_mangle]")
    return "#![allow(improper_ctypes_definitions)]\n" + text


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(round(part * (len(values) - 1))))]


class Row:
    def __init__(self, name):
        self.name, self.ms = name, []

    def time(self, work):
        start = time.perf_counter()
        work()
        self.ms.append((time.perf_counter() - start) * 1000)

    def p50(self):
        return statistics.median(self.ms)

    def __str__(self):
        m = self.ms
        return f"{self.name:<58}{len(m):>5}{min(m):>9.2f}{self.p50():>9.2f}{percentile(m, .95):>9.2f}{percentile(m, .99):>9.2f}"


def spin():
    start = time.perf_counter()
    x = 0
    for i in range(3_000_000):
        x ^= i
    return time.perf_counter() - start


def real_rustc():
    """rustc itself: rustup's stand-in costs 5 ms a call, which is not the compiler's."""
    found = subprocess.run(["rustup", "which", "rustc"], capture_output=True, text=True).stdout.strip() if shutil.which("rustup") else ""
    return found or shutil.which("rustc")


def quiet(*args, **kwargs):
    subprocess.run([str(a) for a in args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kwargs)


def ctl(venus, *args):
    quiet(venus.bin / "venusctl", *args, env=venus.env, cwd=venus.folder, stdin=subprocess.DEVNULL)


def table(*rows):
    for row in rows:
        print(row)


def ratio(text, value, budget):
    print(f"  -> {text}: {value:.3f} (budget {budget})\n")


def bench_warm(n):
    """An unchanged 10-cell notebook and status, beside a process that does nothing."""
    venus = Venus()
    try:
        path = venus.write(notebook(10))
        ctl(venus, "run", path)
        run, status, start = Row("venusctl run, 10 unchanged cells"), Row("venusctl status"), Row("bare process start (true)")
        for i in range(n + 5):
            arms = [(run, ("run", path)), (status, ("status",))]
            for row, args in arms:
                row.time(lambda a=args: ctl(venus, *a))
            start.time(lambda: quiet("/bin/true"))
        for row in (run, status, start):
            row.ms = row.ms[5:]
        table(run, status, start)
        ratio("run of 10 unchanged cells, ms p50", run.p50(), "<= 10")
        ratio("status, ms p50", status.p50(), "<= 3")
    finally:
        venus.close()


def bench_edit(n):
    """One cell edited: new value on the terminal, beside the default cdylib of that cell with what it uses."""
    venus = Venus()
    scratch = Path(tempfile.mkdtemp(prefix="vb"))
    rustc = real_rustc()
    text = {
        "heavy": lambda salt: notebook(10, {4: salt}),
        "light": lambda salt: notebook(9) + DEFINITIONS + light_cell(salt),
    }
    alone = {
        "heavy": lambda salt: bare(4, salt),
        "light": lambda salt: bare(0, 0).split("#[no_mangle]")[0] + DEFINITIONS + light_cell(salt).replace("#[venus::cell]", "#[no_mangle]"),
    }
    names = {"heavy": "cell_4", "light": "light"}
    what = {"heavy": "full of closures and iterators", "light": "over the notebook's functions"}
    try:
        rows = {kind: (Row(f"edit of a cell {what[kind]}"), Row("bare rustc --crate-type cdylib of it")) for kind in text}
        for kind in text:
            venus.write(text[kind](0), f"{kind}.rs")
            ctl(venus, "run", venus.folder / f"{kind}.rs")
        for i in range(n + 2):
            for kind in text:
                path, source = venus.write(text[kind](i + 1), f"{kind}.rs"), scratch / "cell.rs"
                rows[kind][0].time(lambda p=path, k=kind: ctl(venus, "run", p, "--cell", names[k]))
                source.write_text(alone[kind](i + 1))
                rows[kind][1].time(lambda: quiet(rustc, "--edition", "2021", "--crate-type", "cdylib", "-o", scratch / "cell.so", source))
        for edit, plain in rows.values():
            edit.ms, plain.ms = edit.ms[2:], plain.ms[2:]
            table(edit, plain)
            ratio("edit / bare cdylib", edit.p50() / plain.p50(), "<= 0.6")
    finally:
        venus.close()
        shutil.rmtree(scratch)


def bench_first(n):
    """First run of 1, 10, 100 cells, runtime crate built before, beside as many bare rustcs, one after the other."""
    scratch = Path(tempfile.mkdtemp(prefix="vb"))
    rustc = real_rustc()
    try:
        for cells in (1, 10, 100):
            rounds = max(2, n if cells < 100 else n // 2)
            first, plain = Row(f"first run of {cells} cells"), Row(f"{cells} bare rustc")
            for i in range(rounds):
                venus = Venus()
                try:
                    warm = venus.write("#[venus::cell]\npub fn one() -> i64 { 1 }\n", "warm.rs")
                    ctl(venus, "run", warm)
                    path = venus.write(notebook(cells, {0: i + 1}))
                    first.time(lambda: ctl(venus, "run", path))
                finally:
                    venus.close()

                def all_bare():
                    for k in range(cells):
                        source = scratch / f"c{k}.rs"
                        source.write_text(bare(k, i))
                        quiet(rustc, "--edition", "2021", "--crate-type", "cdylib", "-o", scratch / f"c{k}.so", source)
                plain.time(all_bare)
            table(first, plain)
            ratio(f"first run of {cells} / {cells} bare rustc", first.p50() / plain.p50(), "<= 0.15 for 100")
    finally:
        shutil.rmtree(scratch)


def pss(pid):
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid):
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child)] + children(int(child))
    except FileNotFoundError:  # a thread or process that ended meanwhile
        pass
    return found


def bench_memory(_):
    """Idle memory: venusd alone, and with a worker."""
    venus = Venus()
    try:
        ctl(venus, "daemon", "start")
        time.sleep(0.5)
        alone = pss(venus.pid())
        ctl(venus, "run", venus.write(notebook(10)))
        time.sleep(1)
        pid = venus.pid()
        by_name = {}
        for child in children(pid):
            name = Path(f"/proc/{child}/comm").read_text().strip()
            by_name[name] = by_name.get(name, 0) + pss(child)
        def switches():
            return {task.name: sum(int(line.split()[1]) for line in (task / "status").read_text().splitlines()
                                   if "ctxt_switches" in line) for task in Path(f"/proc/{pid}/task").iterdir()}

        time.sleep(3)  # the tidying after a run
        before = switches()
        time.sleep(5)
        after = switches()
        wakes = sum(count - before.get(task, 0) for task, count in after.items())
        print(f"idle venusd, just started: {alone:.1f} MB PSS (budget 10)")
        print(f"idle venusd after a run: {pss(pid):.1f} MB PSS; " + ", ".join(f"{k} {v:.1f} MB" for k, v in by_name.items()))
        print(f"wake-ups of the idle venusd in 5 s: {wakes} (budget 0)\n")
    finally:
        venus.close()


def bench_request(n):
    """One request (Hello) of a connected nng client, beside a bare nng echo of the same bytes."""
    scratch = Path(tempfile.mkdtemp(prefix="vb"))
    venus = Venus()
    try:
        program = scratch / "roundtrip"
        made = subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", program, ROOT / "tests/bench/roundtrip.c", "-lnng", "-lpthread"],
                              capture_output=True, text=True)
        if made.returncode:
            print("one request: left out, cc or libnng-dev is not there\n")
            return
        ctl(venus, "daemon", "start")
        url = f"ipc://{venus.home}/h/venusd.sock"
        out = subprocess.run([program, url, ROOT / "tests/fuzz/corpus/request/hello", str(n)], check=True, capture_output=True, text=True)
        hello, echo = Row("one request of a connected client (ms)"), Row("bare nng echo of it (ms)")
        hello.ms, echo.ms = ([float(x) / 1000 for x in line.split()] for line in out.stdout.splitlines())
        for row in (hello, echo):
            print(f"{row.name:<58}{len(row.ms):>5}{min(row.ms):>9.3f}{row.p50():>9.3f}{percentile(row.ms, .95):>9.3f}{percentile(row.ms, .99):>9.3f}")
        ratio("request / echo", hello.p50() / echo.p50(), "<= 1.3")
    finally:
        venus.close()
        shutil.rmtree(scratch)


BENCHES = {"warm": (bench_warm, 60, 15), "edit": (bench_edit, 20, 5), "first": (bench_first, 6, 2), "request": (bench_request, 5000, 1000),
           "memory": (bench_memory, 1, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few samples")
    parser.add_argument("rows", nargs="*", choices=[*BENCHES, []], help="which: " + ", ".join(BENCHES))
    args = parser.parse_args()
    before = spin()
    print(f"{'':<58}{'n':>5}{'min':>9}{'p50':>9}{'p95':>9}{'p99':>9}  ms")
    for name in args.rows or BENCHES:
        work, many, few = BENCHES[name]
        work(few if args.quick else many)
    drift = spin() / before - 1
    print(f"spin calibration moved by {drift * 100:+.0f} %" + (": measure again" if abs(drift) > 0.1 else ""))


if __name__ == "__main__":
    main()
