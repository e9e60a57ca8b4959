"""What figures belong to: the machine, the versions, the moment."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from .programs import REPOSITORY


def output(*command):
    """What a command prints; empty where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip() if done.returncode == 0 else ""


def field(path, pattern):
    found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.M)
    return found[1] if found else ""


def package(name):
    return output("dpkg-query", "--show", "--showformat=${Version}", name)


def describe(programs):
    commit = output("git", "-C", str(REPOSITORY), "rev-parse", "--short=12", "HEAD")
    if commit and output("git", "-C", str(REPOSITORY), "status", "--porcelain", "--untracked-files=no"):
        commit += " with changes"
    jars = sorted(programs.kafka.glob("libs/kafka-clients-*.jar")) if programs.kafka else []
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit,
        "cpu": field("/proc/cpuinfo", r"^model name\s*:\s*(.*)$") or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(field("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / 1e6, 1),
        "kernel": platform.release(),
        "system": field("/etc/os-release", r'^PRETTY_NAME="(.*)"$'),
        "interestd": (output(str(programs.interestd), "--version").splitlines() or [""])[0] if programs.interestd else "",
        "librdkafka": package("librdkafka1"),
        "rocksdb": package("librocksdb7.8"),
        "kafka": re.sub(r".*kafka-clients-(.*)\.jar", r"\1", jars[0].name) if jars else "",
        "java": (output("java", "-version").splitlines() or [""])[0],
        "swift": (re.findall(r"Swift version \S+", output("swift", "--version")) or [""])[0],
    }


def load():
    """The system's load over the last minute: what ran beside shows in it."""
    return round(os.getloadavg()[0], 2)


def line(machine):
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, kernel {machine['kernel']}; "
        f"{machine['interestd']}, commit {machine['commit'] or 'unknown'}; librdkafka {machine['librdkafka'] or 'unknown'}, "
        f"RocksDB {machine['rocksdb'] or 'unknown'}, Kafka {machine['kafka'] or 'none'}; {machine['date']}")
