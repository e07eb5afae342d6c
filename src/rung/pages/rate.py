"""Blind pairwise rating: two answers, no names, keys 1, 2 and 0; what comes of it."""

from __future__ import annotations

import json
import math
import time
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from rung.pages import ratings
from rung.pages.form import Posted, field
from rung.pages.ratings import Pair
from rung.pages.run import attachment
from rung.pages.runs import NotFound, Run, find_run
from rung.pages.view import page
from rung.report.pairs import Sheet, sheet, splits
from rung.report.preferences import preferences, read_judgements, read_ratings

router = APIRouter()
RATER = 40  # characters of a name


@router.get("/runs/{name}/rate")
def ask(request: Request, name: str, a: str = "", b: str = "", split: str = "dev", rater: str = "") -> Response:
    run = find_run(request.app.state.settings.runs, name)
    sheets = _sheets(run)
    given = read_ratings(run.folder)
    values: dict[str, Any] = {"pair": None, "item": None, "done": 0, "of": 0}
    if a and b:
        pair = _pair(sheets, a, b, split, rater)
        values["pair"] = pair
        values["item"], values["done"], values["of"] = ratings.following(sheets[pair.split], pair, given)
    summaries = ratings.summaries(given, sheets, read_judgements(run.folder))
    names = sheets["dev"].names
    return page(
        request, "rate.html.j2", run=run, r=run.finished(), names=names, summaries=summaries,
        shown=f"{time.time():.3f}", **values,
    )  # fmt: skip


@router.post("/runs/{name}/rate")
def rated(request: Request, name: str, form: Posted) -> Response:
    """Keep a choice, or take the last one back, and show the next pair."""
    run = find_run(request.app.state.settings.runs, name)
    sheets = _sheets(run)
    pair = _pair(sheets, *(field(form, key) for key in ("a", "b", "split", "rater")))
    choice = field(form, "choice")
    if choice == "undo":
        ratings.undo(run.folder, pair)
    else:
        ratings.rate(run.folder, sheets[pair.split], pair, field(form, "example"), choice, _since(field(form, "shown")))
    asked = urlencode({"a": pair.a, "b": pair.b, "split": pair.split, "rater": pair.rater})
    return RedirectResponse(f"/runs/{quote(name, safe='')}/rate?{asked}", 303)


@router.get("/runs/{name}/ratings.jsonl")
def kept(request: Request, name: str) -> Response:
    """Every rating as it is kept."""
    run = find_run(request.app.state.settings.runs, name)
    return _lines(run, read_ratings(run.folder), "ratings")


@router.get("/runs/{name}/preferences.jsonl")
def preferred(request: Request, name: str) -> Response:
    """The ratings as preference data, which ``rung data`` reads."""
    run = find_run(request.app.state.settings.runs, name)
    return _lines(run, preferences(read_ratings(run.folder)), "preferences")


def _sheets(run: Run) -> dict[str, Sheet]:
    return {split: sheet(run.folder, run.finished(), split) for split in splits(run.finished())}


def _pair(sheets: dict[str, Sheet], a: str, b: str, split: str, rater: str) -> Pair:
    at = split if split in sheets else "dev"
    if a == b or any(rung not in sheets[at].names for rung in (a, b)):
        raise NotFound("choose two different rungs that were measured", zh="请选择两个不同的、测过的方法")
    return Pair(a, b, at, " ".join(rater.split())[:RATER])


def _since(shown: str) -> float:
    """Seconds since the page was made; 0 where that is not told as a number."""
    try:
        seconds = time.time() - float(shown)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0


def _lines(run: Run, rows: list[dict[str, Any]], what: str) -> Response:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Response(text, media_type="application/jsonl", headers=attachment(f"{run.name}-{what}.jsonl"))
