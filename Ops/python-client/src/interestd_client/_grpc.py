"""gRPC by grpcio, without generated code: requests are written and answers read here."""

from __future__ import annotations

from types import TracebackType
from typing import List, Optional, Sequence, Tuple, Type, Union

import grpc

from ._batch import SequenceBatch
from ._decode import decode_sequences
from ._errors import failure
from ._query import FIELDS, Query
from ._wire import Scan, bytes_field, varint, varint_field

User = Union[str, bytes]

_SERVICE = "/interest.v1.InterestService/"
_STATUS = {status.value[0]: status.name for status in grpc.StatusCode}
#: A batch's answers are at most 24 MiB.
_OPTIONS: Sequence[Tuple[str, int]] = (("grpc.max_receive_message_length", 64 << 20),)


class GRPCClient:
    """Calls of `interest.v1.InterestService`; may be shared by threads.

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
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options=_OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=_OPTIONS)
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._timeout_s = timeout_s

    def __enter__(self) -> "GRPCClient":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def sequences(self, users: Sequence[User], query: Query = Query()) -> SequenceBatch:
        """The users' sequences, in the order of `users`; raises LookupFailed where the server cannot answer for all of them."""
        return decode_sequences(self.raw_sequences(users, query))

    def raw_sequences(self, users: Sequence[User], query: Query = Query()) -> List[Optional[bytes]]:
        """Serialized `interest.v1.GroupSequence` messages; None: a user who is not known."""
        values: List[Optional[bytes]] = []
        for start in range(0, len(users), self.USERS_PER_CALL):
            part = users[start : start + self.USERS_PER_CALL]
            request = b"".join(bytes_field(1, _id(user)) for user in part) + bytes_field(2, selection(query))
            values += _read_batch(self._call("BatchGetSequences", request), len(part))
        return values

    def groups(self, user: User, shops: Sequence[User], query: Query = Query()) -> bytes:
        """A serialized `interest.v1.GetGroupsResponse`: what the user has in the groups of these shops."""
        request = bytes_field(1, _id(user)) + b"".join(bytes_field(2, _id(shop)) for shop in shops)
        return self._call("GetGroups", request + bytes_field(3, selection(query)))

    def describe(self) -> bytes:
        """A serialized `interest.v1.DescribeResponse`."""
        return self._call("Describe", b"")

    def _call(self, method: str, request: bytes) -> bytes:
        # Without serializers, messages are bytes.
        call = self._channel.unary_unary(_SERVICE + method)
        try:
            answer: bytes = call(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise failure(error.code().name, error.details() or "") from error
        return answer


def _id(user: User) -> bytes:
    return user.encode() if isinstance(user, str) else user


def selection(query: Query) -> bytes:
    """`interest.v1.Selection`."""
    written = b""
    if query.groups is not None:
        written += varint_field(1, query.groups)
    if query.behaviors is not None:
        written += varint_field(2, query.behaviors)
    if query.order is not None:
        written += varint_field(3, {"recency": 1, "frequency": 2}[query.order])
    if query.as_of_ms is not None:
        written += varint_field(5, query.as_of_ms)
    if query.fields is not None:
        written += bytes_field(6, b"".join(varint(FIELDS[name]) for name in query.fields))
    return written


def _read_batch(response: bytes, count: int) -> List[Optional[bytes]]:
    """The sequences of a `BatchGetSequencesResponse`; the first failure is raised."""
    scan = Scan([response])
    if 2 in scan.fields:
        pieces = scan.fields[2]
        raise _failure(scan.bytes_of(int(pieces.start[0]), int(pieces.end[0])))
    values: List[Optional[bytes]] = []
    if 1 in scan.fields:
        pieces = scan.fields[1]
        values = [response[start:end] for start, end in zip(pieces.start.tolist(), pieces.end.tolist())]
    if len(values) != count:
        raise failure("INTERNAL", f"{len(values)} sequences have come for {count} users")
    if 3 in scan.fields:
        for position in scan.gather(scan.fields[3]).tolist():
            values[position] = None
    return values


def _failure(message: bytes) -> Exception:
    scan = Scan([message])

    def number(field: int) -> int:
        return int(scan.gather(scan.fields[field])[-1]) if field in scan.fields else 0

    text = ""
    if 3 in scan.fields:
        text = scan.bytes_of(int(scan.fields[3].start[-1]), int(scan.fields[3].end[-1])).decode(errors="replace")
    return failure(_STATUS.get(number(2), "UNKNOWN"), f"user {number(1)} of the batch: {text}")
