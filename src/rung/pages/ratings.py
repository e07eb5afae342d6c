"""What people said of pairs of answers: ``RUN/ratings.jsonl``, one line each, and what follows from it.

A line says who was on which side, what was chosen and in how many seconds. A line that is taken back is taken out. The
side is decided by a hash of example, pair and rater: the same after a reload, and not to be told from the page.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from threading import Lock
from typing import Any

from rung.evaluate import wilson
from rung.pages.runs import NotFound
from rung.report.judging import account
from rung.report.pairs import Sheet, text_of
from rung.report.preferences import RATINGS, judged_by, mend, people, read_ratings, write_lines
from rung.types import Example, Prediction, digest

CHOICES = ("left", "right", "tie")
SLOWEST = 3600.0  # seconds; whoever took longer was away
_writing = Lock()


@dataclass(frozen=True)
class Pair:
    """Two rungs of a run on one split, and who rates them."""

    a: str
    b: str
    split: str
    rater: str

    @property
    def key(self) -> list[str]:
        """The pair without an order."""
        return sorted((self.a, self.b))


@dataclass(frozen=True)
class Item:
    """Two answers to be held against each other; which rung is which stays with the server."""

    example: Example
    left: Prediction
    right: Prediction
    left_rung: str
    right_rung: str


def of_pair(ratings: Sequence[dict[str, Any]], pair: Pair) -> list[dict[str, Any]]:
    """The ratings of one person on one pair."""
    return [
        r
        for r in ratings
        if (sorted((r["left"]["rung"], r["right"]["rung"])), r["split"], r["rater"])
        == (pair.key, pair.split, pair.rater)
    ]


def order(sheet: Sheet, pair: Pair) -> list[Example]:
    """What is to be rated, shuffled for this rater."""
    return sorted(sheet.differ(*pair.key), key=lambda e: digest("order", e.id, pair.key, pair.rater))


def item(sheet: Sheet, pair: Pair, example: Example) -> Item:
    """The two answers to an example, on the sides that belong to it."""
    left, right = pair.key
    if int(digest("side", example.id, pair.key, pair.rater), 16) % 2:
        left, right = right, left
    one, two = sheet.answers[left][example.id], sheet.answers[right][example.id]
    return Item(example, one.prediction, two.prediction, left, right)


def following(sheet: Sheet, pair: Pair, ratings: Sequence[dict[str, Any]]) -> tuple[Item | None, int, int]:
    """(what to rate next or None, how many are rated, of how many)."""
    wanted = order(sheet, pair)
    rated = {r["example"] for r in of_pair(ratings, pair)}
    rest = [example for example in wanted if example.id not in rated]
    return (item(sheet, pair, rest[0]) if rest else None), len(wanted) - len(rest), len(wanted)


def rate(run: Path, sheet: Sheet, pair: Pair, example: str, choice: str, seconds: float) -> None:
    """Keep a choice. NotFound for an example that is not asked about; one that was rated already stays as it was."""
    found = next((e for e in order(sheet, pair) if e.id == example), None)
    if found is None or choice not in CHOICES:
        raise NotFound("this pair is not asked about", zh="没有这一对")
    shown = item(sheet, pair, found)
    sides = {
        side: {"rung": name, "adaptation": sheet.hashes[name], "output": text_of(answer)}
        for side, name, answer in (
            ("left", shown.left_rung, shown.left),
            ("right", shown.right_rung, shown.right),
        )
    }
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "rater": pair.rater, "split": pair.split,
        "example": example, "input": found.input, **sides, "choice": choice,
        "seconds": round(min(max(seconds, 0.0), SLOWEST), 2),
    }  # fmt: skip
    with _writing:
        if any(r["example"] == example for r in of_pair(read_ratings(run), pair)):
            return  # a button pressed twice
        mend(run / RATINGS)  # a rating that is written behind half a line is lost with it
        write_lines(run / RATINGS, [line], "a")


def undo(run: Path, pair: Pair) -> None:
    """Take the last rating of this person on this pair out of the file."""
    with _writing:
        every = read_ratings(run)
        mine = of_pair(every, pair)
        if mine:
            last = max(i for i, r in enumerate(every) if r == mine[-1])
            kept = [json.dumps(r, ensure_ascii=False) + "\n" for i, r in enumerate(every) if i != last]
            partial = run / f"{RATINGS}.new"
            partial.write_text("".join(kept), encoding="utf-8")
            partial.replace(run / RATINGS)


def summaries(
    ratings: Sequence[dict[str, Any]], sheets: dict[str, Sheet], judgements: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """For each pair of rungs and split: wins, ties and losses of the first, its win rate with a Wilson interval (a tie is half
    a win), the share of left choices, how often the metric agrees where it tells the two apart, and each judge's account.
    """
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for r in ratings:
        a, b = sorted((r["left"]["rung"], r["right"]["rung"]))
        groups.setdefault((a, b, r["split"]), []).append(r)
    return [
        {
            **_summary(a, b, split, given, sheets.get(split)),
            "judges": _judges(a, b, given, sheets.get(split), judgements),
        }
        for (a, b, split), given in groups.items()
    ]


def _summary(a: str, b: str, split: str, given: list[dict[str, Any]], sheet: Sheet | None) -> dict[str, Any]:
    won = [r[r["choice"]]["rung"] if r["choice"] != "tie" else None for r in given]
    wins, losses, ties = won.count(a), won.count(b), won.count(None)
    sides = [r["choice"] for r in given if r["choice"] != "tie"]
    return {
        "a": a, "b": b, "split": split, "wins": wins, "losses": losses, "ties": ties,
        "rate": _share(wins + ties / 2, len(given)),
        "left": _share(sides.count("left"), len(sides)),
        "seconds": median(r["seconds"] for r in given),
        "raters": sorted({r["rater"] for r in given if r["rater"]}),
        "agreement": _agreement(a, b, given, won, sheet),
    }  # fmt: skip


def _agreement(
    a: str, b: str, given: list[dict[str, Any]], won: list[str | None], sheet: Sheet | None
) -> dict[str, Any] | None:
    """Of the choices where the metric's marks differ: how many are for the higher mark."""
    if sheet is None or a not in sheet.answers or b not in sheet.answers:
        return None
    agreed = []
    for r, winner in zip(given, won, strict=True):
        one, two = sheet.answers[a].get(r["example"]), sheet.answers[b].get(r["example"])
        if winner and one and two and one.score is not None and two.score is not None and one.score != two.score:
            agreed.append(winner == (a if one.score > two.score else b))
    return _share(sum(agreed), len(agreed)) if agreed else None


def _judges(
    a: str, b: str, given: Sequence[dict[str, Any]], sheet: Sheet | None, judgements: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """How far each judge of these adaptations agrees with the people who rated the same pairs."""
    if sheet is None or a not in sheet.hashes or b not in sheet.hashes:
        return []
    one, two = sheet.hashes[a], sheet.hashes[b]
    said = people(given, one, two, sheet.split)
    told = []
    for judge in {(j["judge"]["hash"], j["judge"]["dtype"]): j["judge"] for j in judgements}.values():
        judged = judged_by(judgements, one, two, sheet.split, judge)
        both = [judged[example] for example in said if example in judged]
        if both:
            told.append({"name": judge["name"], **account(both, {}, said).as_json()})
    return told


def _share(hits: float, n: int) -> dict[str, Any]:
    low, high = wilson(hits, n) if n else (None, None)
    return {"value": hits / n if n else None, "low": low, "high": high, "n": n}
