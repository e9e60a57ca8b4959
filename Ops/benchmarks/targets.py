"""What ingestion has to reach, on two cores, and whether it, or what else has targets, did."""

import collections

# `figure` takes the runs and gives a number, or None where what it needs was not run. `limit` is the least or the most of it.
Target = collections.namedtuple("Target", "name unit figure is_least limit")
Verdict = collections.namedtuple("Verdict", "target figure is_met")

HOT = "one user with 30 %"
STREAMS = ("kafka streams", "kafka streams, changelog")
COST = "cpu_s_per_million"


def at_least(name, unit, limit, figure):
    return Target(name, unit, figure, True, limit)


def at_most(name, unit, limit, figure):
    return Target(name, unit, figure, False, limit)


def median(measurement, subject, key):
    return lambda runs: runs.median(measurement, subject, key)


def cost(measurement, subject, base):
    return lambda runs: runs.ratio(measurement, subject, [base], COST)


TARGETS = [
    at_least("in process, Protobuf", "events/s", 2_000_000, median("process", "protobuf", "events_per_s")),
    at_least("in process, JSON", "events/s", 1_000_000, median("process", "json", "events_per_s")),
    at_least(
        "from the broker, against Kafka Streams at its faster setting", "times", 10,
        lambda runs: runs.ratio("broker", "interestd", STREAMS, "events_per_s")),
    at_least(
        "from the broker, against the probe", "times", 0.85, lambda runs: runs.ratio("broker", "interestd", ["probe"], "events_per_s")),
    at_most("from the broker, compacted", "CPU s per million", 1.2, median("broker", "interestd", COST)),
    # RocksDB and the C library allocate per file and block, which is a little per event; our code is to allocate nothing.
    at_most("allocations in process, Protobuf", "per event", 0.1, median("process", "protobuf", "allocations_per_event")),
    at_most("peak resident memory, from the broker", "MB", 512, median("broker", "interestd", "peak_rss_mb")),
    at_most("live state, from the broker, compacted", "bytes per event", 12.5, median("broker", "interestd", "state_bytes_per_event")),
    at_most("write amplification, 20 million events of 500,000 users", "", 8, median("users", "500,000 users", "write_amplification")),
    at_most("lookup p99 while ingesting from the broker", "us", 2_000, median("broker", "interestd", "lookup_p99_us")),
    at_most("lookups failed meanwhile", "", 0, median("broker", "interestd", "lookup_failures")),
    at_most("cost of 20 million events against 1 million", "times", 1.2, cost("events", "20,000,000 events", "1,000,000 events")),
    at_most("cost of 64 partitions against 1", "times", 1.2, cost("partitions", "64 partitions", "1 partition")),
    at_most("cost of 500,000 users against 50,000", "times", 1.6, cost("users", "500,000 users", "50,000 users")),
    at_most("cost of 1,000,000 users against 50,000", "times", 2.5, cost("users", "1,000,000 users", "50,000 users")),
    at_most("cost of one user with 30 % of all events", "times", 1.2, cost("hot", HOT, "even")),
    at_most("lookup p99 beside that user", "us", 2_000, median("hot", HOT, "lookup_p99_us")),
]


def judge(runs, targets=TARGETS):
    """A verdict for each target; `is_met` is None where it was not measured."""
    verdicts = []
    for target in targets:
        figure = target.figure(runs)
        is_met = None
        if figure is not None:
            is_met = figure >= target.limit if target.is_least else figure <= target.limit
        verdicts.append(Verdict(target, figure, is_met))
    return verdicts
