"""What part of a user's state is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence


@dataclass(frozen=True)
class Query:
    """None everywhere is the server's default: 100 groups, all behaviors that are kept, by recency, every field.

    groups: at most so many groups.
    behaviors: at most so many of each group's newest behaviors; 0: none.
    order: "recency" or "frequency": by which of them groups are chosen; they come back in time order whichever it is.
    as_of_ms: windows count back from this time's day (Unix milliseconds) instead of the user's newest event's.
    fields: names of columns (`group_events`, `behavior_shop`, ...); others are left out.
    """

    groups: Optional[int] = None
    behaviors: Optional[int] = None
    order: Optional[str] = None
    as_of_ms: Optional[int] = None
    fields: Optional[Sequence[str]] = None

    @property
    def is_default(self) -> bool:
        return self == Query()
