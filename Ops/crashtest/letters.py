"""Holds dead letters against the bad records of the topic: each has its letter, and nothing else has one."""

import base64
import collections
import json
import re

ERASURE = "$erase"
HEADER = re.compile(r"(?:^|,)interestd\.(topic|partition|offset|reason):([^,]*)")


def check_topic(letters, source, topic, fault):
    """`letters`: the records of the dead letters' topic; `topic`: the source's logs. Returns how many there are more than once."""
    bad = {(number, record.offset): record for number, log in enumerate(topic) for record in log.bad}
    erasures = {(number, record.offset) for number, log in enumerate(topic) for record in log.good if record.said.is_erasure}
    met = collections.Counter()
    for letter in (letter for log in letters for letter in log):
        headers = dict(HEADER.findall(letter.headers))
        if headers.keys() != {"topic", "partition", "offset", "reason"} or headers["topic"] != source:
            fault("dead letters", f"offset {letter.offset} has the headers {letter.headers[:200]}")
            continue
        place = int(headers["partition"]), int(headers["offset"])
        if headers["reason"] == ERASURE:
            if place not in erasures:
                fault("dead letters", f"an erasure is marked at {place}, where there is none")
            continue
        met[place] += 1
        record = bad.get(place)
        if record is None:
            fault("dead letters", f"{place} is not bad, or not there ({headers['reason']}): {letter.value!r:.200}")
        elif (record.key, record.value, record.timestamp_ms) != (letter.key, letter.value, letter.timestamp_ms):
            fault("dead letters", f"{place} is not what was in the topic")
    missing = sorted(bad.keys() - met.keys())
    if missing:
        fault("dead letters", f"{len(missing)} bad records have none: {missing[:10]}")
    return sum(times - 1 for times in met.values())


def check_file(path, name, topic, owned, fault):
    """The dead letters' file of a state directory: of an owned partition each bad record once, in order, with its bytes; of another one
    those up to an offset."""
    listed = collections.defaultdict(list)
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                letter = json.loads(line)
                listed[letter["partition"]].append(letter)
    except FileNotFoundError:
        pass
    except ValueError as error:
        fault(name, f"{path} has a line that is no JSON: {error}")
    for number, log in enumerate(topic):
        _check_listed(f"{name}, dead letters of partition {number}", listed[number], log.bad, number in owned, fault)


def _check_listed(where, letters, records, is_owned, fault):
    offsets = [letter["offset"] for letter in letters]
    if offsets != sorted(set(offsets)):
        twice = [offset for offset, times in collections.Counter(offsets).items() if times > 1]
        fault(where, f"offsets do not ascend; twice: {twice[:10]}")
    bad = {record.offset: record for record in records}
    for letter in letters:
        record = bad.get(letter["offset"])
        if record is None:
            fault(where, f"offset {letter['offset']} is not bad ({letter['reason']}: {letter['detail']})")
        elif (record.key, record.value, record.timestamp_ms) != (
            _bytes(letter["key_base64"]), _bytes(letter["value_base64"]), letter["timestamp_ms"],
        ):
            fault(where, f"offset {letter['offset']} is not what was in the topic")
    held, expected = sorted(set(offsets) & bad.keys()), sorted(bad)
    if held != expected[: len(held)] or (is_owned and held != expected):
        missing = sorted(set(expected[: len(held)] if not is_owned else expected) - set(held))
        fault(where, f"missing {missing[:10]} of {len(expected)}")


def _bytes(text):
    return None if text is None else base64.b64decode(text)
