"""The fold by its definition: sort everything, count everything. Slow, and without anything of interestd's."""

import collections

from .contract import DAY_MS

CATEGORIES = ("strong", "weak", "negative", "payment")
WINDOWS = (1, 7, 30)


def fold(records, names, kept):
    """The sequences of all users of these records, as `interestd dump` prints their groups: user -> list of groups."""
    users = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in records:
        users[record.user][record.group].append((record.behavior, record.category))
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
