"""RESP over a socket: what a lookup needs of it, without another package."""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import List, Optional, Sequence, Type, Union

from ._batch import SequenceBatch
from ._decode import decode_sequences
from ._errors import LookupFailed, failure
from ._query import Query

User = Union[str, bytes]
Reply = Union[None, int, bytes, List["Reply"]]


class RESPClient:
    """One connection, for one thread. After an OSError it is of no more use: make another.

    password: the server's token, where it asks for one.
    tls: for example `ssl.create_default_context(cafile=...)`; None: in clear.
    timeout_s: of connecting, and of each wait for bytes.
    """

    #: The server's bound on one command.
    USERS_PER_COMMAND = 1000

    def __init__(
        self,
        host: str,
        port: int,
        *,
        password: Optional[str] = None,
        tls: Optional[ssl.SSLContext] = None,
        timeout_s: float = 5.0,
    ) -> None:
        self._socket: socket.socket = socket.create_connection((host, port), timeout=timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=host)
            self._input = self._socket.makefile("rb", buffering=1 << 18)
            if password is not None:
                self._ask(b"AUTH", password.encode())
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> "RESPClient":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def close(self) -> None:
        self._input.close()
        self._socket.close()

    def sequences(self, users: Sequence[User], query: Query = Query()) -> SequenceBatch:
        """The users' sequences, in the order of `users`; raises LookupFailed where the server cannot answer for all of them."""
        return decode_sequences(self.raw_sequences(users, query))

    def raw_sequences(self, users: Sequence[User], query: Query = Query()) -> List[Optional[bytes]]:
        """Serialized `interest.v1.GroupSequence` messages; None: a user who is not known."""
        ids = [user.encode() if isinstance(user, str) else user for user in users]
        if query.is_default:
            commands = [
                [b"MGET", *ids[start : start + self.USERS_PER_COMMAND]]
                for start in range(0, len(ids), self.USERS_PER_COMMAND)
            ]
            values = [value for reply in self._pipeline(commands) for value in _list(reply)]
        else:
            options = _options(query)
            values = self._pipeline([[b"INTEREST.SEQUENCE", user, *options] for user in ids])
        return [_bytes(value) for value in values]

    def known(self, users: Sequence[User]) -> int:
        """How many of the users are known; one that repeats counts as often."""
        ids = [user.encode() if isinstance(user, str) else user for user in users]
        starts = range(0, len(ids), self.USERS_PER_COMMAND)
        counts = self._pipeline([[b"EXISTS", *ids[start : start + self.USERS_PER_COMMAND]] for start in starts])
        return sum(count for count in counts if isinstance(count, int))

    def groups(self, user: User, shops: Sequence[User]) -> bytes:
        """A serialized `interest.v1.GetGroupsResponse`: what the user has in the groups of these shops."""
        ids = [item.encode() if isinstance(item, str) else item for item in (user, *shops)]
        return _bytes(self._ask(b"INTEREST.GROUPS", *ids)) or b""

    def describe(self) -> bytes:
        """A serialized `interest.v1.DescribeResponse`."""
        return _bytes(self._ask(b"INTEREST.DESCRIBE")) or b""

    def _ask(self, *words: bytes) -> Reply:
        return self._pipeline([list(words)])[0]

    def _pipeline(self, commands: Sequence[List[bytes]]) -> List[Reply]:
        """Sends all commands, then reads all replies; the first error is raised when all have been read."""
        replies: List[Reply] = []
        error: Optional[LookupFailed] = None
        # So many at a time that neither side has to hold what the other has not taken.
        for start in range(0, len(commands), 256):
            part = commands[start : start + 256]
            self._socket.sendall(b"".join(_command(words) for words in part))
            for _ in part:
                try:
                    replies.append(self._read())
                except LookupFailed as failed:
                    error = error or failed
        if error is not None:
            raise error
        return replies

    def _read(self) -> Reply:
        line = self._input.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has ended the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            value: bytes = self._input.read(size + 2)
            if len(value) != size + 2:
                raise ConnectionError("the server has ended the connection")
            return value[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        if kind == b"+":
            return bytes(rest)
        if kind == b"-":
            word, _, message = rest.decode(errors="replace").partition(" ")
            raise failure(word, message)
        raise ConnectionError(f"the server does not speak RESP2: {line[:40]!r}")


def _command(words: Sequence[bytes]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)


def _options(query: Query) -> List[bytes]:
    words: List[str] = []
    if query.groups is not None:
        words += ["GROUPS", str(query.groups)]
    if query.behaviors is not None:
        words += ["BEHAVIORS", str(query.behaviors)]
    if query.order is not None:
        words += ["ORDER", query.order]
    if query.as_of_ms is not None:
        words += ["ASOF", str(query.as_of_ms)]
    if query.fields is not None:
        words += ["FIELDS", ",".join(query.fields)]
    return [word.encode() for word in words]


def _bytes(reply: Reply) -> Optional[bytes]:
    if reply is None or isinstance(reply, bytes):
        return reply
    raise ConnectionError("the server has sent a reply of another type")


def _list(reply: Reply) -> List[Reply]:
    if isinstance(reply, list):
        return reply
    raise ConnectionError("the server has sent a reply of another type")
