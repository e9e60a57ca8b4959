#!/usr/bin/env python3
"""Abuses interestd's gRPC port for some seconds while a good client calls it.

usage: grpc_abuse.py ABUSE ADDRESS PID SECONDS

Exits 1 where a good client's call fails or takes longer than 2 s, or the daemon's memory grows by more than 96 MB.
"""
import socket
import struct
import sys
import threading
import time

import grpc
import hpack

from grpc_schemas import service, stubs

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATH = "/interest.v1.InterestService/GetSequence"
USER = "1879"
GROWTH_MB = 96
PATIENCE_S = 2


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(**values):
    return frame(4, 0, 0, b"".join(struct.pack(">HI", {"window": 4}[name], value) for name, value in values.items()))


def header(stream, flags=4, path=PATH, extra=()):
    fields = [
        (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "a"),
        ("content-type", "application/grpc"), ("te", "trailers"), *extra,
    ]  # fmt: skip
    return frame(1, flags, stream, hpack.Encoder().encode(fields, huffman=False))


def message(user=USER):
    body = service.GetSequenceRequest(user_id=user).SerializeToString()
    return b"\0" + struct.pack(">I", len(body)) + body


class Connection:
    """Sends what it is given; reads and drops in between, unless it is deaf."""

    def __init__(self, address, deaf=False, **values):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.socket.settimeout(0.2)
        self.deaf = deaf
        self.send(PREFACE + settings(**values))

    def send(self, data):
        """False where the server has ended the connection, or takes no more."""
        try:
            self.socket.sendall(data)
            if not self.deaf:
                self.socket.setblocking(False)
                try:
                    while self.socket.recv(1 << 16):
                        pass
                    return False
                except BlockingIOError:
                    pass
                finally:
                    self.socket.settimeout(0.2)
            return True
        except OSError:
            return False

    def close(self):
        self.socket.close()


def until(end, address, act, **values):
    """Acts on one connection after the other."""
    while time.monotonic() < end:
        try:
            connection = Connection(address, **values)
        except OSError:
            time.sleep(0.01)
            continue
        act(connection, end)
        connection.close()


def resets(connection, end):
    stream = 1
    while time.monotonic() < end:
        batch = b""
        for _ in range(50):
            batch += header(stream) + frame(0, 1, stream, message()) + frame(3, 0, stream, struct.pack(">I", 8))
            stream += 2
        if not connection.send(batch):
            return


def continuation(connection, end):
    connection.send(header(1, flags=0))
    block = hpack.Encoder().encode([("x-field", "v" * 4000)], huffman=False)
    while time.monotonic() < end and connection.send(frame(9, 0, 1, block)):
        pass


def bombs(connection, end):
    encoder = hpack.Encoder()
    first = encoder.encode([(":method", "POST"), (":scheme", "http"), (":path", PATH), ("x", "v" * 3900)], huffman=False)
    stream = 1
    while time.monotonic() < end and connection.send(frame(1, 4, stream, first + b"\xbe" * 12000)):
        stream += 2


def halves(connection, end):
    """Requests of nearly a megabyte, none of which ends."""
    for index in range(100):
        stream = 2 * index + 1
        connection.send(header(stream) + frame(0, 0, stream, b"\0" + struct.pack(">I", 1_000_000) + b"x" * 10_000))
    stream = 1
    while time.monotonic() < end and connection.send(frame(0, 0, stream, b"x" * 500)):
        stream = stream % 199 + 2


def settings_flood(connection, end):
    while time.monotonic() < end and connection.send(settings() * 100):
        pass


def pings(connection, end):
    while time.monotonic() < end and connection.send(frame(6, 0, 0, b"12345678") * 100):
        pass


def deaf_pings(connection, end):
    while time.monotonic() < end and connection.send(frame(6, 0, 0, b"12345678") * 100):
        pass


def empty(connection, end):
    connection.send(header(1))
    while time.monotonic() < end and connection.send(frame(0, 0, 1) * 100):
        pass


def windows(connection, end):
    """Answers that nobody takes: the windows are closed."""
    stream = 1
    while time.monotonic() < end:
        if not connection.send(header(stream) + frame(0, 1, stream, message())):
            return
        stream += 2
        if stream > 199:
            time.sleep(0.2)
            connection.send(frame(8, 0, 0, struct.pack(">I", 1)))


def deaf(connection, end):
    """Answers that the socket cannot hold."""
    connection.send(frame(8, 0, 0, struct.pack(">I", 1 << 30)))
    stream = 1
    while time.monotonic() < end and connection.send(header(stream) + frame(0, 1, stream, message())):
        stream += 2
    while time.monotonic() < end:
        time.sleep(0.05)


def connections(address, end):
    """Takes all the descriptors there are."""
    held = []
    while time.monotonic() < end:
        try:
            held.append(Connection(address))
        except OSError:
            time.sleep(0.05)
    for connection in held:
        connection.close()


ABUSES = {
    "resets": (resets, {}), "continuation": (continuation, {}), "bombs": (bombs, {}), "halves": (halves, {}),
    "settings": (settings_flood, {}), "pings": (pings, {}), "deaf_pings": (deaf_pings, {"deaf": True}),
    "empty": (empty, {}), "windows": (windows, {"window": 0}), "deaf": (deaf, {"deaf": True, "window": 1 << 30}),
    "connections": (None, {}),
}  # fmt: skip


def resident_mb(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4 // 1024


def main():
    name, address, pid, seconds = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
    channel = grpc.insecure_channel(address, [("grpc.enable_retries", 0)])
    stub = stubs.InterestServiceStub(channel)
    request = service.GetSequenceRequest(user_id=USER)
    for _ in range(200):
        stub.GetSequence(request, timeout=5)
    before, end = resident_mb(pid), time.monotonic() + seconds
    act, values = ABUSES[name]
    run = (lambda: connections(address, end)) if act is None else (lambda: until(end, address, act, **values))
    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    slowest, calls, most = 0, 0, 0
    while time.monotonic() < end:
        start = time.monotonic()
        stub.GetSequence(request, timeout=PATIENCE_S)
        slowest = max(slowest, time.monotonic() - start)
        calls += 1
        most = max(most, resident_mb(pid))
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    stub.GetSequence(request, timeout=PATIENCE_S)
    print(f"{name}: {calls} calls, the slowest {slowest * 1000:.0f} ms, {before} MB before and {most} MB at most")
    if most > before + GROWTH_MB:
        sys.exit(f"memory grew from {before} to {most} MB")


main()
