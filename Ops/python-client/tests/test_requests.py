"""Ids, queries, and the package without its extra."""

from __future__ import annotations

import random
import subprocess
import sys
import unittest

import numpy as np

from interestd_client import Query, feature_id, feature_ids
from interestd_client._ids import xxh64


class FeatureIDTests(unittest.TestCase):
    def test_canonical_decimals_keep_their_value_and_others_are_hashed(self) -> None:
        for id_, expected in (("0", 0), ("42", 42), ("18446744073709551615", 2**64 - 1), (b"7", 7), ("", 0)):
            self.assertEqual(feature_id(id_), expected)
        for id_ in ("042", "00", "+42", "-1", "4 2", "18446744073709551616", "1" * 21, "٤٢", "shop-42", "u"):
            self.assertEqual(feature_id(id_), xxh64(id_.encode()))

    def test_hashes_are_those_that_the_daemon_is_tested_with(self) -> None:
        # Tests/BytesTests/HashTests.swift
        self.assertEqual(xxh64(b""), 0xEF46DB3751D8E999)
        self.assertEqual(xxh64(b"a"), 0xD24EC4F1A98C6E5B)
        self.assertEqual(xxh64(b"abc"), 0x44BC2CF5AD770999)
        self.assertEqual(xxh64(b"Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1)

    def test_hashes_of_every_length_are_those_of_xxhash(self) -> None:
        try:
            import xxhash
        except ImportError:
            self.skipTest("the package xxhash is not installed")
        random_ = random.Random(9)
        for size in range(256):
            data = bytes(random_.getrandbits(8) for _ in range(size))
            self.assertEqual(xxh64(data), xxhash.xxh64_intdigest(data))

    def test_many_are_an_array(self) -> None:
        found = feature_ids(["42", "shop-42"])
        self.assertEqual(found.dtype, np.uint64)
        self.assertEqual(found.tolist(), [42, feature_id("shop-42")])
        with self.assertRaisesRegex(TypeError, "a list of them is wanted"):
            feature_ids("42")
        with self.assertRaisesRegex(TypeError, "ids are str or bytes"):
            feature_ids([42])


class QueryTests(unittest.TestCase):
    def test_what_no_server_takes_is_refused_by_name(self) -> None:
        refused = [
            ({"groups": -1}, "groups is -1, and a number from 0 is wanted"),
            ({"behaviors": -5}, "behaviors is -5"),
            ({"generation": 2**64}, "generation is 18446744073709551616"),
            ({"order": "newest"}, "order is 'newest', and there are recency, frequency"),
            ({"fields": ["events", "foo"]}, "there is no field 'foo'; there are events, counts"),
            ({"fields": []}, "fields is empty"),
        ]
        for parameters, message in refused:
            with self.assertRaisesRegex(ValueError, f"^{message}"):
                Query(**parameters)
        for parameters in ({"fields": "events"}, {"groups": "3"}, {"groups": 1.5}):
            with self.assertRaises(TypeError):
                Query(**parameters)

    def test_a_query_may_be_made_of_numpy_and_be_a_key(self) -> None:
        self.assertEqual(Query(groups=np.int64(3), fields=["events"]), Query(groups=3, fields=("events",)))
        self.assertEqual(len({Query(fields=["events"]), Query(fields=("events",))}), 1)
        self.assertTrue(Query().is_default)
        self.assertFalse(Query(generation=1).is_default)


class ExtraTests(unittest.TestCase):
    def run_without_grpc(self, code: str) -> str:
        code = f"import sys; sys.modules['grpc'] = None; {code}"
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
        )
        return done.stdout

    def test_everything_can_be_imported_without_grpcio(self) -> None:
        found = self.run_without_grpc("from interestd_client import *; print(Query, 'GRPCClient' in dir())")
        self.assertEqual(found, "<class 'interestd_client._query.Query'> False\n")

    def test_the_client_that_needs_grpcio_says_how_it_is_installed(self) -> None:
        code = "import interestd_client as i\ntry: i.GRPCClient\nexcept ImportError as error: print(error)"
        self.assertIn("pip install 'Ops/python-client[grpc]'", self.run_without_grpc(f"exec({code!r})"))


if __name__ == "__main__":
    unittest.main()
