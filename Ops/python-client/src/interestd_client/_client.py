"""What both protocols' clients do alike."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from types import TracebackType
from typing import Dict, Iterable, List, Literal, Optional, Sequence, Tuple, Type, TypeVar, Union

from ._batch import SequenceBatch
from ._decode import decode_sequences
from ._describe import window_days
from ._errors import LookupFailed
from ._groups import ShopGroups, decode_groups
from ._ids import Id, encoded, encoded_one
from ._query import Query

#: A user's serialized `interest.v1.GroupSequence`, None for one who is not known, or why there is none.
Answer = Union[None, bytes, LookupFailed]

_Self = TypeVar("_Self", bound="Client")


class Client(ABC):
    """Lookups by RESPClient or GRPCClient, which may be shared by threads.

    They raise LookupFailed for what the server refuses or cannot answer (RetryableError and its BusyError: ask again later), and
    OSError where no server answers: none is there, it speaks another protocol, its certificate is not trusted, it is gone, it is silent.

    The windows of a configuration are learned by the first lookup that needs them: one client's batches all have one shape.
    """

    def __init__(self) -> None:
        self._window_days: Dict[Optional[int], Tuple[int, ...]] = {}

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Ends the connections."""

    def sequences(
        self, users: Iterable[Id], query: Query = Query(), *, errors: Literal["raise", "mask"] = "raise"
    ) -> SequenceBatch:
        """The users' sequences, in the order of `users`.

        errors: "raise": one user who cannot be answered fails the call. "mask": such a user has no groups, like one who is not known, and
            `failures` of the batch says why; what concerns the whole call is raised all the same. Over RESP, which has a
            command a user for this, a parameter that the server refuses is each one's failure, and so is waiting behind a silent owner.
        """
        if errors not in ("raise", "mask"):
            raise ValueError(f"errors is {errors!r}, and there are raise, mask")
        answers = self._lookup(encoded(users, "user"), query, is_each=errors == "mask")
        failures = {index: answer for index, answer in enumerate(answers) if isinstance(answer, LookupFailed)}
        if errors == "raise":
            _raise_first(failures)
        batch = decode_sequences(_without_failures(answers), query, self._windows(query))
        return replace(batch, failures=failures) if failures else batch

    def raw_sequences(self, users: Iterable[Id], query: Query = Query()) -> List[Optional[bytes]]:
        """Serialized `interest.v1.GroupSequence` messages; None: a user who is not known. One who cannot be answered fails the call."""
        answers = self._lookup(encoded(users, "user"), query, is_each=False)
        _raise_first({index: answer for index, answer in enumerate(answers) if isinstance(answer, LookupFailed)})
        return _without_failures(answers)

    def known(self, users: Iterable[Id]) -> int:
        """How many of the users are known; one that repeats counts as often."""
        return self._known(encoded(users, "user"))

    def groups(self, user: Id, shops: Iterable[Id], query: Query = Query()) -> ShopGroups:
        """What the user has in the groups of these shops, whose ids are those of the events: not feature ids, which a model sees."""
        return decode_groups(self.raw_groups(user, shops, query), query, self._windows(query))

    def raw_groups(self, user: Id, shops: Iterable[Id], query: Query = Query()) -> bytes:
        """Likewise, a serialized `interest.v1.GetGroupsResponse`."""
        return self._groups(encoded_one(user, "user"), encoded(shops, "shop"), query)

    @abstractmethod
    def describe(self) -> bytes:
        """A serialized `interest.v1.DescribeResponse`."""

    def window_days(self, generation: Optional[int] = None) -> Tuple[int, ...]:
        """The windows' lengths, ascending, of a generation; None: of the one that is served. Asked for once."""
        if generation not in self._window_days:
            self._window_days[generation] = window_days(self.describe(), generation)
        return self._window_days[generation]

    def _windows(self, query: Query) -> Tuple[int, ...]:
        return self.window_days(query.generation) if query.has_windows else ()

    @abstractmethod
    def _lookup(self, users: List[bytes], query: Query, is_each: bool) -> List[Answer]:
        """An answer for each user, in their order; raises what concerns the whole call.

        is_each: whether each user's failure is told; otherwise one may be raised for all.
        """

    @abstractmethod
    def _known(self, users: List[bytes]) -> int: ...

    @abstractmethod
    def _groups(self, user: bytes, shops: List[bytes], query: Query) -> bytes: ...


def _raise_first(failures: Dict[int, LookupFailed]) -> None:
    for failed in failures.values():
        raise failed


def _without_failures(answers: Sequence[Answer]) -> List[Optional[bytes]]:
    return [None if isinstance(answer, LookupFailed) else answer for answer in answers]
