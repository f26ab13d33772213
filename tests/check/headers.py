"""Every header compiles alone, and has a guard that is its own."""

import json
import re
import shlex
import subprocess

import tree

# What the build defines for tests.
GIVEN = ['-DVENUS_SOURCE_DIR="/"', '-DVENUS_BINARY_DIR="/"', '-DVENUS_VERSION="0"']
GUARD = re.compile(r"^#ifndef (\w+)\n#define \1\n", re.MULTILINE)


def include_flags(root, build):
    """The -I, -isystem and -D flags that the build gives to any file."""
    flags = {f"-I{root}": None}
    if build:
        for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
            words = shlex.split(entry["command"])
            for word, following in zip(words, words[1:] + [""]):
                if word == "-isystem":
                    flags[f"-isystem{following}"] = None
                elif word.startswith("-I"):
                    flags[word] = None
    return list(flags)


def check(root, build):
    flags = include_flags(root, build)
    guards = {}
    for path in tree.files(root, "*.h"):
        match = GUARD.search(tree.read(root, path))
        if not match:
            yield f"{path}:1: has no guard (#ifndef NAME, #define NAME)"
        elif guards.setdefault(match.group(1), path) != path:
            yield f"{path}:1: has the guard of {guards[match.group(1)]}"
        # As an included file: alone it would be a main file, where #pragma and static functions warn.
        command = ["cc", "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", *GIVEN, "-fsyntax-only", "-x", "c", *flags, "-"]
        result = subprocess.run(command, input=f'#include "{path}"\n', capture_output=True, text=True)
        if result.returncode != 0:
            errors = [line for line in result.stderr.splitlines() if "error" in line]
            yield f"{path}:1: does not compile alone: {(errors or [result.stderr.strip()])[0]}"


BAD = {
    "common/a.h": "#ifndef A_H\n#define A_H\nsize_t a(void);\n#endif\n",
    "common/b.h": "#ifndef A_H\n#define A_H\nint b(void);\n#endif\n",
    "common/c.h": "int c(void);\n",
}
EXPECTED = ["common/a.h:1: does not compile alone", "common/b.h:1: has the guard of common/a.h", "common/c.h:1: has no guard"]
GOOD = {"common/a.h": "#ifndef A_H\n#define A_H\n#include <stddef.h>\nsize_t a(void);\n#endif\n"}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
