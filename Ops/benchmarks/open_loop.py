"""Lookups at a steady rate, each sent when it is due, however long others take, and timed from then: coordinated omission is corrected."""

import gc
import os
import random
import select
import socket
import threading
import time

from crashtest.processes import Failure

from .lookups import quantile

# So often lookups are due, as many as the rate makes of it, and so many go to one connection: a program in Python that woke for each of
# them would take the processor from the server.
TICK_S, AT_ONCE = 0.0005, 5
# Beyond so many lookups without an answer the server is not behind but gone.
OUTSTANDING = 200_000
END_S = 5


class OpenLoop:
    """`calls` makes what speaks the protocol on one of its connections. `start` and `stop` are called by another thread, and `figures`
    after that."""

    def __init__(self, calls, address, users, rate, seed=1):
        self.calls, self.address, self.users, self.rate = calls, address, users, rate
        self.random = random.Random(seed)
        self.times_s, self.failure, self.sent, self.begin_s, self.end_s, self.cpu_s = [], None, 0, 0, 0, 0
        self.answer_bytes = 0
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
        elapsed_s = self.end_s - self.begin_s
        return {
            "per_s": len(times_s) / elapsed_s, "p50_us": quantile(times_s, 0.5) * 1e6, "p99_us": quantile(times_s, 0.99) * 1e6,
            "greatest_us": times_s[-1] * 1e6, "failures": self.sent - len(times_s), "requests": len(times_s),
            "answer_bytes": self.answer_bytes / len(times_s), "client_cores": self.cpu_s / elapsed_s}

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
            for _ in range(self.calls.connections):
                connection = socket.create_connection((host, int(port)), END_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections.append((connection, self.calls()))
                connection.sendall(self.calls.greeting)
            self._loop(connections)
            self.answer_bytes = sum(calls.answer_bytes for _, calls in connections)
        except (OSError, Failure) as error:
            self.failure = str(error)
        finally:
            gc.enable()
            for connection, _ in connections:
                connection.close()

    def _loop(self, connections):
        sockets = {connection: calls for connection, calls in connections}
        users = self.random.choices(range(self.users), k=65_536)
        per_tick = round(self.rate * TICK_S)
        turn, began_cpu_s = 0, time.thread_time()
        self.begin_s = due_s = time.monotonic()
        while not self.is_stopping.is_set():
            while due_s <= time.monotonic():
                for first in range(0, per_tick, AT_ONCE):
                    count = min(AT_ONCE, per_tick - first)
                    connection, calls = connections[turn % len(connections)]
                    connection.sendall(b"".join(calls.ask(users[(self.sent + n) & 65_535], due_s) for n in range(count)))
                    turn += 1
                    self.sent += count
                due_s += TICK_S
                self._take(sockets, 0)
            if self.sent - len(self.times_s) > OUTSTANDING:
                raise Failure(f"{self.sent - len(self.times_s):,} lookups have no answer, or were refused")
            self._take(sockets, max(due_s - time.monotonic(), 0))
        self.end_s, self.cpu_s = time.monotonic(), time.thread_time() - began_cpu_s
        # What is on its way counts too, however late it comes.
        while any(calls.due for _, calls in connections) and time.monotonic() < self.end_s + END_S:
            self._take(sockets, 0.1)

    def _take(self, sockets, wait_s):
        for connection in select.select(list(sockets), [], [], wait_s)[0]:
            data = connection.recv(1 << 16)
            now_s = time.monotonic()
            if not data:
                raise Failure("the server closed a connection")
            self.times_s.extend(now_s - due_s for due_s in sockets[connection].take(data))
