"""Common misspellings, by codespell; words that it gets wrong stand in spelling.ignore."""

import shutil
import subprocess

import tree

EXEMPT = ("package-lock.json", "*.csv", "*.svg", "spelling.ignore", "spelling.py")


def check(root, _build):
    program = shutil.which("codespell")
    if not program:
        yield "codespell is not on PATH: run packaging/install-deps --tests"
        return
    paths = [
        str(root / path)
        for path in tree.files(root, "*")
        if not any(path.match(pattern) for pattern in EXEMPT)
        and path.parts[:3] != ("tests", "fuzz", "corpus")
        and tree.is_text(root / path)
    ]
    ignored = tree.PROJECT / "tests/check/spelling.ignore"
    result = subprocess.run([program, "--ignore-words", str(ignored), *paths], capture_output=True, text=True)
    findings = [line.removeprefix(f"{root}/") for line in result.stdout.splitlines() if " ==> " in line]
    yield from findings
    if result.returncode not in (0, 64, 65, len(findings)) and not findings:
        yield f"codespell failed: {result.stderr.strip()}"


BAD = {"README.md": "It is recieved.\n"}
EXPECTED = ["README.md:1: recieved ==> received"]
GOOD = {"README.md": "It is received.\n"}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
