"""A private venus for a test: its own VENUS_HOME below a short path, a real venusd, venusctl run as a person would.

The binaries are those of $VENUS_BIN (default: build/asan/bin, else build/release/bin). Everything that was started is ended by its id.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def find_bin():
    if os.environ.get("VENUS_BIN"):
        return Path(os.environ["VENUS_BIN"])
    for preset in ("asan", "release", "dev"):
        if (ROOT / "build" / preset / "bin" / "venusctl").exists():
            return ROOT / "build" / preset / "bin"
    raise SystemExit("no build found: run cmake --workflow --preset asan, or set VENUS_BIN")


class Result:
    """What a venusctl call gave."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def of(self, event, **fields):
        return [e for e in self.events if e["event"] == event and all(e.get(k) == v for k, v in fields.items())]

    def cell(self, name):
        found = self.of("cell_finished", cell=name)
        assert len(found) == 1, f"{name} finished {len(found)} times:\n{self.out}\n{self.err}"
        return found[0]

    def text(self, name):
        return self.cell(name)["display"]["text/plain"]

    @property
    def finished(self):
        found = self.of("run_finished")
        assert len(found) == 1, f"run_finished came {len(found)} times:\n{self.out}\n{self.err}"
        return found[0]

    def executed(self):
        """Names of the cells that were executed in this run, in order."""
        return [e["cell"] for e in self.of("cell_started", action="execute")]

    def compiled(self):
        return [e["cell"] for e in self.of("cell_started", action="compile")]

    def __repr__(self):
        return f"exit {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"

    def line(self, code, *words):
        """The one line of an error: exit code, the words in it, and neither a second line nor a control code."""
        assert self.code == code, self
        assert self.err.startswith("venusctl: ") and self.err.endswith("\n") and self.err.count("\n") == 1, self
        assert len(self.err) > len("venusctl: ") + 10 and all(c.isprintable() for c in self.err[:-1]), self
        for word in words:
            assert str(word) in self.err, f"{word!r} is not in {self}"
        return self.err[len("venusctl: "):-1]


class Venus:
    def __init__(self, env=None, user=None, cache=None):
        """user: number of the user who runs it all, for root. cache: a cache folder to begin with a copy of, of a daemon that has ended."""
        self.bin = find_bin()
        self.home = Path(tempfile.mkdtemp(prefix="vt", dir="/tmp"))
        self.folder = self.home / "nb"
        self.folder.mkdir()
        self.identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        if cache:
            (self.home / "h").mkdir(mode=0o700)
            shutil.copytree(cache, self.home / "h" / "cache")
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("VENUS_")}
        self.env["VENUS_HOME"] = str(self.home / "h")
        self.env.setdefault("ASAN_OPTIONS", "handle_segv=2:allow_user_segv_handler=0:detect_leaks=1")
        self.env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        self.env["NO_COLOR"] = "1"
        self.env.update(env or {})
        if user is not None:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, user, user)

    @property
    def sanitized(self):
        """Workers of such a build cannot have a limit on their address space."""
        return b"__asan_init" in (self.bin / "venus-worker").read_bytes()

    # Notebooks

    def write(self, text, name="nb.rs"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_bytes(text.encode())
        return path

    # Commands

    def ctl(self, *args, timeout=180, env=None, cwd=None, input=None):
        done = subprocess.run([str(self.bin / "venusctl"), *map(str, args)], env={**self.env, **(env or {})},
                              cwd=cwd or self.folder, stdin=subprocess.DEVNULL if input is None else None, input=input,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, **self.identity)
        return Result(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))

    def start(self, *args, **kwargs):
        """A venusctl that goes on; the caller waits for it."""
        return subprocess.Popen([str(self.bin / "venusctl"), *map(str, args)], env=self.env, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self.identity, **kwargs)

    def run(self, notebook, *args, **kwargs):
        return self.ctl("run", notebook, "--json", *args, **kwargs)

    def ok(self, notebook, *args, **kwargs):
        result = self.run(notebook, *args, **kwargs)
        assert result.code == 0, f"{result}\n--- log\n{self.log()}"
        return result

    def run_text(self, text, *args, **kwargs):
        return self.run(self.write(text), *args, **kwargs)

    # The daemon

    def pid(self):
        result = self.ctl("daemon", "status", "--json")
        return json.loads(result.out.splitlines()[0])["pid"] if result.code == 0 else None

    def log(self):
        path = self.home / "h" / "state" / "venusd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def deaf_pid(self):
        """Of a daemon that is there and does not answer, by what it left beside its socket."""
        path = self.home / "h" / "venusd.sock.pid"
        pid = int(path.read_text() or 0) if path.exists() else 0
        return pid if pid and name_of(pid) == "venusd" else None

    def children(self):
        """Processes that descend from the daemon."""
        return descendants(self.pid())

    def kill(self, number=signal.SIGKILL):
        pid = self.pid()
        os.kill(pid, number)
        wait_gone(pid)

    def stop(self):
        self.ctl("daemon", "stop", "--now")

    def close(self):
        pid = None
        try:
            pid = self.pid() or self.deaf_pid()
            self.stop()
            if pid:
                wait_gone(pid)
        finally:
            if pid and Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGKILL)
            log = self.log()
            shutil.rmtree(self.home, ignore_errors=True)
        for word in ("ERROR: AddressSanitizer", "runtime error:", "ERROR: LeakSanitizer", "Assertion"):
            assert word not in log, log


def place(text, needle, after=None, count=1):
    """Line and column, from 1, in Unicode scalars, of the count-th `needle`, or of `after` behind it."""
    at = -1
    for _ in range(count):
        at = text.index(needle, at + 1)
    if after:
        at = text.index(after, at)
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def parents():
    """Parent by process, of all processes that can be seen."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    return found


def descendants(pid):
    above, found, new = parents(), set(), {pid}
    while new:
        new = {child for child, parent in above.items() if parent in new} - found
        found |= new
    return found


def descriptors(pid):
    """How many a process has open; 0 if that is not for us to know: of the daemon, which cannot be traced, only root can tell."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        assert os.getuid() != 0
        return 0


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def wait_gone(pid, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except (ProcessLookupError, FileNotFoundError):  # it may end between the two
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there after {seconds} s")


def wait_for(condition, seconds=20, what="condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not so after {seconds} s")
