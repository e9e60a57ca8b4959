"""Columns to padded tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ._batch import Ints, SequenceBatch
from ._query import Query
from ._wire import ranges

Floats = NDArray[np.float32]
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class PaddedBatch:
    """Tensors of U users, N groups each and K behaviors each; places without data are 0 and False in the masks.

    features: float32 [U, N, F], in the order of feature_names. Counts, durations, money and ages are sign(x) * log(1 + |x|).
    group: int64 [U, N]: the cluster map's ids, 0 also for padding: look at group_mask.
    group_mask: bool [U, N]. A user's groups are in time order, the oldest first, and padding follows.
    behaviors: [U, N, K], newest first: "type" int64 (codes of the catalog), "shop" and "item" uint64 (feature ids: hash or embed
        them), "time_ms" int64, "dwell_ms" int64, "spend_micros" int64; those of them that were asked for.
    behavior_mask: bool [U, N, K].
    """

    features: Floats
    feature_names: Tuple[str, ...]
    group: Ints
    group_mask: NDArray[np.bool_]
    behaviors: Dict[str, NDArray[np.int64]]
    behavior_mask: NDArray[np.bool_]


def _signed_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sign(values) * np.log1p(np.abs(values))


def _mean(total: str, count: str, unit: float) -> Callable[[SequenceBatch, Ints], NDArray[np.float64]]:
    def compute(batch: SequenceBatch, _: Ints) -> NDArray[np.float64]:
        return batch[total] / np.maximum(batch[count], 1) / unit

    return compute


def _plain(name: str, unit: float = 1.0) -> Callable[[SequenceBatch, Ints], NDArray[np.float64]]:
    return lambda batch, _: batch[name] / unit


#: What is computed of a group, and the columns that it needs. The model's own statistics are counts per category, the mean and the
#: longest dwell and the mean spend (DMGIN, arXiv 2508.21801).
_FEATURES: Dict[str, Tuple[Tuple[str, ...], Callable[[SequenceBatch, Ints], NDArray[np.float64]]]] = {
    "events": (("group_events",), _plain("group_events")),
    "strong": (("group_strong",), _plain("group_strong")),
    "weak": (("group_weak",), _plain("group_weak")),
    "negative": (("group_negative",), _plain("group_negative")),
    "payment": (("group_payment",), _plain("group_payment")),
    "dwell_mean_s": (("group_dwell_sum_ms", "group_dwell_n"), _mean("group_dwell_sum_ms", "group_dwell_n", 1e3)),
    "dwell_max_s": (("group_dwell_max_ms",), _plain("group_dwell_max_ms", 1e3)),
    "spend_mean": (("group_spend_sum_micros", "group_spend_n"), _mean("group_spend_sum_micros", "group_spend_n", 1e6)),
    "spend_sum": (("group_spend_sum_micros",), _plain("group_spend_sum_micros", 1e6)),
    "recency_days": (("group_last_ms",), lambda batch, now_ms: (now_ms - batch["group_last_ms"]) / _DAY_MS),
    "span_days": (
        ("group_first_ms", "group_last_ms"),
        lambda batch, _: (batch["group_last_ms"] - batch["group_first_ms"]) / _DAY_MS,
    ),
}

DEFAULT_FEATURES: Tuple[str, ...] = tuple(_FEATURES)


def features_of(query: Query, window_days: Sequence[int]) -> Tuple[str, ...]:
    """All features that a query's fields allow, whoever is answered."""
    columns = query.columns
    names = [name for name, (needs, _) in _FEATURES.items() if columns.issuperset(needs)]
    if query.has_windows:
        names += [f"window_{days}d" for days in window_days]
    return tuple(names)


_BEHAVIORS = {
    "type": "behavior_type",
    "shop": "behavior_shop",
    "item": "behavior_item",
    "time_ms": "behavior_time_ms",
    "dwell_ms": "behavior_dwell_ms",
    "spend_micros": "behavior_spend_micros",
}


def pad(
    batch: SequenceBatch, groups: int, behaviors: int, features: Optional[Sequence[str]], now_ms: Optional[int]
) -> PaddedBatch:
    if groups < 0 or behaviors < 0:
        raise ValueError("groups and behaviors are numbers of places, 0 or more")
    names = batch.feature_names if features is None else tuple(features)
    row, column, kept = _places(batch.user_row_splits, groups, keeps_last=True)
    shape = (len(batch), groups)
    group = np.zeros(shape, dtype=np.int64)
    group[row, column] = batch["group"][kept]
    mask = np.zeros(shape, dtype=bool)
    mask[row, column] = True
    dense = np.zeros((*shape, len(names)), dtype=np.float32)
    reference = _reference(batch, now_ms)
    for index, name in enumerate(names):
        dense[row, column, index] = _feature(batch, name, reference)[kept]
    columns, behavior_mask = _pad_behaviors(batch, shape, behaviors, row, column, kept)
    return PaddedBatch(dense, names, group, mask, columns, behavior_mask)


def _pad_behaviors(
    batch: SequenceBatch, shape: Tuple[int, int], count: int, row: Ints, column: Ints, kept: Ints
) -> Tuple[Dict[str, NDArray[np.int64]], NDArray[np.bool_]]:
    mask = np.zeros((*shape, count), dtype=bool)
    columns: Dict[str, NDArray[np.int64]] = {}
    splits = batch.behavior_row_splits
    if splits is None or count == 0:
        return columns, mask
    # Behaviors of the kept groups, each group's first ones.
    lengths = np.minimum(splits[kept + 1] - splits[kept], count)
    source = ranges(splits[kept], lengths)
    place = ranges(np.zeros_like(lengths), lengths)
    where = (np.repeat(row, lengths), np.repeat(column, lengths), place)
    mask[where] = True
    for name, source_name in _BEHAVIORS.items():
        if source_name in batch.columns:
            values = batch[source_name]
            columns[name] = np.zeros((*shape, count), dtype=values.dtype)
            columns[name][where] = values[source]
    return columns, mask


def _places(splits: Ints, count: int, keeps_last: bool) -> Tuple[Ints, Ints, Ints]:
    """Where the elements of ragged rows lie in a dense array of `count` columns: rows, columns, and which elements are kept."""
    sizes = np.diff(splits)
    lengths = np.minimum(sizes, count)
    first = splits[:-1] + (sizes - lengths if keeps_last else 0)
    rows = np.repeat(np.arange(len(sizes)), lengths)
    return rows, ranges(np.zeros_like(lengths), lengths), ranges(first, lengths)


def _reference(batch: SequenceBatch, now_ms: Optional[int]) -> Ints:
    """For each group, the time that its age is counted to."""
    sizes = np.diff(batch.user_row_splits)
    if now_ms is not None:
        return np.full(int(sizes.sum()), now_ms, dtype=np.int64)
    if "group_last_ms" not in batch.columns:
        return np.zeros(int(sizes.sum()), dtype=np.int64)
    # A user's last group is the newest.
    is_full = sizes > 0
    newest = batch["group_last_ms"][batch.user_row_splits[1:][is_full] - 1].astype(np.int64)
    return np.repeat(newest, sizes[is_full])


def _feature(batch: SequenceBatch, name: str, reference: Ints) -> NDArray[np.float64]:
    if name in _FEATURES:
        needs, compute = _FEATURES[name]
        missing = [need for need in needs if need not in batch.columns]
        if missing:
            raise KeyError(f"feature {name} needs {', '.join(missing)}, which the answers have not got: name it in the query's fields")
        return _signed_log(compute(batch, reference).astype(np.float64))
    days = {f"window_{days}d": index for index, days in enumerate(batch.window_days.tolist())}
    if name in days and batch.group_window_events is not None:
        return _signed_log(batch.group_window_events[:, days[name]].astype(np.float64))
    if batch.group_count == 0 and name.startswith("window_"):
        return np.empty(0, dtype=np.float64)
    raise KeyError(f"there is no feature {name}; there are {', '.join((*_FEATURES, *days))}")
