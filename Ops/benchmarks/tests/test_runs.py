"""Medians, ratios and targets follow from runs as they should."""

import unittest

from benchmarks.runs import Runs
from benchmarks.targets import STREAMS, TARGETS, judge


def runs(*rows):
    made = Runs()
    for measurement, subject, number, figures in rows:
        made.add(measurement, subject, number, 0.0, figures)
    return made


def broker(*rates):
    """Rounds of interestd, the probe and both settings of Kafka Streams."""
    rows = []
    for number, round_rates in enumerate(rates, 1):
        for subject, rate in zip(("interestd", "probe", *STREAMS), round_rates):
            rows.append(("broker", subject, number, {"events_per_s": rate}))
    return runs(*rows)


def verdict(made, start):
    return next(verdict for verdict in judge(made) if verdict.target.name.startswith(start))


class RunsTest(unittest.TestCase):
    def test_a_median_is_over_the_rounds_that_have_the_figure(self):
        made = runs(*(("process", "json", n, {"events_per_s": rate}) for n, rate in enumerate([5, 1, 3])), ("process", "json", 4, {}))
        self.assertEqual(made.median("process", "json", "events_per_s"), 3)
        self.assertEqual(made.spread("process", "json", "events_per_s"), (1, 5))
        self.assertIsNone(made.median("process", "protobuf", "events_per_s"))

    def test_a_ratio_is_taken_in_each_round_against_the_fastest_rival(self):
        made = broker((1000, 1, 100, 50), (300, 1, 10, 30), (900, 1, 20, 25))
        # 10, 10 and 36.
        self.assertEqual(made.ratio("broker", "interestd", STREAMS, "events_per_s"), 10)

    def test_a_round_without_one_of_the_rivals_does_not_count(self):
        made = broker((1000, 1, 100), (900, 1, 20, 30))
        self.assertEqual(made.ratio("broker", "interestd", STREAMS, "events_per_s"), 30)
        self.assertIsNone(broker((1000, 1, 100)).ratio("broker", "interestd", STREAMS, "events_per_s"))

    def test_a_failed_run_has_an_error_and_no_figures(self):
        made = runs(("process", "json", 1, {"events_per_s": 5}))
        made.add("process", "json", 2, 0.0, error="it ended with 1")
        self.assertEqual(made.median("process", "json", "events_per_s"), 5)
        self.assertEqual([run["error"] for run in made.errors], ["it ended with 1"])

    def test_medians_are_of_numbers_only(self):
        made = runs(("process", "json", 1, {"source": "memory", "events_per_s": 5, "changelog": True}))
        self.assertEqual(made.medians(), {"process": {"json": {"events_per_s": 5}}})


class TargetsTest(unittest.TestCase):
    def test_what_was_not_run_is_neither_met_nor_missed(self):
        self.assertEqual([verdict.is_met for verdict in judge(Runs())], [None] * len(TARGETS))

    def test_targets_are_met_at_their_limit_and_missed_beyond(self):
        for rate, is_met in [(2_000_000, True), (1_999_999, False)]:
            made = runs(("process", "protobuf", 1, {"events_per_s": rate}))
            self.assertEqual(verdict(made, "in process, Protobuf").is_met, is_met)
        for cost, is_met in [(1.2, True), (1.21, False)]:
            made = runs(("broker", "interestd", 1, {"cpu_s_per_million": cost}))
            self.assertEqual(verdict(made, "from the broker, compacted").is_met, is_met)

    def test_the_probe_and_kafka_streams_are_ratios_of_the_same_run(self):
        made = broker((900, 1000, 100, 90))
        self.assertEqual(verdict(made, "from the broker, against the probe").figure, 0.9)
        self.assertEqual(verdict(made, "from the broker, against Kafka").figure, 9)
        self.assertFalse(verdict(made, "from the broker, against Kafka").is_met)

    def test_costs_are_compared_with_the_smaller_workload_of_the_same_round(self):
        made = runs(*((("users", f"{users} users", 1, {"cpu_s_per_million": cost})) for users, cost in [
            ("50,000", 1.0), ("500,000", 1.5), ("1,000,000", 2.6)]))
        self.assertTrue(verdict(made, "cost of 500,000").is_met)
        self.assertFalse(verdict(made, "cost of 1,000,000").is_met)


if __name__ == "__main__":
    unittest.main()
