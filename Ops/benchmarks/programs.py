"""The programs that are measured, and where they are."""

import os
import pathlib
import shutil
import subprocess

from crashtest.processes import Failure, run

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SHARED = pathlib.Path(os.environ.get("SHARED", REPOSITORY.parent / "shared"))
PROBE_BUILD_S = 600
# Programs of Debian's that lookups are measured with, and their packages.
TOOLS = {"redis-server": "redis-server", "redis-benchmark": "redis-tools", "h2load": "nghttp2-client", "wrk": "wrk", "openssl": "openssl"}


def forget_settings():
    """What is measured has interestd's defaults, whatever the caller's environment says."""
    for name in [name for name in os.environ if name.startswith("INTERESTD_")]:
        del os.environ[name]


def place(variable, usual):
    """Where a variable of the environment says, or else the usual place; None where there is nothing."""
    path = pathlib.Path(os.environ.get(variable) or usual)
    return path.resolve() if path.exists() else None


class Programs:
    """Paths, None where a program is missing; `why` says then what to do."""

    def __init__(self):
        self.why = {}
        self.interestd = self._find(
            "interestd", place("INTERESTD", REPOSITORY / ".build/release/interestd"),
            "build it: swift build -c release --product interestd (or set INTERESTD)")
        home = place("KAFKA_HOME", SHARED / "kafka")
        has_broker = home and (home / "bin/kafka-server-start.sh").exists()
        self.kafka = self._find("Kafka", home if has_broker else None, "set KAFKA_HOME to an Apache Kafka from 3.7 on")
        if self.kafka and shutil.which("java") is None:
            self.kafka = self._find("Kafka", None, "it needs Java 17: Ops/install broker")
        self.streams = self._find(
            "Kafka Streams", place("KAFKA_STREAMS_PEER", SHARED / "peers/kafka-streams/run"),
            "set KAFKA_STREAMS_PEER to a program that takes the same job")
        self.probe_source = self._find(
            "the probe", place("INGEST_PROBE", SHARED / "probes/ingest"), "set INGEST_PROBE to its package")
        self.data = self._find(
            "completejourney", place("COMPLETEJOURNEY", SHARED / "data/completejourney"),
            "set COMPLETEJOURNEY to a directory with its behaviors.jsonl.gz, behaviors.yaml and groups.csv")
        self.tools = {
            name: self._find(name, shutil.which(name), f"apt-get install --no-install-recommends {package}")
            for name, package in TOOLS.items()
        }
        self._probe = None

    def _find(self, name, path, hint):
        if path is None:
            self.why[name] = f"no {name}: {hint}"
        return path

    def probe(self, directory):
        """Builds the probe in a copy, once: its own place may be read-only."""
        if self._probe is None:
            copy = pathlib.Path(directory, "probe")
            ignored = shutil.ignore_patterns(".build", ".swiftpm")
            shutil.copytree(self.probe_source, copy, ignore=ignored, copy_function=shutil.copyfile)
            for path in [copy, *copy.rglob("*")]:
                path.chmod(path.stat().st_mode | 0o200)
            # A compiler starts others: in a session of its own they end together.
            command = ["swift", "build", "-c", "release", "--product", "ingest-path"]
            run(command, PROBE_BUILD_S, cwd=copy, start_new_session=True)
            self._probe = copy / ".build/release/ingest-path"
        return self._probe

    def require_bench(self, command):
        """A release before the bench has no such command: better said at once than by each measurement."""
        if self.interestd is None:
            raise Failure(self.why["interestd"])
        told = subprocess.run([self.interestd, "--help"], capture_output=True, text=True, check=False, timeout=30).stdout
        if f"bench {command}" not in told:
            raise Failure(f"{self.interestd} has no command 'bench {command}': build it again")
