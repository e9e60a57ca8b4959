"""Users' group interests from interestd, as numpy arrays and padded tensors.

    from interestd_client import RESPClient

    with RESPClient("127.0.0.1", 6379) as client:
        batch = client.sequences(["1062", "1879"])      # columns of all users
        padded = batch.pad(groups=50, behaviors=16)      # [batch, groups, features] and [batch, groups, K]

Answers that another client has fetched (`redis.Redis.mget`, a gRPC stub of one's own) are decoded by `decode_sequences`.
"""

from importlib.util import find_spec

from ._batch import SequenceBatch
from ._decode import DecodeError, decode_sequences
from ._errors import BusyError, LookupFailed, RetryableError, TooLargeError
from ._groups import ShopGroups, decode_groups
from ._ids import feature_id, feature_ids
from ._padding import DEFAULT_FEATURES, PaddedBatch
from ._query import Query
from ._resp import RESPClient

__all__ = [
    "DEFAULT_FEATURES",
    "BusyError",
    "DecodeError",
    "LookupFailed",
    "PaddedBatch",
    "Query",
    "RESPClient",
    "RetryableError",
    "SequenceBatch",
    "ShopGroups",
    "TooLargeError",
    "decode_groups",
    "decode_sequences",
    "feature_id",
    "feature_ids",
]

# grpcio is an extra: whoever does without it is not asked for it.
if find_spec("grpc") is not None:
    __all__.append("GRPCClient")


def __getattr__(name: str) -> object:
    if name != "GRPCClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from ._grpc import GRPCClient
    except ModuleNotFoundError as error:
        if error.name != "grpc":
            raise
        raise ModuleNotFoundError(
            "GRPCClient needs grpcio: pip install 'Ops/python-client[grpc]', or grpcio alone", name="grpc"
        ) from error
    return GRPCClient
