"""What part of a user's state is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from operator import index
from typing import Dict, FrozenSet, Optional, Sequence, Tuple

#: name: number in Schemas/interest/v1/service.proto.
FIELDS = {
    "events": 1,
    "counts": 2,
    "dwell": 3,
    "spend": 4,
    "times": 5,
    "windows": 6,
    "behaviors": 7,
    "behavior_time": 8,
    "behavior_shop": 9,
    "behavior_type": 10,
    "behavior_dwell": 11,
    "behavior_spend": 12,
    "behavior_item": 13,
}

#: name: number likewise.
ORDERS = {"recency": 1, "frequency": 2}

#: The columns that a field brings, but for those of the windows. `group` is always there.
_COLUMNS: Dict[str, Tuple[str, ...]] = {
    "events": ("group_events",),
    "counts": ("group_strong", "group_weak", "group_negative", "group_payment"),
    "dwell": ("group_dwell_sum_ms", "group_dwell_max_ms", "group_dwell_n"),
    "spend": ("group_spend_sum_micros", "group_spend_n"),
    "times": ("group_first_ms", "group_last_ms"),
    "behavior_time": ("behavior_time_ms",),
    "behavior_shop": ("behavior_shop",),
    "behavior_type": ("behavior_type",),
    "behavior_dwell": ("behavior_dwell_ms",),
    "behavior_spend": ("behavior_spend_micros",),
    "behavior_item": ("behavior_item",),
}


@dataclass(frozen=True)
class Query:
    """None everywhere is the server's default: 100 groups, all behaviors that are kept, by recency, every field.

    groups: at most so many groups.
    behaviors: at most so many of each group's newest behaviors; 0: none.
    order: "recency" or "frequency": by which of them groups are chosen; they come back in time order whichever it is.
    as_of_ms: windows count back from this time's day (Unix milliseconds) instead of the user's newest event's.
    fields: of FIELDS; what is left out is not read, computed or sent.
    generation: the one that must answer, as `describe` names them; None: the one that is served.

    Raises ValueError or TypeError for what no server takes; the server has bounds of its own.
    """

    groups: Optional[int] = None
    behaviors: Optional[int] = None
    order: Optional[str] = None
    as_of_ms: Optional[int] = None
    fields: Optional[Sequence[str]] = None
    generation: Optional[int] = None

    def __post_init__(self) -> None:
        for name in ("groups", "behaviors", "as_of_ms", "generation"):
            value = getattr(self, name)
            if value is not None and not 0 <= index(value) < 1 << 63:
                raise ValueError(f"{name} is {value}, and a number from 0 is wanted")
        if self.order is not None and self.order not in ORDERS:
            raise ValueError(f"order is {self.order!r}, and there are {', '.join(ORDERS)}")
        if self.fields is not None:
            if isinstance(self.fields, str):
                raise TypeError(f"fields is {self.fields!r}, and a list of names is wanted: [{self.fields!r}]")
            # A tuple cannot be changed after it has been looked at, and lets a query be a dictionary's key.
            object.__setattr__(self, "fields", tuple(self.fields))
            self._check_fields()

    def _check_fields(self) -> None:
        if not self.fields:
            raise ValueError("fields is empty, and None asks for all of them")
        for name in self.fields:
            if name not in FIELDS:
                raise ValueError(f"there is no field {name!r}; there are {', '.join(FIELDS)}")

    @property
    def is_default(self) -> bool:
        return self == Query()

    @cached_property
    def columns(self) -> FrozenSet[str]:
        """The columns of every answer, by their names in Schemas/interest/v1/sequence.proto, but for those of the windows."""
        fields = FIELDS if self.fields is None else self.fields
        names = {"group"}
        for field, columns in _COLUMNS.items():
            is_behavior = field.startswith("behavior_")
            if field in fields or (is_behavior and "behaviors" in fields):
                if not is_behavior or self.behaviors != 0:
                    names.update(columns)
        return frozenset(names)

    @property
    def has_windows(self) -> bool:
        return self.fields is None or "windows" in self.fields
