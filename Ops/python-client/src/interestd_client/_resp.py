"""Lookups over RESP."""

from __future__ import annotations

import ssl
from collections import deque
from typing import Deque, List, Optional, Sequence

from ._client import Answer, Client
from ._connection import Connection, Reply, raise_first
from ._errors import LookupFailed, TooLargeError, failure
from ._query import Query

#: Errors that are the same for every user of a call.
_WHOLE_CALL = ("NOAUTH", "NOPERM", "LOADING")


class RESPClient(Client):
    """Lookups over RESP: see Client. As many connections as threads that ask at a time; one that has failed is replaced by the next call.

    A process that forks makes its client after that: two processes on one connection would read each other's answers.

    password: the server's token, where it asks for one.
    tls: for example `ssl.create_default_context(cafile=...)`; None: in clear.
    timeout_s: of connecting, of a command for 1,000 users, and of 256 commands for one user each.
    """

    #: The server's bound on one command.
    USERS_PER_COMMAND = 1000
    #: How many commands for one user each are on their way at a time.
    _COMMANDS_AT_ONCE = 256

    def __init__(
        self,
        host: str,
        port: int,
        *,
        password: Optional[str] = None,
        tls: Optional[ssl.SSLContext] = None,
        timeout_s: float = 5.0,
    ) -> None:
        super().__init__()
        self._address = (host, port)
        self._password = password
        self._tls = tls
        self._timeout_s = timeout_s
        self._is_closed = False
        # A deque's ends are safe to use from several threads.
        self._idle: Deque[Connection] = deque([self._connect()])

    def close(self) -> None:
        self._is_closed = True
        self._close_idle()

    def describe(self) -> bytes:
        return _bytes(self._ask(b"INTEREST.DESCRIBE")) or b""

    def _lookup(self, users: List[bytes], query: Query, is_each: bool) -> List[Answer]:
        if query.is_default and not is_each:
            return [value for command in self._parts(b"MGET", users) for value in self._values(command)]
        options = _options(query)
        name = b"GET" if query.is_default else b"INTEREST.SEQUENCE"
        commands = [[name, user, *options] for user in users]
        replies: List[Reply] = []
        try:
            self._exchange(commands, self._COMMANDS_AT_ONCE, replies)
        except TimeoutError:
            # One whose owner is silent holds the replies behind his back.
            if not is_each or not replies:
                raise
            late = failure("TRYAGAIN", f"no reply within {self._timeout_s} s")
            replies += [late] * (len(commands) - len(replies))
        return [_answer(reply, index) for index, reply in enumerate(replies)]

    def _values(self, command: List[bytes]) -> List[Optional[bytes]]:
        """What MGET replies. Values that are too long together are asked for in halves, down to single users."""
        try:
            return [_bytes(value) for value in _list(self._ask(*command))]
        except TooLargeError:
            name, *users = command
            if len(users) == 1:
                raise
            middle = len(users) // 2
        return self._values([name, *users[:middle]]) + self._values([name, *users[middle:]])

    def _known(self, users: List[bytes]) -> int:
        counts = self._exchange(self._parts(b"EXISTS", users))
        raise_first(counts)
        return sum(count for count in counts if isinstance(count, int))

    def _groups(self, user: bytes, shops: List[bytes], query: Query) -> bytes:
        return _bytes(self._ask(b"INTEREST.GROUPS", user, *_options(query), b"SHOPS", *shops)) or b""

    def _parts(self, name: bytes, users: List[bytes]) -> List[List[bytes]]:
        starts = range(0, len(users), self.USERS_PER_COMMAND)
        return [[name, *users[start : start + self.USERS_PER_COMMAND]] for start in starts]

    def _ask(self, *words: bytes) -> Reply:
        replies = self._exchange([list(words)])
        raise_first(replies)
        return replies[0]

    def _exchange(
        self, commands: Sequence[List[bytes]], at_once: int = 1, replies: Optional[List[Reply]] = None
    ) -> List[Reply]:
        """Replies are appended to `replies`, where the caller has those before an OSError."""
        replies = [] if replies is None else replies
        for start in range(0, len(commands), at_once):
            self._exchange_part(commands[start : start + at_once], replies)
        return replies

    def _exchange_part(self, commands: Sequence[List[bytes]], replies: List[Reply]) -> None:
        idle = self._take_idle()
        if idle is not None:
            count = len(replies)
            try:
                return self._exchange_on(idle, commands, replies)
            except (ConnectionError, ssl.SSLError):
                # The server has ended it since it was used last, by a restart say, and with it the others. Lookups may be repeated.
                self._close_idle()
                del replies[count:]
        self._exchange_on(self._connect(), commands, replies)

    def _exchange_on(self, connection: Connection, commands: Sequence[List[bytes]], replies: List[Reply]) -> None:
        try:
            connection.exchange(commands, replies)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._is_closed:
            self._close_idle()

    def _connect(self) -> Connection:
        if self._is_closed:
            raise ValueError("the client is closed")
        return Connection(self._address, self._password, self._tls, self._timeout_s)

    def _take_idle(self) -> Optional[Connection]:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _close_idle(self) -> None:
        connection = self._take_idle()
        while connection is not None:
            connection.close()
            connection = self._take_idle()


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
    if query.generation is not None:
        words += ["GENERATION", str(query.generation)]
    return [word.encode() for word in words]


def _answer(reply: Reply, index: int) -> Answer:
    if not isinstance(reply, LookupFailed):
        return _bytes(reply)
    if reply.kind in _WHOLE_CALL:
        raise reply
    return failure(reply.kind, reply.message, index)


def _bytes(reply: Reply) -> Optional[bytes]:
    if reply is None or isinstance(reply, bytes):
        return reply
    raise ConnectionError("the server has sent a reply of another type")


def _list(reply: Reply) -> List[Reply]:
    if isinstance(reply, list):
        return reply
    raise ConnectionError("the server has sent a reply of another type")
