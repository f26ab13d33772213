"""A request that comes twice is done once, and each that waits for it is answered."""

import pytest

from faults import going, shared, venus  # noqa: F401
import wire
from protocol import Client, Refused, Submitted, new_id, submit_body
from venus import wait_gone

COUNTED = """use std::io::Write;

#[venus::cell(volatile)]
pub fn counted() -> usize {
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open("NAME.count").unwrap();
    file.write_all(b"x").unwrap();
    while std::path::Path::new("NAME.hold").exists() { std::thread::sleep(std::time::Duration::from_millis(5)); }
    std::fs::read("NAME.count").unwrap().len()
}
"""


def counted(venus, name):
    path = venus.write(COUNTED.replace("NAME", name), name + ".rs")
    venus.ok(path)
    return path, venus.folder / (name + ".count"), venus.folder / (name + ".hold")


def test_resend_at_once_and_after_the_answer(shared):
    path, count, hold = counted(shared, "twice")
    id, body = new_id(), submit_body(path)
    hold.write_text("")
    with Client(shared) as one, Client(shared) as two, Client(shared) as gone, Client(shared) as late:
        gone.send((wire.SUBMIT, body, id))
        gone.call(wire.HELLO)
        for client in (one, two, one):
            client.send((wire.SUBMIT, body, id))
        gone.close()
        answers = [Submitted(c.receive(wire.SUBMIT)) for c in (one, two, one)]
        assert len({(a.run, a.session, a.next_seq) for a in answers}) == 1
        going(one, answers[0], "counted")
        again = late.submit(path, id=id)
        assert again.run == answers[0].run
        hold.unlink()
        one.follow_run(answers[0])
        assert late.submit(path, id=id).run == again.run
        assert count.read_text() == "xx"
        assert late.submit(path, id=new_id()).run != again.run


def test_resend_to_the_next_daemon(venus):
    path, count, hold = counted(venus, "next")
    ids = {name: new_id() for name in ("whole", "middle", "cancel")}
    with Client(venus) as client:
        client.follow_run(client.submit(path, id=ids["whole"]))
        hold.write_text("")
        run = client.submit(path, id=ids["middle"])
        going(client, run, "counted")
    assert count.read_text() == "xxx"
    venus.kill()
    hold.unlink()
    pid = venus.pid() or venus.ok(venus.write("#[venus::cell]\nfn a() -> i32 { 1 }\n", "a.rs")) and venus.pid()
    with Client(venus) as client:
        for name in ("whole", "middle", "middle"):
            with pytest.raises(Refused, match="restarted"):
                client.submit(path, id=ids[name])
        assert count.read_text() == "xxx"
        assert client.follow_run(client.submit(path))[-1].number(1) == 5
        assert count.read_text() == "xxxx"
        # Cancelling has no effect that a resend could double: it is simply done.
        assert client.cancel(path=path, id=ids["cancel"]) == client.cancel(path=path, id=ids["cancel"]) == 0
        stop = new_id()
        client.send((wire.STOP, b"\x08\x01", stop), (wire.STOP, b"\x08\x01", stop))
        assert client.receive(wire.STOP) == client.receive(wire.STOP)
    wait_gone(pid)
