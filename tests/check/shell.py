"""Shell scripts are clean under shellcheck and stop at the first failure."""

import json
import re
import shutil
import subprocess

import tree

STOPS = re.compile(r"^set -[a-z]*e", re.MULTILINE)


def check(root, _build):
    program = shutil.which("shellcheck")
    if not program:
        yield "shellcheck is not on PATH: run packaging/install-deps --tests"
        return
    for path in sorted({*tree.scripts(root, r"\b(ba|da)?sh\b"), *tree.files(root, "*.sh", "*.bash")}):
        sourced = path.suffix == ".bash"
        if not sourced and not STOPS.search(tree.read(root, path)):
            yield f"{path}:1: has no 'set -e'"
        result = subprocess.run(
            [program, "-x", "--format=json1", str(path)], cwd=root, capture_output=True, text=True
        )
        if result.returncode not in (0, 1):
            yield f"{path}:1: shellcheck failed: {result.stderr.strip()}"
            continue
        for finding in json.loads(result.stdout)["comments"]:
            yield f"{finding['file']}:{finding['line']}: SC{finding['code']}: {finding['message']}"


BAD = {"packaging/run": "#!/bin/sh\nset -e\nrm $1\n", "packaging/go": "#!/bin/sh\necho hello\n"}
EXPECTED = ["packaging/run:3: SC2086", "packaging/go:1: has no 'set -e'"]
GOOD = {"packaging/run": '#!/bin/sh\nset -e\nrm "$1"\n', "packaging/notes": "rm $1\n"}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
