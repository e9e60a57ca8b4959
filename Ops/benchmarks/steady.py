"""Whether a soak held what it has to, told from its samples."""

import collections
import statistics

BUDGET_MB = 512
# Of the budget: how far memory may go beyond it, and how much it may grow over the second half.
EXCESS, GROWTH = 0.10, 0.05
# Until so long after the beginning nothing is steady yet.
WARM_UP_S = 30
# The second half begins later than that, or it is not judged: caches and the ids of duplicates take their time to fill.
FILLED_S = 600

Verdict = collections.namedtuple("Verdict", "name figure limit is_met")


def growth(samples, key):
    """How much a figure grows over the second half: twice as much as from the median of its third quarter to that of its last. None of
    a short soak."""
    half = samples[len(samples) // 2 :]
    values = [sample[key] for sample in half if sample.get(key) is not None]
    middle = len(values) // 2
    if middle == 0 or half[0]["at_s"] < FILLED_S:
        return None
    return 2 * (statistics.median(values[middle:]) - statistics.median(values[:middle]))


def greatest(samples, key, after_s=0):
    values = [sample[key] for sample in samples if sample["at_s"] >= after_s and sample.get(key) is not None]
    return max(values) if values else None


def judge(samples, end, lag_limit, level0_limit):
    """`end`: what was found at the end; figures that are not there are not judged."""

    def at_most(name, figure, limit, unit):
        met = None if figure is None else figure <= limit
        told = "-" if figure is None else f"{figure:,.0f} {unit}"
        return Verdict(name, told, f"at most {limit:,.0f} {unit}", met)

    verdicts = [
        at_most("resident memory, greatest", greatest(samples, "peak_rss_mb"), BUDGET_MB * (1 + EXCESS), "MB"),
        at_most("resident memory, growth over the second half", growth(samples, "rss_mb"), BUDGET_MB * GROWTH, "MB"),
        at_most("lag, greatest", greatest(samples, "lag_events", WARM_UP_S), lag_limit, "events"),
        at_most("files at level 0, greatest", greatest(samples, "level0_files"), level0_limit, "files"),
        at_most(f"lookups without an answer, of {end.get('lookups', 0):,}", end.get("lookups_failed"), 0, "lookups"),
    ]
    produced = end.get("produced")
    for key, name in [("counted", "behaviors counted"), ("applied", "offsets applied"), ("in_state", "behaviors in all users' states")]:
        figure = end.get(key)
        met = None if figure is None or produced is None else figure == produced
        verdicts.append(
            Verdict(name, "-" if figure is None else f"{figure:,}", "-" if produced is None else f"exactly {produced:,}", met))
    if "exit_code" in end:
        verdicts.append(Verdict("exit code after SIGTERM", str(end["exit_code"]), "exactly 0", end["exit_code"] == 0))
    return verdicts
