"""Both clients against a daemon on the bundled sample. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import json
import unittest
from typing import Any, List
from urllib.request import urlopen

import numpy as np

from daemon import DaemonCase, dumped, rows
from interestd_client import LookupFailed, Query, RESPClient, RetryableError, feature_id


class LookupTests(DaemonCase):
    def clients(self) -> List[Any]:
        """One of each protocol."""
        clients = [self.resp(), self.grpc()]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def resp(self) -> RESPClient:
        return RESPClient("127.0.0.1", self.ports["resp"])

    def grpc(self) -> Any:
        from interestd_client import GRPCClient

        return GRPCClient(f"127.0.0.1:{self.ports['grpc']}")

    def test_every_user_is_what_http_tells_by_resp_and_grpc(self) -> None:
        users = ["1062", "1879", "nobody", "1062"]
        for client in self.clients():
            batch = client.sequences(users)
            self.assertEqual(batch.known.tolist(), [True, True, False, True])
            for index, user in enumerate(users):
                with urlopen(self.url(f"/v1/users/{user}/sequence")) as reply:
                    expected = json.load(reply)
                self.assertEqual(rows(batch, index), dumped(expected))

    def test_a_query_selects(self) -> None:
        query = Query(groups=3, behaviors=2, order="frequency", as_of_ms=1_510_000_000_000, fields=["events", "behavior_shop"])
        resp, grpc_client = self.clients()
        for client in (resp, grpc_client):
            batch = client.sequences(["1879"], query)
            self.assertEqual(batch.group_count, 3)
            self.assertEqual(set(batch.columns), {"group", "group_events", "behavior_shop"})
            self.assertLessEqual(int(np.diff(batch.behavior_row_splits).max()), 2)
        self.assertEqual(resp.raw_sequences(["1879"], query), grpc_client.raw_sequences(["1879"], query))

    def test_thousands_of_users_are_asked_for_in_turns(self) -> None:
        users = [str(number) for number in range(2500)]
        with self.resp() as client:
            batch = client.sequences(users)
            self.assertEqual(len(batch), 2500)
            self.assertEqual(client.known(users), int(batch.known.sum()))
            padded = batch.pad(groups=20, behaviors=4)
            self.assertEqual(padded.features.shape[:2], (2500, 20))
            self.assertEqual(padded.group_mask.any(axis=1).tolist(), batch.known.tolist())

    def test_a_generation_may_be_asked_for(self) -> None:
        for client in self.clients():
            self.assertEqual(client.sequences(["1062"], Query(generation=1)).generation.tolist(), [1])
            with self.assertRaisesRegex(LookupFailed, "generation"):
                client.sequences(["1062"], Query(generation=7))
            with self.assertRaisesRegex(LookupFailed, "no generation 7"):
                client.window_days(7)

    def test_every_batch_of_a_query_has_one_shape(self) -> None:
        queries = [
            Query(),
            Query(behaviors=0),
            Query(groups=0),
            Query(fields=["events", "behavior_shop"]),
            Query(fields=["times", "windows"], behaviors=3),
            Query(fields=["behavior_shop"], behaviors=0),
        ]
        # Each client's first batch is another one, as a ranker's may be.
        for users in (["1062", "nobody"], ["nobody"], []):
            for query in queries:
                for client in self.clients():
                    first = self.shape(client, users, query)
                    self.assertEqual(self.shape(client, ["1879"], query), first)
                    self.assertEqual(self.shape(client, ["nobody", "nobody either"], query), first)
                    self.assertEqual(self.shape(client, [], query), first)

    def shape(self, client: Any, users: "list[str]", query: Query) -> Any:
        batch = client.sequences(users, query)
        padded = batch.pad(groups=5, behaviors=2)
        self.assertEqual(padded.features.shape, (len(users), 5, len(batch.feature_names)))
        self.assertEqual(padded.behavior_mask.shape, (len(users), 5, 2))
        behaviors = {name: (column.dtype, column.shape[1:]) for name, column in padded.behaviors.items()}
        has_windows = batch.group_window_events is not None
        return padded.feature_names, behaviors, set(batch.columns), batch.window_days.tolist(), has_windows

    def test_errors_say_what_is_wrong(self) -> None:
        for client, kind in zip(self.clients(), ("ERR", "INVALID_ARGUMENT")):
            with self.assertRaises(LookupFailed) as caught:
                client.sequences(["1062"], Query(groups=2**31))
            self.assertEqual(caught.exception.kind, kind)
            self.assertNotIsInstance(caught.exception, RetryableError)
            with self.assertRaises(LookupFailed):
                client.sequences(["x" * 256])
            # The connection is good after an error.
            self.assertEqual(client.known(["1062"]), 1)

    def test_users_who_cannot_be_answered_leave_the_others(self) -> None:
        users = ["1062", b"\xff", "nobody", "", "1879", "x" * 256]
        for query in (Query(), Query(groups=3, fields=["events"])):
            for client, kind in zip(self.clients(), ("ERR", "INVALID_ARGUMENT")):
                batch = client.sequences(users, query, errors="mask")
                self.assertEqual(batch.known.tolist(), [True, False, False, False, True, False])
                self.assertEqual(batch.failed.tolist(), [False, True, False, True, False, True])
                for index, failed in batch.failures.items():
                    self.assertEqual((failed.index, failed.kind), (index, kind))
                    self.assertRegex(str(failed), f"^{kind}: user {index}: .*user id")
                self.assertEqual(batch.user(1).failures, {0: batch.failures[1]})
                good = client.sequences(["1062", "1879"], query)
                self.assertEqual(batch["group"].tolist(), good["group"].tolist())
                self.assertEqual(batch.pad(groups=3).features.shape[0], len(users))
                with self.assertRaises(LookupFailed):
                    client.sequences(users, query)

    def test_a_failure_behind_the_first_thousand_has_its_place(self) -> None:
        users = ["1062"] * 1001 + [b"\xff"]
        query = Query(groups=1, behaviors=0)
        for client in self.clients():
            self.assertEqual(list(client.sequences(users, query, errors="mask").failures), [1001])
            with self.assertRaises(LookupFailed) as caught:
                client.sequences(users, query)
            self.assertEqual(caught.exception.index, 1001)

    def test_both_clients_tell_the_same(self) -> None:
        resp, grpc_client = self.clients()
        methods = [{name for name in dir(client) if not name.startswith("_")} for client in (resp, grpc_client)]
        self.assertEqual(methods[0] - {"USERS_PER_COMMAND"}, methods[1] - {"USERS_PER_CALL"})
        users = ["1062", "nobody", "1062", "1879"]
        for client in (resp, grpc_client):
            self.assertEqual(client.known(users), 3)
            self.assertEqual(client.known([]), 0)
            self.assertEqual(client.window_days(), (1, 7, 30))
            with self.assertRaises(LookupFailed):
                client.known([b"\xff"])
        self.assertEqual(resp.describe(), grpc_client.describe())

    def test_groups_of_shops_are_those_of_the_sequence(self) -> None:
        for client in self.clients():
            whole = client.sequences(["1062"], Query(groups=1000))
            shops = [str(shop) for shop in whole["behavior_shop"][::20].tolist()]
            found = client.groups("1062", [*shops, "nowhere"], Query(groups=1000, fields=["events"]))
            self.assertEqual(set(found.sequence.columns), {"group", "group_events"})
            self.assertEqual(found.shop_groups[-1], 0)
            self.assertGreater(len(shops), 5)
            for shop, group, row in zip(shops, found.shop_groups.tolist(), found.rows.tolist()):
                place = whole["group"].tolist().index(group)
                behaviors = slice(*whole.behavior_row_splits[place : place + 2].tolist())
                self.assertIn(feature_id(shop), whole["behavior_shop"][behaviors].tolist())
                self.assertEqual(found.sequence["group"][row], group)
                self.assertEqual(found.sequence["group_events"][row], whole["group_events"][place])
            nobody = client.groups("nobody", shops)
            self.assertEqual(nobody.rows.tolist(), [-1] * len(shops))
            self.assertEqual(nobody.shop_groups.tolist(), found.shop_groups.tolist()[:-1])
            self.assertEqual(nobody.sequence.feature_names, whole.feature_names)
        resp, grpc_client = self.clients()
        query = Query(groups=2, behaviors=1, order="frequency", generation=1)
        self.assertEqual(resp.raw_groups("1062", shops, query), grpc_client.raw_groups("1062", shops, query))


if __name__ == "__main__":
    unittest.main()
