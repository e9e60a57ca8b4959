"""Answers to columns. The field numbers are those of Schemas/interest/v1/sequence.proto; a test holds them together."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Union

import numpy as np
from numpy.typing import NDArray

from ._batch import SequenceBatch
from ._padding import features_of
from ._query import Query
from ._wire import DecodeError, Ints, Scan, unzigzag

__all__ = ["DecodeError", "decode_sequences"]

USER_ID, GENERATION, CLUSTER_MAP = 1, 2, 3

#: name: (field number, type, whether it is zigzag). One value a group.
GROUP_COLUMNS: Dict[str, "tuple[int, type, bool]"] = {
    "group": (10, np.int64, False),
    "group_events": (11, np.int64, False),
    "group_strong": (12, np.int64, False),
    "group_weak": (13, np.int64, False),
    "group_negative": (14, np.int64, False),
    "group_payment": (15, np.int64, False),
    "group_dwell_sum_ms": (16, np.int64, False),
    "group_dwell_max_ms": (17, np.int64, False),
    "group_dwell_n": (18, np.int64, False),
    "group_spend_sum_micros": (19, np.int64, True),
    "group_spend_n": (20, np.int64, False),
    "group_first_ms": (21, np.int64, False),
    "group_last_ms": (22, np.int64, False),
}
WINDOW_DAYS, WINDOW_EVENTS, ROW_SPLITS = 30, 31, 40

#: Likewise; one value a behavior. Feature ids use all 64 bits.
BEHAVIOR_COLUMNS: Dict[str, "tuple[int, type, bool]"] = {
    "behavior_time_ms": (41, np.int64, False),
    "behavior_shop": (42, np.uint64, False),
    "behavior_type": (43, np.int64, False),
    "behavior_dwell_ms": (44, np.int64, False),
    "behavior_spend_micros": (45, np.int64, True),
    "behavior_item": (46, np.uint64, False),
}

Column = Union[Ints, NDArray[np.uint64]]


def decode_sequences(
    messages: Sequence[Optional[bytes]], query: Query = Query(), window_days: Optional[Sequence[int]] = None
) -> SequenceBatch:
    """Decodes serialized `interest.v1.GroupSequence` messages; None is a user who is not known.

    query: what was asked for. A batch of users who are all unknown says nothing of it, and is to have the shape of others.
    window_days: the windows' lengths (a client's `window_days()`), for the same reason; None: `feature_names` has no windows.

    Raises DecodeError where the bytes are no such message, or its columns do not fit each other.
    """
    is_known = np.fromiter((message is not None for message in messages), dtype=bool, count=len(messages))
    return _Decoder(Scan([message or b"" for message in messages]), query, window_days or ()).decode(is_known)


class _Decoder:
    def __init__(self, scan: Scan, query: Query, window_days: Sequence[int]) -> None:
        self.scan = scan
        self.query = query
        self.asked = query.columns
        self.expected_days = window_days

    def decode(self, is_known: NDArray[np.bool_]) -> SequenceBatch:
        groups = self._group_counts()
        behaviors = np.zeros(self.scan.count, dtype=np.int64)
        splits = self._row_splits(groups)
        if splits is not None:
            edges = np.concatenate(([0], np.cumsum(groups)))
            behaviors = splits[edges[1:]] - splits[edges[:-1]]
        columns: Dict[str, Column] = {}
        for name, (number, kind, is_zigzag) in GROUP_COLUMNS.items():
            self._take(columns, name, number, kind, is_zigzag, groups)
        for name, (number, kind, is_zigzag) in BEHAVIOR_COLUMNS.items():
            self._take(columns, name, number, kind, is_zigzag, behaviors)
        days, windows = self._windows(groups)
        return SequenceBatch(
            known=is_known,
            user_row_splits=np.concatenate(([0], np.cumsum(groups))).astype(np.int64),
            generation=self._last_values(GENERATION),
            cluster_map=self._cluster_map(),
            columns=columns,
            behavior_row_splits=splits,
            window_days=days,
            group_window_events=windows,
            feature_names=features_of(self.query, self.expected_days),
        )

    def _group_counts(self) -> Ints:
        """Each user's groups, as any of the columns says."""
        counts = np.zeros(self.scan.count, dtype=np.int64)
        for number, _, _ in GROUP_COLUMNS.values():
            if number in self.scan.fields:
                counts = np.maximum(counts, self.scan.counts(self.scan.fields[number]))
        if ROW_SPLITS in self.scan.fields:
            counts = np.maximum(counts, self.scan.counts(self.scan.fields[ROW_SPLITS]) - 1)
        return counts

    def _take(
        self, columns: Dict[str, Column], name: str, number: int, kind: type, is_zigzag: bool, expected: Ints
    ) -> None:
        if name not in self.asked:
            return
        pieces = self.scan.fields.get(number)
        if pieces is None:
            if expected.sum() == 0:
                columns[name] = np.empty(0, dtype=kind)
            return
        self._check(self.scan.counts(pieces), expected, name)
        values = self.scan.gather(pieces)
        columns[name] = unzigzag(values) if is_zigzag else values.astype(kind)

    def _row_splits(self, groups: Ints) -> Optional[Ints]:
        """Of all users in one: from 0 to the number of all behaviors."""
        if self.asked.isdisjoint(BEHAVIOR_COLUMNS):
            return None
        total = int(groups.sum())
        pieces = self.scan.fields.get(ROW_SPLITS)
        if pieces is None:
            return np.zeros(1, dtype=np.int64) if total == 0 else None
        counts = self.scan.counts(pieces)
        # A user without groups may have a single 0, or nothing.
        is_plain = (counts == groups + 1) | ((counts == 0) & (groups == 0))
        self._check(np.where(is_plain, groups + 1, counts), groups + 1, "behavior_row_splits")
        values = self.scan.gather(pieces).astype(np.int64)
        firsts = np.concatenate(([0], np.cumsum(counts)[:-1]))
        lasts = values[(firsts + counts - 1)[counts > 0]]
        offsets = np.zeros(self.scan.count, dtype=np.int64)
        offsets[counts > 0] = np.concatenate(([0], np.cumsum(lasts)[:-1]))
        is_first = np.zeros(len(values), dtype=bool)
        is_first[firsts[counts > 0]] = True
        steps = np.diff(values, prepend=0)
        if (values[is_first] != 0).any() or (steps[~is_first] < 0).any():
            raise DecodeError("behavior_row_splits do not rise from 0")
        rows = values + np.repeat(offsets, counts)
        return np.concatenate(([0], rows[~is_first]))

    def _windows(self, groups: Ints) -> "tuple[Ints, Optional[Ints]]":
        """The lengths, which all users share, and a row for each group."""
        if not self.query.has_windows:
            return np.empty(0, dtype=np.int64), None
        pieces = self.scan.fields.get(WINDOW_DAYS)
        if pieces is None or WINDOW_EVENTS not in self.scan.fields:
            if groups.sum() > 0 or not self.expected_days:
                return np.empty(0, dtype=np.int64), None
            days = np.array(self.expected_days, dtype=np.int64)
            return days, np.zeros((0, len(days)), dtype=np.int64)
        counts = self.scan.counts(pieces)
        values = self.scan.gather(pieces).astype(np.int64)
        days = values[: int(counts[counts > 0][0])]
        if not np.array_equal(values, np.tile(days, int((counts > 0).sum()))):
            raise DecodeError("the users' windows differ: they are of different configurations")
        events = self.scan.fields[WINDOW_EVENTS]
        self._check(self.scan.counts(events), groups * len(days), "group_window_events")
        return days, self.scan.gather(events).astype(np.int64).reshape(-1, len(days))

    def _last_values(self, number: int) -> Ints:
        """A single number of each message; 0 where it is not there."""
        values = np.zeros(self.scan.count, dtype=np.int64)
        pieces = self.scan.fields.get(number)
        if pieces is not None:
            values[pieces.message] = self.scan.gather(pieces).astype(np.int64)
        return values

    def _cluster_map(self) -> str:
        """Of the first user who tells one. Users of two generations may differ in it, as `generation` shows."""
        pieces = self.scan.fields.get(CLUSTER_MAP)
        if pieces is None:
            return ""
        return self.scan.bytes_of(int(pieces.start[0]), int(pieces.end[0])).decode()

    @staticmethod
    def _check(counts: Ints, expected: Ints, name: str) -> None:
        wrong = np.flatnonzero(counts != expected)
        if len(wrong):
            index = int(wrong[0])
            raise DecodeError(f"message {index} has {counts[index]} values in {name}, and {expected[index]} were expected")
