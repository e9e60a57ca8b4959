"""A RESP server whose replies a test says."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import BinaryIO, Callable, List, Optional, Type


class ScriptedServer:
    """`reply` is given a command's words and gives the bytes to send; None ends the connection. `commands` is what has come."""

    def __init__(self, reply: Callable[[List[bytes]], Optional[bytes]]) -> None:
        self.reply = reply
        self.commands: List[List[bytes]] = []
        self.accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._connections: List[socket.socket] = []
        self._threads[0].start()

    def __enter__(self) -> "ScriptedServer":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        # A thread that waits in accept is woken by shutdown, not by close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.end_connections()
        for thread in self._threads:
            thread.join(timeout=10)

    def end_connections(self) -> None:
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The client was first.
                pass

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            try:
                self._answer_all(connection, reader)
            except OSError:
                # The client has gone with an answer on its way.
                pass

    def _answer_all(self, connection: socket.socket, reader: BinaryIO) -> None:
        while True:
            head = reader.readline()
            if not head:
                return
            words = []
            for _ in range(int(head[1:])):
                size = int(reader.readline()[1:])
                words.append(reader.read(size + 2)[:-2])
            self.commands.append(words)
            answer = self.reply(words)
            if answer is None:
                return
            connection.sendall(answer)
