"""Lookups at a steady rate while something else goes on."""

import http.client
import random
import threading
import time

TIMEOUT_S = 5


class Unanswered(Exception):
    """Not answered."""


class HTTPLookups:
    """One kept connection; `query` is what follows a path."""

    def __init__(self, address, query=""):
        self.address, self.query, self.connection = address, query, None

    def look_up(self, user):
        """The answer's bytes; None for a user of whom nothing has come yet."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
            self.connection.request("GET", f"/v1/users/{user}/sequence{self.query}")
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unanswered(f"{type(error).__name__}: {error}") from error
        if answer.status not in (200, 404):
            raise Unanswered(f"status {answer.status}: {body[:200].decode(errors='replace').strip()}")
        return body if answer.status == 200 else None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None


# Each is made with an address and has look_up(user), which raises Unanswered, and close().
PROTOCOLS = {"http": HTTPLookups}


def quantile(ordered, share):
    """Of a sorted list; None of an empty one."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


class Looker:
    """Looks up users evenly, on a thread of its own, from `start` to `stop`. A lookup that is late makes the next ones follow at once; how
    long each took is counted from when it was sent."""

    def __init__(self, client, users, rate, seed=1):
        self.client, self.users, self.rate = client, users, rate
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.times_s, self.failures, self.answered, self.failed = [], [], 0, 0
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        if self.thread.is_alive():
            self.is_stopping.set()
            self.thread.join(TIMEOUT_S + 1)

    def _run(self):
        begin, count = time.monotonic(), 0
        while not self.is_stopping.is_set():
            sent = time.monotonic()
            failure = None
            try:
                self.client.look_up(f"{self.random.randrange(self.users):012d}")
            except Unanswered as error:
                failure = str(error)
            took_s = time.monotonic() - sent
            with self.lock:
                if failure is None:
                    self.times_s.append(took_s)
                    self.answered += 1
                else:
                    self.failed += 1
                    if len(self.failures) < 10:
                        self.failures.append(failure)
            count += 1
            self.is_stopping.wait(max(begin + count / self.rate - time.monotonic(), 0))
        self.client.close()

    def take(self):
        """The times since the last call, sorted."""
        with self.lock:
            times_s, self.times_s = self.times_s, []
        return sorted(times_s)
