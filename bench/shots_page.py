"""The n-shot study as markdown tables, from its JSON: nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paired import Difference, Share, holm, probability

from rung.engine import Model
from rung.types import DataError

ALPHA, BETTER = 0.05, "better"
CURVE = ("none", "balanced", "own")  # own: the demonstrations that belong to an item
QUESTIONS = {
    "rise": "8 demonstrations against none, same prompt",
    "rise over instruction": "8 demonstrations against the best instruction without any",
    "over random": "8 demonstrations chosen by similarity against 8 at random",
    "over none": "8 demonstrations chosen by similarity against none, same prompt",
    "instruction": "a written instruction without demonstrations against the majority class",
}


def page(results: Mapping[str, Any]) -> str:
    """All tables: the curve, the choice by similarity, the tests with p corrected over the tasks."""
    first = next(iter(results.values()))
    head = f"`{first['model']}`, {first['parameters']:,} parameters, sha256 {first['sha256'][:12]}"
    return "\n\n".join([head, curve(results), similarity(results), *tests(results)]) + "\n"


def one_model(results: Mapping[str, Any], model: Model, folder: Path) -> None:
    """DataError where a folder holds results of another model: a table is about one."""
    others = {r["model"] for r in results.values() if r["sha256"] != model.sha256}
    if others:
        name = ", ".join(sorted(others))
        raise DataError(
            f"{folder} holds results of another model ({name}). Delete it, or give --out another folder",
            zh=f"{folder} 里是另一个模型（{name}）的结果。请删除它，或用 --out 指定别的文件夹",
        )


def curve(results: Mapping[str, Any]) -> str:
    """Accuracy (formats: exact match) by number of demonstrations; brackets are 95 % intervals."""
    counts = sorted({p["shots"] for r in results.values() for p in r["points"] if p["way"] in CURVE})
    head = ["task", "n", "majority", "instruction", *(f"{n} shots" for n in counts), "prompt"]
    rows = []
    for name, r in results.items():
        found = {p["shots"]: p for p in r["points"] if p["way"] in CURVE}
        cells = [shown(found.get(n)) for n in counts]
        rows.append([name, str(r["items"]), shown(r["majority"]), shown(r["instruction"]), *cells, r["curve_prompt"]])
    return table(head, rows)


def similarity(results: Mapping[str, Any]) -> str:
    """Demonstrations at random and chosen for each item, at the same number."""
    rows = []
    for name, r in results.items():
        for n in sorted({p["shots"] for p in r["points"] if p["way"] == "random"}):
            found = {p["way"]: p for p in r["points"] if p["shots"] == n}
            fewer = max(p["fewer"] for p in found.values())
            cells = [shown(found.get(way)) for way in ("random", "balanced", "bm25", "embedding")]
            rows.append([name, str(n), *cells, str(fewer)])
    return table(["task", "shots", "random", "balanced", "bm25", "embedding", "items shown fewer"], rows)


def tests(results: Mapping[str, Any]) -> list[str]:
    """One table a question; differences in points, p and Holm's p over the tasks of the table."""
    made = []
    for question, title in QUESTIONS.items():
        found = [  # by each way of choosing: "bm25-8 over random"
            (name if test == question else f"{name}, {test.split(' ')[0]}", Difference(**body))
            for name, r in results.items()
            for test, body in r["tests"].items()
            if test == question or (question.startswith("over") and test.endswith(question))
        ]
        if not found:
            continue
        corrected = holm([d.p for _, d in found])
        rows = [
            [name, str(d), d.test, probability(d.p), probability(p), verdict(d, p)]
            for (name, d), p in zip(found, corrected, strict=True)
        ]
        better = {name.split(",")[0] for name, d in found if d.value > 0 and d.p < ALPHA}
        sure = {row[0].split(",")[0] for row in rows if row[-1] == BETTER}
        asked = {name.split(",")[0] for name, _ in found}
        head = ["task", "points", "test", "p", "p (Holm)", ""]
        count = f"better on {len(better)} of {len(asked)} tasks ({len(sure)} after Holm)"
        made.append(f"**{title}**: {count}.\n\n{table(head, rows)}")
    return made


def verdict(found: Difference, p: float) -> str:
    if found.p >= ALPHA:
        return "not shown"
    word = BETTER if found.value > 0 else "worse"
    return word if p < ALPHA else f"{word}, not after Holm"


def shown(point: Mapping[str, Any] | None) -> str:
    if point is None:
        return "–"
    return str(Share(point["value"], point["low"], point["high"], point["n"]))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
