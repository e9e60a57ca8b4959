"""The fold by its definition: sort everything, count everything. Slow, and without anything of interestd's."""

import collections

from .contract import DAY_MS

CATEGORIES = ("strong", "weak", "negative", "payment")
WINDOWS = (1, 7, 30)

# How far back a record with the same user and event_id makes a behavior a duplicate; 0 offsets: never.
DuplicateLimits = collections.namedtuple("DuplicateLimits", "offsets time_ms")
# A record that changes states: it adds a behavior to its user, or, without one, forgets its user.
Change = collections.namedtuple("Change", "offset user group behavior category")


def changes(records, limits):
    """Those of a partition's good records that change a state, in order, and how many are duplicates. A duplicate has an earlier record
    of the same user and event_id, counted or not, within so many offsets and so much time; bad records and erasures are none of them."""
    met, listed, duplicates = collections.defaultdict(list), [], 0
    for record in records:
        if record.said.is_erasure:
            listed.append(Change(record.offset, record.said.user, None, None, None))
            continue
        if record.said.event_id:
            earlier = met[record.said.user, record.said.event_id]
            is_duplicate = any(
                record.offset - offset <= limits.offsets and abs(record.timestamp_ms - timestamp_ms) <= limits.time_ms
                for offset, timestamp_ms in earlier)
            earlier.append((record.offset, record.timestamp_ms))
            if is_duplicate and limits.offsets:
                duplicates += 1
                continue
        listed.append(Change(record.offset, record.said.user, record.group, record.said.behavior, record.said.category))
    return listed, duplicates


def totals(listed):
    """How many events the states hold after the first n changes: [0, ...]."""
    held, total, sums = collections.Counter(), 0, [0]
    for change in listed:
        if change.behavior is None:
            total -= held.pop(change.user, 0)
        else:
            held[change.user] += 1
            total += 1
        sums.append(total)
    return sums


def fold(listed, names, kept):
    """The sequences of all users after these changes, as `interestd dump` prints their groups: user -> list of groups."""
    users = {}
    for change in listed:
        if change.behavior is None:
            users.pop(change.user, None)
        else:
            groups = users.setdefault(change.user, collections.defaultdict(list))
            groups[change.group].append((change.behavior, change.category))
    sequences = {}
    for user, groups in users.items():
        last_day = max(behavior[0] for listed in groups.values() for behavior, _ in listed) // DAY_MS
        sequence = [_group(group, listed, last_day, names, kept) for group, listed in groups.items()]
        sequence.sort(key=lambda group: (group["last_ms"], group["group"]))
        sequences[user] = sequence
    return sequences


def _group(group, listed, last_day, names, kept):
    listed.sort(key=lambda entry: entry[0], reverse=True)
    behaviors = [behavior for behavior, _ in listed]
    categories = collections.Counter(category for _, category in listed)
    return {
        "group": group,
        "events": len(behaviors),
        "counts": {category: categories.get(category, 0) for category in CATEGORIES},
        "dwell_ms": {
            "sum": sum(b[3] for b in behaviors), "max": max(b[3] for b in behaviors), "n": sum(b[3] > 0 for b in behaviors),
        },
        "spend_micros": {"sum": sum(b[4] for b in behaviors), "n": sum(b[4] != 0 for b in behaviors)},
        "first_ms": behaviors[-1][0],
        "last_ms": behaviors[0][0],
        "windows": {f"{days}d": sum(last_day - days < b[0] // DAY_MS <= last_day for b in behaviors) for days in WINDOWS},
        "behaviors": [
            {"time_ms": b[0], "shop": b[1], "type": names[b[2]], "dwell_ms": b[3], "spend_micros": b[4], "item": b[5]}
            for b in behaviors[:kept]
        ],
    }
