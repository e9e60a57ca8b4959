"""TLS and tokens, by both clients and redis-py. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any, Optional

from daemon import DaemonCase
from interestd_client import LookupFailed, RESPClient

TOKEN = "0123456789abcdef0123456789abcdef"


class SecurityTests(DaemonCase):
    """TLS and a token on every port; HTTP stays clear for the wait at the start."""

    @classmethod
    def configuration(cls) -> str:
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
        return f"\ntls: {{certificate: {cls.certificate}, key: {key}}}\nauth: {{read_tokens_file: {tokens}}}\nhttp: {{tls: none}}\n"

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls) -> None:
        super().tearDownClass()
        cls.folder.cleanup()

    def resp(self, password: Optional[str]) -> RESPClient:
        context = ssl.create_default_context(cafile=self.certificate)
        return RESPClient("127.0.0.1", self.ports["resp"], password=password, tls=context)

    def grpc(self, token: Optional[str]) -> Any:
        import grpc
        from interestd_client import GRPCClient

        credentials = grpc.ssl_channel_credentials(Path(self.certificate).read_bytes())
        return GRPCClient(f"127.0.0.1:{self.ports['grpc']}", token=token, credentials=credentials)

    def test_the_token_lets_in_through_tls(self) -> None:
        with self.resp(TOKEN) as resp, self.grpc(TOKEN) as grpc_client:
            users = ["1062", "nobody"] * 500
            self.assertEqual(resp.raw_sequences(users), grpc_client.raw_sequences(users))
            self.assertEqual(resp.known(users), 500)

    def test_a_server_that_is_not_trusted_or_does_not_speak_tls_is_an_os_error(self) -> None:
        import grpc
        from interestd_client import GRPCClient

        with self.assertRaises(OSError):
            RESPClient("127.0.0.1", self.ports["resp"], tls=ssl.create_default_context())
        with RESPClient("127.0.0.1", self.ports["resp"]) as client, self.assertRaisesRegex(ConnectionError, "speaks TLS"):
            client.sequences(["1062"])
        targets = [
            (self.ports["grpc"], grpc.ssl_channel_credentials()),
            (self.ports["grpc"], None),
            (self.ports["http"], grpc.ssl_channel_credentials()),
        ]
        for port, credentials in targets:
            with GRPCClient(f"127.0.0.1:{port}", credentials=credentials) as client:
                with self.assertRaisesRegex(OSError, f"^127.0.0.1:{port}: "):
                    client.sequences(["1062"])

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
                port=self.ports["resp"], protocol=protocol, password=TOKEN, ssl=True, ssl_ca_certs=self.certificate
            )
            self.assertIsNotNone(client.get("1062"))
            info = client.info()
            self.assertEqual(info["role"], "master")
            self.assertNotIn("total_commands_processed", info)
            with self.assertRaisesRegex(redis.exceptions.ResponseError, "no right|NOPERM|permission"):
                client.client_list()
            client.close()


if __name__ == "__main__":
    unittest.main()
