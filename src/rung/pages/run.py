"""A run: watched while it climbs, read when it has ended."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from rung.ladder import Progress
from rung.ladder.result import EMPTY
from rung.pages.climb import check_budget
from rung.pages.fields import at_fields
from rung.pages.form import Posted, field
from rung.pages.runs import Run, find_run
from rung.pages.view import language_of, page, text_of
from rung.report.charts import break_even_chart, cost_chart, order_chart, shots_chart
from rung.report.charts.cost import KEYS, common_unit
from rung.report.doing import doing, time_left
from rung.report.figures import Figures
from rung.report.html import render_report, track
from rung.report.prompt import shown_prompt
from rung.report.run import answers, chosen_adaptation, open_ledger
from rung.report.sentences import rounded, three_sentences
from rung.report.text import STATUS, term
from rung.types import Language, digest, typed

router = APIRouter()
NOTES = 4  # the latest notes of a climb that are shown


@router.get("/runs/{name}")
def show(request: Request, name: str, unit: str = "", power: int = -1) -> Response:
    request.app.state.climbs.reap()
    run, language = find_run(request.app.state.settings.runs, name), language_of(request)
    values: dict[str, Any] = {"run": run, "r": run.result, "live": "", "status": "", "version": "", "title": ""}
    if run.state == "running" or run.result is None:
        values |= {"r": run.result if run.state != "running" else None, **_watched(request, run)}
    else:
        values |= _read(run, language, unit, power)
    return page(request, "run.html.j2", **values)


@router.get("/runs/{name}/live")
def live(request: Request, name: str, version: str = "") -> Response:
    """What has changed since ``version``: the ladder as HTML, the state in words, and what is worth saying aloud."""
    request.app.state.climbs.reap()
    run = find_run(request.app.state.settings.runs, name)
    found = _watched(request, run)
    html = None if version == found["version"] else found["live"]
    body = {"running": run.state == "running", "html": html, "status": found["status"], "version": found["version"]}
    return JSONResponse({**body, "said": _said(run.steps, language_of(request))})


@router.post("/runs/{name}/stop")
def stop(request: Request, name: str, form: Posted) -> Response:
    """Interrupt the climb, as Ctrl-C would."""
    run = find_run(request.app.state.settings.runs, name)
    request.app.state.climbs.stop(run)
    return _back(name)


@router.post("/runs/{name}/continue")
def go_on(request: Request, name: str, form: Posted) -> Response:
    """The same command again; a budget counts what was spent before."""
    run, budget = find_run(request.app.state.settings.runs, name), field(form, "budget")
    arguments = run.launch["arguments"] if run.launch else []
    check_budget(budget, arguments[arguments.index("--model") + 1] if "--model" in arguments else "")
    request.app.state.climbs.go_on(run, budget)
    return _back(name)


@router.get("/runs/{name}/report.html")
def report(request: Request, name: str) -> Response:
    """The report as a file to keep. Not shown here: it has its styles inside, which these pages do not allow."""
    run = find_run(request.app.state.settings.runs, name)
    result, ledger = run.finished(), open_ledger(run.folder)
    try:
        text = render_report(run.folder, result, ledger, language_of(request))
    finally:
        ledger.close()
    return Response(text, media_type="text/html", headers=attachment(f"{name}.html"))


def attachment(name: str) -> dict[str, str]:
    """The header of an answer that is kept as a file."""
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _back(name: str) -> Response:
    return RedirectResponse(f"/runs/{quote(name, safe='')}", 303)


def _read(run: Run, language: Language, unit: str, power: int) -> dict[str, Any]:
    """Everything that the page of an ended climb shows."""
    result = run.finished()
    measured = [row for row in result["rungs"] if row["dev"]]
    units = [u for u in KEYS if sum(row["cost"].get(KEYS[u]) is not None for row in measured) > 1]
    unit = unit if unit in units else common_unit(measured) if measured else "flops"
    power = power if 0 <= power <= 80 else round(10 * math.log10(max(1, result["volume"])))
    volume = rounded(10 ** (power / 10))
    return {
        "sentences": three_sentences(result, language, at_fields if run.launch else typed),
        "track": track(result),
        "link": lambda rung: f"/runs/{quote(run.name, safe='')}/examples?a={quote(rung)}&show=wrong",
        "units": units,
        "unit": unit,
        "charts": {
            "cost": cost_chart(result, language, unit),
            "shots": shots_chart(result, language),
            "order": order_chart(result, language),
            "break_even": break_even_chart(result, language),
        },
        "power": power,
        "volume": volume,
        "totals": totals(result, volume),
        "prompt": _prompt(run),
    }


def totals(result: Mapping[str, Any], volume: float) -> list[dict[str, Any]]:
    """What each measured rung costs in FLOPs to build and to ask, the cheapest in all first; where those are known."""
    rows = [
        {
            "name": row["name"],
            "build": row["cost"]["build_flops"],
            "each": row["cost"]["flops_per_request"] or 0.0,
            "dev": row["dev"],
        }
        for row in result["rungs"]
        if row["dev"] and row["cost"]["build_flops"] is not None
    ]
    return sorted(rows, key=lambda row: row["build"] + volume * row["each"])


def _prompt(run: Run) -> Any:
    result, ledger = run.finished(), open_ledger(run.folder)
    try:
        adaptation = chosen_adaptation(result, ledger)
        return shown_prompt(adaptation, answers(result, ledger, "dev")) if adaptation else None
    finally:
        ledger.close()


# --- while it climbs ----------------------------------------------------------------------------------------------


def _watched(request: Request, run: Run) -> dict[str, Any]:
    """The ladder as it stands, as HTML; what is being done; and a version that changes with the ladder."""
    language, steps = language_of(request), run.steps
    seen = standing(steps) if steps and steps.rungs else None
    notes = steps.notes[-NOTES:] if steps else []
    html = text_of(request, "live.html.j2", r=seen, track=track(seen) if seen else (0.0, 1.0), notes=notes)
    parts = [doing(steps, language), time_left(steps, language)] if steps and run.state == "running" else []
    title = steps.name if steps else ""
    return {"title": title, "live": html, "status": " · ".join(part for part in parts if part), "version": digest(html)}


def standing(steps: Progress) -> dict[str, Any]:
    """The progress in the form of a result, for the ladder's table."""
    rows = []
    for name in steps.rungs:
        best, tried = steps.best.get(name), len(steps.tried.get(name, ()))
        status = "climbing" if name == steps.at and steps.ended is None else "waiting"
        rows.append(
            steps.rows.get(name)
            or {**EMPTY, "name": name, "status": status, "reason": None, "dev": best, "candidates": tried, "cost": None}
        )
    task = {"metric": steps.metric, "n_dev": steps.sizes.get("dev", 0)}
    return {"rungs": rows, "chosen": None, "target": steps.target, "confidence": 0.95, "task": task}


def _said(steps: Progress | None, language: Language) -> str:
    """The latest verdict, for a screen reader: not every step."""
    if steps is None or not steps.rows:
        return ""
    row = list(steps.rows.values())[-1]
    score = Figures(language).interval(row["dev"])
    return f"{row['name']}: {term(STATUS, row['status'], language)}" + (f", {score}" if row["dev"] else "")
