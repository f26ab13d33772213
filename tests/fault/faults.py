"""Fixtures of the tests of this folder, and what they ask after each fault."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "harness"))

from fixtures import shared, venus  # noqa: E402, F401
from protocol import CELL_FINISHED, CELL_STARTED, OK  # noqa: E402


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def going(client, submitted, cell):
    """Waits until a cell of the run is executed."""
    events, at = list(submitted.events), submitted.next_seq
    while not any(e.kind == CELL_STARTED and e.text(1) == cell and e.number(2) == 2 and e.run == submitted.run for e in events):
        more, at, _ = client.follow(submitted.session, at, 5000)
        events += more
    return events, at


def values(events):
    return {e.text(1): e.shown for e in events if e.kind == CELL_FINISHED and e.number(2) == OK}
