"""gRPC by grpcio, without generated code: requests are written and answers read here."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

import grpc

from ._client import Answer, Client
from ._errors import LookupFailed, TooLargeError, failure
from ._query import FIELDS, ORDERS, Query
from ._wire import Scan, bytes_field, varint, varint_field

_SERVICE = "/interest.v1.InterestService/"
_STATUS = {status.value[0]: status.name for status in grpc.StatusCode}
#: A batch's answers are at most 24 MiB.
_OPTIONS: Sequence[Tuple[str, int]] = (("grpc.max_receive_message_length", 64 << 20),)
#: Fields of BatchGetSequencesResponse and of its Failure.
_SEQUENCES, _FAILURES, _UNKNOWN = 1, 2, 3
_INDEX, _CODE, _MESSAGE, _REASON, _RETRY_AFTER = 1, 2, 3, 4, 6


class GRPCClient(Client):
    """Lookups over gRPC: see Client. It connects with its first call.

    target: "host:port".
    token: sent as "authorization: Bearer TOKEN".
    credentials: for example `grpc.ssl_channel_credentials(root)`; None: in clear.
    timeout_s: the deadline of each call.
    """

    #: The server's bound on one batch.
    USERS_PER_CALL = 1000

    def __init__(
        self,
        target: str,
        *,
        token: Optional[str] = None,
        credentials: Optional[grpc.ChannelCredentials] = None,
        timeout_s: float = 5.0,
    ) -> None:
        super().__init__()
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
        self._target = target
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._timeout_s = timeout_s

    def close(self) -> None:
        self._channel.close()

    def describe(self) -> bytes:
        return self._call("Describe", b"")

    def _lookup(self, users: List[bytes], query: Query, is_each: bool) -> List[Answer]:
        # A batch tells each user's failure always; but a string that is not UTF-8 is a fault of the message, for which all would fail.
        is_text = [_is_text(user) for user in users]
        sent = [user if is_good else b"" for user, is_good in zip(users, is_text)]
        answers: List[Answer] = []
        for start in range(0, len(users), self.USERS_PER_CALL):
            places = range(start, min(start + self.USERS_PER_CALL, len(users)))
            answers += self._batch(sent, places, bytes_field(2, selection(query)))
        for index, is_good in enumerate(is_text):
            if not is_good:
                answers[index] = failure("INVALID_ARGUMENT", "user: a user id is UTF-8", index)
        return answers

    def _batch(self, users: List[bytes], places: Sequence[int], selected: bytes) -> List[Answer]:
        """Answers for the users in these places. Those that did not fit into the batch are asked for in halves, down to single users."""
        request = b"".join(bytes_field(1, users[place]) for place in places) + selected
        answers = _read_batch(self._call("BatchGetSequences", request), places)
        if len(places) > 1:
            again = [position for position, answer in enumerate(answers) if isinstance(answer, TooLargeError)]
            middle = len(again) // 2
            for half in (again[:middle], again[middle:]):
                found = self._batch(users, [places[position] for position in half], selected) if half else []
                for position, answer in zip(half, found):
                    answers[position] = answer
        return answers

    def _known(self, users: List[bytes]) -> int:
        # No group of anybody, and so nothing but who is known.
        answers = self._lookup(users, Query(groups=0, behaviors=0, fields=["events"]), is_each=False)
        for answer in answers:
            if isinstance(answer, LookupFailed):
                raise answer
        return sum(answer is not None for answer in answers)

    def _groups(self, user: bytes, shops: List[bytes], query: Query) -> bytes:
        request = bytes_field(1, user) + b"".join(bytes_field(2, shop) for shop in shops)
        return self._call("GetGroups", request + bytes_field(3, selection(query)))

    def _call(self, method: str, request: bytes) -> bytes:
        # Without serializers, messages are bytes.
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(_SERVICE + method)
        try:
            answer: bytes = call(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.UNAVAILABLE and not _asks_again(error):
                raise ConnectionError(f"{self._target}: {error.details()}") from error
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise TimeoutError(f"{self._target} has not answered within {self._timeout_s} s") from error
            raise failure(error.code().name, error.details() or "", asks_again=_asks_again(error)) from error
        return answer


def _is_text(id_: bytes) -> bool:
    try:
        id_.decode()
    except UnicodeDecodeError:
        return False
    return True


def _asks_again(error: grpc.RpcError) -> bool:
    """Whether the server says when to ask again. grpcio gives UNAVAILABLE itself where there is no connection to a server, and where none
    can ever be: a wrong port, a certificate that is not trusted; RESOURCE_EXHAUSTED stands for what is too long as well."""
    names = {field.key for field in error.trailing_metadata() or ()}
    return bool(names & {"grpc-status-details-bin", "grpc-retry-pushback-ms"})


def selection(query: Query) -> bytes:
    """`interest.v1.Selection`."""
    written = b""
    if query.groups is not None:
        written += varint_field(1, query.groups)
    if query.behaviors is not None:
        written += varint_field(2, query.behaviors)
    if query.order is not None:
        written += varint_field(3, ORDERS[query.order])
    if query.generation is not None:
        written += varint_field(4, query.generation)
    if query.as_of_ms is not None:
        written += varint_field(5, query.as_of_ms)
    if query.fields is not None:
        written += bytes_field(6, b"".join(varint(FIELDS[name]) for name in query.fields))
    return written


def _read_batch(response: bytes, places: Sequence[int]) -> List[Answer]:
    """What a `BatchGetSequencesResponse` has for each user, who were asked for in these places."""
    scan = Scan([response])
    answers: List[Answer] = []
    if _SEQUENCES in scan.fields:
        pieces = scan.fields[_SEQUENCES]
        answers += [response[start:end] for start, end in zip(pieces.start.tolist(), pieces.end.tolist())]
    if len(answers) != len(places):
        raise failure("INTERNAL", f"{len(answers)} sequences have come for {len(places)} users")
    if _UNKNOWN in scan.fields:
        for position in scan.gather(scan.fields[_UNKNOWN]).tolist():
            answers[position] = None
    if _FAILURES in scan.fields:
        pieces = scan.fields[_FAILURES]
        for start, end in zip(pieces.start.tolist(), pieces.end.tolist()):
            position, failed = _read_failure(response[start:end], places)
            answers[position] = failed
    return answers


def _read_failure(message: bytes, places: Sequence[int]) -> Tuple[int, LookupFailed]:
    """The position in the batch, and what is wrong."""
    scan = Scan([message])

    def number(field: int) -> int:
        return int(scan.gather(scan.fields[field])[-1]) if field in scan.fields else 0

    def text(field: int) -> str:
        if field not in scan.fields:
            return ""
        pieces = scan.fields[field]
        return scan.bytes_of(int(pieces.start[-1]), int(pieces.end[-1])).decode(errors="replace")

    position = number(_INDEX)
    kind = _STATUS.get(number(_CODE), "UNKNOWN")
    # Without a time to ask again, asking again would not help.
    asks_again = number(_RETRY_AFTER) > 0
    return position, failure(kind, text(_MESSAGE), places[position], asks_again, text(_REASON))
