"""Records that a seed makes: good ones in every form, repeated ones, bad ones of every kind, and erasures."""

import collections
import json
import struct

from .contract import DAY_MS, ERASE, murmur2_partition

# So many of the last records may come again.
REMEMBERED = 3000
# Of a thousand records.
SHARES = {"again": 60, "same id": 120, "bad": 50, "erase": 5}


def varint(value):
    value &= 2**64 - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def protobuf(fields):
    out = b""
    for number, name in enumerate(("user_id", "shop_id", "type", "time_ms", "dwell_ms", "spend_micros", "event_id", "item_id"), 1):
        value = fields.get(name)
        if isinstance(value, str):
            out += varint(number << 3 | 2) + varint(len(value.encode())) + value.encode()
        elif value is not None:
            out += varint(number << 3) + varint(value)
    return out


class Maker:
    """`plan`: users, shops (their ids), types, partitions, erasures, window (duplicates: offsets and milliseconds), skewed."""

    def __init__(self, random, plan, name):
        self.random, self.plan, self.name = random, plan, name
        self.made = 0
        self.recent = collections.deque(maxlen=REMEMBERED)

    def next(self, now_ms):
        """(partition, key, value, timestamp_ms)"""
        kind = self.kind()
        if kind == "again" and self.recent:
            key, value = self.random.choice(self.recent)
        elif kind == "bad":
            key, value = self.bad(now_ms)
        elif kind == "erase":
            user = self.user()
            key, value = user.encode(), self.form({"user_id": user, "type": ERASE, "time_ms": now_ms})
        else:
            key, value = self.good(now_ms, kind == "same id")
        return self.partition(key), key, value, self.timestamp(now_ms)

    def kind(self):
        at = self.random.randrange(1000)
        for kind, share in SHARES.items():
            if at < share:
                return kind
            at -= share
        return "new"

    def partition(self, key):
        if key is None:
            return self.random.randrange(self.plan["partitions"])
        return murmur2_partition(key, self.plan["partitions"])

    def timestamp(self, now_ms):
        """Mostly now; some as from a clock that is behind or ahead, about as far as the window of duplicates."""
        if self.random.random() < 0.9:
            return now_ms
        reach_ms = min(2 * self.plan["window"][1], 600_000)
        return now_ms + self.random.randint(-reach_ms, reach_ms)

    def user(self):
        if self.plan["skewed"] and self.random.random() < 0.3:
            return "one-user"
        number = int(self.plan["users"] * self.random.random() ** 2)
        # The generator's users, and some of our own.
        return f"{number:012d}" if number % 3 else f"b\u00e4r {number}"

    def fields(self, now_ms):
        choose = self.random
        fields = {
            "user_id": self.user(), "shop_id": choose.choice(self.plan["shops"]), "type": choose.choice(self.plan["types"]),
            "time_ms": now_ms - choose.choice([0, 0, choose.randrange(DAY_MS), choose.randrange(60 * DAY_MS)]),
        }
        if choose.random() < 0.05:
            fields["shop_id"] = f"unmapped-{choose.randrange(5)}"
        if choose.random() < 0.5:
            fields["dwell_ms"] = choose.choice([1, choose.randrange(100_000), 2**32 - 1])
        if choose.random() < 0.3:
            fields["spend_micros"] = choose.choice([1, -choose.randrange(10**9), choose.randrange(10**9)])
        if choose.random() < 0.3:
            fields["item_id"] = choose.choice(["0", "dish \"7\"", str(choose.randrange(50))])
        return fields

    def good(self, now_ms, has_known_id):
        """With an event id of its own, or one that was there: the user's own or, which makes no duplicate, another's."""
        self.made += 1
        fields = self.fields(now_ms)
        if has_known_id:
            fields["event_id"] = f"{self.name}-{max(self.made - 1 - int(600 * self.random.random() ** 3), 0)}"
            if self.random.random() < 0.7:
                fields["user_id"] = f"{self.made % 20:012d}"
        elif self.random.random() < 0.7:
            fields["event_id"] = f"{self.name}-{self.made}"
            if self.random.random() < 0.2:
                fields["user_id"] = f"{self.made % 20:012d}"
        key, value = fields["user_id"].encode(), self.form(fields)
        self.recent.append((key, value))
        return key, value

    def form(self, fields):
        text = json.dumps(fields, ensure_ascii=self.random.random() < 0.5).encode()
        prefix = b"\0" + struct.pack(">I", self.random.randrange(1 << 20))
        indexes = self.random.choice([b"\0", b"\x02\x04", b"\x04\x02\x06"])
        return self.random.choice([text, text, protobuf(fields), protobuf(fields), prefix + text, prefix + indexes + protobuf(fields)])

    def bad(self, now_ms):
        fields = self.fields(now_ms)
        key = fields["user_id"].encode()
        kind = self.random.randrange(14)
        whole = {
            0: lambda: None, 1: lambda: b"", 2: lambda: b"{", 3: lambda: b"\0\1\2", 4: lambda: b"\0\0\0\0\1\x04\x80", 5: lambda: b"[1]",
            6: lambda: self.form(fields)[:-3],
        }
        if kind in whole:
            return key, whole[kind]()
        if kind == 7:
            return None, self.form(fields)
        if kind == 8:
            return f"not {fields['user_id']}".encode(), self.form(fields)
        changes = [
            {"type": "unheard-of"}, {"shop_id": ""}, {"time_ms": now_ms + 3 * DAY_MS + 1}, {"time_ms": 0}, {"event_id": "e" * 256},
        ]
        return key, self.form(fields | changes[kind - 9])
