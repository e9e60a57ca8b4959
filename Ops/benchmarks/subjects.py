"""What is measured: each takes the job, and gives a figure per key. Keys are those of `interestd bench ingest --json`, where they mean the
same."""

import json
import os
import re
import resource
import shutil
import tempfile

from crashtest.processes import Failure, run

# A run may take so long: what is slower than a tenth of the slowest seen has stopped.
LEAST_EVENTS_PER_S, START_S = 10_000, 120


# More than any file has that is measured.
FILE_EVENTS = 10_000_000


def limit_s(events):
    return START_S + events / LEAST_EVENTS_PER_S


def last_object(text, what):
    """The JSON object on the last line that is one."""
    for line in reversed(text.splitlines()):
        if line.lstrip().startswith("{"):
            try:
                return json.loads(line)
            except ValueError as error:
                raise Failure(f"{what} printed no JSON object: {line[:200]}") from error
    raise Failure(f"{what} printed no JSON object: {text[-200:].strip() or 'nothing'}")


def probe_figures(text):
    """The probe's report is text; without the second line it has not been compacted."""
    found = re.search(r"^events/s (\d+)\s+cpu s/M (\S+)", text, re.M)
    if not found:
        raise Failure(f"the probe printed no figures: {text[-200:].strip() or 'nothing'}")
    figures = {"events_per_s": float(found[1]), "cpu_s_per_million_ingest": float(found[2])}
    for name, pattern in [
        ("disk_bytes_per_event", r"sst bytes/event (\S+)"), ("cpu_s_per_million", r"^compacted: events/s \d+ cpu s/M ([\d.]+)"),
        ("state_bytes_per_event", r"file bytes/event (\S+)"), ("peak_rss_mb", r"^peak rss (\d+) MB"),
    ]:
        if found := re.search(pattern, text, re.M):
            figures[name] = float(found[1])
    return figures


def streams_figures(text, events):
    figures = last_object(text, "Kafka Streams")
    figures["state_bytes_per_event"] = round(figures["state_mb"] * 2**20 / events, 1)
    return figures


class Subjects:
    def __init__(self, programs, directory):
        self.programs, self.directory = programs, directory

    def _run(self, command, events, **more):
        """In a directory of its own, which also takes temporary files, and is gone behind it."""
        place = tempfile.mkdtemp(prefix="run.", dir=self.directory)
        settings = {name: value.replace("DIR", place) for name, value in more.items()}
        try:
            return run(command, limit_s(events), cwd=place, env=os.environ | settings).decode()
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def interestd(self, events, *arguments):
        command = [self.programs.interestd, "bench", "ingest", *arguments, "--json"]
        figures = last_object(self._run(command, events, TMPDIR="DIR"), "interestd bench ingest")
        taken = sum(figures.get(kind, 0) for kind in ("events", "duplicates", "bad_records"))
        # A topic's last batch may go beyond what was asked for.
        if taken < events:
            raise Failure(f"interestd bench ingest took {taken} events of {events}")
        return figures

    def interestd_from_broker(self, job):
        return self.interestd(
            job.events, "--from-kafka", "--brokers", job.brokers, "--topic", job.topic, "--events", job.events,
            "--cluster-map", job.groups, "--config", job.catalog, *(["--users", job.users] if job.users else []))

    def interestd_from_file(self, file, groups, catalog):
        """The command that users have for it; what it costs is asked of the system."""
        command = [
            self.programs.interestd, "ingest", "--config", catalog, "--cluster-map", groups, "--state", "state", "--json", file]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = last_object(self._run(command, FILE_EVENTS), "interestd ingest")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return figures | {"cpu_s_per_million_ingest": cpu_s / figures["behaviors"] * 1e6}

    def probe(self, job):
        program = self.programs.probe(self.directory)
        # It compacts too: that is what the steady state costs.
        command = [program, job.brokers, job.topic, job.events, job.groups, ".", 1_000_000, 1]
        return probe_figures(self._run(command, job.events))

    def streams(self, job, changelog, form="protobuf"):
        command = [
            self.programs.streams, "ingest", "--bootstrap", job.brokers, "--topic", job.topic, "--events", job.events,
            "--groups", job.groups, "--catalog", job.catalog, "--format", form, "--changelog", "yes" if changelog else "no"]
        return streams_figures(self._run(command, job.events, JAVA_TOOL_OPTIONS="-Djava.io.tmpdir=DIR"), job.events)


class Job:
    """A topic with so many events, and the files that go with it. `users`: how many synthetic ones there are to look up, if any."""

    def __init__(self, brokers, topic, events, groups, catalog, users=None):
        self.brokers, self.topic, self.events, self.groups, self.catalog = brokers, topic, events, groups, catalog
        self.users = users
