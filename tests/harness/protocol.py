"""Calls of the protocol over a connection of its own, for what venusctl does not do: resends, slow readers, broken connections."""

import hashlib
import os
import struct

import wire
from wire import Wire, field, fields

STARTED, CELL_STARTED, OUTPUT, CELL_FINISHED, FINISHED, WARNING = 16, 17, 18, 19, 20, 21
OK, FAILED, CANCELLED = 5, 7, 9


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"error {code}: {text}")
        self.code, self.text = code, text


class Event:
    """One event of a log: number, run, kind, and the fields of what it says."""

    def __init__(self, data):
        found = fields(data)
        self.seq, self.run = found[1][0], found[3][0]
        self.kind = next(k for k in found if k >= STARTED)
        self.body = fields(found[self.kind][0])

    def text(self, number):
        return self.body.get(number, [b""])[0].decode()

    def number(self, number):
        return self.body.get(number, [0])[0]

    @property
    def shown(self):
        """The text form of what a finished cell gave."""
        for output in self.body.get(4, []):
            for data in fields(fields(output)[4][0]).get(1, []):
                data = fields(data)
                if data[1][0] == b"text/plain":
                    return data.get(2, [b""])[0].decode()
        return None


class Client:
    """A connection that speaks the protocol; next_number is the transport's number of the next request."""

    def __init__(self, venus, client="test 1"):
        self.wire = Wire(venus.home / "h" / "venusd.sock")
        if not self.wire.greeted():
            raise ConnectionError("the connection was closed")
        self.next_number = 0x80000001

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.wire.close()

    def send(self, *calls):
        """Sends requests in one piece, each a call, a body and perhaps an id, and does not wait."""
        data = b""
        for call, body, *id in calls:
            message = struct.pack(">I", self.next_number) + wire.request(call, body, id=id[0] if id else None)
            data += b"\1" + struct.pack(">Q", len(message)) + message
            self.next_number += 1
        self.wire.raw(data)

    def receive(self, call):
        """The fields of the next reply's result."""
        data = self.wire.receive()
        if data is None:
            raise ConnectionError("the connection was closed")
        reply = fields(data)
        if 3 in reply:
            raise Refused(*wire.error(reply))
        assert call in reply, reply
        return fields(reply[call][0])

    def call(self, call, body=b"", id=None):
        self.send((call, body, id))
        return self.receive(call)

    # Calls

    def submit(self, path, id=None, **options):
        return Submitted(self.call(wire.SUBMIT, submit_body(path, **options), id))

    def follow(self, session, from_seq, wait_ms=0):
        """Events, the number where to go on, and the gap if there was one."""
        found = self.call(wire.FOLLOW, field(1, session) + field(2, from_seq) + field(3, wait_ms))
        return [Event(e) for e in found.get(1, [])], found[2][0], found.get(3, [None])[0]

    def follow_run(self, submitted, wait_ms=5000):
        """All events of a run, from its beginning to its end."""
        events, at = [e for e in submitted.events if e.run == submitted.run], submitted.next_seq
        while not any(e.kind == FINISHED for e in events):
            more, at, gap = self.follow(submitted.session, at, wait_ms)
            assert not gap
            events += [e for e in more if e.run == submitted.run]
        return events

    def cancel(self, run=None, path=None, id=None):
        return self.call(wire.CANCEL, field(1, run) if run else field(2, str(path)), id).get(1, [0])[0]

    def inspect(self, path, cell=""):
        return self.call(wire.INSPECT, field(1, source(path)) + field(2, cell))

    def status(self, path=""):
        return self.call(wire.STATUS, field(1, str(path)))

    def blob(self, digest):
        data = b""
        while True:
            found = self.call(wire.GET_BLOB, field(1, digest) + field(2, len(data)))
            data += found.get(1, [b""])[0]
            if len(data) >= found.get(2, [0])[0]:
                assert hashlib.sha256(data).digest() == digest
                return data


class Submitted:
    def __init__(self, found):
        self.run, self.session = found[1][0], found[2][0]
        self.events = [Event(e) for e in found.get(4, [])]
        self.next_seq = found[5][0]


def source(path, text=None):
    if text is None:
        return field(1, str(path))
    text = text.encode()
    return field(1, str(path)) + field(2, hashlib.sha256(text).digest()) + field(3, text) + field(4, 1)


def submit_body(path, text=None, cells=(), settings=(), fresh=False, timeout_ms=0):
    body = field(1, source(path, text)) + b"".join(field(2, cell) for cell in cells)
    if fresh:
        body += field(4, 1)
    for cell, id, value in settings:
        body += field(5, field(1, cell) + field(2, id) + field(3, value))
    return body + (field(6, timeout_ms) if timeout_ms else b"")


def new_id():
    return os.urandom(16)
