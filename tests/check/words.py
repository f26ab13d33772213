"""No markers of unfinished work in what is committed, no paths of the machine it was written on, no tabs or blanks at the end of lines."""

import re

import tree

# Put together here, so that this file is not its own finding.
MARKERS = ["TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "T" + "BD", "W" + "IP"]
WORDS = [
    (re.compile(r"\b(" + "|".join(MARKERS) + r")\b"), "a marker of unfinished work"),
    (re.compile(r"\b(?:not|un)[ -]?implemented" + r" yet\b|\bst" + r"ub(?:s|bed)?\b", re.IGNORECASE), "unfinished work"),
    (re.compile(r"(?<![\w.])/(?:work|root)/"), "a path of one machine"),
    (re.compile(r"[ \t]+$"), "blanks at the end of the line"),
    (re.compile(r"^(?:<{7}|>{7}) "), "a conflict that was not resolved"),
]
# Text that others wrote, or data.
EXEMPT = ("LICENSE", "package-lock.json", "*.csv", "*.svg", "*.png")


def check(root, _build):
    for path in tree.files(root, "*"):
        if any(path.match(pattern) for pattern in EXEMPT) or path.parts[:3] == ("tests", "fuzz", "corpus"):
            continue
        if not tree.is_text(root / path):
            continue
        try:
            lines = tree.read(root, path).split("\n")
        except UnicodeDecodeError:
            yield f"{path}:1: is not UTF-8"
            continue
        for number, line in enumerate(lines, 1):
            for pattern, what in WORDS:
                match = pattern.search(line.removesuffix("\r"))
                if match:
                    yield f"{path}:{number}: {what}: {match.group(0)!r}"


BAD = {
    "common/a.c": "int a; // " + MARKERS[0] + ": later\n/* a st" + "ub */\n",
    "README.md": "see /wo" + "rk/shared\nends with a blank \n" + "<" * 7 + " HEAD\n",
}
EXPECTED = [
    "common/a.c:1: a marker",
    "common/a.c:2: unfinished work",
    "README.md:1: a path of one machine",
    "README.md:2: blanks",
    "README.md:3: a conflict",
]
GOOD = {
    "common/a.c": "mkdtemp(\"/tmp/venus-XXXX" + "XX\");\n",
    "README.md": "homework/x, hackers\n",
    "data.csv": MARKERS[1] + "\n",
}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
