"""Trains and scores a small model on interestd's bundled sample: which of a user's groups does the next receipt touch?

    interestd ingest --config Ops/sample/behaviors.yaml --cluster-map Ops/sample/groups.csv --state ./state Ops/sample/behaviors.jsonl.gz
    interestd serve --state ./state --resp 127.0.0.1:6379 &
    python Ops/python-client/examples/score.py 127.0.0.1:6379

Each user's newest receipt is the answer, and what came before it the question: of every group the kept behaviors give how often, how
lately and how regularly the user came, and what was paid. A logistic regression in numpy learns from seven of ten users and is measured
on the others. A ranking model would take the same tensors, [batch, groups, K] with a mask.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Tuple

import numpy as np
from numpy.typing import NDArray

from interestd_client import PaddedBatch, Query, RESPClient

SAMPLE = Path(__file__).resolve().parents[2] / "sample" / "behaviors.jsonl.gz"
DAY_MS = 86_400_000
NAMES = ("times", "days since the last", "mean days between", "longest time away", "mean spend")


def sample_users() -> "list[str]":
    with gzip.open(SAMPLE, "rt") as lines:
        return sorted({json.loads(line)["user_id"] for line in lines})


def questions(padded: PaddedBatch) -> Tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Features [batch, groups, 5], labels and a mask [batch, groups], from what was before each user's newest receipt."""
    time_ms, mask = padded.behaviors["time_ms"], padded.behavior_mask
    newest_ms = np.where(mask, time_ms, 0).max(axis=(1, 2), keepdims=True)
    label = (mask & (time_ms == newest_ms)).any(axis=2)
    before = mask & (time_ms < newest_ms)
    count = before.sum(axis=2)
    some = np.maximum(count, 1)
    last_ms = np.where(before, time_ms, 0).max(axis=2)
    first_ms = np.where(before, time_ms, newest_ms).min(axis=2)
    # Newest first: each behavior's gap to the one after it in the row.
    gaps_ms = np.where(before[:, :, 1:] & before[:, :, :-1], time_ms[:, :, :-1] - time_ms[:, :, 1:], 0)
    spend = np.where(before, padded.behaviors["spend_micros"], 0).sum(axis=2) / some / 1e6
    features = np.stack(
        [
            count,
            (newest_ms[:, :, 0] - last_ms) / DAY_MS,
            (last_ms - first_ms) / DAY_MS / some,
            gaps_ms.max(axis=2, initial=0) / DAY_MS,
            np.maximum(spend, 0),
        ],
        axis=2,
    )
    is_question = count > 0
    # A group without anything before has no times to count from.
    return np.log1p(np.where(is_question[:, :, None], features, 0)), label, is_question


def train(features: NDArray[np.float64], labels: NDArray[np.bool_], steps: int = 2000) -> NDArray[np.float64]:
    """Logistic regression by gradient descent; the last weight is the bias."""
    inputs = np.column_stack([features, np.ones(len(features))])
    weights = np.zeros(inputs.shape[1])
    for _ in range(steps):
        error = 1 / (1 + np.exp(-inputs @ weights)) - labels
        weights -= 0.5 * (inputs.T @ error / len(error) + 1e-4 * weights)
    return weights


def auc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """How often a group that was touched scores above one that was not."""
    ranks = np.empty(len(scores))
    ranks[np.argsort(scores, kind="stable")] = np.arange(1, len(scores) + 1)
    touched = labels.sum()
    return float((ranks[labels].sum() - touched * (touched + 1) / 2) / (touched * (len(labels) - touched)))


def main() -> None:
    host, _, port = sys.argv[-1].rpartition(":")
    if len(sys.argv) != 2 or not host or not port.isdigit():
        sys.exit("usage: score.py HOST:PORT, where interestd serves RESP: 127.0.0.1:6379")
    users = sample_users()
    with RESPClient(host, int(port)) as client:
        batch = client.sequences(users, Query(groups=100, fields=["behavior_time", "behavior_spend"]))
    padded = batch.pad(groups=100, behaviors=32, features=[])
    features, label, mask = questions(padded)
    is_training = np.zeros(len(users), dtype=bool)
    is_training[np.random.default_rng(7).permutation(len(users))[: len(users) * 7 // 10]] = True
    trained, held_out = is_training[:, None] & mask, ~is_training[:, None] & mask
    mean, deviation = features[trained].mean(axis=0), features[trained].std(axis=0) + 1e-9
    normal = (features - mean) / deviation
    weights = train(normal[trained], label[trained])
    scores = normal @ weights[:-1] + weights[-1]
    print(f"{len(users)} users, {int(mask.sum())} groups of theirs, {label[mask].mean():.1%} touched by the newest receipt")
    for name, weight in zip(NAMES, weights):
        print(f"  {name:24} {weight:+.2f}")
    print(f"AUC on held-out users: {auc(scores[held_out], label[held_out]):.3f}")


if __name__ == "__main__":
    main()
