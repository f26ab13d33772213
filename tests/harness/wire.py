"""A client that speaks nng's ipc framing and packs messages by hand, so that it can also do both wrongly."""

import os
import socket
import struct

HANDSHAKE = bytes.fromhex("0053500000300000")  # SP, version 0, REQ0
VERSION, INVALID, DENIED, BUSY, UNAUTHENTICATED = 4, 2, 5, 6, 7
HELLO, SUBMIT, FOLLOW, INSPECT, CANCEL, STATUS, GET_BLOB, STOP, INPUT = range(16, 25)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def request(call, body=b"", version=1, id=None, **more):
    """A packed Request; more: auth, raw."""
    out = field(1, version) + field(2, os.urandom(16) if id is None else id) + field(3, "test 1")
    if "auth" in more:
        out += field(5, more["auth"])
    return out + field(call, body) + more.get("raw", b"")


def fields(data):
    """Every field of a packed message: number -> list of values."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        elif key & 7 == 2:
            length = number()
            value, at = data[at:at + length], at + length
        else:
            raise ValueError(f"wire type {key & 7}")
        found.setdefault(key >> 3, []).append(value)
    return found


class Wire:
    def __init__(self, path, handshake=HANDSHAKE):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30)
        self.socket.connect(str(path))
        if handshake:
            self.raw(handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def raw(self, data):
        self.socket.sendall(data)

    def try_raw(self, data):
        """As much of it as is taken before the connection is closed."""
        try:
            self.raw(data)
        except ConnectionError:
            pass

    def frame(self, payload):
        self.raw(b"\1" + struct.pack(">Q", len(payload)) + payload)

    def send(self, body, number=0x80000001):
        self.frame(struct.pack(">I", number) + body)

    def exactly(self, size):
        """That many bytes; None if the connection was closed."""
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError:
                return None
            if not more:
                return None
            data += more
        return data

    def greeted(self):
        """The daemon's side of the handshake; None if it closed the connection."""
        return self.exactly(8)

    def receive(self):
        """The body of the next reply; None if the connection was closed."""
        head = self.exactly(9)
        if head is None:
            return None
        assert head[0] == 1, head
        body = self.exactly(struct.unpack(">Q", head[1:])[0])
        return body and body[4:]

    def closed(self):
        """Whether the daemon closes the connection, which may take it a while."""
        while True:
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                return False
            except ConnectionError:
                return True
            if not data:
                return True

    def call(self, body):
        self.send(body)
        return self.receive()


def ask(path, body):
    """One call on a connection of its own: the reply's fields; None if the connection was closed."""
    with Wire(path) as wire:
        assert wire.greeted()
        data = wire.call(body)
        return None if data is None else fields(data)


def error(reply):
    """Code and text of the reply's error."""
    found = fields(reply[3][0])
    return found[1][0], found[2][0].decode()
