"""What runs during a round: a broker and instances of interestd. Whatever was started is stopped at the end, however it comes."""

import atexit
import ctypes
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

_PR_SET_PDEATHSIG = 1
# An instance has to end within so many seconds of SIGTERM, whatever the broker does.
STOP_S = 20
_libc = ctypes.CDLL(None)
_running = set()
_lock = threading.Lock()


class Failure(Exception):
    """The round cannot go on, or did not hold what it must."""


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def start(arguments, **options):
    """As subprocess.Popen; ends with this process and with the thread that starts it."""
    process = subprocess.Popen([str(a) for a in arguments], stdin=subprocess.DEVNULL, preexec_fn=_die_with_parent, **options)
    with _lock:
        _running.add(process)
    return process


def finish(process, timeout_s, what):
    """Waits for the end; kills what takes longer."""
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.wait()
        raise Failure(f"{what} did not end within {timeout_s} s") from error
    finally:
        with _lock:
            _running.discard(process)


def run(arguments, timeout_s, output=None, errors=None):
    """Runs to the end; raises `Failure` with what it complained of unless it ends with 0. Returns standard output, or None where
    `output` takes it."""
    process = start(arguments, stdout=output or subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, complaints = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        process.kill()
        process.communicate()
        raise Failure(f"{arguments[0]} did not end within {timeout_s} s") from error
    finally:
        with _lock:
            _running.discard(process)
    if process.returncode != 0:
        words = " ".join(str(a) for a in arguments[:2])
        raise Failure(f"{words} ended with {process.returncode}: {complaints.decode(errors='replace')[-600:].strip()}")
    return out


@atexit.register
def kill_all():
    with _lock:
        left = list(_running)
        _running.clear()
    for process in left:
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Broker:
    """One Kafka node (KRaft) on loopback, by the official tools of a distribution."""

    def __init__(self, home, directory):
        self.home, self.directory = home, directory
        self.address = f"127.0.0.1:{free_port()}"
        controller = f"127.0.0.1:{free_port()}"
        os.makedirs(directory)
        self.properties = f"{directory}/server.properties"
        settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}", "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", "log.dirs": f"{directory}/data",
            "offsets.topic.replication.factor": 1, "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1, "offsets.topic.num.partitions": 4, "transaction.state.log.num.partitions": 4,
            "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000, "controlled.shutdown.max.retries": 1,
        }
        with open(self.properties, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())
        format_log = ["-t", "Y3Jhc2gtdGVzdC1jbHVzdA", "-c", self.properties]
        run([f"{home}/bin/kafka-storage.sh", "format", *format_log], 60)
        self.process = None

    def resume(self):
        """A generator: to be asked on until it ends, when the broker serves."""
        environment = os.environ | {"KAFKA_HEAP_OPTS": os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx256m")}
        with open(f"{self.directory}/server.log", "ab") as log:
            begin = log.tell()
            command = [f"{self.home}/bin/kafka-server-start.sh", self.properties]
            self.process = start(command, stdout=log, stderr=log, cwd=self.directory, env=environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with open(f"{self.directory}/server.log", "rb") as log:
                log.seek(begin)
                if b"Kafka Server started" in log.read():
                    return
            if self.process.poll() is not None:
                break
            yield
        raise Failure(f"the broker did not start: see {self.directory}/server.log")

    def stop(self, kill):
        """A generator, as `resume`. A broker that does not end is killed, which has to be endured as well."""
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.kill()
            yield
        finish(self.process, 1, "the broker")


class Instance:
    """A member of the group with a state directory of its own, which outlives its processes."""

    def __init__(self, name, directory, command, environment):
        self.name, self.directory, self.command, self.environment = name, directory, command, environment
        self.state = f"{directory}/state"
        self.log = f"{directory}/log"
        os.makedirs(directory)
        self.process = None
        self.paused_until = self.stopping_until = None
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
                raise Failure(f"{self.name} did not end within {STOP_S} s of SIGTERM: {self.tail()}")
            return
        finish(self.process, 1, self.name)
        was_asked = self.stopping_until is not None
        if was_asked and code == -signal.SIGTERM and self.address() is None:
            code = 0  # It was asked before it had come so far as to listen to signals.
        self.process = self.paused_until = self.stopping_until = None
        if code != 0 or not was_asked:
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

    def count(self, message):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return sum(message in line for line in log)
