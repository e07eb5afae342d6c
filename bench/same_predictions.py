"""Two climbs of one task, prediction by prediction: the same model in this process and behind an endpoint, say.

    python bench/same_predictions.py runs/here runs/there

Predictions are matched by candidate and example. Told are those that only one climb has, those whose demonstrations differ (so the prompt
did), and among the others how many outputs and scores differ and by how much the labels' log-probabilities do at most; then what
the results say. Exit status 1 where anything but demonstrations, and what follows from them, differs.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple


class Row(NamedTuple):
    output: str
    valid: int
    scores: str | None
    shown: str
    score: float | None


def rows_of(run: Path) -> dict[tuple[str, str, int], Row]:
    """(candidate, example, sample) -> what was answered."""
    with closing(sqlite3.connect(run / "ledger.sqlite")) as db:
        found = db.execute(
            "SELECT a.rung || '/' || a.name, p.example, p.sample, p.output, p.valid, p.scores, p.shown, p.score "
            "FROM predictions p JOIN adaptations a ON a.hash = p.adaptation"
        )
        return {tuple(row[:3]): Row(*row[3:]) for row in found}


def result_of(run: Path) -> list[Any]:
    """What a climb decided: its best candidates with their figures, its choice, its test."""
    told = json.loads((run / "result.json").read_text(encoding="utf-8"))
    best = [(row["name"], row["status"], row["best"], row["dev"]) for row in told["rungs"]]
    return [best, told["chosen"]["candidate"], told["test"]["value"]]


def distance(one: Row, other: Row) -> float:
    """The largest difference of a label's log-probability; of rows without scores 0."""
    pairs = zip(json.loads(one.scores or "[]"), json.loads(other.scores or "[]"), strict=True)
    return max((abs(a - b) for a, b in pairs), default=0.0)


def main(here: Path, there: Path) -> bool:
    one, other = rows_of(here), rows_of(there)
    both = sorted(one.keys() & other.keys())
    shown = [key for key in both if one[key].shown != other[key].shown]
    alike = [key for key in both if one[key].shown == other[key].shown]
    outputs = [key for key in alike if one[key][:2] != other[key][:2]]
    scores = [key for key in both if one[key].score != other[key].score]
    results = result_of(here) == result_of(there)
    print(f"{len(both)} predictions in both, {len(one) - len(both)} and {len(other) - len(both)} in one of them")
    print(
        f"{len(shown)} with other demonstrations: {len([k for k in shown if one[k][:2] != other[k][:2]])} other outputs"
    )
    print(f"{len(alike)} with the same: {len(outputs)} other outputs,", end=" ")
    print(f"log-probabilities within {max((distance(one[k], other[k]) for k in alike), default=0.0):.1e}")
    print(f"{len(scores)} other scores; figures, verdicts, choice and test {'the same' if results else 'differ'}")
    return results and not outputs and len(one) == len(other) == len(both) and set(scores) <= set(shown)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1]), Path(sys.argv[2])) else 1)
