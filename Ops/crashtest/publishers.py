"""What writes to the topic during a round: producers of ours, one of them transactional, and interestd's own commands."""

import json
import pathlib
import signal
import subprocess
import sys
import threading
import time

from .processes import Failure, finish, run, start

PROGRAM = pathlib.Path(__file__).resolve().parent / "producer.py"
STOP_S = 60
ATTEMPTS = 8


class Publisher:
    """A producer's process, made anew when it ends in trouble: a transactional one under its old id, which fences what is left of it."""

    def __init__(self, plan, log, counts):
        self.plan, self.log, self.counts = plan, log, counts
        self.process = None
        self.attempt = 0
        self.is_done = False
        self.last_told = {}

    def start(self, **changes):
        self.attempt += 1
        plan = self.plan | {"seed": self.plan["seed"] + self.attempt, "last": ""} | changes
        with open(self.log, "ab") as errors:
            self.process = start([sys.executable, PROGRAM, json.dumps(plan)], stdout=subprocess.PIPE, stderr=errors)

    def check(self):
        """Takes note of its end; starts it again after trouble."""
        if self.process is None or self.process.poll() is None:
            return
        if self.take_end():
            self.is_done = True
        elif self.attempt < 50:
            self.counts["producers made anew"] += 1
            self.start()

    def take_end(self):
        process, self.process = self.process, None
        text = process.stdout.read().decode()
        code = finish(process, 1, "a producer")
        if code not in (0, 3, -signal.SIGKILL):
            raise Failure(f"a producer ended with {code}: see {self.log}")
        self.last_told = json.loads(text) if text else {}
        for name in ("commits", "aborts"):
            self.counts[f"transactions: {name}"] += self.last_told.get(name, 0)
        return code == 0

    def kill(self):
        """In the midst of a transaction, perhaps."""
        if self.process is None:
            return False
        self.process.kill()
        return True

    def stop(self):
        """Until nothing of it is open: where it did not end well, another one ends its transaction."""
        if self.process:
            self.process.terminate()
        for _ in range(ATTEMPTS):
            if self.process and self.wait():
                return
            if self.process is None and (self.is_done or not self.plan["transactional"]):
                return
            self.start(records=0)
        raise Failure(f"{self.plan['name']} did not come to an end in {ATTEMPTS} attempts: see {self.log}")

    def publish_last(self, **changes):
        """The topic's last records. Returns a text that they have, and no others."""
        for attempt in range(ATTEMPTS):
            last = f"end-of-crash-test-{attempt}"
            self.start(last=last, **changes)
            if self.wait():
                return last
        raise Failure(f"the topic's last records could not be written: see {self.log}")

    def wait(self):
        deadline = time.monotonic() + STOP_S
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.kill()
            time.sleep(0.02)
        return self.take_end()


class Pieces:
    """Calls of interestd's commands, one after the other, with pauses: a thread."""

    def __init__(self, pieces, counts):
        self.pieces, self.counts = pieces, counts
        self.failure = self.process = None
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._publish, name="pieces", daemon=True)
        self.thread.start()

    def _publish(self):
        """A piece that a broker's end broke off is sent again: what counts is what the topic holds."""
        try:
            for pause_s, command in self.pieces:
                if self.stopping.wait(pause_s):
                    return
                for attempt in range(5):
                    try:
                        run(command, 150, started=lambda process: setattr(self, "process", process))
                        break
                    except Failure as failure:
                        self.counts["pieces repeated"] += 1
                        if attempt == 4 or self.stopping.wait(1):
                            raise failure
        except Failure as failure:
            self.failure = failure

    def join(self):
        self.thread.join(180)
        if self.thread.is_alive():
            raise Failure("publishing did not end")
        if self.failure:
            raise self.failure

    def stop(self):
        self.stopping.set()
        if self.thread.is_alive() and self.process:
            self.process.kill()
        self.thread.join(10)
