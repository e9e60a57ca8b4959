"""The servers that lookups are asked of. Each is used in a `with`, and gone behind it."""

import re
import time
import urllib.error
import urllib.request

from crashtest.processes import Failure, finish, free_port, run, start

START_S, STOP_S, TOOL_S = 60, 30, 60
CPU_CLOCK_SCHEDULER = 2


def certificate(openssl, directory):
    """A key and a certificate that vouches for itself: (certificate's path, key's path)."""
    paths = directory / "server.crt", directory / "server.key"
    if not paths[0].exists():
        run([
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]], TOOL_S)
    return paths


class Server:
    """A process that tells in its log when it listens. `has_started`: takes the log, and is false until then."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.process = None

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = start(self.command, stdout=log, stderr=log, cwd=self.log.parent)
        try:
            deadline = time.monotonic() + START_S
            while not self.has_started(self.told()):
                if self.process.poll() is not None:
                    raise Failure(f"{self.name} ended with {self.process.returncode}: {self.told()[-600:].strip()}")
                if time.monotonic() > deadline:
                    raise Failure(f"{self.name} did not listen within {START_S} s: {self.told()[-600:].strip()}")
                time.sleep(0.05)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            finish(self.process, STOP_S, self.name)
        except Failure:
            pass  # It has been killed; nothing of it is kept.

    def told(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def cpu_s(self):
        """What it has taken of the processors, in user and kernel."""
        if self.process.poll() is not None:
            raise Failure(f"{self.name} has ended with {self.process.returncode}: {self.told()[-600:].strip()}")
        # clock_getcpuclockid(3) makes a process's clock so; /proc/PID/stat tells the same to hundredths of a second only.
        return time.clock_gettime(~self.process.pid << 3 | CPU_CLOCK_SCHEDULER)

    def peak_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            return int(re.search(r"^VmHWM:\s*(\d+) kB", file.read(), re.M)[1]) / 1024


class Interestd(Server):
    """`serve` or `run`; `arguments`: what it is given beside its ports."""

    def __init__(self, program, log, *arguments):
        ports = [word for flag in ("--http", "--grpc", "--resp") for word in (flag, "127.0.0.1:0")]
        super().__init__("interestd", [program, *arguments, *ports], log)

    def has_started(self, told):
        self.addresses = dict(re.findall(r"\b(http|grpc|resp)=(\S+)", " ".join(re.findall(r"message=listening .*", told))))
        if not self.addresses:
            return False
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    @property
    def resp(self):
        return self.addresses["resp"]

    @property
    def grpc(self):
        return self.addresses["grpc"]

    @property
    def http(self):
        return self.addresses["http"]


class Redis(Server):
    """Keeps everything in memory, and nothing elsewhere."""

    def __init__(self, program, log, tls=None):
        self.resp, self.resp_tls = (f"127.0.0.1:{port}" for port in self.ports())
        command = [program, "--bind", "127.0.0.1", "--port", self.resp.rpartition(":")[2], "--save", "", "--appendonly", "no"]
        if tls:
            command += [
                "--tls-port", self.resp_tls.rpartition(":")[2], "--tls-cert-file", tls[0], "--tls-key-file", tls[1], "--tls-ca-cert-file",
                tls[0], "--tls-auth-clients", "no"]
        super().__init__("redis-server", command, log)

    @staticmethod
    def ports():
        first = free_port()
        second = free_port()
        while second == first:
            second = free_port()
        return first, second

    def has_started(self, told):
        return "Ready to accept connections" in told
