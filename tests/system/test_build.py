"""Compiling: errors and warnings at their places, one cell at a time, forms that do not split, old and other toolchains, crates."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from venus import place

OLD = Path("/usr/bin/rustc")

MIXED = '''use venus::prelude::*;
fn unused_helper() -> i32 { 1 }
#[cell] fn number() -> i32 { 5 }
#[cell] fn text() -> String { "t".into() }
#[cell] fn wrong_edge(number: &String, text: &str) -> usize { number.len() + text.len() }
#[cell] fn wrong_value(text: i32) -> i32 { text }
#[cell] fn wrong_return(number: &i32) -> String {
    // é ☃
    let x = "日本"; *number
}
#[cell] fn no_such() -> i32 { not_there(1) }
#[cell] fn warned(number: &i32) -> i32 { let é = 3; let unused = 4;
    *number }
#[cell] fn fine(number: &i32, text: &str) -> usize { *number as usize + text.len() }
#[cell] fn needs(no_such: &i32) -> i32 { *no_such }
#[cell] fn moved() -> usize { let s = String::new(); drop(s); s.len() }
'''


def test_broken_cells_do_not_stop_the_rest(shared):
    path = shared.write(MIXED, "mixed.rs")
    result = shared.run(path)
    assert result.code == 1 and result.text("fine") == "6" and result.text("warned") == "5"
    for cell, code, at, after in (("wrong_edge", "E0308", "number: &String", None), ("wrong_value", "E0308", "text: i32", None),
                                  ("wrong_return", "E0308", 'let x = "日本"', "*number"), ("no_such", "E0425", "not_there(1)", None),
                                  ("moved", "E0382", "drop(s);", "s.len()")):
        error = result.cell(cell)["error"]
        assert (error["kind"], error["code"]) == ("compile", code), error
        assert (error["line"], error["column"]) == place(MIXED, at, after), error
        assert error["message"]
    assert result.cell("needs")["error"]["because"] == "no_such"
    shown = shared.ctl("run", path)
    line, column = place(MIXED, 'let x = "日本"', "*number")
    assert "error[E0308]" in shown.out + shown.err and f"mixed.rs:{line}:{column}" in shown.out + shown.err and "^^^^^^^" in shown.out + shown.err
    warnings = [e for e in result.events if e["event"] == "warning"]
    line, column = place(MIXED, "let unused", "unused")
    assert [(w["line"], w["column"]) for w in warnings if "`unused`" in w["message"]] == [(line, column)], warnings
    # an edit compiles that cell alone
    edited = shared.run(shared.write(MIXED.replace("not_there(1)", "7"), "mixed.rs"))
    assert "no_such" in edited.compiled() and not {"number", "text", "fine", "warned"} & set(edited.compiled())
    alone = shared.run(shared.write(MIXED.replace("as usize + text", "as usize + 1 + text"), "mixed.rs"), "--cell", "fine")
    assert alone.code == 0 and alone.compiled() == ["fine"] and alone.executed() == ["fine"] and alone.text("fine") == "7"
    assert edited.text("needs") == "7"
    assert not {"number", "text", "fine", "warned"} & set(edited.executed())


def test_release_optimises_and_has_values_of_its_own(shared):
    text = ("#[cell] fn checked() -> bool { cfg!(debug_assertions) }\n"
            "#[cell] fn wraps() -> u8 { let x = std::hint::black_box(255u8); x + std::hint::black_box(1) }\n")
    path = shared.write(text, "release.rs")
    debug = shared.run(path)
    assert debug.text("checked") == "true" and "overflow" in debug.cell("wraps")["error"]["message"]
    release = shared.ok(path, "--release")
    assert release.text("checked") == "false" and release.text("wraps") == "0"
    assert shared.ok(path, "--release").executed() == []
    assert shared.run(path, "--cell", "checked").text("checked") == "true"


PLAIN = {
    "impl_in_a_cell": ("#[derive(Debug)] pub struct P { x: i32 }\n#[cell] fn p() -> P { impl P { fn twice(&self) -> i32 { self.x * 2 } } let p = P { x: 2 }; P { x: p.twice() } }\n"
                       "#[cell] fn v(p: &P) -> i32 { p.x }\n", "4"),
    "trait_impl_in_a_cell": ("pub struct P(i32);\n#[cell] fn p() -> P { P(4) }\n"
                             "#[cell] fn v(p: &P) -> String { impl std::fmt::Display for P { fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result { write!(f, \"<{}>\", self.0) } } p.to_string() }\n", "<4>"),
    "macro_made_items": ("macro_rules! make { ($n:ident) => { struct $n { inner: i32 } impl $n { fn get(&self) -> i32 { self.inner } } }; }\nmake!(Made);\n"
                         "#[cell] fn v() -> i32 { Made { inner: 6 }.get() }\n", "6"),
    "macro_export": ("#[macro_export]\nmacro_rules! six { () => { 6 }; }\n#[cell] fn v() -> i32 { six!() + crate::six!() }\n", "12"),
    "helper_calls_a_cell": ("fn again() -> i32 { base() + 1 }\n#[cell] fn base() -> i32 { 7 }\n#[cell] fn v() -> i32 { again() }\n", "8"),
    "private_in_modules": ("mod m { pub(super) struct T { pub(super) x: i32 } impl T { pub(super) fn new() -> T { T { x: 9 } } } fn hidden() -> i32 { 1 } pub(super) fn shown() -> i32 { hidden() } }\n"
                           "#[cell] fn v() -> i32 { let t = m::T::new(); t.x + m::shown() }\n", "10"),
    "crate_paths": ("mod m { pub const K: i32 = 3; }\nconst L: i32 = 4;\n#[cell] fn v() -> i32 { crate::m::K + self::L + crate::L }\n", "11"),
}


@pytest.mark.parametrize("form", PLAIN)
def test_forms_that_do_not_split_run_all_the_same(shared, form):
    text, value = PLAIN[form]
    path = shared.write("use venus::prelude::*;\n" + text, f"plain_{form}.rs")
    assert shared.ok(path).text("v").strip('"') == value
    assert shared.ok(path).executed() == []


def test_errors_in_such_forms_have_their_places_too(shared):
    text = "use venus::prelude::*;\n" + PLAIN["impl_in_a_cell"][0] + "\n#[cell] fn bad() -> i32 { \"é\" + 1 }\n#[cell] fn falls() -> i32 { let é = 0; if é == 0 { panic!(\"here\") } 1 }\n"
    result = shared.run(shared.write(text, "plain_errors.rs"))
    assert result.text("v") == "4"
    bad, falls = result.cell("bad")["error"], result.cell("falls")["error"]
    assert (bad["line"], bad["column"]) == place(text, '"é" + 1', "+") and bad["code"] == "E0369"
    assert (falls["line"], falls["column"]) == place(text, 'panic!("here")') and falls["kind"] == "panic"


def small_path(folder, *programs):
    """A folder with only these programs and what a link needs, to be the whole PATH."""
    folder.mkdir(parents=True)
    for program in programs:
        (folder / Path(program).name).symlink_to(program)
    return str(folder)


@pytest.mark.skipif(not OLD.exists() or not Path("/usr/bin/cargo").exists(), reason="no rustc and cargo in /usr/bin")
def test_the_compiler_that_is_first_on_path(venus):
    """Debian's rustc and cargo: values, copies, widgets, errors at their places, a crate."""
    folder = small_path(venus.home / "path", OLD, "/usr/bin/cargo")
    venus.env["PATH"] = folder + ":/usr/bin:/bin"
    venus.write('[package]\nname = "near"\nversion = "0.1.0"\nedition = "2021"\n', "near/Cargo.toml")
    venus.write("pub fn n() -> i32 { 30 }\n", "near/src/lib.rs")
    text = ("use venus::prelude::*;\nuse std::collections::BTreeMap;\n#[derive(Clone, Debug)] struct P { x: i32, f: fn(i32) -> i32 }\nfn inc(x: i32) -> i32 { x + 1 }\n"
            "#[cell] fn p() -> P { P { x: 4, f: inc } }\n#[cell] fn own(mut p: P) -> i32 { p.x += 1; (p.f)(p.x) }\n"
            "#[cell] fn map() -> BTreeMap<String, Vec<f64>> { [(\"k\".to_string(), vec![1.0])].into() }\n#[cell] fn w() -> f64 { input_slider(\"s\", 0.0, 2.0, 1.0) }\n"
            "#[cell] fn closure() -> Box<dyn Fn() -> i32> { Box::new(|| 3) }\n#[cell] fn called(closure: &Box<dyn Fn() -> i32>) -> i32 { closure() }\n"
            "#[cell] fn falls() -> i32 { let é = 1; if é == 1 { panic!(\"old\") } 1 }\n#[cell] fn bad() -> i32 { \"x\" }\n"
            "#[cell] fn err() -> Result<i32, String> { Err(\"e\".into()) }\n")
    result = venus.run(venus.write(text))
    assert {c: result.text(c) for c in ("own", "called", "w")} == {"own": "6", "called": "3", "w": "1.0"} and "k" in result.text("map")
    assert (result.cell("falls")["error"]["line"], result.cell("falls")["error"]["column"]) == place(text, 'panic!("old")')
    assert result.cell("bad")["error"]["code"] == "E0308" and result.cell("err")["error"]["message"] == "e"
    again = venus.run(venus.folder / "nb.rs")
    assert not {"p", "own", "map", "w"} & set(again.executed())
    crates = venus.ok(venus.write("//! ```cargo\n//! [dependencies]\n//! near = { path = \"near\" }\n//! ```\n#[cell] fn n() -> i32 { near::n() + 1 }\n", "crates.rs"))
    assert crates.text("n") == "31"


def crate(venus, folder, name, body, version="0.1.0", features="", more=""):
    venus.write(f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n{more}\n[features]\n{features}\n', f"{folder}/Cargo.toml")
    venus.write(body, f"{folder}/src/lib.rs")


def test_crates_by_path(shared):
    crate(shared, "crates/sub/crates/one", "one", "pub fn one() -> i32 { 1 }\n#[derive(Debug, Clone)] pub struct S { pub x: i32 }\n#[macro_export] macro_rules! ten { () => { 10 }; }\n",
          "1.2.3")
    crate(shared, "crates/beside-it", "with-dash", "pub fn base() -> i32 { 2 }\n#[cfg(feature = \"a\")] pub fn a() -> i32 { 20 }\n#[cfg(feature = \"b\")] pub fn b() -> i32 { 200 }\n"
          "#[cfg(feature = \"c\")] compile_error!(\"c was not asked for\");\n", features="a = []\nb = []\nc = []\n")
    crate(shared, "crates/third", "third", "pub fn t() -> &'static str { \"third\" }\n")
    text = ('//! # Crates\n//!\n//! ```cargo\n//! [dependencies]\n//! one = { path = "crates/one", version = "1.2" }\n'
            '//! renamed = { package = "with-dash", path = "../beside-it", features = ["a", "b"] }\n//!\n//! [dependencies.third]\n//! path = "../third"\n//! ```\n'
            "use venus::prelude::*;\nuse one::{one, S};\n\n#[cell] fn a() -> i32 { one() + one::ten!() }\n#[cell] fn s() -> S { S { x: 5 } }\n#[cell] fn sx(s: &S) -> i32 { s.x }\n"
            "#[cell] fn b() -> i32 { renamed::base() + renamed::a() + renamed::b() }\n#[cell] fn c() -> &'static str { third::t() }\n#[cell] fn free() -> i32 { 9 }\n")
    path = shared.write(text, "crates/sub/nb.rs")
    result = shared.ok(path, cwd="/", timeout=300)
    assert {c: result.text(c).strip('"') for c in "abc"} == {"a": "11", "b": "222", "c": "third"} and result.text("sx") == "5"
    again = shared.ok(path)
    assert again.executed() == [] and again.compiled() == []
    # an edited crate is another input
    shared.write("pub fn t() -> &'static str { \"changed\" }\n", "crates/third/src/lib.rs")
    changed = shared.ok(path, timeout=300)
    assert changed.text("c").strip('"') == "changed" and "c" in changed.executed()
    # an error of a cell that uses crates is at its place
    bad = text.replace("renamed::base()", "renamed::missing()")
    failed = shared.run(shared.write(bad, "crates/sub/nb.rs"), timeout=300)
    error = failed.cell("b")["error"]
    assert failed.code == 1 and error["code"] == "E0425" and error["line"] == place(bad, "renamed::missing()")[0]
    assert failed.text("free") == "9"


def test_a_missing_crate_is_cargo_s_error(shared):
    text = '//! ```cargo\n//! [dependencies]\n//! nowhere = { path = "not/there" }\n//! ```\n#[cell] fn a() -> i32 { 1 }\n'
    result = shared.run(shared.write(text, "missing.rs"))
    assert result.code == 1
    assert "not/there" in result.cell("a")["error"]["message"] or "not/there" in result.out
    shown = shared.ctl("run", shared.folder / "missing.rs")
    assert shown.code == 1 and "nowhere" in shown.out + shown.err
    broken = shared.run(shared.write('//! ```cargo\n//! [dependencies\n//! x = 1\n//! ```\n#[cell] fn a() -> i32 { 1 }\n', "toml.rs"))
    assert broken.code == 1 and broken.cell("a")["status"] == "failed" and broken.cell("a")["error"]["message"]
    crate(shared, "twice", "twice", "pub fn t() -> i32 { 1 +\n")
    library = shared.run(shared.write('//! ```cargo\n//! [dependencies]\n//! twice = { path = "twice" }\n//! ```\n#[cell] fn a() -> i32 { twice::t() }\n', "library.rs"), timeout=300)
    assert library.code == 1 and library.cell("a")["status"] == "failed" and "twice" in library.out


def test_a_vendored_source(shared):
    folder = "vendored"
    crate(shared, f"{folder}/vendor/kept", "kept", "pub fn k() -> i32 { 77 }\n", "2.1.0")
    shared.write('{"files":{},"package":null}', f"{folder}/vendor/kept/.cargo-checksum.json")
    shared.write('[source.crates-io]\nreplace-with = "beside"\n[source.beside]\ndirectory = "vendor"\n', f"{folder}/.cargo/config.toml")
    path = shared.write('//! ```cargo\n//! [dependencies]\n//! kept = "2"\n//! ```\n#[cell] fn a() -> i32 { kept::k() }\n', f"{folder}/nb.rs")
    result = shared.ok(path, cwd="/", timeout=300)
    assert result.text("a") == "77" and shared.ok(path).executed() == []


@pytest.mark.skipif(not shutil.which("git"), reason="no git")
def test_a_git_dependency(shared):
    crate(shared, "origin", "fetched", "pub fn f() -> i32 { 55 }\n")
    work, bare = shared.folder / "origin", shared.folder / "origin.git"
    env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    for command in (["init", "-q", "-b", "main", "."], ["add", "."], ["commit", "-q", "-m", "x"], ["clone", "-q", "--bare", ".", str(bare)]):
        subprocess.run(["git", *command], cwd=work, env=env, check=True)
    path = shared.write(f'//! ```cargo\n//! [dependencies]\n//! fetched = {{ git = "file://{bare}", branch = "main" }}\n//! ```\n#[cell] fn a() -> i32 {{ fetched::f() }}\n', "git/nb.rs")
    result = shared.ok(path, timeout=300)
    assert result.text("a") == "55" and shared.ok(path).executed() == []


def test_no_cargo_without_a_block(venus):
    """A toolchain whose cargo only says that it was called: a notebook without a block never calls it."""
    sysroot = Path(subprocess.run(["rustc", "--print", "sysroot"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
    toolchain = venus.home / "toolchain"
    (toolchain / "bin").mkdir(parents=True)
    (toolchain / "lib").symlink_to(sysroot / "lib")
    (toolchain / "bin" / "rustc").write_text(f"""#!/bin/sh
case "$*" in
*sysroot*) {sysroot}/bin/rustc "$@" | sed 's|{sysroot}|{toolchain}|' ;;
*) exec {sysroot}/bin/rustc "$@" ;;
esac
""")
    (toolchain / "bin" / "rustc").chmod(0o755)
    (toolchain / "bin" / "cargo").write_text(f"#!/bin/sh\necho called >> {venus.home}/called\necho no crates today >&2\nexit 9\n")
    (toolchain / "bin" / "cargo").chmod(0o755)
    venus.env["PATH"] = f"{toolchain}/bin:{venus.env['PATH']}"
    result = venus.ok(venus.write("#[cell] fn a() -> i32 { 1 }\n"))
    assert result.text("a") == "1" and not (venus.home / "called").exists()
    crate(venus, "x", "x", "pub fn x() -> i32 { 1 }\n")
    needs = venus.run(venus.write('//! ```cargo\n//! [dependencies]\n//! x = { path = "x" }\n//! ```\n#[cell] fn a() -> i32 { 2 }\n', "needs.rs"))
    assert needs.code == 1 and "no crates today" in needs.out and (venus.home / "called").exists(), "the control: with a block it is called"


def test_a_cargo_toml_beside_the_notebook(shared):
    crate(shared, "package/dep", "dep", "pub fn d() -> i32 { 12 }\n")
    shared.write('[package]\nname = "around"\nversion = "0.1.0"\nedition = "2021"\n[[bin]]\nname = "nb"\npath = "notebooks/nb.rs"\n[dependencies]\ndep = { path = "dep" }\n',
                 "package/Cargo.toml")
    path = shared.write("#[cell] fn a() -> i32 { dep::d() }\nfn main() {}\n", "package/notebooks/nb.rs")
    result = shared.ok(path, timeout=300)
    assert result.text("a") == "12" and shared.ok(path).executed() == []
