"""redis-py against a daemon on the bundled sample. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import threading
import unittest
from typing import Any, List

from daemon import DaemonCase
from interestd_client import decode_sequences


class RedisPyTests(DaemonCase):
    def redis(self, protocol: int, **options: Any) -> Any:
        import redis

        return redis.Redis(port=self.ports["resp"], protocol=protocol, socket_timeout=10, **options)

    def test_redis_py_reads_values_in_both_protocols(self) -> None:
        for protocol in (2, 3):
            client = self.redis(protocol)
            self.assertTrue(client.ping())
            value = client.get("1062")
            self.assertEqual(client.strlen("1062"), len(value))
            self.assertIsNone(client.get("nobody"))
            self.assertEqual(client.mget(["1062", "nobody", "1062"]), [value, None, value])
            self.assertEqual(client.exists("1062", "nobody", "1879"), 2)
            self.assertEqual(decode_sequences([value]).generation.tolist(), [1])
            part = client.execute_command("INTEREST.SEQUENCE", "1062", "GROUPS", 1, "BEHAVIORS", 0)
            self.assertEqual(decode_sequences([part]).group_count, 1)
            self.assertEqual(client.info("server")["redis_mode"], "standalone")
            self.assertEqual(client.config_get("save"), {"save": ""})
            self.assertEqual(client.command_count(), len(client.command()))
            self.assertEqual(client.command()["get"]["arity"], 2)
            client.client_setname("ranker")
            self.assertEqual(client.client_info()["resp"], str(protocol) if protocol == 2 else "3")
            client.close()

    def test_redis_py_is_told_what_is_wrong(self) -> None:
        import redis

        for protocol in (2, 3):
            client = self.redis(protocol)
            with self.assertRaisesRegex(redis.exceptions.ReadOnlyError, "behaviors come from"):
                client.set("1062", "x")
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "1001 users"):
                client.mget(["1062"] * 1001)
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "unknown command"):
                client.execute_command("NONSENSE")
            self.assertIsNotNone(client.get("1062"))
            client.close()

    def test_redis_py_pipelines_100_000_commands(self) -> None:
        for protocol in (2, 3):
            client = self.redis(protocol)
            pipeline = client.pipeline(transaction=False)
            for _ in range(50_000):
                pipeline.strlen("1062").get("nobody")
            replies = pipeline.execute()
            self.assertEqual(len(replies), 100_000)
            self.assertEqual(set(replies[1::2]), {None})
            self.assertEqual(len(set(replies[0::2])), 1)
            client.close()

    def test_redis_py_pipelines_in_a_transaction_which_is_its_default(self) -> None:
        for protocol in (2, 3):
            client = self.redis(protocol)
            value = client.get("1062")
            with client.pipeline() as pipeline:
                for _ in range(3000):
                    pipeline.get("1062").get("nobody").exists("1062")
                self.assertEqual(pipeline.execute(), [value, None, 1] * 3000)
                pipeline.get("1062").set("1062", "x")
                with self.assertRaises(Exception) as caught:
                    pipeline.execute()
                self.assertRegex(str(caught.exception), "behaviors come from")
            self.assertEqual(client.get("1062"), value)
            client.close()

    def test_a_redis_py_pool_is_shared_by_threads(self) -> None:
        client = self.redis(3)
        expected = client.get("1879")
        wrong: List[bool] = []

        def look() -> None:
            for _ in range(200):
                if client.get("1879") != expected:
                    wrong.append(True)

        threads = [threading.Thread(target=look) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        client.close()


if __name__ == "__main__":
    unittest.main()
