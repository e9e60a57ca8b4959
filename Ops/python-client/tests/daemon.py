"""`interestd serve` for tests, and its HTTP answers as the decoded ones are compared with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any, List
from urllib.error import HTTPError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[3]
SAMPLE = ROOT / "Ops" / "sample"
BINARY = os.environ.get("INTERESTD_BINARY", "")


class Daemon:
    """`interestd serve` on the sample and `behaviors`, JSON lines, on free ports. `configuration` is YAML."""

    def __init__(self, configuration: str = "", behaviors: str = "") -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.state = f"{self.folder.name}/state"
        arguments = ["--config", str(SAMPLE / "behaviors.yaml"), "--cluster-map", str(SAMPLE / "groups.csv")]
        more = Path(self.folder.name) / "behaviors.jsonl"
        more.write_text(behaviors)
        subprocess.run(
            [BINARY, "ingest", *arguments, "--state", self.state, str(SAMPLE / "behaviors.jsonl.gz"), str(more)],
            check=True, capture_output=True,
        )
        file = Path(self.folder.name) / "interestd.yaml"
        file.write_text((SAMPLE / "behaviors.yaml").read_text() + configuration)
        self.process = subprocess.Popen(
            [BINARY, "serve", "--config", str(file), "--state", self.state]
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


@unittest.skipUnless(os.access(BINARY, os.X_OK), "INTERESTD_BINARY names no executable")
class DaemonCase(unittest.TestCase):
    """Tests that share one daemon, with the YAML of `configuration` and the JSON lines of `behaviors` beside the sample."""

    @classmethod
    def configuration(cls) -> str:
        return ""

    @classmethod
    def behaviors(cls) -> str:
        return ""

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = Daemon(cls.configuration(), cls.behaviors())
        cls.ports = cls.daemon.ports

    @classmethod
    def tearDownClass(cls) -> None:
        code = cls.daemon.stop()
        cls.daemon.folder.cleanup()
        assert code == 0, (code, cls.daemon.log)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.ports['http']}{path}"


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
