"""clang-tidy with the project's .clang-tidy finds nothing in any compiled C file."""

import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess

import tree

HINTS = tree.PROJECT / "tests/check/analyzer.h"
FINDING = re.compile(r"^(.*?):(\d+):(\d+): (?:warning|error): (.*)$", re.MULTILINE)


def compiled(root, build):
    """The project's own files that the build compiles, not what it generates."""
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    paths = {pathlib.Path(entry["file"]) for entry in entries}
    inside = sorted(path for path in paths if path.is_relative_to(root) and not path.is_relative_to(root / "build"))
    return [path for path in inside if path.relative_to(root).parts[0] != "tests"]


def tidy(command, database, path):
    """(exit code, findings, output) of one file. Of several in one process, the analyser takes the later ones' va_lists for uninitialised."""
    words = [*command, str(path), "--"] if database is None else [*command, "-p", str(database), str(path)]
    if database is not None and path.name != "err.c":
        words.insert(-3, f"--extra-arg=-include{HINTS}")
    result = subprocess.run(words, capture_output=True, text=True)
    return result.returncode, FINDING.findall(result.stdout), result.stdout + result.stderr


def check(root, build):
    program = shutil.which("clang-tidy")
    if not program:
        yield "clang-tidy is not on PATH: run packaging/install-deps --tests"
        return
    paths = compiled(root, build) if build else [root / path for path in tree.files(root, "*.c")]
    command = [program, "--quiet", f"--config-file={tree.PROJECT}/.clang-tidy"]
    found, failed = set(), []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, (code, findings, output) in zip(paths, pool.map(lambda path: tidy(command, build, path), paths)):
            inside = [finding for finding in findings if finding[0].startswith(f"{root}/")]
            found.update((name.removeprefix(f"{root}/"), int(line), int(column), text) for name, line, column, text in inside)
            if code != 0 and not inside:
                failed.append(f"{path.relative_to(root)}:1: clang-tidy failed: {output.strip()[-2000:]}")
    for path, number, _column, text in sorted(found):
        yield f"{path}:{number}: {text}"
    yield from failed


BAD = {"common/a.c": "int a(int x);\nint a(int x)\n{\n\treturn x - x;\n}\n"}
EXPECTED = ["common/a.c:4: both sides of operator are equivalent"]
GOOD = {"common/a.c": "int a(int x);\nint a(int x)\n{\n\treturn x;\n}\n"}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
