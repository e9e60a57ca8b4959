"""The decoder against Protobuf's own, compiled from Schemas."""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any, List

import numpy as np

from interestd_client import DecodeError, Query, decode_groups, decode_sequences
from interestd_client import _decode as decode
from interestd_client._query import FIELDS
from interestd_client._wire import Scan, varint, varint_field

SCHEMAS = Path(__file__).resolve().parents[3] / "Schemas"


def compiled(folder: str) -> Any:
    """The modules that protoc makes of Schemas."""
    files = [str(path) for path in sorted((SCHEMAS / "interest" / "v1").glob("*.proto"))]
    subprocess.run(["protoc", f"-I{SCHEMAS}", f"--python_out={folder}", *files], check=True)
    sys.path.insert(0, folder)
    from interest.v1 import sequence_pb2, service_pb2  # type: ignore[import-not-found]

    return sequence_pb2, service_pb2


class DecodeTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.sequence_pb2, cls.service_pb2 = compiled(cls.folder.name)

    @classmethod
    def tearDownClass(cls) -> None:
        sys.path.remove(cls.folder.name)
        cls.folder.cleanup()

    def random_sequence(self, random_: random.Random, groups: int) -> Any:
        message = self.sequence_pb2.GroupSequence(user_id="ü" * random_.randint(0, 3) + "7", generation=3, cluster_map="ab")
        message.window_days.extend([1, 7])
        message.behavior_row_splits.append(0)
        for _ in range(groups):
            for name, (_, _, is_signed) in decode.GROUP_COLUMNS.items():
                bits = random_.choice([1, 7, 8, 31]) if "max" in name or name == "group" else random_.choice([1, 14, 62])
                value = random_.getrandbits(bits)
                getattr(message, name).append(-value if is_signed and random_.random() < 0.5 else value)
            message.group_window_events.extend(random_.getrandbits(20) for _ in range(2))
            count = random_.randint(0, 4)
            message.behavior_row_splits.append(message.behavior_row_splits[-1] + count)
            for _ in range(count):
                message.behavior_time_ms.append(random_.getrandbits(41))
                message.behavior_shop.append(random_.choice([0, 1, 2**64 - 1, 2**63, random_.getrandbits(64)]))
                message.behavior_type.append(random_.randint(1, 255))
                message.behavior_dwell_ms.append(random_.getrandbits(32))
                message.behavior_spend_micros.append(random_.choice([-(2**63), 2**63 - 1, 0, -5]))
                message.behavior_item.append(random_.getrandbits(64))
        return message

    def check(self, messages: List[Any]) -> None:
        batch = decode_sequences([message.SerializeToString() for message in messages])
        for index, message in enumerate(messages):
            user = batch.user(index)
            for name in (*decode.GROUP_COLUMNS, *decode.BEHAVIOR_COLUMNS):
                self.assertEqual(user[name].tolist(), list(getattr(message, name)), name)
            if message.behavior_row_splits:
                self.assertEqual(user.behavior_row_splits.tolist(), list(message.behavior_row_splits))
            if batch.group_window_events is not None:
                self.assertEqual(user.group_window_events.reshape(-1).tolist(), list(message.group_window_events))

    def test_random_sequences_are_read_as_protobuf_reads_them(self) -> None:
        random_ = random.Random(5)
        for count in (1, 2, 30):
            self.check([self.random_sequence(random_, random_.choice([0, 1, 2, 60])) for _ in range(count)])

    def test_the_examples_of_the_schemas_are_read(self) -> None:
        data = (SCHEMAS / "examples" / "sequences.binpb").read_bytes()
        messages = []
        while data:
            size, start = (data[0], 1) if data[0] < 0x80 else ((data[0] & 0x7F) | data[1] << 7, 2)
            messages.append(self.sequence_pb2.GroupSequence.FromString(data[start : start + size]))
            data = data[start + size :]
        self.assertGreater(len(messages), 0)
        for message in messages:
            self.check([message])

    def test_field_numbers_are_those_of_the_schemas(self) -> None:
        fields = self.sequence_pb2.GroupSequence.DESCRIPTOR.fields_by_name
        for name, (number, _, _) in {**decode.GROUP_COLUMNS, **decode.BEHAVIOR_COLUMNS}.items():
            self.assertEqual(fields[name].number, number)
        self.assertEqual(fields["window_days"].number, decode.WINDOW_DAYS)
        self.assertEqual(fields["group_window_events"].number, decode.WINDOW_EVENTS)
        self.assertEqual(fields["behavior_row_splits"].number, decode.ROW_SPLITS)
        # A column that is not read here would be lost silently.
        known = {*decode.GROUP_COLUMNS, *decode.BEHAVIOR_COLUMNS, "window_days", "group_window_events", "behavior_row_splits"}
        self.assertEqual(set(fields), known | {"user_id", "generation", "cluster_map"})
        self.assertEqual(Query().columns, {*decode.GROUP_COLUMNS, *decode.BEHAVIOR_COLUMNS})
        numbers = self.service_pb2.DESCRIPTOR.enum_types_by_name["Field"].values_by_name
        self.assertEqual(
            {f"FIELD_{name.upper()}": number for name, number in FIELDS.items()},
            {name: value.number for name, value in numbers.items() if value.number},
        )

    def test_fields_that_are_not_known_are_skipped(self) -> None:
        message = self.random_sequence(random.Random(1), 3).SerializeToString()
        unknown = (
            varint_field(500, 2**64 - 1) + varint(501 << 3 | 1) + b"\xff" * 8 + varint(502 << 3 | 5) + b"\xff" * 4
            + varint(503 << 3 | 2) + b"\x03\xff\xff\xff"
        )
        plain, more = decode_sequences([message]), decode_sequences([unknown + message + unknown])
        for name in plain.columns:
            self.assertEqual(plain[name].tolist(), more[name].tolist())

    def test_an_unpacked_column_is_read_like_a_packed_one(self) -> None:
        batch = decode_sequences([varint_field(10, 300) + varint_field(10, 5) + varint_field(10, 2**32 - 1)])
        self.assertEqual(batch["group"].tolist(), [300, 5, 2**32 - 1])

    def test_a_user_who_is_not_known_has_no_groups(self) -> None:
        message = self.random_sequence(random.Random(2), 2).SerializeToString()
        batch = decode_sequences([None, message, None, b""])
        self.assertEqual(batch.known.tolist(), [False, True, False, True])
        self.assertEqual(batch.user_row_splits.tolist(), [0, 0, 2, 2, 2])
        self.assertEqual(decode_sequences([]).user_row_splits.tolist(), [0])
        self.assertEqual(len(decode_sequences([None]).user(0)["group"]), 0)

    def test_what_was_not_asked_for_is_not_there_whoever_is_answered(self) -> None:
        message = self.random_sequence(random.Random(7), 3).SerializeToString()
        queries = [Query(behaviors=0), *(Query(fields=fields) for fields in (["counts", "windows"], ["behaviors"], ["behavior_item"]))]
        for query in queries:
            some, none = decode_sequences([message], query), decode_sequences([None, b""], query)
            self.assertEqual(set(some.columns), query.columns)
            self.assertEqual(set(none.columns), query.columns)
            self.assertEqual(some.behavior_row_splits is None, none.behavior_row_splits is None)
            self.assertEqual(some.feature_names, none.feature_names)

    def test_windows_are_there_for_nobody_where_they_are_told(self) -> None:
        message = self.random_sequence(random.Random(8), 2).SerializeToString()
        for messages, groups in (([message], 2), ([None], 0), ([], 0)):
            batch = decode_sequences(messages, window_days=[1, 7])
            self.assertEqual(batch.window_days.tolist(), [1, 7])
            self.assertEqual(batch.group_window_events.shape, (groups, 2))
            self.assertEqual(batch.feature_names[-2:], ("window_1d", "window_7d"))

    def test_groups_of_shops_have_their_rows(self) -> None:
        sequence = self.sequence_pb2.GroupSequence(user_id="7", group=[9, 4], group_events=[1, 5])
        message = self.service_pb2.GetGroupsResponse(sequence=sequence, shop_groups=[4, 0, 9, 8, 4])
        found = decode_groups(message.SerializeToString(), Query(fields=["events"]))
        self.assertEqual(found.shop_groups.tolist(), [4, 0, 9, 8, 4])
        self.assertEqual(found.rows.tolist(), [1, -1, 0, -1, 1])
        self.assertEqual(found.sequence["group_events"].tolist(), [1, 5])
        self.assertEqual(decode_groups(b"").rows.tolist(), [])

    def test_a_message_that_is_cut_anywhere_is_refused_or_shorter(self) -> None:
        message = self.random_sequence(random.Random(3), 3).SerializeToString()
        refused = 0
        for size in range(len(message)):
            try:
                batch = decode_sequences([b"", message[:size]])
            except DecodeError as error:
                refused += 1
                self.assertRegex(str(error), "^(message 1 |behavior_row_splits)")
            else:
                self.assertLessEqual(batch.group_count, 3)
        self.assertGreater(refused, len(message) * 0.8)

    def test_noise_is_refused_or_read(self) -> None:
        random_ = random.Random(4)
        message = self.random_sequence(random_, 3).SerializeToString()
        for _ in range(2000):
            noisy = bytearray(message)
            for _ in range(random_.randint(1, 4)):
                noisy[random_.randrange(len(noisy))] = random_.getrandbits(8)
            try:
                decode_sequences([bytes(noisy), None, message])
            except (DecodeError, UnicodeDecodeError):
                pass

    def test_columns_that_do_not_fit_each_other_are_refused(self) -> None:
        message = self.random_sequence(random.Random(6), 2)
        message.group_events.append(1)
        with self.assertRaisesRegex(DecodeError, "message 1 has"):
            decode_sequences([None, message.SerializeToString()])

    def test_varints_of_every_length_are_scanned(self) -> None:
        values = [2**bits - 1 for bits in range(0, 65)]
        scan = Scan([varint(10 << 3 | 2) + varint(sum(len(varint(v)) for v in values)) + b"".join(map(varint, values))])
        self.assertEqual(scan.gather(scan.fields[10]).tolist(), values)
        self.assertEqual(scan.values.dtype, np.uint64)


if __name__ == "__main__":
    unittest.main()
