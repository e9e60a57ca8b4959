"""Instances of interestd."""

import json
import os
import re
import shutil
import signal
import time
import urllib.error
import urllib.parse
import urllib.request

from .processes import Failure, finish, run, start

# An instance has to end within so many seconds of SIGTERM, whatever the brokers do.
STOP_S = 20
UNKEPT = "letters are not acknowledged"


class Instance:
    """A member of the group with a state directory of its own, which outlives its processes."""

    def __init__(self, name, directory, command, environment):
        self.name, self.directory, self.command, self.environment = name, directory, command, environment
        self.state = f"{directory}/state"
        self.log = f"{directory}/log"
        os.makedirs(directory)
        self.process = None
        self.paused_until = self.stopping_until = None
        # It has left the group for good.
        self.is_gone = False
        # How often it could not keep all within the time that it has to end, as no broker took its dead letters.
        self.unkept = 0
        self._address = None
        self._begin = 0

    @property
    def is_up(self):
        return self.process is not None

    def start(self):
        with open(self.log, "ab") as log:
            self._begin, self._address = log.tell(), None
            command = [*self.command, "--state", self.state, "--http", "127.0.0.1:0"]
            self.process = start(command, stdout=log, stderr=log, env=os.environ | self.environment)

    def kill(self):
        self.process.kill()
        finish(self.process, 10, self.name)
        self.process = self.paused_until = self.stopping_until = None

    def terminate(self):
        self.process.terminate()
        self.stopping_until = time.monotonic() + STOP_S

    def pause(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        self.paused_until = time.monotonic() + seconds

    def unpause(self):
        self.process.send_signal(signal.SIGCONT)
        self.paused_until = None

    def check(self):
        """Takes note of an end that was asked for; any other is a failure."""
        if self.process is None:
            return
        code = self.process.poll()
        if code is None:
            if self.stopping_until and time.monotonic() > self.stopping_until:
                raise Failure(f"{self.name} did not end within {STOP_S} s of SIGTERM; {self.save_stacks()}: {self.tail()}")
            return
        finish(self.process, 1, self.name)
        was_asked = self.stopping_until is not None
        if was_asked and code == -signal.SIGTERM and self.address() is None:
            code = 0  # It was asked before it had come so far as to listen to signals.
        self.process = self.paused_until = self.stopping_until = None
        if code == 1 and was_asked and UNKEPT in self.tail():
            self.unkept += 1
        elif code != 0 or not was_asked:
            raise Failure(f"{self.name} ended with {code}{' after SIGTERM' if was_asked else ' by itself'}: {self.tail()}")

    def settle(self):
        """Up and running, whatever was being done to it."""
        if self.paused_until:
            self.unpause()
        while self.stopping_until:
            self.check()
            time.sleep(0.02)
        if not self.is_up:
            self.start()

    def save_stacks(self):
        """What each thread is in, where there is a debugger to tell."""
        if not shutil.which("gdb"):
            return "no gdb tells where"
        path = f"{self.directory}/stacks"
        with open(path, "wb") as file:
            run(["gdb", "--batch", "-p", self.process.pid, "-ex", "thread apply all backtrace"], 60, output=file)
        return f"where it is: {path}"

    def tail(self):
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")[-1500:].strip()

    def address(self):
        if self._address is None:
            with open(self.log, "rb") as log:
                log.seek(self._begin)
                found = re.search(rb"message=listening http=(\S+)", log.read())
            self._address = found and found[1].decode()
        return self._address

    def partitions(self):
        """What /metrics tells: partition -> {state, applied, durable, end}; none while it does not answer."""
        if self.address() is None:
            return {}
        try:
            with urllib.request.urlopen(f"http://{self.address()}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (OSError, urllib.error.URLError):
            return {}
        partitions = {}
        for name, partition, value in re.findall(r'^interestd_partition_(\w+)_offset\{partition="(\d+)"\} (\S+)$', text, re.M):
            partitions.setdefault(int(partition), {})[name] = int(float(value))
        for labels, value in re.findall(r"^interestd_partition_state\{(.*)\} (\S+)$", text, re.M):
            if float(value) == 1:
                found = dict(re.findall(r'(\w+)="([^"]*)"', labels))
                partitions.setdefault(int(found["partition"]), {})["state"] = found["state"]
        return partitions

    def lookup(self, user):
        """The groups of a user, None where there is no such user; raises OSError for any other answer."""
        path = f"/v1/users/{urllib.parse.quote(user, safe='')}/sequence?groups=100000"
        try:
            with urllib.request.urlopen(f"http://{self.address()}{path}", timeout=10) as answer:
                return json.loads(answer.read())["groups"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise OSError(f"{error.code}: {error.read().decode(errors='replace')[:300].strip()}") from error

    def count(self, message):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return sum(message in line for line in log)
