"""Users' group interests from interestd, as numpy arrays and padded tensors.

    from interestd_client import RESPClient

    with RESPClient("127.0.0.1", 6379) as client:
        batch = client.sequences(["1062", "1879"])      # columns of all users
        padded = batch.pad(groups=50, behaviors=16)      # [batch, groups, features] and [batch, groups, K]

Answers that another client has fetched (`redis.Redis.mget`, a gRPC stub of one's own) are decoded by `decode_sequences`.
"""

from ._batch import SequenceBatch
from ._decode import DecodeError, decode_sequences
from ._errors import BusyError, LookupFailed, RetryableError
from ._padding import DEFAULT_FEATURES, PaddedBatch
from ._query import Query
from ._resp import RESPClient

__all__ = [
    "DEFAULT_FEATURES",
    "BusyError",
    "DecodeError",
    "GRPCClient",
    "LookupFailed",
    "PaddedBatch",
    "Query",
    "RESPClient",
    "RetryableError",
    "SequenceBatch",
    "decode_sequences",
]


def __getattr__(name: str) -> object:
    # grpcio is an extra: whoever does without it is not asked for it.
    if name == "GRPCClient":
        from ._grpc import GRPCClient

        return GRPCClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
