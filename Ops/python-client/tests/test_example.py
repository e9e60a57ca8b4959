"""examples/score.py and the README's example against a daemon. Skipped where INTERESTD_BINARY names none."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest
from typing import Any

from daemon import ROOT, DaemonCase


def score(*arguments: str) -> Any:
    return subprocess.run(
        [sys.executable, str(ROOT / "Ops/python-client/examples/score.py"), *arguments], capture_output=True, text=True, timeout=120
    )


class ExampleTests(DaemonCase):
    def test_it_scores_without_a_warning(self) -> None:
        done = score(f"127.0.0.1:{self.ports['resp']}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        accuracy = float(re.search(r"AUC on held-out users: ([0-9.]+)", done.stdout).group(1))
        self.assertGreater(accuracy, 0.6)

    def test_the_readme_shows_what_is_so(self) -> None:
        text = (ROOT / "Ops/python-client/README.md").read_text()
        code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1).replace("6379", str(self.ports["resp"]))
        names: Any = {}
        exec(code, names)
        self.addCleanup(names["client"].close)
        self.assertEqual(names["batch"].failed.tolist(), [False, True])
        self.assertEqual(names["found"].rows.shape, (2,))
        self.assertEqual(names["padded"].features.shape[:2], (3, 50))


class UsageTests(unittest.TestCase):
    def test_without_an_address_it_says_what_it_needs(self) -> None:
        for arguments in ([], ["6379"], ["127.0.0.1:6379", "more"]):
            done = score(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, "^usage: score.py HOST:PORT")


if __name__ == "__main__":
    unittest.main()
