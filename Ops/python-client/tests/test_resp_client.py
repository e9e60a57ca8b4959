"""The RESP client's commands, failures and connections, against a server that says what a test wants."""

from __future__ import annotations

import threading
import time
import unittest
from typing import List, Optional

from interestd_client import BusyError, LookupFailed, Query, RESPClient, RetryableError, TooLargeError
from interestd_client._wire import varint_field
from scripted import ScriptedServer

ALL = Query(
    groups=3, behaviors=2, order="frequency", as_of_ms=1_510_000_000_000, fields=["events", "behavior_shop"], generation=4
)
OPTIONS = "GROUPS 3 BEHAVIORS 2 ORDER frequency ASOF 1510000000000 FIELDS events,behavior_shop GENERATION 4".encode().split()
#: Without windows, so that nothing is asked of Describe.
SMALL = Query(fields=["events"])


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def client_of(server: ScriptedServer, timeout_s: float = 10) -> RESPClient:
    return RESPClient("127.0.0.1", server.port, timeout_s=timeout_s)


class CommandTests(unittest.TestCase):
    def test_parameters_are_options(self) -> None:
        with ScriptedServer(lambda _: bulk(b"")) as server, client_of(server) as client:
            client.sequences(["7"], ALL)
            client.raw_groups("7", ["a", b"b"], ALL)
            client.raw_groups("7", ["GROUPS"])
            self.assertEqual(server.commands[0], [b"INTEREST.SEQUENCE", b"7", *OPTIONS])
            self.assertEqual(server.commands[1], [b"INTEREST.GROUPS", b"7", *OPTIONS, b"SHOPS", b"a", b"b"])
            self.assertEqual(server.commands[2], [b"INTEREST.GROUPS", b"7", b"SHOPS", b"GROUPS"])

    def test_nothing_is_asked_for_nobody(self) -> None:
        with ScriptedServer(lambda _: bulk(b"")) as server, client_of(server) as client:
            self.assertEqual(len(client.sequences([], SMALL)), 0)
            self.assertEqual(client.raw_sequences([]), [])
            self.assertEqual(client.known([]), 0)
            self.assertEqual(server.commands, [])

    def test_ids_that_nobody_meant_are_refused_before_they_are_sent(self) -> None:
        with ScriptedServer(lambda _: bulk(b"")) as server, client_of(server) as client:
            for call in (client.sequences, client.raw_sequences, client.known):
                with self.assertRaisesRegex(TypeError, r"'1879' is one user's id.*\['1879'\]"):
                    call("1879")
                with self.assertRaisesRegex(TypeError, "user 1 is 1879, which is int: ids are str or bytes"):
                    call(["1", 1879])
            with self.assertRaisesRegex(TypeError, "the user is 7"):
                client.groups(7, ["1"])
            with self.assertRaisesRegex(TypeError, "one shop's id"):
                client.groups("7", "42")
            with self.assertRaisesRegex(ValueError, "raise, mask"):
                client.sequences(["7"], errors="ignore")
            self.assertEqual(server.commands, [])


class FailureTests(unittest.TestCase):
    @staticmethod
    def reply(words: List[bytes]) -> Optional[bytes]:
        if words[0] == b"MGET":
            return b"-TRYAGAIN all of it\r\n"
        return {
            b"moves": b"-TRYAGAIN the partition moves\r\n",
            b"busy": b"-BUSY too much\r\n",
            b"bad": b"-ERR user: a user id is UTF-8\r\n",
            b"nobody": b"$-1\r\n",
            b"locked": b"-NOAUTH Authentication required.\r\n",
        }.get(words[1], bulk(varint_field(2, 1)))

    def test_each_users_failure_is_kept_with_its_place_and_kind(self) -> None:
        with ScriptedServer(self.reply) as server, client_of(server) as client:
            for query in (SMALL, Query()):
                # What Describe would tell.
                client._window_days[None] = (1, 7)
                batch = client.sequences(["7", "moves", "nobody", "bad", "8", "busy"], query, errors="mask")
                self.assertEqual(batch.known.tolist(), [True, False, False, False, True, False])
                self.assertEqual(batch.failed.tolist(), [False, True, False, True, False, True])
                kinds = {index: type(failed) for index, failed in batch.failures.items()}
                self.assertEqual(kinds, {1: RetryableError, 3: LookupFailed, 5: BusyError})
                self.assertEqual(str(batch.failures[3]), "ERR: user 3: user: a user id is UTF-8")

    def test_who_waits_behind_a_silent_owner_fails_and_is_not_waited_for_without_end(self) -> None:
        ended = threading.Event()
        self.addCleanup(ended.set)

        def reply(words: List[bytes]) -> Optional[bytes]:
            if words[1] == b"silent":
                ended.wait(10)
            return bulk(varint_field(2, 1))

        users = ["7", "8", "silent"] + ["9"] * 600
        with ScriptedServer(reply) as server, client_of(server, timeout_s=0.5) as client:
            batch = client.sequences(users, SMALL, errors="mask")
            self.assertEqual(batch.known.tolist(), [True, True] + [False] * 601)
            self.assertEqual(int(batch.failed.sum()), 601)
            self.assertIsInstance(batch.failures[602], RetryableError)
            for errors, asked in (("raise", users), ("mask", users[2:])):
                with self.assertRaises(TimeoutError):
                    client.sequences(asked, SMALL, errors=errors)
            ended.set()
            self.assertEqual(int(client.sequences(users, SMALL).known.sum()), 603)

    def test_replies_that_trickle_have_a_common_deadline(self) -> None:
        def reply(_: List[bytes]) -> bytes:
            time.sleep(0.2)
            return bulk(varint_field(2, 1))

        with ScriptedServer(reply) as server, client_of(server, timeout_s=1) as client:
            batch = client.sequences(["7"] * 200, SMALL, errors="mask")
            self.assertGreater(int(batch.known.sum()), 0)
            self.assertLess(int(batch.known.sum()), 10)

    def test_without_a_mask_the_first_failure_is_raised_with_its_place(self) -> None:
        with ScriptedServer(self.reply) as server, client_of(server) as client:
            with self.assertRaises(RetryableError) as caught:
                client.sequences(["7", "nobody", "moves", "bad"], SMALL)
            self.assertEqual(caught.exception.index, 2)
            with self.assertRaises(RetryableError) as caught:
                client.sequences(["7", "nobody", "moves", "bad"])
            self.assertIsNone(caught.exception.index)
            self.assertEqual(server.accepted, 1)

    def test_values_that_are_too_long_together_are_asked_for_in_halves(self) -> None:
        def reply(words: List[bytes]) -> bytes:
            users = words[1:]
            if len(users) > 3 or b"huge" in users:
                return b"-TOOLARGE ask for fewer\r\n"
            return b"*%d\r\n" % len(users) + b"".join(map(bulk, users))

        with ScriptedServer(reply) as server, client_of(server) as client:
            users = [str(number) for number in range(10)]
            self.assertEqual(client.raw_sequences(users), [user.encode() for user in users])
            self.assertEqual([len(words) - 1 for words in server.commands], [10, 5, 2, 3, 5, 2, 3])
            with self.assertRaises(TooLargeError) as caught:
                client.raw_sequences(["1", "huge", "2"])
            self.assertEqual(caught.exception.kind, "TOOLARGE")
            self.assertEqual(server.commands[-1], [b"MGET", b"huge"])

    def test_what_concerns_the_whole_call_is_raised_in_spite_of_a_mask(self) -> None:
        with ScriptedServer(self.reply) as server, client_of(server) as client:
            with self.assertRaises(LookupFailed) as caught:
                client.sequences(["7", "locked"], SMALL, errors="mask")
            self.assertEqual((caught.exception.kind, caught.exception.index), ("NOAUTH", None))


class ConnectionTests(unittest.TestCase):
    def test_a_connection_that_has_ended_is_replaced(self) -> None:
        with ScriptedServer(lambda _: b":1\r\n") as server, client_of(server) as client:
            self.assertEqual(client.known(["7"]), 1)
            server.end_connections()
            self.assertEqual(client.known(["7"]), 1)
            self.assertEqual(server.accepted, 2)

    def test_a_server_that_ends_every_connection_is_an_os_error(self) -> None:
        with ScriptedServer(lambda _: None) as server, client_of(server) as client:
            for _ in range(2):
                with self.assertRaises(ConnectionError):
                    client.known(["7"])
            server.reply = lambda _: b":1\r\n"
            self.assertEqual(client.known(["7"]), 1)

    def test_a_late_answer_is_never_taken_for_that_of_another_question(self) -> None:
        may_answer = threading.Event()

        def reply(words: List[bytes]) -> bytes:
            if words[1] == b"slow":
                may_answer.wait(10)
                return bulk(varint_field(2, 1))
            return bulk(varint_field(2, 2))

        with ScriptedServer(reply) as server, client_of(server, timeout_s=0.5) as client:
            with self.assertRaises(TimeoutError):
                client.sequences(["slow"], SMALL)
            may_answer.set()
            self.assertEqual(client.sequences(["fast"], SMALL).generation.tolist(), [2])

    def test_threads_have_a_connection_each_and_leave_it_to_others(self) -> None:
        together = threading.Barrier(4)

        def reply(words: List[bytes]) -> bytes:
            if words[1] == b"together":
                together.wait(10)
            return bulk(varint_field(2, 5))

        with ScriptedServer(reply) as server, client_of(server) as client:
            found: List[int] = []

            def look() -> None:
                found.extend(client.sequences(["together"], SMALL).generation.tolist())

            threads = [threading.Thread(target=look) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(found, [5] * 4)
            for _ in range(10):
                client.sequences(["alone"], SMALL)
            self.assertEqual(server.accepted, 4)

    def test_a_port_that_speaks_tls_is_an_os_error_that_says_what_to_do(self) -> None:
        with ScriptedServer(lambda _: b"-ERR this port speaks TLS\r\n") as server:
            with client_of(server) as client, self.assertRaisesRegex(ConnectionError, r"speaks TLS: .*tls=ssl\."):
                client.known(["7"])
            with self.assertRaisesRegex(ConnectionError, "speaks TLS"):
                RESPClient("127.0.0.1", server.port, password="secret")

    def test_a_closed_client_says_so(self) -> None:
        with ScriptedServer(lambda _: b":1\r\n") as server:
            client = client_of(server)
            client.close()
            client.close()
            with self.assertRaisesRegex(ValueError, "closed"):
                client.known(["7"])

    def test_a_server_that_is_not_there_is_an_os_error(self) -> None:
        began = time.monotonic()
        with self.assertRaises(OSError):
            RESPClient("127.0.0.1", 1, timeout_s=2)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
