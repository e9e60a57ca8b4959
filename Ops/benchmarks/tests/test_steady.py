"""A soak is judged by what its samples show."""

import unittest

from benchmarks.steady import growth, judge

GOOD_END = {"produced": 1000, "counted": 1000, "applied": 1000, "in_state": 1000, "lookups": 10, "lookups_failed": 0, "exit_code": 0}


def course(resident, lag=lambda at_s: 0):
    """A sample each 10 s of 40 minutes."""
    return [
        {"at_s": at_s, "rss_mb": resident(at_s), "peak_rss_mb": resident(at_s), "lag_events": lag(at_s), "level0_files": 3}
        for at_s in range(0, 2400, 10)
    ]


def verdicts(samples, end=None):
    return {verdict.name: verdict.is_met for verdict in judge(samples, GOOD_END if end is None else end, 100, 40)}


class SteadyTest(unittest.TestCase):
    def test_a_steady_course_holds_everything(self):
        self.assertEqual(set(verdicts(course(lambda _: 400)).values()), {True})

    def test_memory_may_go_a_tenth_beyond_the_budget_and_no_further(self):
        self.assertTrue(verdicts(course(lambda _: 563))["resident memory, greatest"])
        self.assertFalse(verdicts(course(lambda at_s: 564 if at_s == 300 else 400))["resident memory, greatest"])

    def test_growth_counts_in_the_second_half_only(self):
        name = "resident memory, growth over the second half"
        self.assertTrue(verdicts(course(lambda at_s: min(at_s / 4, 300)))[name])
        self.assertFalse(verdicts(course(lambda at_s: 100 + at_s / 20))[name])

    def test_a_line_grows_by_its_slope(self):
        self.assertAlmostEqual(growth(course(lambda at_s: at_s), "rss_mb"), 1200)

    def test_a_saw_of_buffers_is_no_growth(self):
        self.assertTrue(verdicts(course(lambda at_s: 300 + at_s % 60))["resident memory, growth over the second half"])

    def test_a_short_soak_is_not_judged_for_growth(self):
        self.assertIsNone(growth(course(lambda _: 1)[:118], "rss_mb"))
        self.assertEqual(growth(course(lambda _: 1)[:120], "rss_mb"), 0)
        self.assertIsNone(verdicts([])["resident memory, greatest"])

    def test_lag_counts_after_the_warm_up(self):
        self.assertTrue(verdicts(course(lambda _: 1, lambda at_s: 500 if at_s < 30 else 100))["lag, greatest"])
        self.assertFalse(verdicts(course(lambda _: 1, lambda at_s: 500 if at_s == 30 else 0))["lag, greatest"])

    def test_every_record_counts_once_and_every_lookup_is_answered(self):
        for key, value, name in [
            ("counted", 999, "behaviors counted"), ("applied", 1001, "offsets applied"),
            ("in_state", 1001, "behaviors in all users' states"), ("lookups_failed", 1, "lookups without an answer, of 10"),
            ("exit_code", -9, "exit code after SIGTERM"),
        ]:
            found = verdicts(course(lambda _: 1), GOOD_END | {key: value})
            self.assertEqual([name for name, is_met in found.items() if is_met is False], [name])

    def test_what_a_stopped_soak_did_not_come_to_is_not_judged(self):
        self.assertIsNone(verdicts(course(lambda _: 1), {})["behaviors counted"])


if __name__ == "__main__":
    unittest.main()
