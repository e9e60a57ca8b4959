"""The event contract (Schemas/interest/v1/behavior.proto, behavior.schema.json) in Python, apart from interestd's own code: a Kafka
record is a behavior that counts, or bad. Nothing but the standard library."""

import collections
import csv
import json
import re
import struct

DAY_MS = 86_400_000
MAXIMUM_TIME_MS = 4_102_444_799_999
MAXIMUM_SKEW_MS = DAY_MS
MAXIMUM_ID_BYTES = 255
MASK = 2**64 - 1
CANONICAL = re.compile(rb"^(0|[1-9][0-9]*)$")
TYPE_LINE = re.compile(r"type:\s*([^\s,}]+)\s*,\s*code:\s*(\d+)\s*,\s*category:\s*(\w+)")
FIELDS = {1: "user_id", 2: "shop_id", 3: "type", 4: "time_ms", 5: "dwell_ms", 6: "spend_micros", 7: "event_id", 8: "item_id"}
TEXTS = {"user_id", "shop_id", "type", "event_id", "item_id"}


ERASE = "$erase"

# What a record that is good says. `behavior` is the total order's key of a kept behavior: (time_ms, shop, type, dwell_ms, spend_micros,
# item), with feature ids and the type's code. An erasure has a user and nothing else.
Said = collections.namedtuple("Said", "user is_erasure event_id shop behavior category")


class Bad(Exception):
    """The record does not count."""


def murmur2_partition(key, partitions):
    """The partition that the Java client's producer chooses for a key."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(key)
    end = len(key) // 4 * 4
    for (word,) in struct.iter_unpack("<I", key[:end]):
        word = word * m & mask
        word = (word ^ word >> 24) * m & mask
        h = h * m & mask ^ word
    if rest := key[end:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return ((h ^ h >> 15) & 0x7FFFFFFF) % partitions


P1, P2, P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
P4, P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def _rotate(x, n):
    return (x << n | x >> 64 - n) & MASK


def _round(a, lane):
    return _rotate((a + lane * P2) & MASK, 31) * P1 & MASK


def xxh64(data):
    """XXH64 with seed 0, after the algorithm's specification."""
    at = 0
    if len(data) >= 32:
        lanes = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= len(data):
            lanes = [_round(a, lane) for a, lane in zip(lanes, struct.unpack_from("<4Q", data, at))]
            at += 32
        h = sum(_rotate(a, n) for a, n in zip(lanes, (1, 7, 12, 18))) & MASK
        for a in lanes:
            h = ((h ^ _round(0, a)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + len(data)) & MASK
    while at + 8 <= len(data):
        h = (_rotate(h ^ _round(0, int.from_bytes(data[at : at + 8], "little")), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        h = (_rotate(h ^ int.from_bytes(data[at : at + 4], "little") * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        h = _rotate(h ^ byte * P5 & MASK, 11) * P1 & MASK
    h = (h ^ h >> 33) * P2 & MASK
    h = (h ^ h >> 29) * P3 & MASK
    return h ^ h >> 32


def feature_id(text):
    if not text:
        return 0
    data = text.encode()
    if CANONICAL.match(data) and int(data) <= MASK:
        return int(data)
    return xxh64(data)


def read_catalog(path):
    """The behavior types of a configuration that `interestd synth` wrote: name -> (code, category)."""
    with open(path, encoding="utf-8") as file:
        found = {name: (int(code), category) for name, code, category in TYPE_LINE.findall(file.read())}
    if not found:
        raise SystemExit(f"Ops/crash-test: {path} names no behavior types")
    return found


def read_groups(path):
    with open(path, newline="", encoding="utf-8") as file:
        return {row[0]: int(row[1]) for row in csv.reader(file) if row and row[1].isdigit()}


def _no_fraction(text):
    raise Bad(f"{text} is no integer")


def _integer(fields, name, low, high):
    value = fields.get(name)
    if value is None:
        return 0
    if type(value) is not int or not low <= value <= high:
        raise Bad(name)
    return value


def _text(fields, name, least):
    value = fields.get(name)
    if type(value) is int and name != "type":
        value = str(value)
    value = "" if value is None else value
    if type(value) is not str or not least <= len(value.encode()) <= MAXIMUM_ID_BYTES:
        raise Bad(name)
    return value


def _json(value):
    try:
        fields = json.loads(value.decode(), parse_float=_no_fraction, parse_constant=_no_fraction)
    except ValueError as error:
        raise Bad("malformed JSON") from error
    if type(fields) is not dict:
        raise Bad("no object")
    return fields


def _varint(value, at):
    result = shift = 0
    while True:
        if at >= len(value) or shift > 63:
            raise Bad("varint")
        byte = value[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result > MASK:
                raise Bad("varint")
            return result, at
        shift += 7


def _protobuf(value):
    fields, at = {}, 0
    while at < len(value):
        tag, at = _varint(value, at)
        number, wire = tag >> 3, tag & 7
        name = FIELDS.get(number)
        if wire == 0:
            content, at = _varint(value, at)
        elif wire == 2:
            size, at = _varint(value, at)
            content, at = value[at : at + size], at + size
        elif wire in (1, 5):
            content, at = None, at + (8 if wire == 1 else 4)
        else:
            raise Bad("wire type")
        if at > len(value) or number == 0:
            raise Bad("truncated")
        if name is None:
            continue
        if wire != (2 if name in TEXTS else 0):
            raise Bad("wire type")
        try:
            fields[name] = content.decode() if wire == 2 else content
        except ValueError as error:
            raise Bad("invalid UTF-8") from error
        if name in ("time_ms", "spend_micros") and content >= 2**63:
            fields[name] = content - 2**64
    return fields


def _zigzag(value, at):
    number, at = _varint(value, at)
    return (number >> 1) ^ -(number & 1), at


def _confluent(value):
    """The fields behind a Confluent prefix: a zero byte, a schema id of four; for Protobuf also the path to the message."""
    rest = value[5:]
    if not rest:
        raise Bad("prefix")
    if rest[:1] == b"{":
        return _json(rest)
    count, at = _zigzag(rest, 0)
    if not 0 <= count <= len(rest) - at:
        raise Bad("prefix")
    for _ in range(count):
        index, at = _zigzag(rest, at)
        if index < 0:
            raise Bad("prefix")
    return _protobuf(rest[at:])


def decode(key, value, timestamp_ms, catalog):
    """What a record that is good says. Raises `Bad`."""
    if not value:
        raise Bad("no value")
    if value[0] == 0:
        fields = _confluent(value)
    else:
        fields = _json(value) if value[:1] == b"{" else _protobuf(value)
    name = _text(fields, "type", 1)
    is_erasure = name == ERASE
    user, shop = _text(fields, "user_id", 1), _text(fields, "shop_id", 0 if is_erasure else 1)
    item, event_id = _text(fields, "item_id", 0), _text(fields, "event_id", 0)
    time_ms = _integer(fields, "time_ms", 1, min(MAXIMUM_TIME_MS, timestamp_ms + MAXIMUM_SKEW_MS))
    dwell_ms = _integer(fields, "dwell_ms", 0, 2**32 - 1)
    spend_micros = _integer(fields, "spend_micros", -(2**63), 2**63 - 1)
    if time_ms == 0 or not (is_erasure or name in catalog):
        raise Bad("time or type")
    if key != user.encode():
        raise Bad("key")
    if is_erasure:
        return Said(user, True, "", "", None, None)
    code, category = catalog[name]
    behavior = (time_ms, feature_id(shop), code, dwell_ms, spend_micros, feature_id(item))
    return Said(user, False, event_id, shop, behavior, category)
