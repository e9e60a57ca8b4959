"""The client, redis-py and grpcio against a daemon on the bundled sample. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, List, Optional
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np

from interestd_client import LookupFailed, Query, RESPClient, RetryableError, decode_sequences

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "Ops" / "sample"
BINARY = os.environ.get("INTERESTD_BINARY", "")


class Daemon:
    """`interestd serve` on the sample, on free ports. `security` is YAML."""

    def __init__(self, security: str = "") -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.state = f"{self.folder.name}/state"
        arguments = ["--config", str(SAMPLE / "behaviors.yaml"), "--cluster-map", str(SAMPLE / "groups.csv")]
        subprocess.run(
            [BINARY, "ingest", *arguments, "--state", self.state, str(SAMPLE / "behaviors.jsonl.gz")],
            check=True, capture_output=True,
        )
        configuration = Path(self.folder.name) / "interestd.yaml"
        configuration.write_text((SAMPLE / "behaviors.yaml").read_text() + security)
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", str(configuration), "--state", self.state]
            + ["--cluster-map", str(SAMPLE / "groups.csv")]
            + [f"--{protocol}=127.0.0.1:0" for protocol in ("http", "grpc", "resp")],
            stderr=subprocess.PIPE, text=True,
        )
        self.ports = self._listening()
        # What it logs later must not fill the pipe.
        self.log: List[str] = []
        self.reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr or []), daemon=True)
        self.reader.start()
        self._await_ready()

    def _listening(self) -> "dict[str, int]":
        for line in self.process.stderr or []:
            if "message=listening" in line:
                return {name: int(port) for name, port in re.findall(r"(http|grpc|resp)=127\.0\.0\.1:(\d+)", line)}
        raise RuntimeError(f"interestd serve has ended with {self.process.wait()}")

    def _await_ready(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{self.ports['http']}/readyz"):
                    return
            except HTTPError as error:
                error.close()
                if error.code != 503 or time.monotonic() > deadline:
                    raise
            time.sleep(0.02)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=20)
        self.reader.join()
        if self.process.stderr:
            self.process.stderr.close()
        return code


def rows(batch: Any, index: int) -> List[Any]:
    """A decoded user as `dump` prints its groups, without what needs the catalog's names."""
    user = batch.user(index)
    found = []
    for group in range(len(user["group"])):
        first, last = user.behavior_row_splits[group : group + 2]
        found.append(
            {
                "group": int(user["group"][group]),
                "events": int(user["group_events"][group]),
                "counts": {c: int(user[f"group_{c}"][group]) for c in ("strong", "weak", "negative", "payment")},
                "dwell_ms": [int(user[f"group_dwell_{c}"][group]) for c in ("sum_ms", "max_ms", "n")],
                "spend_micros": [int(user[f"group_spend_{c}"][group]) for c in ("sum_micros", "n")],
                "times": [int(user[f"group_{c}_ms"][group]) for c in ("first", "last")],
                "windows": user.group_window_events[group].tolist(),
                "behaviors": [
                    [int(user[f"behavior_{c}"][b]) for c in ("time_ms", "shop", "dwell_ms", "spend_micros", "item")]
                    for b in range(first, last)
                ],
            }
        )
    return found


def dumped(user: Any) -> List[Any]:
    return [
        {
            "group": group["group"],
            "events": group["events"],
            "counts": group["counts"],
            "dwell_ms": [group["dwell_ms"][c] for c in ("sum", "max", "n")],
            "spend_micros": [group["spend_micros"][c] for c in ("sum", "n")],
            "times": [group["first_ms"], group["last_ms"]],
            "windows": list(group["windows"].values()),
            "behaviors": [
                [b[c] for c in ("time_ms", "shop", "dwell_ms", "spend_micros", "item")] for b in group["behaviors"]
            ],
        }
        for group in user["groups"]
    ]


@unittest.skipUnless(os.access(BINARY, os.X_OK), "INTERESTD_BINARY names no executable")
class DaemonTests(unittest.TestCase):
    daemon: Optional[Daemon] = None
    users: "dict[str, Any]"

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = Daemon()
        cls.ports = cls.daemon.ports

    @classmethod
    def tearDownClass(cls) -> None:
        assert cls.daemon is not None
        # Its state is read when nobody has it open.
        code = cls.daemon.stop()
        cls.daemon.folder.cleanup()
        assert code == 0, code

    def resp(self) -> RESPClient:
        return RESPClient("127.0.0.1", self.ports["resp"])

    def redis(self, protocol: int, **options: Any) -> Any:
        import redis

        return redis.Redis(port=self.ports["resp"], protocol=protocol, socket_timeout=10, **options)

    def grpc(self) -> Any:
        from interestd_client import GRPCClient

        return GRPCClient(f"127.0.0.1:{self.ports['grpc']}")

    def test_every_user_is_what_http_tells_by_resp_and_grpc(self) -> None:
        users = ["1062", "1879", "nobody", "1062"]
        with self.resp() as resp, self.grpc() as grpc_client:
            for client in (resp, grpc_client):
                batch = client.sequences(users)
                self.assertEqual(batch.known.tolist(), [True, True, False, True])
                for index, user in enumerate(users):
                    with urlopen(f"http://127.0.0.1:{self.ports['http']}/v1/users/{user}/sequence") as reply:
                        expected = json.load(reply)
                    self.assertEqual(rows(batch, index), dumped(expected))

    def test_a_query_selects(self) -> None:
        query = Query(groups=3, behaviors=2, order="frequency", as_of_ms=1_510_000_000_000, fields=["events", "behavior_shop"])
        with self.resp() as resp, self.grpc() as grpc_client:
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

    def test_errors_say_what_is_wrong(self) -> None:
        with self.resp() as client:
            for query in (Query(groups=-1), Query(fields=["nonsense"]), Query(order="newest")):
                with self.assertRaises(LookupFailed) as caught:
                    client.sequences(["1062"], query)
                self.assertEqual(caught.exception.kind, "ERR")
                self.assertNotIsInstance(caught.exception, RetryableError)
            with self.assertRaises(LookupFailed):
                client.sequences(["x" * 256])
            # The connection is good after an error.
            self.assertEqual(client.known(["1062"]), 1)
        with self.grpc() as client, self.assertRaises(LookupFailed) as caught:
            client.sequences(["1062"], Query(groups=2**31))
        self.assertEqual(caught.exception.kind, "INVALID_ARGUMENT")

    def test_groups_and_description_are_the_same_by_both(self) -> None:
        with self.resp() as resp, self.grpc() as grpc_client:
            self.assertEqual(resp.groups("1062", ["1", "2"]), grpc_client.groups("1062", ["1", "2"]))
            self.assertEqual(resp.describe(), grpc_client.describe())

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
            with self.assertRaisesRegex(redis.exceptions.ReadOnlyError, "Kafka"):
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
                self.assertRegex(str(caught.exception), "Kafka")
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

    def test_the_example_scores(self) -> None:
        done = subprocess.run(
            [os.sys.executable, str(ROOT / "Ops/python-client/examples/score.py"), f"127.0.0.1:{self.ports['resp']}"],
            capture_output=True, text=True, timeout=120,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        accuracy = float(re.search(r"AUC on held-out users: ([0-9.]+)", done.stdout).group(1))
        self.assertGreater(accuracy, 0.6)


TOKEN = "0123456789abcdef0123456789abcdef"


@unittest.skipUnless(os.access(BINARY, os.X_OK), "INTERESTD_BINARY names no executable")
class SecureDaemonTests(unittest.TestCase):
    """TLS and a token on every port; HTTP stays clear for the wait at the start."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate = f"{cls.folder.name}/server.crt"
        key = f"{cls.folder.name}/server.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
            + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-keyout", key, "-out", cls.certificate],
            check=True, capture_output=True,
        )
        tokens = Path(cls.folder.name) / "tokens"
        tokens.write_text(TOKEN + "\n")
        tokens.chmod(0o600)
        cls.daemon = Daemon(
            f"\ntls: {{certificate: {cls.certificate}, key: {key}}}\nauth: {{read_tokens_file: {tokens}}}\nhttp: {{tls: none}}\n"
        )

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.daemon.stop()
        cls.daemon.folder.cleanup()
        cls.folder.cleanup()
        assert code == 0, (code, cls.daemon.log)

    def resp(self, password: Optional[str]) -> RESPClient:
        context = ssl.create_default_context(cafile=self.certificate)
        return RESPClient("127.0.0.1", self.daemon.ports["resp"], password=password, tls=context)

    def grpc(self, token: Optional[str]) -> Any:
        import grpc
        from interestd_client import GRPCClient

        credentials = grpc.ssl_channel_credentials(Path(self.certificate).read_bytes())
        return GRPCClient(f"127.0.0.1:{self.daemon.ports['grpc']}", token=token, credentials=credentials)

    def test_the_token_lets_in_through_tls(self) -> None:
        with self.resp(TOKEN) as resp, self.grpc(TOKEN) as grpc_client:
            users = ["1062", "nobody"] * 500
            self.assertEqual(resp.raw_sequences(users), grpc_client.raw_sequences(users))
            self.assertEqual(resp.known(users), 500)

    def test_without_the_token_nothing_is_told(self) -> None:
        with self.resp(None) as client, self.assertRaises(LookupFailed) as caught:
            client.sequences(["1062"])
        self.assertEqual(caught.exception.kind, "NOAUTH")
        with self.assertRaises(LookupFailed) as caught:
            self.resp(TOKEN[::-1])
        self.assertEqual(caught.exception.kind, "WRONGPASS")
        with self.grpc(None) as client, self.assertRaises(LookupFailed) as caught:
            client.sequences(["1062"])
        self.assertEqual(caught.exception.kind, "UNAUTHENTICATED")

    def test_redis_py_comes_in_by_its_password_and_sees_no_figures(self) -> None:
        import redis

        for protocol in (2, 3):
            client = redis.Redis(
                port=self.daemon.ports["resp"], protocol=protocol, password=TOKEN, ssl=True, ssl_ca_certs=self.certificate
            )
            self.assertIsNotNone(client.get("1062"))
            info = client.info()
            self.assertEqual(info["role"], "master")
            self.assertNotIn("total_commands_processed", info)
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "no right|NOPERM|permission"):
                client.client_list()
            client.close()


class StartTests(unittest.TestCase):
    def test_a_server_that_is_not_there_is_an_os_error(self) -> None:
        began = time.monotonic()
        with self.assertRaises(OSError):
            RESPClient("127.0.0.1", 1, timeout_s=2)
        self.assertLess(time.monotonic() - began, 5)


if __name__ == "__main__":
    unittest.main()
