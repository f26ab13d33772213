"""C files are as clang-format with the project's .clang-format lays them out."""

import re
import shutil
import subprocess

import tree

FINDING = re.compile(r"^(.*?):(\d+):\d+: error: (.*)$", re.MULTILINE)


def check(root, _build):
    program = shutil.which("clang-format")
    if not program:
        yield "clang-format is not on PATH: run packaging/install-deps --tests"
        return
    paths = tree.files(root, "*.c", "*.h")
    command = [program, "--dry-run", "-Werror", f"--style=file:{tree.PROJECT}/.clang-format"]
    result = subprocess.run(command + [str(root / path) for path in paths], capture_output=True, text=True)
    found = set()
    for name, number, _text in FINDING.findall(result.stderr):
        path = name.removeprefix(f"{root}/")
        if path not in found:
            found.add(path)
            yield f"{path}:{number}: is laid out otherwise by clang-format: run clang-format -i {path}"
    if result.returncode != 0 and not found:
        yield f"clang-format failed: {result.stderr.strip()}"


BAD = {"common/a.c": "int a(void) {\n  return 0; }\n"}
EXPECTED = ["common/a.c:1: is laid out otherwise"]
GOOD = {"common/a.c": "int a(void)\n{\n\treturn 0;\n}\n"}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
