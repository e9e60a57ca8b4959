"""What a client reads of a `interest.v1.DescribeResponse` (Schemas/interest/v1/service.proto)."""

from __future__ import annotations

from typing import Optional, Tuple

from ._errors import failure
from ._wire import Scan

_GENERATIONS = 3
_ID, _SERVED, _WINDOW_DAYS = 1, 3, 5


def window_days(description: bytes, generation: Optional[int]) -> Tuple[int, ...]:
    """The windows' lengths of a generation, None: of the one that is served. Raises LookupFailed where there is none."""
    outer = Scan([description])
    if _GENERATIONS in outer.fields:
        pieces = outer.fields[_GENERATIONS]
        for start, end in zip(pieces.start.tolist(), pieces.end.tolist()):
            scan = Scan([description[start:end]])
            if generation is None:
                is_meant = _SERVED in scan.fields and bool(scan.gather(scan.fields[_SERVED])[-1])
            else:
                is_meant = _ID in scan.fields and int(scan.gather(scan.fields[_ID])[-1]) == generation
            if is_meant:
                days = scan.gather(scan.fields[_WINDOW_DAYS]).tolist() if _WINDOW_DAYS in scan.fields else []
                return tuple(days)
    raise failure("NOT_FOUND", "no generation is served" if generation is None else f"there is no generation {generation}")
