"""What part of a user's state is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence


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


@dataclass(frozen=True)
class Query:
    """None everywhere is the server's default: 100 groups, all behaviors that are kept, by recency, every field.

    groups: at most so many groups.
    behaviors: at most so many of each group's newest behaviors; 0: none.
    order: "recency" or "frequency": by which of them groups are chosen; they come back in time order whichever it is.
    as_of_ms: windows count back from this time's day (Unix milliseconds) instead of the user's newest event's.
    fields: of FIELDS; what is left out is not read, computed or sent.
    """

    groups: Optional[int] = None
    behaviors: Optional[int] = None
    order: Optional[str] = None
    as_of_ms: Optional[int] = None
    fields: Optional[Sequence[str]] = None

    @property
    def is_default(self) -> bool:
        return self == Query()
