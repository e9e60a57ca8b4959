"""Padded tensors against a plain loop over the users."""

from __future__ import annotations

import math
import unittest
from typing import List

import numpy as np

from interestd_client import DEFAULT_FEATURES, Query, decode_sequences
from interestd_client._wire import bytes_field, varint


def packed(number: int, values: List[int]) -> bytes:
    return bytes_field(number, b"".join(map(varint, values)))


def zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def user(groups: int, behaviors: int, seed: int) -> bytes:
    """A user whose g-th group has id 10 + g and `behaviors` behaviors."""
    random = np.random.default_rng(seed)
    message = packed(10, [10 + g for g in range(groups)])
    for number in (11, 12, 13, 14, 15, 16, 17, 18, 20):
        message += packed(number, random.integers(0, 1000, groups).tolist())
    message += packed(19, [zigzag(v) for v in random.integers(-(10**9), 10**9, groups).tolist()])
    message += packed(21, [1_000_000_000_000 + g for g in range(groups)])
    message += packed(22, [1_500_000_000_000 + g * 86_400_000 for g in range(groups)])
    message += packed(30, [1, 7]) + packed(31, random.integers(0, 9, groups * 2).tolist())
    message += packed(40, [g * behaviors for g in range(groups + 1)])
    for number in (41, 42, 43, 44, 46):
        message += packed(number, [number * 1000 + index for index in range(groups * behaviors)])
    return message + packed(45, [zigzag(-index) for index in range(groups * behaviors)])


class PaddingTests(unittest.TestCase):
    def setUp(self) -> None:
        self.batch = decode_sequences([user(3, 4, 1), None, user(0, 0, 2), user(7, 2, 3)], window_days=[1, 7])

    def test_the_newest_groups_are_kept_in_time_order(self) -> None:
        padded = self.batch.pad(groups=5)
        self.assertEqual(padded.group.tolist(), [[10, 11, 12, 0, 0], [0] * 5, [0] * 5, [12, 13, 14, 15, 16]])
        self.assertEqual(padded.group_mask.sum(axis=1).tolist(), [3, 0, 0, 5])
        self.assertEqual(padded.features.shape, (4, 5, len(DEFAULT_FEATURES) + 2))
        self.assertEqual(padded.features.dtype, np.float32)

    def test_features_are_signed_logarithms_of_what_the_columns_say(self) -> None:
        padded = self.batch.pad(groups=8)
        for index in (0, 3):
            one = self.batch.user(index)
            newest = one["group_last_ms"][-1]
            for place in range(len(one["group"])):
                expected = {
                    "events": one["group_events"][place],
                    "dwell_mean_s": one["group_dwell_sum_ms"][place] / max(one["group_dwell_n"][place], 1) / 1000,
                    "spend_sum": one["group_spend_sum_micros"][place] / 1e6,
                    "recency_days": (newest - one["group_last_ms"][place]) / 86_400_000,
                    "window_7d": one.group_window_events[place, 1],
                }
                for name, value in expected.items():
                    got = padded.features[index, place, padded.feature_names.index(name)]
                    self.assertAlmostEqual(got, math.copysign(math.log1p(abs(value)), value), places=4, msg=name)
        self.assertFalse(padded.features[~padded.group_mask].any())

    def test_behaviors_lie_with_their_groups(self) -> None:
        for count in (1, 3, 6):
            padded = self.batch.pad(groups=5, behaviors=count)
            self.assertEqual(padded.behavior_mask.shape, (4, 5, count))
            for index in range(4):
                one = self.batch.user(index)
                groups = len(one["group"])
                for place, group in enumerate(range(max(0, groups - 5), groups)):
                    first, last = one.behavior_row_splits[group : group + 2]
                    kept = min(count, last - first)
                    self.assertEqual(padded.behavior_mask[index, place].sum(), kept)
                    for name, column in (("shop", "behavior_shop"), ("spend_micros", "behavior_spend_micros")):
                        expected = one[column][first : first + kept].tolist() + [0] * (count - kept)
                        self.assertEqual(padded.behaviors[name][index, place].tolist(), expected)

    def test_an_age_may_be_counted_to_now(self) -> None:
        last_ms = int(self.batch.user(0)["group_last_ms"][-1])
        padded = self.batch.pad(groups=3, features=["recency_days"], now_ms=last_ms + 3 * 86_400_000)
        self.assertAlmostEqual(float(padded.features[0, 2, 0]), math.log1p(3), places=5)

    def test_what_was_not_asked_for_is_told_by_name(self) -> None:
        messages = [packed(10, [1, 2]) + packed(11, [3, 4])]
        small = decode_sequences(messages, Query(fields=["events"]))
        self.assertEqual(small.pad(groups=2).feature_names, ("events",))
        self.assertEqual(small.pad(groups=2, behaviors=2).behaviors, {})
        with self.assertRaisesRegex(KeyError, "payment needs group_payment"):
            small.pad(groups=2, features=["payment"])
        with self.assertRaisesRegex(KeyError, "no feature nonsense"):
            small.pad(groups=2, features=["nonsense"])
        # Answers that have less than the query says have no shape that an all-unknown batch could have too.
        with self.assertRaisesRegex(KeyError, "strong needs group_strong"):
            decode_sequences(messages).pad(groups=2)

    def test_a_batch_of_nobody_has_its_shape_all_the_same(self) -> None:
        for messages in ([None, None], [b"", None], []):
            for query in (Query(), Query(fields=["dwell", "windows"]), Query(fields=["behaviors"])):
                padded = decode_sequences(messages, query, [1, 7]).pad(groups=4, behaviors=2)
                known = decode_sequences([user(3, 4, 1)], query, [1, 7]).pad(groups=4, behaviors=2)
                self.assertEqual(padded.feature_names, known.feature_names)
                self.assertEqual(padded.features.shape, (len(messages), 4, known.features.shape[2]))
                self.assertEqual(set(padded.behaviors), set(known.behaviors))
                self.assertEqual(padded.behavior_mask.shape, (len(messages), 4, 2))
                self.assertEqual(padded.group.shape, (len(messages), 4))
        padded = decode_sequences([None]).pad(groups=4, features=["events", "window_7d"])
        self.assertEqual(padded.features.shape, (1, 4, 2))

    def test_windows_that_were_not_told_are_features_where_they_are_named(self) -> None:
        batch = decode_sequences([user(3, 0, 1)])
        self.assertEqual(batch.pad(groups=3).feature_names, DEFAULT_FEATURES)
        self.assertEqual(batch.pad(groups=3, features=["window_7d"]).features.shape, (1, 3, 1))
        with self.assertRaisesRegex(KeyError, "no feature window_30d; there are .*window_7d"):
            decode_sequences([user(3, 0, 1)], window_days=[30]).pad(groups=3)


if __name__ == "__main__":
    unittest.main()
