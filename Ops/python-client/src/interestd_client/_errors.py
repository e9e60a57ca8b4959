"""What can go wrong between a request and its answer."""

from __future__ import annotations

from typing import Optional


class LookupFailed(Exception):
    """The server refused or could not answer.

    kind: RESP's first word or gRPC's status name.
    index: the user's position among those asked for; None where the server does not tell one.
    """

    def __init__(self, kind: str, message: str, index: Optional[int] = None) -> None:
        super().__init__(f"{kind}: {message}" if index is None else f"{kind}: user {index}: {message}")
        self.kind = kind
        self.message = message
        self.index = index


class RetryableError(LookupFailed):
    """The same request may succeed a moment later: a partition is moving, or the daemon starts."""


class BusyError(RetryableError):
    """The server does as much as it may at the moment: wait before asking again."""


class TooLargeError(LookupFailed):
    """The answer does not fit into a batch's 24 MiB. The clients ask for fewer users by themselves: this is one user's alone."""


def failure(
    kind: str, message: str, index: Optional[int] = None, asks_again: bool = True, reason: str = ""
) -> LookupFailed:
    """asks_again: whether the server has told when to ask again; without that, what is too much will be too much again.
    reason: the server's own word, where it has one beside its kind."""
    if kind == "TOOLARGE" or reason == "too_large":
        return TooLargeError(kind, message, index)
    if kind == "BUSY" or (kind == "RESOURCE_EXHAUSTED" and asks_again):
        return BusyError(kind, message, index)
    # The deadline is that of a user's owner, which may be answering the next one.
    if kind in ("TRYAGAIN", "LOADING", "UNAVAILABLE", "DEADLINE_EXCEEDED"):
        return RetryableError(kind, message, index)
    return LookupFailed(kind, message, index)
