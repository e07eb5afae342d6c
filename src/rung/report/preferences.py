"""Who prefers which of two answers: people in ``RUN/ratings.jsonl``, judges in ``RUN/judgements.jsonl``, one line each.

Adaptations are known by their hashes here: a rung that was climbed again is another one, and old lines say nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rung.evaluate import Choice, Contest, Judged, Order
from rung.folders import room_for
from rung.report.pairs import Sheet, text_of
from rung.types import Example, digest

RATINGS = "ratings.jsonl"
JUDGEMENTS = "judgements.jsonl"
Line = dict[str, Any]


def read_lines(path: Path) -> list[Line]:
    """The whole lines of a file, the oldest first; none where it is not there. A line that is being written is no line yet."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    return [json.loads(line) for line in lines]


def read_ratings(run: Path) -> list[Line]:
    """Every rating, the oldest first."""
    return read_lines(run / RATINGS)


def preferences(ratings: Sequence[Line]) -> list[dict[str, str]]:
    """The ratings as preference data: input, chosen, rejected. Ties say nothing and are left out."""
    decided = [(r, "right" if r["choice"] == "left" else "left") for r in ratings if r["choice"] != "tie"]
    return [_preference(r["input"], r[r["choice"]], r[other]) for r, other in decided]


def judged_preferences(lines: Sequence[Line]) -> list[dict[str, str]]:
    """The judgements likewise, each with the source "judge"."""
    decided = [(r, "b" if r["choice"] == "a" else "a") for r in lines if r["choice"] in ("a", "b")]
    return [{**_preference(r["input"], r[r["choice"]], r[other]), "source": "judge"} for r, other in decided]


def _preference(input: str, chosen: Mapping[str, str], rejected: Mapping[str, str]) -> dict[str, str]:
    return {"input": input, "chosen": chosen["output"], "rejected": rejected["output"]}


def people(ratings: Iterable[Line], a: str, b: str, split: str) -> dict[str, Choice]:
    """Whom people preferred on each example, of the adaptations with the hashes ``a`` and ``b``.

    Where several have rated a pair, the side with more votes; a tie where the votes are equal.
    """
    votes: dict[str, int] = {}
    for r in ratings:
        sides = {"left": r["left"]["adaptation"], "right": r["right"]["adaptation"]}
        if r["split"] == split and set(sides.values()) == {a, b}:
            vote = 0 if r["choice"] == "tie" else 1 if sides[r["choice"]] == a else -1
            votes[r["example"]] = votes.get(r["example"], 0) + vote
    return {example: "a" if n > 0 else "b" if n < 0 else "tie" for example, n in votes.items()}


# --- judgements -------------------------------------------------------------------------------------------------------


def read_judgements(run: Path) -> list[Line]:
    """Every judgement, the oldest first."""
    return read_lines(run / JUDGEMENTS)


def judged_by(lines: Iterable[Line], a: str, b: str, split: str, judge: Mapping[str, str]) -> dict[str, Judged]:
    """What one judge said of the adaptations with the hashes ``a`` and ``b`` on a split, by example."""
    found: dict[str, Judged] = {}
    for line in lines:
        pair = (line["a"]["adaptation"], line["b"]["adaptation"])
        same = all(line["judge"][key] == judge[key] for key in ("hash", "dtype"))
        if same and line["split"] == split and pair in ((a, b), (b, a)):
            judged = judged_of(line)
            found[judged.example] = judged if pair == (a, b) else judged.mirrored()
    return found


def judged_of(line: Line) -> Judged:
    """A line, read."""
    orders = [Order(o["said"], None if o["scores"] is None else tuple(o["scores"])) for o in line["orders"]]
    return Judged(line["example"], *orders)


def contests(sheet: Sheet, a: str, b: str, first: Iterable[str] = ()) -> list[Contest]:
    """The examples on which the rungs ``a`` and ``b`` differ, as they are shown: those of the ids ``first`` before others, each
    part shuffled, always alike. Two answers that are written alike (one of them not valid) cannot be told apart: left out.
    """
    wanted = set(first)
    order = sorted(sheet.differ(a, b), key=lambda e: (e.id not in wanted, digest("judge", e.id)))
    found = [_contest(sheet, a, b, example) for example in order]
    return [c for c in found if c.a != c.b]


def _contest(sheet: Sheet, a: str, b: str, example: Example) -> Contest:
    one, two = (text_of(sheet.answers[name][example.id].prediction) for name in (a, b))
    return Contest(example.id, example.input, one, two)


def line_of(judged: Judged, contest: Contest, sheet: Sheet, a: str, b: str, judge: Mapping[str, str]) -> Line:
    """A judgement as it is kept."""
    sides = {
        key: {"rung": name, "adaptation": sheet.hashes[name], "output": output}
        for key, name, output in (("a", a, contest.a), ("b", b, contest.b))
    }
    orders = [
        {"first": first, "said": order.said, "scores": order.scores}
        for first, order in (("a", judged.a_first), ("b", judged.b_first))
    ]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"), "split": sheet.split, "example": judged.example,
        "input": contest.input, **sides, "orders": orders, "margin": judged.margin, "choice": judged.choice,
        "judge": dict(judge),
    }  # fmt: skip


def keep_judgement(run: Path, line: Line) -> None:
    """Write a line; whole, or to be cut off by :func:`mend` after a kill."""
    write_lines(run / JUDGEMENTS, [line], "a")


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]], mode: str = "w") -> None:
    """A line of JSON for each."""
    with room_for(path), path.open(mode, encoding="utf-8") as out:
        out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def mend(path: Path) -> None:
    """Cut off the half of a line that a kill left at the end of a file of ratings or judgements."""
    if path.is_file() and (raw := path.read_bytes()) and not raw.endswith(b"\n"):
        with path.open("r+b") as out:
            out.truncate(raw.rfind(b"\n") + 1)
