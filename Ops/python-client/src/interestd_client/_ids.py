"""Ids of users and shops, and what models see of them."""

from __future__ import annotations

from typing import Iterable, List, Union

import numpy as np
from numpy.typing import NDArray

#: As the events name a user or a shop; str is sent as UTF-8.
Id = Union[str, bytes]

_WORD = (1 << 64) - 1
_PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def encoded(ids: Iterable[Id], what: str) -> List[bytes]:
    """Refuses what would be taken for ids that nobody meant: a string's characters, a number's repr. `what` is a "user" or a "shop"."""
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"{ids!r} is one {what}'s id, and a list of them is wanted: [{ids!r}]")
    return [_encoded(id_, f"{what} {index}") for index, id_ in enumerate(ids)]


def encoded_one(id_: Id, what: str) -> bytes:
    return _encoded(id_, f"the {what}")


def _encoded(id_: Id, what: str) -> bytes:
    if isinstance(id_, str):
        return id_.encode()
    if isinstance(id_, bytes):
        return id_
    raise TypeError(f"{what} is {id_!r}, which is {type(id_).__name__}: ids are str or bytes, such as '1879'")


def feature_id(id_: Id) -> int:
    """What `behavior_shop` and `behavior_item` hold of an id: the value of a canonical decimal below 2^64 ("42", and not "042" or "+42"),
    and of any other id the XXH64 (seed 0) of its bytes. 0: no id.

    A feature id does not lead back to the id. Who wants to has a dictionary of the ids: `dict(zip(feature_ids(shops).tolist(), shops))`.
    """
    data = encoded_one(id_, "id")
    if not data:
        return 0
    if data.isdigit() and len(data) <= 20 and (data[:1] != b"0" or len(data) == 1):
        value = int(data)
        if value <= _WORD:
            return value
    return xxh64(data)


def feature_ids(ids: Iterable[Id]) -> NDArray[np.uint64]:
    """Of each id: see feature_id. Some microseconds each: a catalog's are better made once."""
    if isinstance(ids, (str, bytes)):
        raise TypeError(f"{ids!r} is one id, and a list of them is wanted: see feature_id")
    return np.array([feature_id(id_) for id_ in ids], dtype=np.uint64)


def xxh64(data: bytes) -> int:
    """XXH64 with seed 0 (xxHash's doc/xxhash_spec.md)."""
    p1, p2, p3, p4, p5 = _PRIMES
    at = 0
    if len(data) < 32:
        value = p5
    else:
        lanes = [(p1 + p2) & _WORD, p2, 0, -p1 & _WORD]
        while at + 32 <= len(data):
            for lane in range(4):
                lanes[lane] = _round(lanes[lane], _little(data, at + 8 * lane, 8))
            at += 32
        value = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & _WORD
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * p1 + p4) & _WORD
    value = (value + len(data)) & _WORD
    while at + 8 <= len(data):
        value = (_rotated(value ^ _round(0, _little(data, at, 8)), 27) * p1 + p4) & _WORD
        at += 8
    if at + 4 <= len(data):
        value = (_rotated(value ^ (_little(data, at, 4) * p1 & _WORD), 23) * p2 + p3) & _WORD
        at += 4
    for byte in data[at:]:
        value = _rotated(value ^ (byte * p5 & _WORD), 11) * p1 & _WORD
    value = (value ^ value >> 33) * p2 & _WORD
    value = (value ^ value >> 29) * p3 & _WORD
    return value ^ value >> 32


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _PRIMES[1]) & _WORD, 31) * _PRIMES[0] & _WORD


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _WORD


def _little(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")
