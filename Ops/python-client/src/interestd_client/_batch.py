"""Many users' sequences as columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ._errors import LookupFailed

if TYPE_CHECKING:
    from ._padding import PaddedBatch

Ints = NDArray[np.int64]
Column = Union[Ints, NDArray[np.uint64]]


@dataclass(frozen=True)
class SequenceBatch:
    """U users with G groups and B behaviors in all: user after user, each user's groups in ascending order of (last_ms, group), each
    group's behaviors newest first.

    known: bool [U]: whether the server knows the user; one who is not known has no groups. False for one who failed.
    user_row_splits: int64 [U + 1]: user u has the groups user_row_splits[u] ..< user_row_splits[u + 1].
    generation: int64 [U]: which generation the answer comes from; 0 for a user who is not known.
    cluster_map: the hash of the generation's cluster map; empty where no user is known.
    columns: the `group_...` columns [G] and the `behavior_...` columns [B] by their names in Schemas/interest/v1/sequence.proto.
        int64; feature ids (`behavior_shop`, `behavior_item`) are uint64. A column that was not asked for is not there.
    behavior_row_splits: int64 [G + 1] likewise, None where no behaviors were asked for.
    window_days: int64 [W], ascending; group_window_events: int64 [G, W], None where not asked for.
    feature_names: what `pad` computes unless told otherwise: the same in every batch of one query.
    failures: why there is no answer for a user, by the place u; see `errors` of the clients' `sequences`.
    """

    known: NDArray[np.bool_]
    user_row_splits: Ints
    generation: Ints
    cluster_map: str
    columns: Mapping[str, Column]
    behavior_row_splits: Optional[Ints]
    window_days: Ints
    group_window_events: Optional[Ints]
    feature_names: Tuple[str, ...]
    failures: Mapping[int, LookupFailed] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.known)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    @property
    def failed(self) -> NDArray[np.bool_]:
        """[U]: who may well be known, but could not be answered for."""
        failed = np.zeros(len(self), dtype=bool)
        failed[list(self.failures)] = True
        return failed

    @property
    def group_count(self) -> int:
        return int(self.user_row_splits[-1])

    @property
    def behavior_count(self) -> int:
        return 0 if self.behavior_row_splits is None else int(self.behavior_row_splits[-1])

    def user(self, index: int) -> "SequenceBatch":
        """One user's part; the columns are views."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"user {index} of {len(self)}")
        index %= len(self)
        groups = slice(int(self.user_row_splits[index]), int(self.user_row_splits[index + 1]))
        splits = self.behavior_row_splits
        behaviors = slice(0, 0) if splits is None else slice(int(splits[groups.start]), int(splits[groups.stop]))
        columns: Dict[str, Column] = {
            name: column[groups if name.startswith("group") else behaviors] for name, column in self.columns.items()
        }
        return SequenceBatch(
            known=self.known[index : index + 1],
            user_row_splits=np.array([0, groups.stop - groups.start], dtype=np.int64),
            generation=self.generation[index : index + 1],
            cluster_map=self.cluster_map,
            columns=columns,
            behavior_row_splits=None if splits is None else splits[groups.start : groups.stop + 1] - behaviors.start,
            window_days=self.window_days,
            group_window_events=None if self.group_window_events is None else self.group_window_events[groups],
            feature_names=self.feature_names,
            failures={0: self.failures[index]} if index in self.failures else {},
        )

    def pad(
        self,
        groups: int,
        behaviors: int = 0,
        features: Optional[Sequence[str]] = None,
        now_ms: Optional[int] = None,
    ) -> "PaddedBatch":
        """Dense tensors of one shape for every batch of a query, those of nobody as well: see PaddedBatch.

        groups: a user's newest so many are kept, and further places are padding.
        behaviors: likewise, of each group; 0: none.
        features: names of `interestd_client.DEFAULT_FEATURES` or windows (`window_7d`); None: `feature_names`, which are all that the
            query's fields allow. Raises KeyError where the answers have not got what one needs.
        now_ms: the time that ages are counted to; None: each user's newest event.
        """
        from ._padding import pad

        return pad(self, groups, behaviors, features, now_ms)
