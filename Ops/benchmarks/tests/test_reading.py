"""What programs print is read as they mean it."""

import unittest

from benchmarks.lookups import quantile
from benchmarks.metrics import Metrics
from benchmarks.subjects import last_object, probe_figures, streams_figures
from crashtest.processes import Failure

PROBE = """events/s 1448309  cpu s/M 0.82 (lane 0.41 flush 0.30 of which sort 0.05)  waited 0.10s  sst bytes/event 11.08
lookups hot 49000/s, 3700 bytes each, level-0 files 5
compacted: events/s 1200000 cpu s/M 1.07; users 50000, value bytes/event 12.50, file bytes/event 9.80
lookups compacted 300000/s, 3700 bytes each, level-0 files 0
digest 1f
peak rss 195 MB
"""
STREAMS = (
    'log4j: a line before\n{"peer":"kafka-streams-4.1.1","events":1000000,"events_per_s":97479,"cpu_s_per_million":13.32,'
    '"peak_rss_mb":660,"state_mb":16,"threads":2,"changelog":false}\n')


class ReadingTest(unittest.TestCase):
    def test_the_probe_tells_its_cost_before_and_after_compaction(self):
        self.assertEqual(probe_figures(PROBE), {
            "events_per_s": 1448309, "cpu_s_per_million_ingest": 0.82, "disk_bytes_per_event": 11.08, "cpu_s_per_million": 1.07,
            "state_bytes_per_event": 9.8, "peak_rss_mb": 195})

    def test_a_probe_that_did_not_compact_has_fewer_figures(self):
        figures = probe_figures(PROBE.splitlines()[0])
        self.assertEqual(figures["events_per_s"], 1448309)
        self.assertNotIn("cpu_s_per_million", figures)

    def test_kafka_streams_state_is_told_per_event(self):
        figures = streams_figures(STREAMS, 1_000_000)
        self.assertEqual((figures["events_per_s"], figures["cpu_s_per_million"], figures["state_bytes_per_event"]), (97479, 13.32, 16.8))

    def test_output_without_figures_is_a_failure_that_quotes_it(self):
        with self.assertRaisesRegex(Failure, "the probe printed no figures: usage"):
            probe_figures("usage: ingest-path ...")
        for text in ["", "no object\n", "{not json\n"]:
            with self.assertRaises(Failure):
                last_object(text, "it")

    def test_the_last_object_counts(self):
        self.assertEqual(last_object('{"a":1}\n{"a":2}\nbye\n', "it"), {"a": 2})

    def test_metrics_are_summed_chosen_and_listed_by_their_labels(self):
        told = Metrics(
            "# HELP lag so much\nlag{partition=\"0\"} 3\nlag{partition=\"1\"} 4\nplain 1.5e+03\n"
            "time{quantile=\"0.5\"} 0.001\ntime{quantile=\"0.99\"} NaN\n")
        self.assertEqual(told.total("lag"), 7)
        self.assertEqual(told.by_label("lag", "partition"), {"0": 3, "1": 4})
        self.assertEqual(told.total("plain"), 1500)
        self.assertEqual(told.value("time", quantile="0.5"), 0.001)
        self.assertIsNone(told.value("time", quantile="0.9"))
        self.assertIsNone(told.total("other"))

    def test_a_quantile_is_one_of_the_values(self):
        self.assertEqual(quantile(list(range(100)), 0.99), 99)
        self.assertEqual(quantile([7], 0.5), 7)
        self.assertIsNone(quantile([], 0.5))


if __name__ == "__main__":
    unittest.main()
