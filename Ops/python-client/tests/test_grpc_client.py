"""The gRPC client's requests and failures, against a server in the process."""

from __future__ import annotations

import importlib.util
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from typing import Any, List

from interestd_client import BusyError, LookupFailed, Query, RetryableError, TooLargeError
from interestd_client._wire import Scan, bytes_field, varint_field

SMALL = Query(fields=["events"])


@unittest.skipIf(importlib.util.find_spec("grpc") is None, "grpcio is not installed")
class GRPCClientTests(unittest.TestCase):
    def setUp(self) -> None:
        import grpc
        from interestd_client import GRPCClient

        self.requests: List[bytes] = []
        self.answer: Any = lambda context: b""

        def handle(request: bytes, context: Any) -> bytes:
            self.requests.append(request)
            return self.answer(context)

        class Handler(grpc.GenericRpcHandler):
            def service(self, _: Any) -> Any:
                return grpc.unary_unary_rpc_method_handler(handle)

        pool = ThreadPoolExecutor(2)
        server = grpc.server(pool, handlers=[Handler()])
        self.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        self.addCleanup(pool.shutdown)
        self.addCleanup(lambda: server.stop(None).wait())
        self.client = GRPCClient(self.target, timeout_s=10)
        self.addCleanup(self.client.close)

    def test_every_parameter_is_sent(self) -> None:
        self.answer = lambda _: bytes_field(1, b"")
        query = Query(groups=3, behaviors=0, order="frequency", as_of_ms=5, fields=["events", "windows"], generation=4)
        self.client.raw_sequences(["7"], query)
        outer = Scan([self.requests[0]])
        pieces = outer.fields[2]
        scan = Scan([self.requests[0][int(pieces.start[0]) : int(pieces.end[0])]])
        found = {number: scan.gather(scan.fields[number]).tolist() for number in scan.fields}
        self.assertEqual(found, {1: [3], 2: [0], 3: [2], 4: [4], 5: [5], 6: [1, 6]})

    def test_a_user_whose_partition_moves_leaves_the_others(self) -> None:
        moving = varint_field(1, 1) + varint_field(2, 14) + bytes_field(3, b"the partition moves")
        self.answer = lambda _: bytes_field(1, varint_field(2, 9)) + bytes_field(1, b"") * 2 + bytes_field(2, moving) + varint_field(3, 2)
        batch = self.client.sequences(["7", "8", "nobody"], SMALL, errors="mask")
        self.assertEqual((batch.known.tolist(), batch.failed.tolist()), ([True, False, False], [False, True, False]))
        self.assertIsInstance(batch.failures[1], RetryableError)
        with self.assertRaises(RetryableError) as caught:
            self.client.sequences(["7", "8", "nobody"], SMALL)
        self.assertEqual(str(caught.exception), "UNAVAILABLE: user 1: the partition moves")

    def test_what_is_too_long_is_not_asked_for_again_and_what_is_too_much_is(self) -> None:
        failures = [varint_field(1, place) + varint_field(2, 8) + varint_field(6, retry_s) for place, retry_s in ((0, 0), (1, 1))]
        self.answer = lambda _: bytes_field(1, b"") * 2 + b"".join(bytes_field(2, failure) for failure in failures)
        batch = self.client.sequences(["7", "8"], SMALL, errors="mask")
        self.assertEqual([type(batch.failures[place]) for place in (0, 1)], [LookupFailed, BusyError])

    def test_users_who_do_not_fit_into_a_batch_are_asked_for_in_halves(self) -> None:
        asked: List[int] = []

        def answer(_: Any) -> bytes:
            scan = Scan([self.requests[-1]])
            pieces = scan.fields[1]
            users = [scan.bytes_of(int(start), int(end)) for start, end in zip(pieces.start, pieces.end)]
            asked.append(len(users))
            # One of another kind is not asked for again.
            failures = [(place, 3, b"bad_request") for place, user in enumerate(users) if user == b"bad"]
            # Two fit, and a huge one never.
            failures += [(place, 8, b"too_large") for place, user in enumerate(users) if user == b"huge" or place > 1]
            return b"".join(bytes_field(1, varint_field(2, int(user) if user.isdigit() else 0)) for user in users) + b"".join(
                bytes_field(2, varint_field(1, place) + varint_field(2, code) + bytes_field(4, reason))
                for place, code, reason in failures
            )

        self.answer = answer
        users = [str(number) for number in range(1, 11)]
        for errors in ("raise", "mask"):
            asked.clear()
            self.assertEqual(self.client.sequences(users, SMALL, errors=errors).generation.tolist(), list(range(1, 11)))
            self.assertEqual(asked, [10, 4, 1, 1, 4, 1, 1])
        users[1], users[6] = "bad", "huge"
        batch = self.client.sequences(users, SMALL, errors="mask")
        self.assertEqual(batch.generation.tolist(), [1, 0, 3, 4, 5, 6, 0, 8, 9, 10])
        self.assertEqual({place: type(failed) for place, failed in batch.failures.items()}, {1: LookupFailed, 6: TooLargeError})
        self.assertEqual((batch.failures[6].kind, batch.failures[6].index), ("RESOURCE_EXHAUSTED", 6))
        with self.assertRaises(TooLargeError):
            self.client.sequences(["7", "huge"], SMALL)

    def test_a_server_that_asks_for_another_try_is_retryable(self) -> None:
        import grpc

        def refuse(context: Any) -> None:
            context.set_trailing_metadata((("grpc-status-details-bin", b"\x08\x0e"),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")

        self.answer = refuse
        with self.assertRaisesRegex(RetryableError, "UNAVAILABLE: starting"):
            self.client.sequences(["7"], SMALL, errors="mask")

    def test_a_server_that_is_silent_is_a_timeout(self) -> None:
        from interestd_client import GRPCClient

        may_answer = threading.Event()
        self.addCleanup(may_answer.set)
        self.answer = lambda _: b"" if may_answer.wait(10) else b""
        with GRPCClient(self.target, timeout_s=0.1) as client, self.assertRaisesRegex(TimeoutError, "within 0.1 s"):
            client.sequences(["7"])

    def test_no_server_is_an_os_error_and_not_one_that_asks_for_another_try(self) -> None:
        from interestd_client import GRPCClient

        with GRPCClient("127.0.0.1:1", timeout_s=5) as client, self.assertRaisesRegex(ConnectionError, "^127.0.0.1:1: ") as caught:
            client.sequences(["7"])
        self.assertNotIsInstance(caught.exception, LookupFailed)


if __name__ == "__main__":
    unittest.main()
