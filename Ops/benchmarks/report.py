"""Raw results as JSON, and what matters of them as Markdown."""

import collections
import json
import pathlib

from . import lookup_targets, machine, targets
from .targets import judge

# `measurements`: name -> heading; `columns`: key and heading, of which the first tells its spread too.
Layout = collections.namedtuple("Layout", "title measurements columns targets")

MEASUREMENTS = {
    "process": "In process, generated in memory",
    "broker": "From a real broker on the same cores, the same topic",
    "real": "Real data: completejourney, JSON",
    "events": "By the number of events, 50,000 users",
    "users": "By the number of users, 20 million events",
    "memory": "The same from memory, without librdkafka",
    "partitions": "By the number of partitions",
    "hot": "One user with 30 % of all events, from a broker",
    "stages": "Stages",
}
COLUMNS = [
    ("events_per_s", "events/s"), ("cpu_s_per_million", "CPU s per million"), ("cpu_s_per_million_ingest", "before compaction"),
    ("allocations_per_event", "allocations per event"), ("peak_rss_mb", "peak MB"), ("disk_bytes_per_event", "written bytes per event"),
    ("state_bytes_per_event", "state bytes per event"), ("write_amplification", "write amplification"),
    ("lookup_p50_us", "lookup p50 us"), ("lookup_p99_us", "lookup p99 us"),
]
INGESTION = Layout("Ingestion", MEASUREMENTS, COLUMNS, targets.TARGETS)
LOOKUPS = Layout(
    "Lookups", {
        "pipelined": "RESP, 16 commands at a time on 50 connections", "single": "RESP, one command at a time on 50 connections",
        "grpc": "gRPC, 10 calls at a time on 10 connections, and at a steady rate", "http": "HTTP, one request at a time on 50 connections",
        "process": "In this process, on one thread", "large": "In this process, users of 5,000 groups, of which 100 are asked for",
        "ingesting": "While ingesting from a broker, over RESP, timed from when each lookup was due",
        "flat": "By the number of events, in this process, 50,000 users",
    }, [
        ("per_s", "lookups/s"), ("cpu_us", "server CPU us"), ("p50_us", "p50 us"), ("p99_us", "p99 us"), ("greatest_us", "greatest us"),
        ("answer_bytes", "bytes of an answer"), ("failures", "failures"), ("events_per_s", "events/s"),
        ("client_cores", "cores of the client"), ("peak_rss_mb", "peak MB"),
    ], lookup_targets.TARGETS)
SOAK_COLUMNS = [
    ("at_s", "s"), ("events_per_s", "events/s"), ("cpu_cores", "cores"), ("rss_mb", "resident MB"), ("lag_events", "lag"),
    ("state_mb", "state MB"), ("level_files", "files by level"), ("lookup_p50_us", "lookup p50 us"), ("lookup_p99_us", "lookup p99 us"),
]
VERDICTS = {True: "met", False: "**missed**", None: "not measured"}


def number(value):
    """As few digits as tell it."""
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(number(part) for part in value)
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join(["---"] + ["---:"] * (len(header) - 1)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def targets_table(runs, judged):
    rows = []
    for target, figure, is_met in judge(runs, judged):
        limit = f"{'at least' if target.is_least else 'at most'} {number(target.limit)}"
        rows.append([target.name, f"{number(figure)} {target.unit}".strip() if figure is not None else "-", limit, VERDICTS[is_met]])
    return table(["target", "figure", "limit", ""], rows)


def measurement_table(runs, measurement, columns):
    subjects = runs.subjects(measurement)
    columns = [(key, title) for key, title in columns if any(runs.values(measurement, subject, key) for subject in subjects)]
    rows = []
    for subject in subjects:
        medians = [number(runs.median(measurement, subject, key)) for key, _ in columns]
        spread = runs.spread(measurement, subject, columns[0][0]) if columns else None
        if spread and spread[0] != spread[1]:
            medians[0] += f" ({number(spread[0])} - {number(spread[1])})"
        rows.append([subject, *medians])
    return table(["", *(title for _, title in columns)], rows)


def stages_table(runs):
    """Of the run that timed its stages apart."""
    timed = [run["figures"] for run in runs.list if run["measurement"] == "stages" and "figures" in run]
    rows = [[key.removesuffix("_ns"), number(value)] for figures in timed for key, value in figures.items() if key.endswith("_ns")]
    return table(["stage", "ns per event"], rows) if rows else ""


def markdown(runs, about, notes, layout=INGESTION):
    parts = [f"# {layout.title}\n\n{machine.line(about)}.\n"]
    parts += [f"{note}\n" for note in notes]
    parts.append(f"## Targets\n\n{targets_table(runs, layout.targets)}")
    for measurement, title in layout.measurements.items():
        if measurement == "stages":
            body = stages_table(runs)
        else:
            body = measurement_table(runs, measurement, layout.columns) if runs.subjects(measurement) else ""
        if body:
            parts.append(f"## {title}\n\n{body}")
    if runs.errors:
        parts.append("## Failed\n\n" + "".join(f"- {run['measurement']}, {run['subject']}: {run['error']}\n" for run in runs.errors))
    return "\n".join(parts)


def write(runs, about, options, notes, directory, name, layout=INGESTION):
    """Both files; returns the Markdown."""
    text = markdown(runs, about, notes, layout)
    verdicts = [
        {"name": target.name, "unit": target.unit, "limit": target.limit, "is_least": target.is_least, "figure": figure, "is_met": is_met}
        for target, figure, is_met in judge(runs, layout.targets)
    ]
    whole = {"machine": about, "options": options, "notes": notes, "targets": verdicts, "medians": runs.medians(), "runs": runs.list}
    write_files(directory, name, whole, text)
    return text


def write_files(directory, name, whole, text):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (directory / f"{name}.md").write_text(text, encoding="utf-8")


def soak_markdown(samples, end, verdicts, failure, about, options):
    parts = [
        f"# Soak\n\n{options['minutes']:g} minutes, {options['rate']:,} records a second of {options['users']:,} users, "
        f"{options['partitions']} partitions, {options['lookups']:g} lookups a second ({options['protocol']}). {machine.line(about)}.\n"]
    if failure:
        parts.append(f"**Not finished**: {failure}\n")
    rows = [[verdict.name, verdict.figure, verdict.limit, VERDICTS[verdict.is_met]] for verdict in verdicts]
    parts.append(table(["", "figure", "limit", ""], rows))
    if end.get("lookup_failures"):
        parts.append("Lookups failed, the first of them: " + "; ".join(end["lookup_failures"]) + "\n")
    # A dozen rows tell the course; the JSON has every sample.
    step = max(len(samples) // 12, 1)
    shown = samples[::step] + ([samples[-1]] if samples and (len(samples) - 1) % step else [])
    rows = [[number(sample.get(key)) for key, _ in SOAK_COLUMNS] for sample in shown]
    parts.append(table([title for _, title in SOAK_COLUMNS], rows))
    return "\n".join(parts)


def write_soak(samples, end, verdicts, failure, about, options, directory):
    """Both files; returns the Markdown."""
    text = soak_markdown(samples, end, verdicts, failure, about, options)
    whole = {
        "machine": about, "options": options, "failure": failure, "verdicts": [verdict._asdict() for verdict in verdicts], "end": end,
        "samples": samples}
    write_files(directory, "soak", whole, text)
    return text
