"""Compares what instances hold with the topic.

A state directory holds, of each partition that it ever owned, the fold of exactly the partition's records below one offset. No
command tells that offset of a partition that is owned no more, but the dump does: it counts as many events as records that count
lie below it. The fold of just these records has to be what the dump says, and the dead letters have to be the bad records below it."""

import base64
import collections
import json

from .contract import murmur2_partition
from .fold import fold


class Comparison:
    def __init__(self, topic, catalog, kept):
        self.topic = topic
        self.kept = kept
        self.names = {code: name for name, (code, _) in catalog.items()}
        self.folds = {}
        self.faults = []
        self.checked_users = self.stale_partitions = 0
        for number, partition in enumerate(topic):
            for record in partition.good:
                if murmur2_partition(record.user.encode(), len(topic)) != number:
                    self.fault("topic", f"offset {record.offset} of partition {number}: user {record.user} belongs elsewhere")
                    break

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def instance(self, name, dump, letters, owned):
        """One state directory: the path of its dump, of its dead letters, and the partitions that it owned at the end."""
        users = [{} for _ in self.topic]
        last = None
        with open(dump, encoding="utf-8") as file:
            for line in file:
                sequence = json.loads(line)
                user = sequence["user_id"].encode()
                if last is not None and user <= last:
                    self.fault(name, f"user {sequence['user_id']} is printed twice, or not in order")
                last = user
                users[murmur2_partition(user, len(self.topic))][sequence["user_id"]] = sequence["groups"]
        listed = self.read_letters(name, letters)
        for number, partition in enumerate(self.topic):
            count = self.states(name, number, users[number], number in owned)
            self.letters(name, number, partition, count, listed.get(number, []), number in owned)

    def states(self, name, number, found, is_owned):
        """Returns how many records that count the states hold."""
        good = self.topic[number].good
        count = sum(group["events"] for groups in found.values() for group in groups)
        where = f"{name}, partition {number}"
        if is_owned and count != len(good):
            self.fault(where, f"owned at the end, but holds {count} events of {len(good)}")
        elif not is_owned and found:
            self.stale_partitions += 1
        if count > len(good):
            self.fault(where, f"holds {count} events, and the partition has {len(good)}")
        if count not in self.folds.setdefault(number, {}):
            self.folds[number][count] = fold(good[:count], self.names, self.kept)
        expected = self.folds[number][count]
        self.checked_users += len(expected)
        for user in expected.keys() | found.keys():
            if expected.get(user) != found.get(user):
                self.fault(where, self.difference(number, count, user, expected.get(user, []), found.get(user, [])))
        return count

    def difference(self, number, count, user, expected, found):
        """Names the first group that differs, and where in the log the user's records of it are."""
        want = {group["group"]: group for group in expected}
        got = {group["group"]: group for group in found}
        if want == got:
            return f"user {user}: groups in order {[g['group'] for g in found][:8]}, not {[g['group'] for g in expected][:8]}"
        group = min(g for g in want.keys() | got.keys() if want.get(g) != got.get(g))
        offsets = [r.offset for r in self.topic[number].good if r.user == user and r.group == group]
        a, b = got.get(group, {}), want.get(group, {})
        fields = [f"{f} {str(a.get(f))[:80]} not {str(b.get(f))[:80]}" for f in (b or a) if a.get(f) != b.get(f)]
        return (
            f"user {user}, group {group}, as of {count} events: {'; '.join(fields[:3])}; its records are at {offsets[:20]}"
        )

    def read_letters(self, name, path):
        listed = collections.defaultdict(list)
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    letter = json.loads(line)
                    listed[letter["partition"]].append(letter)
        except FileNotFoundError:
            pass
        except ValueError as error:
            self.fault(name, f"{path} has a line that is no JSON: {error}")
        return listed

    def letters(self, name, number, partition, count, listed, is_owned):
        """The letters of one partition: each bad record below the states' offset once, in order, with its bytes."""
        where = f"{name}, dead letters of partition {number}"
        offsets = [letter["offset"] for letter in listed]
        if offsets != sorted(set(offsets)):
            twice = [offset for offset, times in collections.Counter(offsets).items() if times > 1]
            self.fault(where, f"offsets do not ascend; twice: {twice[:10]}")
        bad = {record.offset: record for record in partition.bad}
        for letter in listed:
            record = bad.get(letter["offset"])
            if record is None:
                self.fault(where, f"offset {letter['offset']} is not bad ({letter['reason']}: {letter['detail']})")
            elif (record.key, record.value, record.timestamp_ms) != (
                _bytes(letter["key_base64"]), _bytes(letter["value_base64"]), letter["timestamp_ms"],
            ):
                self.fault(where, f"offset {letter['offset']} is not what was in the topic")
        # Between the last record that is in the states and the first that is not, the bad ones may end anywhere.
        good = partition.good
        least = good[count - 1].offset + 1 if 0 < count <= len(good) else 0
        most = partition.end if is_owned or count >= len(good) else good[count].offset
        if is_owned:
            least = partition.end
        expected = sorted(offset for offset in bad if offset < most)
        held = sorted(set(offsets) & bad.keys())
        needed = [offset for offset in expected if offset < least]
        if held != expected[: len(held)] or len(held) < len(needed):
            missing, foreign = sorted(set(needed) - set(held)), sorted(set(held) - set(expected))
            self.fault(where, f"missing {missing[:10]}, too many {foreign[:10]}, as of {count} events (offset {least} to {most})")


def _bytes(text):
    return None if text is None else base64.b64decode(text)
