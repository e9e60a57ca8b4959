"""What lookups are measured by reads and concludes what it should."""

import pathlib
import tempfile
import unittest

from benchmarks import loads, report, resp
from benchmarks.calls import DATA, END_HEADERS, END_STREAM, HEADERS, RST_STREAM, GRPCCalls, RESPCalls, frame
from benchmarks.large_users import write_large_users
from benchmarks.lookup import bench_figures, in_words
from benchmarks.lookup_targets import COLD, HALF, INTERESTD, INTERESTD_TLS, REDIS, REDIS_TLS, TARGETS
from benchmarks.runs import Runs
from benchmarks.targets import judge
from crashtest.processes import Failure

from .test_report import MACHINE

REDIS_CSV = (
    "WARNING: Could not fetch server CONFIG\n"
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"\n'
    '"GET __rand_int__","60606.06","0.631","0.096","0.543","0.903","1.239","2.055"\n')
H2LOAD = """finished in 1.24s, 80588.16 req/s, 1.84GB/s
requests: 100000 total, 100000 started, 100000 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
traffic: 2.28GB (2452100720) total, 195.43KB (200120) headers (space savings 94.73%), 2.28GB ({data}) data
"""


def runs(*rows):
    made = Runs()
    for measurement, subject, number, figures in rows:
        made.add(measurement, subject, number, 0.0, figures)
    return made


def verdicts(made):
    return {verdict.target.name: (verdict.figure, verdict.is_met) for verdict in judge(made, TARGETS) if verdict.figure is not None}


class LoadsTest(unittest.TestCase):
    def test_redis_benchmark_tells_milliseconds_behind_what_it_complains_of(self):
        self.assertEqual(loads.redis_figures(REDIS_CSV, 200), {
            "per_s": 60606.06, "p50_us": 543, "p99_us": 1239, "greatest_us": 2055, "requests": 200})
        for text in ["", REDIS_CSV.splitlines()[0], "\n".join(REDIS_CSV.splitlines()[:2])]:
            with self.assertRaisesRegex(Failure, "redis-benchmark told no figures"):
                loads.redis_figures(text, 1)

    def test_h2load_counts_calls_that_have_messages_only(self):
        self.assertEqual(loads.h2load_figures(H2LOAD.format(succeeded=100000, data=2448200000)), {
            "per_s": 80588.16, "requests": 100000, "answer_bytes": 24482})
        for text in [H2LOAD.format(succeeded=99999, data=2448200000), H2LOAD.format(succeeded=100000, data=0), "nothing"]:
            with self.assertRaises(Failure):
                loads.h2load_figures(text)

    def test_wrk_tells_its_percentiles_by_the_script(self):
        self.assertEqual(loads.wrk_figures("Running 1s test\ntold 40000 2000000 900 2500 800000000 0 0\n"), {
            "per_s": 20000, "p50_us": 900, "p99_us": 2500, "answer_bytes": 20000, "requests": 40000})
        for text in ["", "told 0 1 0 0 0 0 0\n", "told 9 1 1 1 1 1 0\n", "told 9 1 1 1 1 0 2\n"]:
            with self.assertRaises(Failure):
                loads.wrk_figures(text)

    def test_a_call_s_body_is_its_length_and_the_user(self):
        self.assertEqual(loads.grpc_body("u1"), b"\0\0\0\0\x04\x0a\x02u1")

    def test_the_stages_of_bench_lookup_are_told_apart(self):
        told = {f"{stage}_{key}": n for stage in ("hot", "compacted") for n, key in enumerate(
            ("per_s", "cpu_us", "p50_us", "p99_us", "answer_bytes"))}
        self.assertEqual(bench_figures(told, "hot"), {"per_s": 0, "cpu_us": 1, "p50_us": 2, "p99_us": 3, "answer_bytes": 4})
        self.assertEqual(in_words({"per_s": 1234.5, "cpu_us": 2.5}), "1,234/s, 2.50 us of CPU")


class CallsTest(unittest.TestCase):
    def test_replies_are_counted_however_they_are_cut(self):
        data = b"$5\r\nab\r\nc\r\n$-1\r\n$0\r\n\r\n$1\r\n$\r\n"
        for size in range(1, len(data) + 1):
            calls = RESPCalls()
            for due_s in range(4):
                calls.ask(due_s, due_s)
            answered = [due_s for at in range(0, len(data), size) for due_s in calls.take(data[at : at + size])]
            self.assertEqual((answered, calls.answer_bytes), ([0, 1, 2, 3], 6), size)

    def test_a_reply_that_is_an_error_stops_the_lookups(self):
        calls = RESPCalls()
        self.assertEqual(calls.ask(7, 0), b"*2\r\n$3\r\nGET\r\n$12\r\n000000000007\r\n")
        with self.assertRaisesRegex(Failure, "BUSY"):
            calls.take(b"-BUSY later\r\n")

    def test_calls_end_in_any_order_however_their_frames_are_cut(self):
        def answer(stream):
            return frame(HEADERS, END_HEADERS, stream, b"\x88") + frame(DATA, 0, stream, b"\0" * 9)

        end = END_HEADERS | END_STREAM
        data = frame(4, 0, 0, b"") + answer(3) + answer(1) + frame(HEADERS, end, 3, b"\x80") + frame(HEADERS, end, 1, b"\x80")
        for size in range(1, len(data) + 1):
            calls = GRPCCalls()
            calls.ask(1, 10.0)
            calls.ask(2, 20.0)
            answered = [due_s for at in range(0, len(data), size) for due_s in calls.take(data[at : at + size])]
            self.assertEqual((answered, calls.answer_bytes), ([20.0, 10.0], 18), size)

    def test_a_call_without_a_message_stops_the_lookups(self):
        calls = GRPCCalls()
        calls.ask(1, 0)
        with self.assertRaises(Failure):
            calls.take(frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88"))

    def test_a_call_that_is_refused_has_no_time(self):
        calls = GRPCCalls()
        calls.ask(1, 0)
        self.assertEqual(calls.take(frame(RST_STREAM, 0, 1, b"\0\0\0\7")), [])
        self.assertEqual((calls.refused, calls.due), (1, {}))

    def test_a_command_has_its_words_lengths(self):
        self.assertEqual(resp.command(b"MGET", b"a", b"bc"), b"*3\r\n$4\r\nMGET\r\n$1\r\na\r\n$2\r\nbc\r\n")


class LookupTargetsTest(unittest.TestCase):
    def test_interestd_is_held_against_redis_of_the_same_round(self):
        found = verdicts(runs(
            ("pipelined", INTERESTD, 1, {"per_s": 300.0}), ("pipelined", COLD, 1, {"per_s": 90.0}),
            ("pipelined", REDIS, 1, {"per_s": 300.0}),
            ("single", INTERESTD, 1, {"cpu_us": 8.0, "p99_us": 160.0}), ("single", REDIS, 1, {"cpu_us": 9.0, "p99_us": 100.0}),
            ("pipelined", INTERESTD_TLS, 1, {"per_s": 99.0}), ("pipelined", REDIS_TLS, 1, {"per_s": 100.0}),
            ("single", INTERESTD_TLS, 1, {"cpu_us": 11.0}), ("single", REDIS_TLS, 1, {"cpu_us": 10.0})))
        self.assertEqual({name: is_met for name, (_, is_met) in found.items()}, {
            "RESP pipelined, against Redis": True, "the same without a cache": True,
            "RESP unpipelined, CPU per request against Redis": True, "RESP unpipelined, p99 against Redis": False,
            "RESP over TLS pipelined, against Redis": False, "RESP over TLS unpipelined, CPU per request against Redis": False})

    def test_without_redis_nothing_is_held_against_it(self):
        self.assertEqual(verdicts(runs(("pipelined", INTERESTD, 1, {"per_s": 300.0}))), {})

    def test_a_latency_counts_at_its_rate_only(self):
        found = verdicts(runs(
            ("grpc", HALF, 1, {"per_s": 20_000.0, "p99_us": 100.0}),
            ("ingesting", INTERESTD, 1, {"per_s": 10_000.0, "p99_us": 2_001.0, "events_per_s": 94_000.0, "failures": 1})))
        self.assertEqual({name: is_met for name, (_, is_met) in found.items()}, {
            "gRPC, p99 at half of that rate": True, "gRPC, the rate that this was at": False, "p99 while ingesting": False,
            "the rate that this was at": True, "events ingested meanwhile": False, "lookups failed meanwhile": False})

    def test_the_table_of_lookups_has_their_headings_and_targets(self):
        made = runs(("pipelined", INTERESTD, 1, {"per_s": 300_000.0, "cpu_us": 1.25}), ("pipelined", REDIS, 1, {"per_s": 200_000.0}))
        told = report.markdown(made, MACHINE, [], report.LOOKUPS)
        self.assertIn("# Lookups", told)
        self.assertIn("| RESP pipelined, against Redis | 1.5 times | at least 1 | met |", told)
        self.assertIn("| interestd | 300,000 | 1.25 |", told)
        self.assertNotIn("in process, Protobuf", told)


class LargeUsersTest(unittest.TestCase):
    def test_each_user_has_every_group_twice(self):
        with tempfile.TemporaryDirectory() as directory:
            events, groups = pathlib.Path(directory, "events.jsonl"), pathlib.Path(directory, "groups.csv")
            write_large_users(events, groups, users=2, groups=5)
            lines = events.read_text(encoding="ascii").splitlines()
            self.assertEqual(len(groups.read_text(encoding="ascii").splitlines()), 6)
        self.assertEqual(len(lines), 20)
        for kind in ("click", "order"):
            for user in range(2):
                shops = {line.split('"shop_id":"')[1][0] for line in lines if f'"{kind}"' in line and f"{user:012d}" in line}
                self.assertEqual(shops, set("12345"))


if __name__ == "__main__":
    unittest.main()
