"""What can go wrong between a request and its answer."""

from __future__ import annotations


class LookupFailed(Exception):
    """The server refused or could not answer. `kind` is RESP's first word or gRPC's status name."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


class RetryableError(LookupFailed):
    """The same request may succeed a moment later: a partition is moving, or the daemon starts."""


class BusyError(RetryableError):
    """The server does as much as it may at the moment: wait before asking again."""


def failure(kind: str, message: str) -> LookupFailed:
    if kind in ("BUSY", "RESOURCE_EXHAUSTED"):
        return BusyError(kind, message)
    if kind in ("TRYAGAIN", "LOADING", "UNAVAILABLE"):
        return RetryableError(kind, message)
    return LookupFailed(kind, message)
