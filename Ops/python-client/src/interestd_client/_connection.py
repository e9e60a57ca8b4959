"""One RESP connection: what a lookup needs of it, without another package."""

from __future__ import annotations

import socket
import ssl
import time
from typing import List, Optional, Sequence, Tuple, Union

from ._errors import LookupFailed, failure

Reply = Union[None, int, bytes, LookupFailed, List["Reply"]]


class Connection:
    """For one thread at a time. After an exception it is of no more use: replies may be on their way that nobody has asked for."""

    def __init__(
        self, address: Tuple[str, int], password: Optional[str], tls: Optional[ssl.SSLContext], timeout_s: float
    ) -> None:
        self._timeout_s = timeout_s
        self._socket: socket.socket = socket.create_connection(address, timeout=timeout_s)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                self._socket = tls.wrap_socket(self._socket, server_hostname=address[0])
            self._input = self._socket.makefile("rb", buffering=1 << 18)
            if password is not None:
                replies: List[Reply] = []
                self.exchange([[b"AUTH", password.encode()]], replies)
                raise_first(replies)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._input.close()
        self._socket.close()

    def exchange(self, commands: Sequence[List[bytes]], replies: List[Reply]) -> None:
        """Sends all commands and appends all replies; a command's error is its reply. Raises OSError, where `replies` has what came before.

        There should be so few commands that neither side has to hold what the other has not taken.
        """
        deadline = time.monotonic() + self._timeout_s
        self._socket.settimeout(self._timeout_s)
        self._socket.sendall(b"".join(_command(words) for words in commands))
        for _ in commands:
            # Of zero, a socket would not wait at all.
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            replies.append(self._read())

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
            if message == "this port speaks TLS":
                raise ConnectionError(f"{message}: give the client tls=ssl.create_default_context()")
            return failure(word, message)
        raise ConnectionError(f"the server does not speak RESP2: {line[:40]!r}")


def raise_first(replies: List[Reply]) -> None:
    for reply in replies:
        if isinstance(reply, LookupFailed):
            raise reply


def _command(words: Sequence[bytes]) -> bytes:
    parts = [b"*%d\r\n" % len(words)]
    parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(parts)
