"""Users whose answers do not fit into one batch, against a daemon. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import json
import unittest
from typing import Any, List

from daemon import SAMPLE, DaemonCase
from interestd_client import Query, RESPClient

USERS = ["long"] * 999 + ["nobody"]


class LongHistoryTests(DaemonCase):
    @classmethod
    def behaviors(cls) -> str:
        shops = [line.split(",")[0] for line in (SAMPLE / "groups.csv").read_text().splitlines()[1:]]
        lines = [
            json.dumps({"user_id": "long", "shop_id": shop, "type": "order", "time_ms": 1_483_293_044_000 + number, "spend_micros": 1 << 50})
            for number, shop in enumerate(shops * 4)
        ]
        return "\n".join(lines) + "\n"

    def clients(self) -> List[Any]:
        from interestd_client import GRPCClient

        clients = [RESPClient("127.0.0.1", self.ports["resp"], timeout_s=60)]
        clients.append(GRPCClient(f"127.0.0.1:{self.ports['grpc']}", timeout_s=60))
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def test_they_are_all_answered(self) -> None:
        for client in self.clients():
            value = client.raw_sequences(["long"])[0]
            self.assertGreater(len(value) * 999, 24 << 20)
            self.assertEqual(client.raw_sequences(USERS), [value] * 999 + [None])
            for query in (Query(), Query(groups=99)):
                batch = client.sequences(USERS, query, errors="mask")
                self.assertEqual((int(batch.known.sum()), dict(batch.failures)), (999, {}))

    def test_redis_py_is_told_what_to_do(self) -> None:
        import redis

        client = redis.Redis(port=self.ports["resp"])
        self.addCleanup(client.close)
        with self.assertRaisesRegex(redis.ResponseError, "^TOOLARGE .*24 MiB.* fewer users .*INTEREST.SEQUENCE for each"):
            client.mget(USERS)
        self.assertIsNotNone(client.mget(USERS[:10])[0])


if __name__ == "__main__":
    unittest.main()
