"""What the checks share: the files of the project, how a finding is told, and how a check proves that it can fail.

A check is a function that takes a folder and a build folder (None: none) and yields findings, one line each: "path:line: what is
wrong". `main` runs it over the project, or with --self-test over samples that the check's file carries: the bad one must give every
finding that the sample names, the good one none.
"""

import argparse
import os
import pathlib
import re
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"build", "target", "node_modules", "__pycache__", ".git", ".cache", ".pytest_cache"}


def files(root, *patterns):
    """Paths below `root`, relative to it and sorted, whose name fits one of the patterns ("*.c")."""
    found = []
    for folder, folders, names in os.walk(root):
        # venusd/build is a folder of the product; the one at the top is CMake's.
        at_top = pathlib.Path(folder) == pathlib.Path(root)
        folders[:] = sorted(f for f in folders if f not in SKIPPED or (f == "build" and not at_top))
        for name in names:
            path = (pathlib.Path(folder) / name).relative_to(root)
            if any(path.match(pattern) for pattern in patterns):
                found.append(path)
    return sorted(found)


def is_text(path):
    with open(path, "rb") as stream:
        return b"\0" not in stream.read(8192)


def scripts(root, interpreter):
    """Files whose first line names the interpreter (a regular expression)."""
    for path in files(root, "*"):
        with open(pathlib.Path(root) / path, "rb") as stream:
            first = stream.readline(200).decode("utf-8", "replace")
        if first.startswith("#!") and re.search(interpreter, first):
            yield path


def read(root, path):
    return (pathlib.Path(root) / path).read_text(encoding="utf-8")


def write_sample(folder, sample):
    for name, text in sample.items():
        path = pathlib.Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def self_test(check, bad, expected, good):
    """Runs the check over the samples; the bad one must bring each of `expected`, and nothing else."""
    wrong = []
    with tempfile.TemporaryDirectory(prefix="venus-check-") as folder:
        write_sample(folder, bad)
        found = list(check(pathlib.Path(folder), None))
    wrong += [f"not found in the bad sample: {text}" for text in expected if not any(text in line for line in found)]
    wrong += [f"found, and not expected: {line}" for line in found if not any(text in line for text in expected)]
    with tempfile.TemporaryDirectory(prefix="venus-check-") as folder:
        write_sample(folder, good)
        wrong += [f"found in the good sample: {line}" for line in check(pathlib.Path(folder), None)]
    return wrong


def main(check, bad, expected, good):
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--self-test", action="store_true", help="prove that the check finds what it is for")
    parser.add_argument("--build", type=pathlib.Path, help="build folder with compile_commands.json")
    options = parser.parse_args()
    if options.self_test:
        findings = self_test(check, bad, expected, good)
    else:
        findings = list(check(PROJECT, options.build))
    for line in findings:
        print(line)
    print(f"{len(findings)} findings")
    sys.exit(1 if findings else 0)
