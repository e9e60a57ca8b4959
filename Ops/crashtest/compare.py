"""Compares what instances hold with the topic.

What an instance holds of a partition that it owns at the end is the fold of all of the partition's committed records. Of one that it
owned before it may hold the fold of those below one offset, which no command tells: it must then be one of the folds that have as many
events."""

import copy
import json

from .contract import murmur2_partition
from .fold import changes, fold, totals


class Comparison:
    def __init__(self, topic, catalog, kept, limits):
        self.topic, self.kept = topic, kept
        self.names = {code: name for name, (code, _) in catalog.items()}
        self.faults = []
        self.checked_users = self.stale_partitions = self.duplicates = 0
        self.changes, self.folds = [], {}
        for number, log in enumerate(topic):
            listed, duplicates = changes(log.good, limits)
            self.changes.append((listed, totals(listed)))
            self.duplicates += duplicates
            for record in log.good:
                if self.partition(record.said.user) != number:
                    raise AssertionError(f"a record of {record.said.user} was sent to partition {number}, which is no user's")

    def copy(self):
        """Without faults; it knows all that this one does."""
        other = copy.copy(self)
        other.faults = []
        return other

    def partition(self, user):
        return murmur2_partition(user.encode(), len(self.topic))

    def fault(self, where, what):
        self.faults.append(f"{where}: {what}")

    def folded(self, number, count=None):
        """The sequences after so many changes of a partition; after all by default."""
        listed = self.changes[number][0]
        count = len(listed) if count is None else count
        if (number, count) not in self.folds:
            self.folds[number, count] = fold(listed[:count], self.names, self.kept)
        return self.folds[number, count]

    def lookup(self, name, user, groups):
        """What an instance answered, None for an unknown user."""
        number = self.partition(user)
        expected = self.folded(number).get(user)
        if (groups or None) != expected:
            self.fault(f"{name}, lookup", self.difference(number, user, expected or [], groups or []))

    def instance(self, name, whole, owned_dump, owned):
        """One state directory: the paths of its dump of all partitions and of that of its own (None: there is none), and the partitions
        that it owned."""
        users = self.read(name, whole)
        for number, found in enumerate(users):
            if number in owned:
                self.compare(f"{name}, partition {number}", number, found, self.folded(number))
            elif found:
                self.stale(f"{name}, partition {number}, owned no more", number, found)
        if owned_dump is None:
            return
        for number, (found, shown) in enumerate(zip(users, self.read(name, owned_dump))):
            if shown != (found if number in owned else {}):
                self.fault(
                    f"{name}, partition {number}", f"the dump has {len(shown)} users of {len(found)}, and it is "
                    f"{'' if number in owned else 'not '}owned")

    def read(self, name, path):
        """A dump's users by partition."""
        users, last = [{} for _ in self.topic], None
        with open(path, encoding="utf-8") as file:
            for line in file:
                sequence = json.loads(line)
                user = sequence["user_id"].encode()
                if last is not None and user <= last:
                    self.fault(name, f"user {sequence['user_id']} is printed twice, or not in order")
                last = user
                users[self.partition(sequence["user_id"])][sequence["user_id"]] = sequence["groups"]
        return users

    def compare(self, where, number, found, expected):
        self.checked_users += len(expected)
        for user in sorted(expected.keys() | found.keys()):
            if expected.get(user) != found.get(user):
                self.fault(where, self.difference(number, user, expected.get(user, []), found.get(user, [])))

    def stale(self, where, number, found):
        self.stale_partitions += 1
        held = sum(group["events"] for groups in found.values() for group in groups)
        candidates = [count for count, total in enumerate(self.changes[number][1]) if total == held]
        if not any(self.folded(number, count) == found for count in candidates):
            closest = f", nor as of {len(candidates)} places with as many events" if candidates else ""
            self.fault(where, f"{len(found)} users with {held} events are no fold of the partition's beginning{closest}")

    def difference(self, number, user, expected, found):
        """Names the first group that differs, and where in the log the user's records of it are."""
        want = {group["group"]: group for group in expected}
        got = {group["group"]: group for group in found}
        if want == got:
            return f"user {user}: groups in order {[g['group'] for g in found][:8]}, not {[g['group'] for g in expected][:8]}"
        group = min(g for g in want.keys() | got.keys() if want.get(g) != got.get(g))
        records = [c for c in self.changes[number][0] if c.user == user]
        erased = [c.offset for c in records if c.behavior is None]
        offsets = [c.offset for c in records if c.group == group]
        a, b = got.get(group, {}), want.get(group, {})
        fields = [f"{f} {str(a.get(f))[:80]} not {str(b.get(f))[:80]}" for f in (b or a) if a.get(f) != b.get(f)]
        return f"user {user}, group {group}: {'; '.join(fields[:3])}; counted at {offsets[-20:]}, erased at {erased[-5:]}"
