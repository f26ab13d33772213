"""The daemon ends whatever it is doing, every run gets its end, and nothing new is begun meanwhile."""

import os
import signal
import threading

import pytest

from faults import going, venus  # noqa: F401
import wire
from protocol import CANCELLED, FINISHED, OK, Client, Refused, submit_body
from venus import wait_gone

SLEEP = """#[venus::cell(volatile)]
pub fn asleep() -> u32 { std::thread::sleep(std::time::Duration::from_secs(600)); 1 }
"""
QUICK = "#[venus::cell(volatile)]\npub fn quick() -> u32 { 3 }\n"


@pytest.mark.parametrize("how", ["term", "now"])
def test_stop_with_runs_going_waiting_and_arriving(venus, how):
    path, quick = venus.write(SLEEP, "sleep.rs"), venus.write(QUICK, "quick.rs")
    venus.ok(quick)
    pid, stopped = venus.pid(), threading.Event()
    outcomes = []

    def insist():
        """A client that never stops asking."""
        while not stopped.is_set():
            try:
                with Client(venus) as client:
                    while True:
                        outcomes.append(client.follow_run(client.submit(quick))[-1].number(1))
            except Refused as refused:
                outcomes.append(refused.text)
            except OSError:
                return

    with Client(venus) as one, Client(venus) as two, Client(venus) as three:
        first = one.submit(path)
        _, at = going(one, first, "asleep")
        second = two.submit(path)
        busy = threading.Thread(target=insist)
        busy.start()
        three.send((wire.INSPECT, wire.field(1, wire.field(1, str(path)))))
        one.send((wire.FOLLOW, wire.field(1, first.session) + wire.field(2, at) + wire.field(3, 40000)))
        if how == "term":
            os.kill(pid, signal.SIGTERM)
        else:
            two.send((wire.STOP, wire.field(1, 1)), (wire.SUBMIT, submit_body(quick)))
            assert two.receive(wire.STOP)[1] == [pid]
            with pytest.raises((Refused, ConnectionError)):
                two.receive(wire.SUBMIT)
        events = [wire.fields(e) for e in one.receive(wire.FOLLOW).get(1, [])]
        ended = {e[3][0]: wire.fields(e[FINISHED][0])[1] for e in events if FINISHED in e}
        assert ended[first.run] == [CANCELLED]
        assert second.run != first.run
        wait_gone(pid)
        stopped.set()
        busy.join()
    assert all(o in (OK, CANCELLED) or "stopping" in str(o) or "cancelled before" in str(o) for o in outcomes), outcomes
    assert venus.log().rstrip().endswith("ended"), venus.log()
    assert venus.ok(quick).text("quick") == "3"
