"""Protobuf's wire format (protobuf.dev/programming-guides/encoding), in numpy.

Answers are read without generated code: a batch's bytes are joined, every varint in them is decoded in one go, and all messages
are scanned in step, one field of each at a time. That costs the same few array operations for one user as for a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_VARINT = 0
_FIXED64 = 1
_LENGTH = 2
_FIXED32 = 5


class DecodeError(ValueError):
    """The bytes are no message, or not one of interestd's."""


def decode_varints(data: Bytes, ends: Ints) -> Words:
    """All varints of `data`, which end at `ends`. One longer than ten bytes, which only bytes that are no varints make, is cut."""
    starts = np.empty_like(ends)
    if len(ends):
        starts[0] = 0
        np.add(ends[:-1], 1, out=starts[1:])
    values = (data[starts] & 0x7F).astype(np.uint64)
    longer = np.flatnonzero(ends > starts)
    for index in range(1, 10):
        if not len(longer):
            break
        at = starts[longer] + index
        values[longer] |= (data[at] & 0x7F).astype(np.uint64) << np.uint64(7 * index)
        longer = longer[at < ends[longer]]
    return values


def unzigzag(values: Words) -> Ints:
    return (values >> np.uint64(1)).astype(np.int64) ^ -(values & np.uint64(1)).astype(np.int64)


@dataclass
class Pieces:
    """Where one field lies in a batch: the payload's first byte and the one behind its last, by message and then by place."""

    message: Ints
    start: Ints
    end: Ints


class Scan:
    """The fields of many messages. `values` are all varints; a piece's are `values[first(start):first(end)]`."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self.count = len(messages)
        self.data: Bytes = np.frombuffer(b"".join(messages), dtype=np.uint8)
        sizes = np.fromiter(map(len, messages), dtype=np.int64, count=self.count)
        self.message_ends: Ints = np.cumsum(sizes)
        is_end = self.data < 0x80
        # How many varints have ended before each byte.
        self._ended: Ints = np.zeros(len(self.data) + 1, dtype=np.int64)
        np.cumsum(is_end, out=self._ended[1:])
        self.values = decode_varints(self.data, np.flatnonzero(is_end))
        self.fields: Dict[int, Pieces] = {}
        self._find_fields(self.message_ends - sizes)

    def counts(self, pieces: Pieces) -> Ints:
        """How many values each message has of a repeated field."""
        of_piece = self._ended[pieces.end] - self._ended[pieces.start]
        return np.bincount(pieces.message, weights=of_piece, minlength=self.count).astype(np.int64)

    def gather(self, pieces: Pieces) -> Words:
        """The values of a repeated field of varints, packed or not, of all messages in their order."""
        first = self._ended[pieces.start]
        lengths = self._ended[pieces.end] - first
        return self.values[ranges(first, lengths)]

    def bytes_of(self, piece_start: int, piece_end: int) -> bytes:
        return self.data[piece_start:piece_end].tobytes()

    def _find_fields(self, position: Ints) -> None:
        found: List[Tuple[Ints, Ints, Ints, Ints]] = []
        active = np.flatnonzero(position < self.message_ends)
        at = position[active]
        ends = self.message_ends[active]
        while len(active):
            tags, at = self._read(at, ends, active)
            kinds = tags & 7
            is_known = (kinds == _VARINT) | (kinds == _LENGTH) | (kinds == _FIXED64) | (kinds == _FIXED32)
            self._require(is_known & (tags >> 3 > 0), active, "has a field of a kind that does not exist")
            is_length = kinds == _LENGTH
            start = at.copy()
            if is_length.any():
                lengths, behind = self._read(at[is_length], ends[is_length], active[is_length])
                start[is_length] = behind
                at[is_length] = behind + lengths
            is_varint = kinds == _VARINT
            if is_varint.any():
                at[is_varint] = self._skip(at[is_varint], ends[is_varint], active[is_varint])
            at[kinds == _FIXED64] += 8
            at[kinds == _FIXED32] += 4
            self._require(at <= ends, active, "ends in the middle of a field")
            found.append((tags >> 3, active, start, at))
            goes_on = at < ends
            active, at, ends = active[goes_on], at[goes_on], ends[goes_on]
        self._sort(found)

    def _sort(self, found: List[Tuple[Ints, Ints, Ints, Ints]]) -> None:
        if not found:
            return
        number, message, start, end = (np.concatenate(column) for column in zip(*found))
        # Stable: pieces of one field of one message stay in the order in which they were met.
        order = np.lexsort((message, number))
        number, message, start, end = number[order], message[order], start[order], end[order]
        edges = np.flatnonzero(np.diff(number)) + 1
        for first, last in zip([0, *edges.tolist()], [*edges.tolist(), len(number)]):
            self.fields[int(number[first])] = Pieces(message[first:last], start[first:last], end[first:last])

    def _read(self, at: Ints, ends: Ints, active: Ints) -> Tuple[Ints, Ints]:
        """A tag or a length at each of `at`: the values, and the places behind them."""
        behind = self._skip(at, ends, active)
        self._require(behind - at <= 5, active, "has a tag or a length that is too long")
        values = np.zeros(len(at), dtype=np.int64)
        for index in range(int((behind - at).max())):
            here = at + index
            is_here = here < behind
            values[is_here] |= (self.data[here[is_here]] & 0x7F).astype(np.int64) << (7 * index)
        return values, behind

    def _skip(self, at: Ints, ends: Ints, active: Ints) -> Ints:
        behind = at.copy()
        goes_on = np.ones(len(at), dtype=bool)
        for _ in range(10):
            self._require(~goes_on | (behind < ends), active, "ends in the middle of a field")
            here = behind[goes_on]
            behind[goes_on] += 1
            goes_on[goes_on] = self.data[here] >= 0x80
            if not goes_on.any():
                return behind
        self._require(~goes_on, active, "has a number of more than ten bytes")
        return behind

    @staticmethod
    def _require(good: NDArray[np.bool_], active: Ints, problem: str) -> None:
        if not good.all():
            raise DecodeError(f"message {int(active[~good][0])} {problem}")


def ranges(first: Ints, lengths: Ints) -> Ints:
    """`first[0], first[0] + 1, ...` of `lengths[0]` numbers, then likewise from `first[1]`, and so on."""
    total = int(lengths.sum())
    if total == 0:
        return np.empty(0, dtype=np.int64)
    jumps = np.ones(total, dtype=np.int64)
    is_full = lengths > 0
    first, lengths = first[is_full], lengths[is_full]
    jumps[0] = first[0]
    jumps[np.cumsum(lengths[:-1])] = first[1:] - first[:-1] - lengths[:-1] + 1
    return np.cumsum(jumps)


# Writing: requests are few and small.


def varint(value: int) -> bytes:
    if value < 0:
        value += 1 << 64
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def varint_field(number: int, value: int) -> bytes:
    return varint(number << 3 | _VARINT) + varint(value)


def bytes_field(number: int, value: bytes) -> bytes:
    return varint(number << 3 | _LENGTH) + varint(len(value)) + value
