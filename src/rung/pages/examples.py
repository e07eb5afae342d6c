"""Every example with the answers of the rungs beside each other, filtered."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rung.pages.runs import find_run
from rung.pages.view import language_of, page
from rung.report.pairs import Sheet, alike, sheet, splits
from rung.report.run import Answer
from rung.types import Example, Language

router = APIRouter()
PER_PAGE = 50


@dataclass(frozen=True)
class Asked:
    """What of the examples is wanted. ``show``: "" (all), "wrong", "differ", "gained" or "lost" (``a`` against ``b``)."""

    split: str
    a: str
    b: str
    show: str
    find: str
    all: bool
    page: int


@dataclass(frozen=True)
class Row:
    """An example and its answers in the order of the columns; None where a rung has none."""

    example: Example
    answers: list[Answer | None]


@dataclass(frozen=True)
class Found:
    """One part of the list. ``total`` fit what was asked, out of ``whole``."""

    rows: list[Row]
    columns: list[str]
    total: int
    whole: int
    pages: int


@router.get("/runs/{name}/examples")
def examples(
    request: Request, name: str, split: str = "dev", a: str = "", b: str = "", show: str = "", find: str = "",
    all: str = "", number: Annotated[int, Query(alias="page")] = 1,
) -> Response:  # fmt: skip
    run, language = find_run(request.app.state.settings.runs, name), language_of(request)
    result = run.finished()
    known = splits(result)
    answers = sheet(run.folder, result, split if split in known else known[0])
    names = answers.names
    chosen = result["chosen"]["rung"] if result["chosen"] else ""
    first = a if a in names else chosen if chosen in names else next(iter(names), "")
    asked = Asked(
        answers.split, first, b if b in names and b != first else "", show, find.strip(), bool(all), max(1, number)
    )
    found = select(answers, asked)
    return page(
        request, "examples.html.j2", run=run, r=result, splits=known, names=names, asked=asked, found=found,
        shows=_shows(asked, language), tally=_tally(answers, asked, language), query=lambda n: _query(asked, n),
    )  # fmt: skip


def select(answers: Sheet, asked: Asked) -> Found:
    """The rows that fit, those of one page."""
    fitting = [example for example in answers.examples if _fits(answers, asked, example)]
    columns = answers.names if asked.all else [name for name in (asked.a, asked.b) if name]
    at = max(0, asked.page - 1) * PER_PAGE
    rows = [
        Row(example, [answers.answers[name].get(example.id) for name in columns])
        for example in fitting[at : at + PER_PAGE]
    ]
    return Found(rows, columns, len(fitting), len(answers.examples), max(1, math.ceil(len(fitting) / PER_PAGE)))


def _fits(answers: Sheet, asked: Asked, example: Example) -> bool:
    one = answers.answers.get(asked.a, {}).get(example.id)
    two = answers.answers.get(asked.b, {}).get(example.id)
    if asked.find:
        said = [one, two] if not asked.all else [given.get(example.id) for given in answers.answers.values()]
        texts = [example.input, example.target, *(a.prediction.output for a in said if a)]
        if not any(asked.find.casefold() in text.casefold() for text in texts):
            return False
    if asked.show == "wrong":
        return one is not None and not one.right
    if asked.show in ("differ", "gained", "lost"):
        if one is None or two is None or alike(one, two):
            return False
        if asked.show == "differ":
            return True
        better, worse = (one, two) if asked.show == "gained" else (two, one)
        return better.right and not worse.right
    return True


def _shows(asked: Asked, language: Language) -> list[tuple[str, str]]:
    zh = language == "zh"
    shows = [("", "全部" if zh else "all"), ("wrong", f"{asked.a} 答错的" if zh else f"{asked.a} is wrong")]
    if asked.b:
        shows += [
            ("differ", "两者不同的" if zh else "the two differ"),
            ("gained", f"只有 {asked.a} 答对" if zh else f"only {asked.a} is right"),
            ("lost", f"只有 {asked.b} 答对" if zh else f"only {asked.b} is right"),
        ]
    return shows


def _tally(answers: Sheet, asked: Asked, language: Language) -> str:
    """How the two stand against each other, counted over the whole split."""
    if not asked.b:
        return ""
    one, two = answers.answers[asked.a], answers.answers[asked.b]
    both = [id for id in one if id in two]
    gained = sum(one[id].right and not two[id].right for id in both)
    lost = sum(two[id].right and not one[id].right for id in both)
    if language == "zh":
        return f"只有 {asked.a} 答对 {gained} 条，只有 {asked.b} 答对 {lost} 条"
    return f"only {asked.a} is right on {gained}, only {asked.b} on {lost}"


def _query(asked: Asked, number: int) -> str:
    values: dict[str, Any] = {"split": asked.split, "a": asked.a, "b": asked.b, "show": asked.show, "find": asked.find}
    return urlencode({**values, **({"all": "1"} if asked.all else {}), "page": number})
