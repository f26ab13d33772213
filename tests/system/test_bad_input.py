"""What bad input gets: one clear line and the documented exit code; the daemon lives on, and what was kept is still there."""

import contextlib
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

import wire
from conftest import BASE
from venus import Result, Venus, descendants, descriptors, name_of, place, wait_for, wait_gone
from wire import Wire

NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can act as two users")


@contextlib.contextmanager
def survives(venus):
    """Nothing that happens inside ends the daemon or loses what it keeps."""
    path = venus.write(BASE, "base.rs")
    before = venus.ok(path)
    pid = venus.pid()
    yield pid
    assert venus.pid() == pid, venus.log()
    still_kept(venus, before)


def still_kept(venus, before=None):
    after = venus.ok(venus.write(BASE, "base.rs"))
    assert after.compiled() == [] and after.executed() == [], after
    assert after.finished["ok"] == after.finished["cached"] == 2
    assert after.text("next") == "42"
    assert "".join(e["text"] for e in after.of("cell_output", cell="base")) == "said by base\n"
    if before:
        assert [e["digest"] for e in after.of("cell_finished")] == [e["digest"] for e in before.of("cell_finished")]


# Notebooks that are none


def test_no_notebook(shared):
    big = shared.folder / "big.rs"
    with open(big, "wb") as file:
        for _ in range(50):
            file.write(b"// x\n" * 209715)
    (shared.folder / "folder.rs").mkdir()
    os.mkfifo(shared.folder / "pipe.rs")
    os.symlink("loop.rs", shared.folder / "loop.rs")
    os.symlink("gone.rs", shared.folder / "dangling.rs")
    shared.write(b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)) * 40, "binary.rs")
    shared.write(b"#[venus::cell]\nfn a() -> &'static str { \"caf\xe9\" }\n", "latin1.rs")
    shared.write("", "empty.rs")
    shared.write("//! # Only text\nfn helper() {}\n", "no_cells.rs")
    cases = {
        "missing.rs": ("missing.rs", "No such file"),
        "no/such/folder.rs": ("folder.rs", "No such file"),
        "dangling.rs": ("dangling.rs", "No such file"),
        "base.rs/below.rs": ("below.rs", "Not a directory"),
        "loop.rs": ("loop.rs",),
        "folder.rs": ("folder.rs", "not a file"),
        "pipe.rs": ("pipe.rs",),
        "/dev/zero": ("/dev/zero",),
        "x" * 300 + ".rs": ("too long",),
        "binary.rs": ("binary.rs",),
        "latin1.rs": ("latin1.rs", "UTF-8"),
        "big.rs": ("big.rs", "52428750 bytes"),
        "empty.rs": ("empty.rs", "cell"),
        "no_cells.rs": ("no_cells.rs", "cell"),
    }
    with survives(shared):
        for name, words in cases.items():
            shared.run(name).line(2, *words)
            assert shared.run(name).out == ""
        for name in ("missing.rs", "folder.rs", "binary.rs", "big.rs"):
            shared.ctl("inspect", name).line(2, *cases[name])
            shared.ctl("run", name).line(2, *cases[name])
        shared.ctl("inspect", "missing.rs:cell").line(2, "missing.rs")
        shared.ctl("run", "").line(2)
    big.unlink()


def test_names_with_control_codes(shared):
    with survives(shared):
        result = shared.run("a\x1b]0;title\x07\nvenusctl: all is well\r.rs")
        assert "title" in result.line(2)
        path = shared.write("#[venus::cell]\nfn a() -> i32 { 1 }\n", "odd\x1b[31m\nname.rs")
        result = shared.ctl("run", path)
        assert result.code == 0 and "\x1b" not in result.out + result.err, result


def test_unreadable_notebook():
    venus = Venus(user=NOBODY if os.getuid() == 0 else None, env={"PATH": "/usr/bin:/bin"})
    try:
        path = venus.write(BASE, "secret.rs")
        os.chmod(path, 0)
        venus.run("secret.rs").line(4, "secret.rs", "Permission denied")
        venus.ctl("inspect", "secret.rs").line(4, "secret.rs", "Permission denied")
        inner = venus.folder / "closed"
        inner.mkdir()
        (inner / "a.rs").write_text(BASE)
        os.chmod(inner, 0)
        venus.run("closed/a.rs").line(4, "a.rs", "Permission denied")
        os.chmod(inner, 0o700)
        os.chmod(path, 0o644)
        assert venus.ctl("inspect", "secret.rs").code == 0
        assert venus.pid()
    finally:
        venus.close()


# Notebooks with errors

WHOLE = '''#[venus::cell]
fn good() -> i32 { 5 }

#[venus::cell]
fn one(two: &i32) -> i32 { two + 1 }

#[venus::cell]
fn two(three: &i32) -> i32 { three + 1 }

#[venus::cell]
fn three(one: &i32) -> i32 { one + 1 }

#[venus::cell]
fn lost(goood: &i32) -> i32 { *goood }

#[venus::cell]
fn twin() -> i32 { 1 }

#[venus::cell]
fn twin() -> i32 { 2 }

#[venus::cell]
fn generic<T: Default>() -> i32 { 1 }

#[venus::cell]
fn after(good: &i32) -> i32 { good * 2 }

#[venus::cell]
fn below(lost: &i32) -> i32 { *lost }
'''


def test_errors_of_the_whole(warm):
    with survives(warm):
        result = warm.run_text(WHOLE)
        assert result.code == 1, result
        assert result.text("good") == "5" and result.text("after") == "10"
        failed = {e["cell"]: e["error"] for e in result.of("cell_finished", status="failed")}
        for name in ("one", "two", "three"):
            error = (result.cell(name).get("error") or {})
            assert result.cell(name)["status"] in ("failed", "skipped") and error["kind"] in ("graph", "upstream"), result
        assert any(all(n in e["message"] for n in ("one", "two", "three")) for e in failed.values() if e["kind"] == "graph"), failed
        lost = failed["lost"]
        assert lost["kind"] == "graph" and "goood" in lost["message"] and "good" in lost["message"].replace("goood", ""), lost
        assert (lost["line"], lost["column"]) == place(WHOLE, "goood")
        lines = [str(place(WHOLE, "fn twin", count=n)[0]) for n in (1, 2)]
        twins = result.of("cell_finished", cell="twin")
        assert twins and all(t["status"] == "failed" for t in twins), result
        assert any(all(re.search(rf"\b{n}\b", t["error"]["message"] + f" {t['error']['line']}") for n in lines) for t in twins), twins
        generic = failed["generic"]
        assert "generic" in generic["message"].replace("`generic`", "") and generic["line"] == place(WHOLE, "fn generic")[0], generic
        assert result.cell("below")["error"]["kind"] == "upstream" and result.cell("below")["error"]["because"] == "lost"
        plain = warm.ctl("run", "nb.rs")
        assert plain.code == 1 and f"nb.rs:{lost['line']}:{lost['column']}" in plain.out + plain.err, plain
        # A cell that no error touches can be asked for alone, and is all right.
        assert warm.run("nb.rs", "--cell", "after").finished["cached"] == 2


SAMPLE = '''//! # Sample
use std::fmt::Debug;

#[venus::cell]
pub fn base() -> i64 { println!("said by base"); 41 }

#[derive(Debug, Clone)]
struct Point<'a> { x: f64, name: &'a str }

/// # Middle
#[venus::cell(timeout = "5s")]
pub fn middle(base: &i64) -> Vec<String> { let c = '{'; vec![format!("{base}{c}")] }

#[venus::cell]
pub fn last(middle: &Vec<String>) -> usize { middle.len() /* } */ }
'''
TOKEN = re.compile(r'"[^"]*"|//[^\n]*|/\*.*?\*/|\'[^\']\'|\'\w+|\w+|->|::|[^\s\w]')


def test_syntax_errors_at_every_token(warm):
    """base stands before all that is broken here: whatever that is, it can be looked at and run."""
    start = SAMPLE.index("#[derive")
    tokens = [m for m in TOKEN.finditer(SAMPLE) if m.start() >= start]
    assert len(tokens) > 80
    changes = (lambda t: "", lambda t: t + " " + t, lambda t: "}", lambda t: '"')
    syntax = whole = 0
    broken_from = place(SAMPLE, "#[derive")[0]
    with survives(warm):
        for index, token in enumerate(tokens):
            for kind, change in enumerate(changes):
                if kind > 1 and (index + kind) % 2:
                    continue  # each of the two at every second token
                text = SAMPLE[:token.start()] + change(token.group()) + SAMPLE[token.end():]
                warm.write(text, "sample.rs")
                seen = warm.ctl("inspect", "sample.rs", "--json")
                assert seen.code == 0 and seen.err == "", f"{text}\n{seen}"
                cells = {e["cell"]: e for e in seen.of("cell")}
                base = cells["base"]
                assert base["line"] == place(SAMPLE, "pub fn base")[0], f"{text}\n{seen}"
                assert "error" not in base or base["error"]["kind"] == "compile", f"{text}\n{seen}"
                for problem in seen.of("session")[0].get("problems", ()):
                    syntax += problem["kind"] == "syntax"
                    assert problem["message"].isprintable() and problem["column"] >= 1, problem
                    assert broken_from <= problem["line"] <= text.count("\n") + 1, f"{text}\n{seen}"
                if index % 6 == kind:
                    ran = warm.run("sample.rs", "--cell", "base")
                    if ran.code == 1:  # half a definition that is nobody's: the place of it is told
                        places = [ran.cell("base")["error"]["line"], *(e["line"] for e in ran.of("warning") if "line" in e)]
                        assert max(places) >= broken_from, f"{text}\n{ran}"
                        continue
                    whole += 1
                    assert ran.code == 0 and ran.text("base") == "41" and ran.executed() == [], f"{text}\n{ran}"
    assert whole > 30, whole
    assert syntax > 100, syntax


def test_broken_cells_do_not_stop_the_rest(warm):
    for broken in ("let = 3;", "}", '"', "vec![1, 2", "/* "):
        text = BASE + f"\n#[venus::cell]\nfn broken() -> i32 {{ {broken} }}\n"
        result = warm.run_text(text)
        assert result.code == 1, result
        assert result.text("next") == "42" and result.executed() == [], result
        errors = [e["error"] for e in result.of("cell_finished", status="failed")]
        if not errors:
            errors = [e for e in result.events if e["event"] not in ("run_started", "cell_started", "cell_finished", "run_finished")]
        assert errors, result
    text = BASE + "\n#[venus::cell]\nfn broken() -> i32 { let = 3; 4 }\n\n#[venus::cell]\nfn fine() -> i32 { 6 }\n"
    result = warm.run_text(text)
    error = result.cell("broken")["error"]
    assert error["kind"] == "syntax" and error["line"] == place(text, "let =")[0] and result.text("fine") == "6", result


# Compilers


def fake_rustc(venus, text):
    folder = venus.home / "bin"
    folder.mkdir(exist_ok=True)
    path = folder / "rustc"
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return folder


def test_no_rustc(warm, tmp_path):
    still_kept(warm)
    warm.stop()
    (tmp_path / "empty").mkdir()
    warm.env["PATH"], whole = str(tmp_path / "empty"), warm.env["PATH"]
    path = warm.write("#[venus::cell]\nfn a() -> i32 { 1 }\n")
    result = warm.run(path)
    text = result.out + result.err
    assert result.code == 1 and "rustc" in text and "PATH" in text, result
    assert len(set(re.findall(r"[^\n\"]*rustc[^\n\"]*", text))) == 1, result
    plain = warm.ctl("run", path)
    assert plain.code == result.code and re.search(r"(?m)^error: no rustc on PATH: \S", plain.out), plain
    assert warm.ctl("inspect", path).code == 0
    pid = warm.pid()
    assert pid
    warm.ctl("daemon", "stop")
    warm.env["PATH"] = whole
    still_kept(warm)


def test_rustc_that_hangs(warm):
    still_kept(warm)
    path = warm.write("#[venus::cell]\nfn other() -> i32 { 1 }\n")
    warm.env["VENUS_BUILD_TIMEOUT_MS"] = "1500"
    endless = warm.write("#![allow(long_running_const_eval)]\nconst N: u64 = { let mut i = 0u64; loop { i ^= 1 } };\n\n#[venus::cell]\nfn n() -> u64 { N }\n", "endless.rs")
    version = subprocess.run(["rustc", "--version"], env=warm.env, stdout=subprocess.PIPE, text=True, check=True).stdout
    # One that always hangs, and one that is kept busy by the code, which a compiler before 1.72 does not let be.
    cases = [(fake_rustc(warm, "exec sleep 1000\n"), path), (None, endless)]
    for folder, name in cases if int(version.split(".")[1]) >= 72 else cases[:1]:
        warm.ctl("daemon", "stop")
        warm.env["PATH"] = f"{folder}:{os.environ['PATH']}" if folder else os.environ["PATH"]
        result = warm.run(name)
        assert result.code == 1, result
        (error,) = [e["error"] for e in result.of("cell_finished", status="failed")]
        assert "rustc did not end" in error["message"] and "VENUS_BUILD_TIMEOUT_MS" in error["message"], result
        pid = warm.pid()
        wait_for(lambda: not {name_of(child) for child in descendants(pid)} & {"sleep", "rustc"}, what="the compiler is ended")
        plain = warm.ctl("run", name)
        assert plain.code == 1 and "rustc did not end" in plain.out, plain
        assert warm.pid() == pid
    warm.ctl("daemon", "stop")
    warm.env["PATH"] = os.environ["PATH"]
    del warm.env["VENUS_BUILD_TIMEOUT_MS"]
    still_kept(warm)
    assert warm.ok(path).text("other") == "1"


# Disks


def private_mounts(*commands):
    """A command that runs these where what is mounted is not seen by others; skips if that is not allowed here."""
    how = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if subprocess.run([*how, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("mount namespaces cannot be made here")
    return [*how, "sh", "-c", " && ".join(commands)]


def in_private_mounts(venus, *commands):
    """Starts the daemon where it sees other mounts than we do."""
    done = subprocess.run(private_mounts(*commands, f"exec {venus.bin}/venusctl daemon start"), env=venus.env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout


def test_disk_full(warm):
    cache = warm.home / "h" / "cache"
    kept = warm.home / "kept"
    in_private_mounts(warm, f"cp -a {cache} {kept}", f"mount -t tmpfs -o size=24m,mode=700 none {cache}", f"cp -a {kept}/. {cache}/")
    text = BASE + '''
#[venus::cell]
fn large(base: &i64) -> Vec<u8> { let mut x = *base as u64; (0..4_000_000).map(|_| { x ^= x << 13; x ^= x >> 7; x ^= x << 17; x as u8 }).collect() }

#[venus::cell]
fn size(large: &Vec<u8>) -> usize { large.len() }
'''
    with survives(warm) as pid:
        inside = Path(f"/proc/{pid}/root{cache}")
        with open(inside / "filler", "wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(b"\0" * 65536):
                    pass
        result = warm.run_text(text)
        everything = result.out + result.err + warm.log()
        assert result.code in (0, 1, 3) and re.search("No space left|full", everything), f"{result}\n{warm.log()}"
        if result.code == 1:
            errors = [e["error"]["message"] for e in result.of("cell_finished", status="failed")]
            assert errors and all("\n" not in e for e in errors), result
        assert result.text("next") == "42"
        # What is there can be read with a full disk.
        still_kept(warm)
        (inside / "filler").unlink()
        again = warm.run_text(text)
        assert again.code == 0 and again.text("size") == "4000000", again
        assert not list((inside / "store" / "tmp").glob("*")) or len(list((inside / "store" / "tmp").glob("*"))) < 3
    # What was told to be kept after that is.
    assert warm.ok("nb.rs").executed() == []


def test_disk_full_from_the_start(warm):
    cache = warm.home / "h" / "cache"
    done = subprocess.run(private_mounts("mount -t tmpfs -o size=64k,mode=700 none " + str(cache), f"exec {warm.bin}/venusctl status"),
                          env=warm.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    Result(done.returncode, done.stdout, done.stderr).line(3, cache, "no space", "free some")
    still_kept(warm)


def test_files_of_limited_size(warm):
    """A daemon that may not write more than a little: no signal ends it."""
    if os.getuid() != 0:
        pytest.skip("only root can limit a daemon that cannot be traced")
    with survives(warm) as pid:
        old = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, old[1]))
        result = warm.run_text("#[venus::cell]\nfn a() -> Vec<u64> { (0..100_000u64).map(|i| i * i * i).collect() }\n")
        assert result.code in (0, 1, 3) and warm.pid() == pid, f"{result}\n{warm.log()}"
        if result.code:
            assert re.search("too large|too big", result.out + result.err), result
        resource.prlimit(pid, resource.RLIMIT_FSIZE, old)
        assert warm.run_text("#[venus::cell]\nfn b() -> i32 { 2 }\n").text("b") == "2"


def test_read_only_cache(warm):
    """On a file system that cannot be written the daemon cannot begin, and says so; what is kept is there when it can be."""
    cache = warm.home / "h" / "cache"
    still_kept(warm)
    warm.ctl("daemon", "stop")
    wait_for(lambda: not (warm.home / "h" / "venusd.sock").exists(), what="stopped")
    done = subprocess.run(private_mounts(f"mount --bind {cache} {cache}", f"mount -o remount,ro,bind {cache}", f"exec {warm.bin}/venusctl status"),
                          env=warm.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    Result(done.returncode, done.stdout, done.stderr).line(3, cache)
    still_kept(warm)


def test_folders_that_cannot_be_written():
    """Of an ordinary user: the daemon cannot start, and the one line says on which folder."""
    venus = Venus(user=NOBODY if os.getuid() == 0 else None, env={"PATH": "/usr/bin:/bin"})
    try:
        path = venus.write(BASE)
        home = venus.home / "h"
        for closed in (venus.home, home, home / "cache"):
            os.makedirs(closed, mode=0o700, exist_ok=True)
            if "user" in venus.identity:
                os.chown(closed, NOBODY, NOBODY)
            os.chmod(closed, 0o500)
            for command in (("run", path), ("daemon", "start")):
                result = venus.ctl(*command)
                assert result.code in (3, 4), result
                result.line(result.code, closed, "Permission denied")
            os.chmod(closed, 0o700)
        assert venus.ctl("status").code == 0
    finally:
        venus.close()


def test_damaged_files(warm):
    """An index that is none is said, or set aside."""
    still_kept(warm)
    warm.ctl("daemon", "stop")
    index = warm.home / "h" / "cache" / "store" / "index.db"
    index.write_bytes(b"this is not a data base, whatever it may seem to be\n" * 400)
    for more in ("index.db-wal", "index.db-shm"):
        with contextlib.suppress(FileNotFoundError):
            index.with_name(more).unlink()
    result = warm.run("base.rs")
    if result.code != 0:
        result.line(3, "index.db")
    else:
        assert result.text("next") == "42"


# Sockets


def test_socket_paths(warm):
    long = warm.home / ("l" * 60) / ("m" * 60)
    result = warm.ctl("status", env={"VENUS_HOME": str(long)})
    assert str(long)[:40] in result.line(result.code, "107") and result.code in (2, 3), result
    assert not long.exists()
    warm.ctl("--socket", f"ipc://{long}/s", "status").line(result.code)
    for url in ("http://127.0.0.1:1/", "ipc://", "tcp://127.0.0.1:9", ""):
        warm.ctl("--socket", url, "status").line(2, "--socket")
    warm.ctl("--socket", f"ipc://{warm.home}/none.sock", "status").line(3, "none.sock")
    file = warm.write("", "file")
    warm.ctl("status", env={"VENUS_HOME": str(file)}).line(2, file, "Not a directory")


def test_stale_sockets(warm):
    sock = warm.home / "h" / "venusd.sock"
    with_base = warm.ok(warm.write(BASE, "base.rs"))
    pid = warm.pid()
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)
    assert sock.is_socket()
    still_kept(warm, with_base)
    assert warm.pid() != pid
    # Bound once by something else that has ended, without what a daemon leaves beside it.
    warm.ctl("daemon", "stop")
    wait_for(lambda: not sock.exists(), what="socket removed")
    for left in sock.parent.glob("venusd.*"):
        left.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(sock))
    still_kept(warm, with_base)
    # Not a socket at all: said, and not deleted.
    warm.ctl("daemon", "stop")
    wait_for(lambda: not sock.exists(), what="socket removed")
    sock.write_text("precious")
    result = warm.ctl("status")
    result.line(3, sock)
    assert sock.read_text() == "precious"
    sock.unlink()
    sock.mkdir()
    warm.ctl("status").line(3, sock)
    sock.rmdir()
    still_kept(warm, with_base)


def test_something_else_listens(warm):
    """A listener that takes connections and says nothing, ends them, or speaks something else."""
    path = warm.home / "other.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen(8)
        child = os.fork()
        if child == 0:
            try:
                while True:
                    peer, _ = other.accept()
                    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    peer.close()
            finally:
                os._exit(0)
        try:
            warm.ctl("--socket", f"ipc://{path}", "status", timeout=60).line(3, path)
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@ROOT_ONLY
def test_socket_of_another_user(warm):
    path = warm.home / "theirs.sock"
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(path))
    os.chmod(warm.home, 0o755)
    os.chown(path, NOBODY, NOBODY)
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            other.listen(8)
            while True:
                peer, _ = other.accept()
                peer.recv(100)
        finally:
            os._exit(0)
    try:
        result = warm.ctl("--socket", f"ipc://{path}", "status", timeout=60)
        result.line(4, path, "user")
        # In the place of one's own socket too.
        assert warm.ctl("status").code == 0
        warm.ctl("daemon", "stop")
        own = warm.home / "h" / "venusd.sock"
        wait_for(lambda: not own.exists(), what="socket removed")
        os.link(path, own)
        for command in (("status",), ("run", warm.write(BASE))):
            warm.ctl(*command, timeout=60).line(4, own, "user")
        own.unlink()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        other.close()
    # A whole folder of somebody else.
    folder = warm.home / "theirs"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    result = warm.ctl("status", env={"VENUS_HOME": str(folder)})
    assert result.code in (3, 4), result
    result.line(result.code, folder)


@ROOT_ONLY
def test_another_user_dials(warm):
    with survives(warm):
        home = warm.home / "h"
        sock = home / "venusd.sock"
        assert home.stat().st_mode & 0o777 == 0o700 and sock.stat().st_mode & 0o777 == 0o600
        # As if every mode had been opened by mistake.
        for folder in (warm.home, home):
            os.chmod(folder, 0o755)
        os.chmod(sock, 0o666)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                with Wire(sock) as other:
                    other.send(wire.request(wire.STATUS))
                    data = other.receive()
                    os.write(writer, b"closed" if data is None else b"answer " + data)
            except BaseException as problem:  # noqa: BLE001
                os.write(writer, repr(problem).encode())
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            answer = said.read()
        os.waitpid(child, 0)
        if answer.startswith(b"answer "):
            code, text = wire.error(wire.fields(answer[7:]))
            assert code == wire.DENIED and text, text
        else:
            assert answer == b"closed" or b"Broken pipe" in answer or b"reset" in answer.lower(), answer
        os.chmod(home, 0o700)
        os.chmod(sock, 0o600)


# Clients

SLOW = BASE + '''
#[venus::cell]
fn slow(next: &i64) -> i64 { println!("slow begins"); std::thread::sleep(std::time::Duration::from_millis(1500)); next * 10 }

#[venus::cell]
fn end(slow: &i64) -> i64 { slow + 5 }
'''


def test_client_dies_in_the_middle(warm):
    with survives(warm):
        path = warm.write(SLOW, "slow.rs")
        client = warm.start("run", path, "--json")
        for line in client.stdout:
            if b"slow begins" in line:
                break
        client.kill()
        client.wait()
        client.stdout.close()
        client.stderr.close()
        assert warm.ctl("status").code == 0
        result = warm.ok(path)
        assert result.text("end") == "425" and [e["status"] for e in result.of("cell_finished")] == ["ok"] * 4
        assert warm.ok(path).executed() == []


def test_resent_run_is_one_run(warm):
    with survives(warm):
        path = warm.write('''#[venus::cell(volatile)]
fn count() -> i64 { use std::io::Write; std::fs::OpenOptions::new().create(true).append(true).open("count").unwrap().write_all(b"x").unwrap(); 1 }
''')
        sock = warm.home / "h" / "venusd.sock"
        body = wire.request(wire.SUBMIT, wire.field(1, wire.field(1, str(path))))
        first, second = wire.ask(sock, body), wire.ask(sock, body)
        assert 3 not in first and first[17] and 3 not in second
        assert wire.fields(first[17][0])[1] == wire.fields(second[17][0])[1]
        warm.ok(path)
        assert (warm.folder / "count").read_text() == "xx"


def test_other_versions(warm):
    with survives(warm) as pid:
        sock = warm.home / "h" / "venusd.sock"
        reply = wire.ask(sock, wire.request(wire.HELLO))
        hello = wire.fields(reply[16][0])
        assert 3 not in reply and reply[1] == [1] and hello[3] == [pid] and hello[1][0].startswith(b"venusd ")
        for version in (0, 2, 99, 2**32 - 1):
            reply = wire.ask(sock, wire.request(wire.STATUS, version=version))
            code, text = wire.error(reply)
            assert code == wire.VERSION and reply[1] == [1] and 21 not in reply, reply
            assert re.search(r"\bold(er)?\b|\bnewer\b", text) and "\n" not in text and len(text) > 20, text
        # Of a later version, with fields that nobody knows yet: only the version counts.
        code, _ = wire.error(wire.ask(sock, wire.request(60, b"\xff\xff", version=7, raw=wire.field(200, b"x"))))
        assert code == wire.VERSION
        # Unknown fields of this version are let pass; a behaviour that is not there yet cannot be had.
        reply = wire.ask(sock, wire.request(wire.STATUS, raw=wire.field(6, 1) + wire.field(200, b"new") + wire.field(201, 5)))
        assert 3 not in reply and reply[21]
        code, text = wire.error(wire.ask(sock, wire.request(wire.STATUS, raw=wire.field(6, 9))))
        assert code == wire.VERSION and "behaviour 9" in text, text


def test_bad_requests(warm):
    with survives(warm):
        sock = warm.home / "h" / "venusd.sock"
        source = wire.field(1, wire.field(1, str(warm.folder / "base.rs")))
        cases = {
            "no call": wire.field(1, 1) + wire.field(2, b"i" * 16),
            "reserved call": wire.request(wire.INPUT),
            "unknown call": wire.request(50),
            "short id": wire.request(wire.STATUS, id=b"short"),
            "no id": wire.request(wire.STATUS, id=b""),
            "long id": wire.request(wire.STATUS, id=b"i" * 17),
            "no source": wire.request(wire.SUBMIT),
            "empty path": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, ""))),
            "relative path": wire.request(wire.INSPECT, wire.field(1, wire.field(1, "base.rs"))),
            "long path": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, "/" + "x" * 4096))),
            "NUL in a path": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, "/tmp\0/x.rs"))),
            "path that is not UTF-8": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, b"/tmp/\xff.rs"))),
            "long cell": wire.request(wire.INSPECT, source + wire.field(2, "x" * 1025)),
            "cell that is not UTF-8": wire.request(wire.SUBMIT, source + wire.field(2, b"\xc3\x28")),
            "no such cell": wire.request(wire.SUBMIT, source + wire.field(2, "nexxt")),
            "long widget value": wire.request(wire.SUBMIT, source + wire.field(5, wire.field(1, "base") + wire.field(2, "w") + wire.field(3, "v" * 65537))),
            "wrong digest": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, "/tmp/x.rs") + wire.field(2, b"d" * 32) + wire.field(3, "x") + wire.field(4, 1))),
            "session of nobody": wire.request(wire.FOLLOW, wire.field(1, b"s" * 16)),
            "short session": wire.request(wire.FOLLOW, wire.field(1, b"s")),
            "short digest": wire.request(wire.GET_BLOB, wire.field(1, b"d" * 31)),
            "unknown digest": wire.request(wire.GET_BLOB, wire.field(1, b"d" * 32)),
            "too many fields": wire.request(wire.SUBMIT, source + wire.field(2, "x") * 50001),
            "nested": wire.request(wire.SUBMIT, wire.field(1, wire.field(1, wire.field(1, wire.field(1, b"\x0a\x00" * 9))))),
            "token": wire.request(wire.STATUS, auth=wire.field(1, b"secret")),
            "nothing": b"",
            "text": b"GET / HTTP/1.1\r\n\r\n",
            "truncated": wire.request(wire.STATUS, b"x" * 40)[:-20],
            "length beyond the end": wire.field(1, 1) + b"\x12\xff\xff\xff\xff\x07id",
            "ones": b"\xff" * 100,
            "zeroes": b"\0" * 100,
            "groups": wire.field(1, 1) + b"\x0b" * 1000,
        }
        for name, body in cases.items():
            reply = wire.ask(sock, body)
            assert reply is not None and 3 in reply, f"{name}: {reply}"
            code, text = wire.error(reply)
            wanted = {"token": (wire.UNAUTHENTICATED,)}.get(name, (2, 3, wire.VERSION))
            assert code in wanted and len(text) > 10 and text.isprintable(), f"{name}: {code} {text}"
        warm.write(BASE, "base.rs")
        assert "next" in wire.error(wire.ask(sock, cases["no such cell"]))[1]


def test_garbage_on_the_socket(warm):
    with survives(warm) as pid:
        sock = warm.home / "h" / "venusd.sock"
        before = descriptors(pid)
        # Greetings that are none.
        for greeting in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 8, bytes.fromhex("0053500000100000"), bytes.fromhex("0053500100300000"), b"\xff" * 64):
            with Wire(sock, b"") as peer:
                peer.try_raw(greeting)
                assert peer.closed(), greeting
        # Sizes that nobody may send: not waited for.
        for size in (17 * 2**20 + 65, 2**31, 2**33, 2**63 - 1, 2**63, 2**64 - 1):
            with Wire(sock) as peer:
                assert peer.greeted()
                peer.try_raw(b"\1" + struct.pack(">Q", size) + b"\x80\0\0\1" + b"x" * 1000)
                assert peer.closed(), size
        # A message without room for its number, without its mark, and of a type that is not there.
        for data in (struct.pack(">BQ", 1, 0), struct.pack(">BQ", 1, 3) + b"abc", struct.pack(">BQ", 1, 8) + b"\0\0\0\1abcd", struct.pack(">BQ", 2, 4) + b"abcd"):
            with Wire(sock) as peer:
                assert peer.greeted()
                peer.try_raw(data)
                assert peer.closed(), data
        # Halves: of a greeting, a head, a message, held while others are served, then dropped.
        good = b"\1" + struct.pack(">Q", 1000) + b"\x80\0\0\1"
        held = [Wire(sock, wire.HANDSHAKE[:3]), Wire(sock, wire.HANDSHAKE + good[:4]), Wire(sock, wire.HANDSHAKE + good + b"x" * 500)]
        assert 3 not in wire.ask(sock, wire.request(wire.STATUS))
        still_kept(warm)
        for peer in held:
            peer.close()
        # A large request in bits, up to its limit, is answered.
        with Wire(sock) as peer:
            assert peer.greeted()
            body = wire.request(wire.STATUS, raw=wire.field(100, b"x" * (16 * 2**20)))
            assert peer.call(body) is not None
        # Clients that never read what they are told.
        deaf = [Wire(sock) for _ in range(10)]
        for peer in deaf:
            for number in range(200):
                peer.send(wire.request(wire.STATUS), 0x80000000 | number + 1)
        assert 3 not in wire.ask(sock, wire.request(wire.STATUS))
        for peer in deaf:
            peer.close()
        wait_for(lambda: descriptors(pid) <= before + 2, what="descriptors of lost clients are closed")


def test_300_connections(warm):
    with survives(warm) as pid:
        sock = warm.home / "h" / "venusd.sock"
        before = descriptors(pid)
        peers = []
        while len(peers) < 300:
            try:
                peers.append(Wire(sock))
            except BlockingIOError:
                time.sleep(0.01)  # as many wait at the door as may
            except BrokenPipeError:
                peers.append(None)  # closed at once
        # Up to the limit a client is served; above it, told so.
        result = warm.ctl("status", timeout=60)
        if result.code:
            result.line(3)
        assert None not in peers[:200]
        for peer in filter(None, peers[100:]):
            peer.close()
        wait_for(lambda: warm.ctl("status").code == 0, what="served again")
        still_kept(warm)
        alive = sum(1 for peer in peers[:100] if peer.greeted() and peer.call(wire.request(wire.STATUS)))
        assert alive == 100
        for peer in peers[:100]:
            peer.close()
        wait_for(lambda: descriptors(pid) <= before + 2, what="descriptors of lost clients are closed")
