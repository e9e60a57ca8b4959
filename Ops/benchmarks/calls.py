"""What lookups at a steady rate send and take on one connection, by protocol: `greeting` first, then `ask`, which returns bytes to send,
and `take`, which is given bytes that came, however they are cut, and returns when the lookups that they answer were due."""

import collections
import struct

from crashtest.processes import Failure

from .loads import CALL, grpc_body

HEADER_BYTES = 9
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1
LARGEST_WINDOW = (1 << 31) - 1


class RESPCalls:
    greeting, connections = b"", 8

    def __init__(self):
        # Bytes of the current value, with the line's end behind it, that are still to come; the beginning of a reply's first line.
        self.left, self.line = 0, b""
        self.due = collections.deque()
        self.answer_bytes = self.refused = 0

    def ask(self, user, due_s):
        self.due.append(due_s)
        # What `resp.command` makes, at a quarter of the time: the client runs on the server's processors.
        return b"*2\r\n$3\r\nGET\r\n$12\r\n%012d\r\n" % user

    def take(self, data):
        answered, at = [], 0
        while at < len(data):
            if self.left:
                taken = min(self.left, len(data) - at)
                self.left -= taken
                at += taken
                if self.left == 0:
                    answered.append(self.due.popleft())
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self.line += data[at:]
                break
            line, self.line, at = self.line + data[at : end + 1], b"", end + 1
            if line[:1] != b"$":
                raise Failure(f"an unexpected reply: {line[:200]!r}")
            size = int(line[1:-2])
            if size < 0:
                answered.append(self.due.popleft())  # A user of whom nothing has come yet.
            else:
                self.left = size + 2
                self.answer_bytes += size
        return answered


def frame(kind, flags, stream, payload):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def text(value):
    """HPACK's string, not compressed, of fewer than 127 bytes."""
    return bytes([len(value)]) + value


class GRPCCalls:
    """GetSequence on HTTP/2 with windows that the answers of one run do not fill. Headers are sent without HPACK's dynamic table, so that
    each call's are the same bytes, and those of answers need not be read: an error has no message."""

    # A connection may have 100 calls under way: with fewer connections a pause would end in refusals.
    connections = 32
    greeting = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, LARGEST_WINDOW)) + frame(
        8, 0, 0, struct.pack(">I", LARGEST_WINDOW - 65_535))
    # :method POST and :scheme http are whole in the static table; the names of :path (4), :authority (1) and content-type (31) are.
    headers = (
        b"\x83\x86\x04" + text(CALL.encode()) + b"\x01" + text(b"localhost") + b"\x0f\x10" + text(b"application/grpc") + b"\x00"
        + text(b"te") + text(b"trailers"))

    def __init__(self):
        self.stream, self.rest = 1, b""
        self.due, self.has_answer = {}, set()
        self.answer_bytes = self.refused = 0

    def ask(self, user, due_s):
        stream = self.stream
        self.stream += 2
        self.due[stream] = due_s
        return frame(HEADERS, END_HEADERS, stream, self.headers) + frame(DATA, END_STREAM, stream, grpc_body(f"{user:012d}"))

    def take(self, data):
        data = self.rest + data if self.rest else data
        answered, at = [], 0
        while len(data) - at >= HEADER_BYTES:
            size = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            if len(data) - at < HEADER_BYTES + size:
                break
            at += HEADER_BYTES + size
            if kind == DATA:
                self.has_answer.add(stream)
                self.answer_bytes += size
            elif kind == RST_STREAM:
                self.has_answer.discard(stream)
                self.refused += self.due.pop(stream, None) is not None
            elif kind == GOAWAY:
                raise Failure("the server ended the connection")
            elif kind == HEADERS and flags & END_STREAM:
                if stream not in self.has_answer:
                    raise Failure("a call ended without a message")
                self.has_answer.discard(stream)
                answered.append(self.due.pop(stream))
        self.rest = data[at:]
        return answered
