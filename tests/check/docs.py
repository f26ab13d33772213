"""What the documents name is there: links, files and folders; and each folder of the daemon has its place on the architecture page."""

import re

import tree

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\s]+)`")
TOPS = {"common", "packaging", "proto", "tests", "venusctl", "venusd"}
ARCHITECTURE = "venusd/README.md"


def exists(root, path, name):
    """Names in documents are relative to the document or to the top; a star or braces stand for several."""
    name = name.rstrip("/")
    for base in (root / path.parent, root):
        if (base / name).exists():
            return True
        if any(character in name for character in "*?[") and any(base.glob(name)):
            return True
    return False


def is_path(name):
    """Whether a word in code type names a file of the project, as far as can be told."""
    if any(character in name for character in "<>{}$…|=:,()\"'"):
        return False
    return name.split("/")[0] in TOPS and "/" in name


def check(root, _build):
    for path in tree.files(root, "*.md"):
        in_block = False
        for number, line in enumerate(tree.read(root, path).splitlines(), 1):
            if line.startswith("```"):
                in_block = not in_block
            if in_block:
                continue
            for name in LINK.findall(line):
                if "://" not in name and not name.startswith("#") and not exists(root, path, name.split("#")[0]):
                    yield f"{path}:{number}: links to {name}, which is not there"
            for name in CODE.findall(line):
                if is_path(name) and not exists(root, path, name):
                    yield f"{path}:{number}: names {name}, which is not there"
    yield from folders(root)


def folders(root):
    if not (root / ARCHITECTURE).is_file():
        yield f"{ARCHITECTURE}:1: is not there"
        return
    text = tree.read(root, ARCHITECTURE)
    for folder in sorted({path.parts[0] for path in tree.files(root / "venusd", "*") if len(path.parts) > 1}):
        if not re.search(rf"\b{re.escape(folder)}/", text):
            yield f"{ARCHITECTURE}:1: says nothing of {folder}/"


BAD = {
    "README.md": "[the licence](LICENCE) and `packaging/gone`, `venusd/store/*.rs`\n",
    "venusd/README.md": "store/ keeps things\n",
    "venusd/store/store.h": "",
    "venusd/worker/worker.h": "",
}
EXPECTED = [
    "README.md:1: links to LICENCE",
    "README.md:1: names packaging/gone",
    "README.md:1: names venusd/store/*.rs",
    "venusd/README.md:1: says nothing of worker/",
]
GOOD = {
    "README.md": "[page](venusd/README.md#top), <https://example.org>, `venusd/store/*.h`, `a/b`\n```\n[x](y)\n```\n",
    "venusd/README.md": "[up](../README.md) store/ keeps things\n",
    "venusd/store/store.h": "",
}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
