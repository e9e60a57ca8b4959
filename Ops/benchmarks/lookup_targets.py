"""What lookups have to reach, on two cores beside the programs that ask."""

from .targets import at_least, at_most, median

REDIS, INTERESTD, COLD = "Redis", "interestd", "interestd, no cache"
REDIS_TLS, INTERESTD_TLS = "Redis, TLS", "interestd, TLS"
HALF_RATE, HALF = 30_000, "30,000 calls/s"


def beside(measurement, subject, rival, key):
    """Round by round: whatever else the machine did then did it to both."""
    return lambda runs: runs.ratio(measurement, subject, [rival], key)


TARGETS = [
    at_least("RESP pipelined, against Redis", "times", 1, beside("pipelined", INTERESTD, REDIS, "per_s")),
    at_least("the same without a cache", "times", 0.25, beside("pipelined", COLD, REDIS, "per_s")),
    at_most("RESP unpipelined, CPU per request against Redis", "times", 1, beside("single", INTERESTD, REDIS, "cpu_us")),
    at_most("RESP unpipelined, p99 against Redis", "times", 1.5, beside("single", INTERESTD, REDIS, "p99_us")),
    at_least("RESP over TLS pipelined, against Redis", "times", 1, beside("pipelined", INTERESTD_TLS, REDIS_TLS, "per_s")),
    at_most("RESP over TLS unpipelined, CPU per request against Redis", "times", 1, beside("single", INTERESTD_TLS, REDIS_TLS, "cpu_us")),
    at_least("gRPC", "calls/s", 60_000, median("grpc", INTERESTD, "per_s")),
    at_most("gRPC, CPU", "us per call", 15, median("grpc", INTERESTD, "cpu_us")),
    at_most("gRPC, p99 at half of that rate", "us", 2_000, median("grpc", HALF, "p99_us")),
    at_least("gRPC, the rate that this was at", "calls/s", 29_000, median("grpc", HALF, "per_s")),
    at_least("HTTP, whole sequences as JSON", "requests/s", 20_000, median("http", INTERESTD, "per_s")),
    at_least("in process, compacted, without a cache", "lookups/s", 150_000, median("process", "compacted", "per_s")),
    at_least("in process, not compacted and the buffer full", "lookups/s", 40_000, median("process", "hot", "per_s")),
    at_most("in process, users of 5,000 groups, 100 of them", "CPU us", 50, median("large", "5,000 groups", "cpu_us")),
    at_most("p99 while ingesting", "us", 2_000, median("ingesting", INTERESTD, "p99_us")),
    at_least("the rate that this was at", "lookups/s", 9_900, median("ingesting", INTERESTD, "per_s")),
    at_least("events ingested meanwhile", "events/s", 95_000, median("ingesting", INTERESTD, "events_per_s")),
    at_most("lookups failed meanwhile", "", 0, median("ingesting", INTERESTD, "failures")),
]
