"""Flow order is dependency order: a folder of venusd includes only folders that stand to its right, common and generated messages."""

import re

import tree

ORDER = ["request", "session", "plan", "build", "notebook", "worker", "policy", "store", "history", "runtime"]
# Which messages of proto/ a part may include; those that are not named here may include all.
MESSAGES = {"common": (), "spawn": (), "venusctl": {"venus"}, "runtime": {"worker"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def area_of(path):
    """The part of the product that a file belongs to; None for what no rule is about."""
    parts = path.parts
    if parts[0] in ("common", "venusctl"):
        return parts[0]
    if parts[0] != "venusd":
        return None
    if len(parts) == 2:
        return "venusd"
    if parts[1] == "worker" and parts[2] == "spawn":
        return "spawn"
    return parts[1]


def allowed(area, target):
    """Whether a file of `area` may include `target`, a path from the top."""
    if target.parts[0] == "common":
        return True
    other = area_of(target)
    if other is None:
        return False
    if area == "runtime":
        return other == "runtime"
    if area in ("common", "venusctl", "spawn"):
        return other == area
    if area == "venusd":
        return other in ORDER or other == "venusd"
    if other == "spawn":
        return area == "worker"
    return other in ORDER and ORDER.index(other) >= ORDER.index(area)


def resolve(root, path, name, messages):
    """The file of the project that an include line means; of a generated header the .proto file. None: there is none."""
    if name.endswith(".pb-c.h"):
        return messages.get(name.removesuffix(".pb-c.h"))
    for candidate in (path.parent / name, type(path)(name)):
        if (root / candidate).is_file() and ".." not in candidate.parts:
            return candidate
    return None


def fault(area, name, target):
    """What is wrong with an include line of `area` that names `name`; None: nothing."""
    if target is None:
        return f'"{name}" is no file of the project'
    if target.parts[0] == "proto":
        if target.stem not in MESSAGES.get(area, (target.stem,)):
            return f'{area} has no business with "{name}"'
    elif not allowed(area, target):
        return f"{area} must not include {target}"
    return None


def check(root, _build):
    messages = {path.stem: path for path in tree.files(root, "*.proto")}
    for path in tree.files(root, "*.c", "*.h"):
        area = area_of(path)
        if area is None:
            continue
        if area not in ORDER and area not in ("common", "venusctl", "spawn", "venusd"):
            yield f"{path}:1: folder {area} has no place in the order of tests/check/layers.py"
            continue
        for number, line in enumerate(tree.read(root, path).splitlines(), 1):
            match = INCLUDE.match(line)
            wrong = match and fault(area, match.group(1), resolve(root, path, match.group(1), messages))
            if wrong:
                yield f"{path}:{number}: {wrong}"


BAD = {
    "proto/venus.proto": "",
    "proto/worker.proto": "",
    "venusd/plan/record.proto": "",
    "venusd/store/index.c": '#include "record.pb-c.h"\n',
    "common/buf.h": "",
    "common/log.c": '#include "venusd/store/store.h"\n',
    "venusd/store/store.h": "",
    "venusd/store/object.c": '#include "venusd/session/session.h"\n',
    "venusd/session/session.h": '#include "venusd/request/gone.h"\n',
    "venusd/worker/spawn/main.c": '#include "venusd/worker/worker.h"\n#include "worker.pb-c.h"\n',
    "venusd/worker/worker.h": "",
    "venusd/runtime/main.c": '#include "venusd/store/store.h"\n#include "venus.pb-c.h"\n',
    "venusctl/run.c": '# include "venusd/store/store.h"\n#include "worker.pb-c.h"\n',
    "venusd/extra/extra.c": "",
}
EXPECTED = [
    "venusd/store/index.c:1: store must not include venusd/plan/record.proto",
    "common/log.c:1: common must not include venusd/store/store.h",
    "venusd/store/object.c:1: store must not include venusd/session/session.h",
    'venusd/session/session.h:1: "venusd/request/gone.h" is no file',
    "venusd/worker/spawn/main.c:1: spawn must not include venusd/worker/worker.h",
    'venusd/worker/spawn/main.c:2: spawn has no business with "worker.pb-c.h"',
    "venusd/runtime/main.c:1: runtime must not include venusd/store/store.h",
    'venusd/runtime/main.c:2: runtime has no business with "venus.pb-c.h"',
    "venusctl/run.c:1: venusctl must not include venusd/store/store.h",
    'venusctl/run.c:2: venusctl has no business with "worker.pb-c.h"',
    "venusd/extra/extra.c:1: folder extra has no place",
]
GOOD = {
    "proto/venus.proto": "",
    "proto/worker.proto": "",
    "venusd/plan/record.proto": "",
    "venusd/session/record.c": '#include "record.pb-c.h"\n',
    "common/buf.h": "",
    "venusd/main.c": '#include "venusd/session/session.h"\n',
    "venusd/store/store.h": '#include "common/buf.h"\n#include <sqlite3.h>\n',
    "venusd/session/session.h": '#include "venusd/store/store.h"\n#include "venus.pb-c.h"\n',
    "venusd/worker/spawn/wire.h": "",
    "venusd/worker/worker.c": '#include "worker.pb-c.h"\n#include "venusd/worker/spawn/wire.h"\n',
    "venusd/worker/spawn/main.c": '#include "wire.h"\n#include "common/buf.h"\n',
    "venusd/runtime/rt.h": "",
    "venusd/runtime/main.c": '#include "venusd/runtime/rt.h"\n#include "worker.pb-c.h"\n',
    "venusctl/run.c": '#include "common/buf.h"\n#include "venus.pb-c.h"\n',
}

if __name__ == "__main__":
    tree.main(check, BAD, EXPECTED, GOOD)
