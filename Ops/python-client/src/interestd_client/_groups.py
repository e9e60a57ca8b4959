"""A user's groups that given shops are in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np

from ._batch import Ints, SequenceBatch
from ._decode import decode_sequences
from ._query import Query
from ._wire import Scan

_SEQUENCE, _SHOP_GROUPS = 1, 2


@dataclass(frozen=True)
class ShopGroups:
    """What a user has in the groups of S candidate shops.

    sequence: a batch of one user, with each of these groups once. A user who is not known has none of them; `known` does not tell.
    shop_groups: int64 [S]: each shop's group in the cluster map, in the order asked for; 0: the map does not name the shop.
    rows: int64 [S]: where each shop's group is in the columns of `sequence`; -1: the user has nothing there.
    """

    sequence: SequenceBatch
    shop_groups: Ints
    rows: Ints


def decode_groups(
    message: bytes, query: Query = Query(), window_days: Optional[Sequence[int]] = None
) -> ShopGroups:
    """Decodes a serialized `interest.v1.GetGroupsResponse`; query and window_days as decode_sequences takes them."""
    scan = Scan([message])
    value = b""
    if _SEQUENCE in scan.fields:
        pieces = scan.fields[_SEQUENCE]
        value = message[int(pieces.start[-1]) : int(pieces.end[-1])]
    shop_groups = np.empty(0, dtype=np.int64)
    if _SHOP_GROUPS in scan.fields:
        shop_groups = scan.gather(scan.fields[_SHOP_GROUPS]).astype(np.int64)
    sequence = decode_sequences([value], query, window_days)
    row_of = {group: row for row, group in enumerate(sequence["group"].tolist())}
    rows = np.array([row_of.get(group, -1) for group in shop_groups.tolist()], dtype=np.int64)
    return ShopGroups(sequence, shop_groups, rows)
