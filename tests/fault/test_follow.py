"""Followers: fast, slow, gone; answers and logs that are larger than a reply, or than what is kept."""

import hashlib
import threading
import time

from faults import descriptors, shared, values, venus  # noqa: F401
import wire
from protocol import CELL_FINISHED, FINISHED, OUTPUT, Client
from venus import wait_for
from wire import field, fields

TALKER = """#[venus::cell(volatile)]
pub fn talker() -> u32 {
    for i in 0..400 {
        println!("{i} {}", "x".repeat(i * 13 % 5000));
        if i % 3 == 0 { eprintln!("error {i}"); }
        if i % 10 == 0 { std::thread::sleep(std::time::Duration::from_millis(20)); }
    }
    1
}
"""


def spoken(events, stream):
    return b"".join(e.body.get(3, [b""])[0] for e in events if e.kind == OUTPUT and e.number(2) == stream)


def test_every_follower_sees_every_event_once(shared):
    path = shared.write(TALKER)
    shared.ok(path)
    logs, errors = {}, []

    def read(name, submitted, pause, wait_ms):
        try:
            with Client(shared) as client:
                events, at = [], submitted.next_seq - len(submitted.events)
                while not any(e.kind == FINISHED and e.run == submitted.run for e in events):
                    more, at, gap = client.follow(submitted.session, at, wait_ms)
                    assert not gap
                    events += more
                    time.sleep(pause)
                logs[name] = [(e.seq, e.kind, sorted(e.body.items())) for e in events], events
        except Exception as error:  # noqa: BLE001 - it is told below
            errors.append((name, error))

    with Client(shared) as client:
        submitted = client.submit(path)
        readers = [threading.Thread(target=read, args=(n, submitted, *how)) for n, how in
                   enumerate([(0, 5000), (0, 0), (0.01, 7), (0.3, 1000), (0.7, 0), (0.05, 30000)])]
        for reader in readers:
            reader.start()
        for _ in range(20):  # followers that go away in the middle of a held call
            gone = Client(shared)
            gone.send((wire.FOLLOW, field(1, submitted.session) + field(2, 1 << 40) + field(3, 40000)))
            gone.close()
        for reader in readers:
            reader.join(120)
        assert not errors, errors
        want = b"".join(b"%d %s\n" % (i, b"x" * (i * 13 % 5000)) for i in range(400))
        for seen, events in logs.values():
            assert seen == logs[0][0]
            assert [s[0] for s in seen] == list(range(seen[0][0], seen[0][0] + len(seen)))
            assert spoken(events, 0) == want
            assert spoken(events, 1) == b"".join(b"error %d\n" % i for i in range(0, 400, 3))
        wait_for(lambda: client.status()[9] == [1], what="the closed connections are gone")


def test_a_second_held_call_answers_the_first(shared):
    path = shared.write("#[venus::cell]\npub fn quick() -> u32 { 3 }\n", "quick.rs")
    shared.ok(path)
    with Client(shared) as client:
        submitted = client.submit(path)
        follow = field(1, submitted.session) + field(2, submitted.next_seq) + field(3, 40000)
        client.send((wire.FOLLOW, follow), (wire.FOLLOW, follow), (wire.HELLO, b""))
        assert 1 not in client.receive(wire.FOLLOW)
        client.receive(wire.HELLO)
        with Client(shared) as other:
            other.submit(path)
        assert 1 in client.receive(wire.FOLLOW)


def test_a_log_that_is_too_long_has_a_gap(shared):
    text = """#[venus::cell(volatile)]
pub fn loud() -> u32 { print!("{}", "y".repeat(15 << 20)); eprint!("{}", "z".repeat(15 << 20)); 1 }

#[venus::cell]
pub fn shows() -> String { "w".repeat(47 << 10) }
"""
    path = shared.write(text + "".join(f"\n#[venus::cell]\npub fn more{i}(shows: &String) -> String {{ shows.clone() }}\n" for i in range(30)), "loud.rs")
    with Client(shared) as client:
        first = client.submit(path)
        at = first.next_seq
        for _ in range(2):
            events = client.follow_run(client.submit(path))
            assert len(spoken(events, 0)) == len(spoken(events, 1)) == 15 << 20
        events, next_seq, gap = client.follow(first.session, 1)
        gap = fields(gap)
        state = fields(gap[3][0])
        assert gap[1] == [1] and gap[2][0] > at and events[0].seq == gap[2][0] and next_seq == events[-1].seq + 1
        assert state[1] == [first.session] and len(state[5]) == 32
        # From there on nothing is missing.
        while next_seq < fields(client.status(path)[8][0])[3][0]:
            more, next_seq, gap = client.follow(first.session, next_seq)
            assert gap is None
            events += more
        assert [e.seq for e in events] == list(range(events[0].seq, events[0].seq + len(events)))
        assert any(e.kind == FINISHED for e in events)


def test_answers_larger_than_a_reply(shared):
    text = "".join(f'#[venus::cell]\npub fn c{i}() -> String {{ "{i % 10}".repeat({20000 + i}) }}\n\n' for i in range(150))
    path = shared.write(text, "large.rs")
    result = shared.ok(path)
    assert result.finished["ok"] == 150 and result.text("c149") == "9" * 20149
    status = shared.ctl("status", path, "--json")
    assert status.code == 0 and [c["status"] for c in status.events[-1]["cells"]] == ["ok"] * 150, status
    whole = shared.ctl("inspect", path, "--json")
    assert whole.code == 0, whole
    assert sum(e["event"] == "cell" for e in whole.events) == 150
    assert all(e["source"].startswith("#[venus::cell]") or "pub fn" in e["source"] for e in whole.events if e["event"] == "cell")
    one = shared.ctl("inspect", f"{path}:c7", "--json")
    assert one.code == 0 and "7" * 20007 in one.out
    assert shared.ctl("status").code == 0 and shared.ctl("inspect", path).code == 0
    with Client(shared) as client:
        cells = [fields(c) for c in fields(client.status(path)[8][0])[5]]
        data = fields(fields(fields(cells[7][5][0])[4][0])[1][0])
        assert data[5] == [1] and data[2][0] == b"7" * len(data[2][0]) and data[4] == [20007]
        assert client.blob(data[3][0]) == b"7" * 20007
        assert data[3][0] == hashlib.sha256(b"7" * 20007).digest()
        assert values(client.follow_run(client.submit(path)))["c7"] == "7" * 20007
        many = [fields(e) for e in client.inspect(path)[2]]
        assert len(many) == 150


def test_descriptors_stay_few(shared):
    pid = shared.pid()
    before = descriptors(pid)
    path = shared.write("#[venus::cell(volatile)]\npub fn quick() -> u32 { 3 }\n", "fds.rs")
    shared.ok(path)
    with Client(shared) as client:
        started = descriptors(pid)
        for _ in range(30):
            events = client.follow_run(client.submit(path))
            assert values(events) == {"quick": "3"}
            assert [e.text(1) for e in events if e.kind == CELL_FINISHED] == ["quick"]
        assert descriptors(pid) <= started <= before + 10
