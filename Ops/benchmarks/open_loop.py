"""Lookups over RESP at a steady rate, each sent when it is due, however long others take, and timed from then: coordinated omission is
corrected."""

import collections
import gc
import os
import random
import select
import socket
import threading
import time

from crashtest.processes import Failure

from .lookups import quantile
from .resp import command

CONNECTIONS = 8
# Beyond so many lookups without an answer the server is not behind but gone.
OUTSTANDING = 100_000
END_S = 5


class Replies:
    """The replies to GET in a stream of bytes, however it is cut."""

    def __init__(self):
        # Bytes of the current value, with the line's end behind it, that are still to come; the beginning of a reply's first line.
        self.left, self.line = 0, b""

    def take(self, data):
        """How many replies end in these bytes; raises Failure for one that is an error."""
        count = at = 0
        while at < len(data):
            if self.left:
                taken = min(self.left, len(data) - at)
                self.left -= taken
                at += taken
                count += self.left == 0
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self.line += data[at:]
                break
            line, self.line, at = self.line + data[at : end + 1], b"", end + 1
            if line[:1] == b"$":
                size = int(line[1:-2])
                if size < 0:
                    count += 1  # A user of whom nothing has come yet.
                else:
                    self.left = size + 2
            else:
                raise Failure(f"an unexpected reply: {line[:200]!r}")
        return count


class OpenLoop:
    """`start` and `stop` are called by another thread, and `figures` after that."""

    def __init__(self, address, users, rate, seed=1):
        self.address, self.users, self.rate = address, users, rate
        self.random = random.Random(seed)
        self.times_s, self.failure, self.sent, self.begin_s, self.end_s = [], None, 0, 0, 0
        self.has_priority = False
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.is_stopping.set()
        self.thread.join()

    def figures(self):
        if self.failure:
            raise Failure(f"lookups stopped: {self.failure}")
        times_s = sorted(self.times_s)
        if not times_s:
            raise Failure("no lookup was answered")
        return {
            "per_s": len(times_s) / (self.end_s - self.begin_s), "p50_us": quantile(times_s, 0.5) * 1e6,
            "p99_us": quantile(times_s, 0.99) * 1e6, "greatest_us": times_s[-1] * 1e6, "failures": self.sent - len(times_s),
            "lookups": len(times_s)}

    def _run(self):
        try:
            # A client is elsewhere, as a rule: here it must not wait for the server's processor. The policy is this thread's only.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
            self.has_priority = True
        except OSError:
            pass  # Without the right to it times are a little longer; it is told.
        gc.disable()
        connections = []
        try:
            host, port = self.address.rsplit(":", 1)
            for _ in range(CONNECTIONS):
                connection = socket.create_connection((host, int(port)), END_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections.append(connection)
            self._loop(connections)
        except (OSError, Failure) as error:
            self.failure = str(error)
        finally:
            gc.enable()
            for connection in connections:
                connection.close()

    def _loop(self, connections):
        """Each connection has its replies and the times at which those outstanding were due, the oldest first."""
        streams = {connection: (Replies(), collections.deque()) for connection in connections}
        commands = [command(b"GET", b"%012d" % user) for user in self.random.choices(range(self.users), k=65_536)]
        interval_s = 1 / self.rate
        self.begin_s = due_s = time.monotonic()
        stop_s = None
        while stop_s is None or time.monotonic() < stop_s:
            if stop_s is None and self.is_stopping.is_set():
                self.end_s = time.monotonic()
                stop_s = self.end_s + END_S
            now_s = time.monotonic()
            while stop_s is None and due_s <= now_s:
                connection = connections[self.sent % CONNECTIONS]
                connection.sendall(commands[self.sent & 65_535])
                streams[connection][1].append(due_s)
                self.sent += 1
                due_s += interval_s
            outstanding = self.sent - len(self.times_s)
            if stop_s is not None and outstanding == 0:
                return
            if outstanding > OUTSTANDING:
                raise Failure(f"{outstanding:,} lookups have no answer")
            wait_s = min(max(due_s - time.monotonic(), 0), 0.1) if stop_s is None else 0.1
            for connection in select.select(connections, [], [], wait_s)[0]:
                self._take(connection, *streams[connection])

    def _take(self, connection, replies, due):
        data = connection.recv(1 << 18)
        now_s = time.monotonic()
        if not data:
            raise Failure("the server closed a connection")
        for _ in range(replies.take(data)):
            self.times_s.append(now_s - due.popleft())
