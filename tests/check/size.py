"""Files and functions that a reader can hold: at most 800 lines a file and 100 a function."""

import shutil
import subprocess

import tree

FILE_LINES = 800
FUNCTION_LINES = 100


def functions(root, path):
    """(name, first line, last line) of each function of a C file, by ctags."""
    command = ["ctags", "-x", "--language-force=C", "--kinds-C=f", "--_xformat=%N\t%n\t%e", str(root / path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        name, first, last = line.split("\t")
        if last.strip():
            yield name.strip(), int(first), int(last)


def check(root, _build):
    if not shutil.which("ctags"):
        yield "ctags is not on PATH: run packaging/install-deps --tests"
        return
    for path in tree.files(root, "*.c", "*.h", "*.py", "*.rs", "*.bash"):
        lines = tree.read(root, path).count("\n")
        if lines > FILE_LINES:
            yield f"{path}:1: {lines} lines, over {FILE_LINES}: split the file"
    for path in tree.files(root, "*.c", "*.h"):
        for name, first, last in functions(root, path):
            if last - first + 1 > FUNCTION_LINES:
                yield f"{path}:{first}: {name} has {last - first + 1} lines, over {FUNCTION_LINES}: split the function"


def c_function(name, lines):
    return f"int {name}(void)\n{{\n" + "\tcall();\n" * (lines - 4) + "\treturn 0;\n}\n"


BAD = {
    "common/long.c": c_function("too_long", 101),
    "common/file.h": "int x;\n" * 801,
}
EXPECTED = ["common/long.c:1: too_long has 101 lines", "common/file.h:1: 801 lines"]
GOOD = {"common/long.c": c_function("long_enough", 100), "common/file.h": "int x;\n" * 800}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
