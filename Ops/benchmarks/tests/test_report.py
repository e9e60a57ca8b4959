"""Results are written as tables that say what was met, missed and not measured."""

import json
import pathlib
import tempfile
import unittest

from benchmarks import report, steady
from benchmarks.runs import Runs

MACHINE = {
    "cpu": "a CPU", "cores": 2, "memory_gb": 24.0, "system": "a system", "kernel": "6", "interestd": "interestd 1", "commit": "abc",
    "librdkafka": "2", "rocksdb": "7", "kafka": "4", "date": "today"}


def measured():
    runs = Runs()
    for number, rate in enumerate([2_100_000, 2_200_000, 2_300_000], 1):
        runs.add("process", "protobuf", number, 0.0, {"events_per_s": rate, "cpu_s_per_million": 0.5})
    runs.add("process", "json", 1, 0.0, {"events_per_s": 900_000})
    runs.add("stages", "protobuf", 1, 0.0, {"events_per_s": 1, "decode_ns": 61.25, "sort_ns": 7})
    runs.add("real", "file", 0, 0.0, error="it ended with 1")
    return runs


class ReportTest(unittest.TestCase):
    def test_numbers_have_as_few_digits_as_tell_them(self):
        for value, text in [(1_234_567.8, "1,234,568"), (333.4, "333"), (0.8749, "0.875"), (12.0, "12"), (0, "0"), (None, "-")]:
            self.assertEqual(report.number(value), text)

    def test_the_markdown_has_medians_with_their_spread_and_verdicts(self):
        text = report.markdown(measured(), MACHINE, ["Quick."])
        self.assertIn("| in process, Protobuf | 2,200,000 events/s | at least 2,000,000 | met |", text)
        self.assertIn("| in process, JSON | 900,000 events/s | at least 1,000,000 | **missed** |", text)
        self.assertIn("| protobuf | 2,200,000 (2,100,000 - 2,300,000) | 0.5 |", text)
        self.assertIn("| decode | 61.2 |", text)
        self.assertIn("- real, file: it ended with 1", text)
        self.assertIn("Quick.", text)
        self.assertNotIn("By the number of users", text)

    def test_every_table_has_rows_as_wide_as_its_head(self):
        lines = report.markdown(measured(), MACHINE, []).splitlines()
        for before, line in zip(lines, lines[1:]):
            if before.startswith("|") and line.startswith("|"):
                self.assertEqual(line.count("|"), before.count("|"), line)

    def test_the_json_has_every_run_and_what_they_come_to(self):
        with tempfile.TemporaryDirectory() as directory:
            report.write(measured(), MACHINE, {"repeat": 3}, [], f"{directory}/new", "bench-ingest")
            whole = json.loads(pathlib.Path(directory, "new/bench-ingest.json").read_text(encoding="utf-8"))
        self.assertEqual(len(whole["runs"]), 6)
        self.assertEqual(whole["medians"]["process"]["protobuf"]["events_per_s"], 2_200_000)
        self.assertEqual({target["is_met"] for target in whole["targets"]}, {True, False, None})

    def test_a_soak_that_stopped_says_so_beside_what_was_seen(self):
        samples = [{"at_s": 10.0 * n, "rss_mb": 300, "peak_rss_mb": 300, "lag_events": 0, "level0_files": 1, "level_files": [1, 0, 7]} for n in range(40)]
        options = {"minutes": 60.0, "rate": 50_000, "users": 50_000, "partitions": 8, "lookups": 200.0, "protocol": "http"}
        verdicts = steady.judge(samples, {}, 100, 40)
        text = report.soak_markdown(samples, {}, verdicts, "the broker ended", MACHINE, options)
        self.assertIn("**Not finished**: the broker ended", text)
        self.assertIn("| resident memory, greatest | 300 MB | at most 563 MB | met |", text)
        self.assertIn("| 390 |", text)
        self.assertIn("| 1 0 7 |", text)


if __name__ == "__main__":
    unittest.main()
