"""A broker, a producer at a steady rate, an instance at its defaults and lookups, for as long as asked; a sample every few seconds."""

import json
import pathlib
import re
import shutil
import time
import urllib.error
import urllib.request

from crashtest.instances import Instance
from crashtest.processes import Failure, finish, run, start

from .broker import Broker
from .lookups import PROTOCOLS, HTTPLookups, Looker, Unanswered, quantile
from .metrics import Metrics
from .subjects import last_object

TOPIC, SHOPS, GROUPS = "soak", 100_000, 1_024
READY_S, CATCH_UP_S, PRODUCER_END_S = 60, 120, 60
# Of each partition: minutes of records, of which the instance reads the newest second.
RETENTION_BYTES, SEGMENT_BYTES = 128 << 20, 32 << 20
# What a behavior takes in the state, with as much again while it is compacted.
STATE_BYTES = 40


class Soak:
    def __init__(self, programs, directory, options):
        self.programs, self.directory, self.options = programs, pathlib.Path(directory), options
        self.samples, self.end = [], {}
        self.events = int(options.minutes * 60 * options.rate)
        self.instance = self.looker = self.producer = None

    def run(self):
        self.check_room()
        settings = {"log.retention.check.interval.ms": 10_000, "log.segment.delete.delay.ms": 1_000}
        with Broker(self.programs.kafka, self.directory / "broker", settings) as broker:
            topic = {"retention.bytes": RETENTION_BYTES, "segment.bytes": SEGMENT_BYTES}
            broker.create(TOPIC, self.options.partitions, topic)
            try:
                self.start_instance(broker.address)
                self.start_producer(broker.address)
                self.start_lookups()
                self.sample_until_produced()
                self.check_state()
                self.end["exit_code"] = self.stop_instance()
            finally:
                if self.looker:
                    self.looker.stop()
                for process in (self.producer, self.instance and self.instance.process):
                    if process is not None and process.poll() is None:
                        process.kill()
                        finish(process, 10, "a process of the soak")

    def check_room(self):
        needed = self.options.partitions * (RETENTION_BYTES + 2 * SEGMENT_BYTES) + self.events * STATE_BYTES
        free = shutil.disk_usage(self.directory).free
        if free < needed + (1 << 30):
            raise Failure(
                f"{self.directory} has {free >> 20:,} MB free, of which this soak may take {needed >> 20:,}: choose another by --work")

    # What runs

    def synth(self, name, *arguments):
        files = ["--cluster-map-out", self.directory / f"{name}.csv", "--config-out", self.directory / f"{name}.yaml"]
        size = ["--users", self.options.users, "--shops", SHOPS, "--group-count", GROUPS]
        return [self.programs.interestd, "synth", *size, *files, *arguments, "--json"]

    def start_instance(self, brokers):
        # The map and the catalog of the producer to come are these.
        run(self.synth("instance", "--events", 1, "--out", self.directory / "one.binpb"), 60)
        command = [
            self.programs.interestd, "run", "--config", self.directory / "instance.yaml", "--cluster-map", self.directory / "instance.csv",
            "--brokers", brokers, "--topic", TOPIC]
        self.instance = Instance("interestd", f"{self.directory}/instance", command, {})
        self.instance.start()
        deadline = time.monotonic() + READY_S
        while not self.is_ready():
            self.instance.check()
            if time.monotonic() > deadline:
                raise Failure(f"interestd was not ready within {READY_S} s: {self.instance.tail()}")
            time.sleep(0.1)

    def is_ready(self):
        if self.instance.address() is None:
            return False
        try:
            with urllib.request.urlopen(f"http://{self.instance.address()}/readyz", timeout=5) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False

    def start_producer(self, brokers):
        options = self.options
        arguments = ["--events", self.events, "--rate", options.rate, "--brokers", brokers, "--topic", TOPIC]
        self.output = self.directory / "producer.json"
        with open(self.output, "wb") as output, open(self.directory / "producer.log", "wb") as log:
            more = ["--event-ids"] if options.event_ids else []
            self.producer = start(self.synth("producer", *arguments, *more), stdout=output, stderr=log)

    def start_lookups(self):
        self.looker = Looker(PROTOCOLS[self.options.protocol](self.instance.address()), self.options.users, self.options.lookups)
        self.looker.start()

    def stop_instance(self):
        self.looker.stop()
        process = self.instance.process
        process.terminate()
        return finish(process, 60, "interestd")

    # What is seen

    def sample_until_produced(self):
        begin = next_at = time.monotonic()
        before = None
        while self.producer.poll() is None:
            self.check_processes()
            if time.monotonic() >= next_at:
                before = self.sample(begin, before)
                next_at += self.options.every
            time.sleep(min(max(next_at - time.monotonic(), 0), 1))
        self.check_processes()
        told = last_object(self.output.read_text(encoding="utf-8"), "interestd synth")
        finish(self.producer, 1, "the producer")
        self.end["produced"] = told["behaviors"]
        self.end["produced_seconds"] = told["seconds"]
        self.sample(begin, before)

    def check_processes(self):
        self.instance.check()
        code = self.producer.poll()
        if code:
            complaint = (self.directory / "producer.log").read_text(encoding="utf-8", errors="replace")[-600:].strip()
            raise Failure(f"the producer ended with {code}: {complaint}")

    def sample(self, begin, before):
        """Appends a sample; returns what the next one counts from."""
        told, now = Metrics.of(self.instance.address()), time.monotonic()
        pid = self.instance.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            memory = {name: int(kb) / 1024 for name, kb in re.findall(r"^(VmRSS|VmHWM):\s*(\d+) kB", file.read(), re.M)}
        times_s = self.looker.take()
        behaviors, cpu_s = told.total("interestd_behaviors_total") or 0, told.total("process_cpu_seconds_total")
        sample = {
            "at_s": round(now - begin, 1), "rss_mb": round(memory["VmRSS"], 1), "peak_rss_mb": round(memory["VmHWM"], 1),
            "behaviors": int(behaviors), "lag_events": told.total("interestd_partition_lag_events"),
            "state_mb": round((told.total("interestd_state_bytes") or 0) / 2**20, 1), "level0_files": told.total("interestd_level0_files"),
            "level_files": level_files(told), "lookups": len(times_s), "lookups_failed": self.looker.failed,
            "lookup_p50_us": us(quantile(times_s, 0.5)), "lookup_p99_us": us(quantile(times_s, 0.99)),
            "answered_p50_us": us(told.value("interestd_lookup_duration_seconds", quantile="0.5")),
            "answered_p99_us": us(told.value("interestd_lookup_duration_seconds", quantile="0.99")),
        }
        if before:
            seconds = now - before[0]
            sample["events_per_s"] = round((behaviors - before[1]) / seconds)
            sample["cpu_cores"] = round((cpu_s - before[2]) / seconds, 3)
        self.samples.append(sample)
        print(line(sample), flush=True)
        return now, behaviors, cpu_s

    # What must be there in the end

    def check_state(self):
        produced, deadline = self.end["produced"], time.monotonic() + CATCH_UP_S
        told = Metrics.of(self.instance.address())
        while told.total("interestd_behaviors_total") < produced and time.monotonic() < deadline:
            self.instance.check()
            time.sleep(0.2)
            told = Metrics.of(self.instance.address())
        self.looker.stop()
        self.end |= {
            "counted": int(told.total("interestd_behaviors_total")), "applied": int(told.total("interestd_partition_applied_offset")),
            "lookups": self.looker.answered + self.looker.failed, "lookups_failed": self.looker.failed,
            "lookup_failures": self.looker.failures, "in_state": self.count_state(),
        }

    def count_state(self):
        """The behaviors of every user's state, by lookups over one connection."""
        client, total = HTTPLookups(self.instance.address(), "?groups=100000&behaviors=0"), 0
        try:
            for user in range(self.options.users):
                sequence = client.look_up(f"{user:012d}")
                total += sum(group["events"] for group in json.loads(sequence)["groups"]) if sequence else 0
        except Unanswered as error:
            raise Failure(f"the state could not be counted: {error}") from error
        finally:
            client.close()
        return total


def level_files(told):
    """From level 0 to the last."""
    counts = told.by_label("interestd_level_files", "level")
    return [int(counts[level]) for level in sorted(counts, key=int)]


def us(seconds):
    return None if seconds is None or seconds != seconds else round(seconds * 1e6, 1)


def line(sample):
    p99_us = sample["lookup_p99_us"]
    return (
        f"{sample['at_s']:7.0f} s  {sample.get('events_per_s', 0):9,} events/s  {sample.get('cpu_cores', 0):5.2f} cores  "
        f"{sample['rss_mb']:6.1f} MB  lag {sample['lag_events'] or 0:8,.0f}  state {sample['state_mb']:8.1f} MB  "
        f"files {'/'.join(map(str, sample['level_files']))}  lookups {sample['lookups']:6,} p99 "
        f"{'-' if p99_us is None else f'{p99_us:,.0f} us'}, {sample['lookups_failed']} failed")
