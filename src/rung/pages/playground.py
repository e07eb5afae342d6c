"""Try an adaptation beside the bare base."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from rung.adaptation import load
from rung.pages.fields import message_of
from rung.pages.form import Posted, field
from rung.pages.runs import NotFound, Run, find_run
from rung.pages.view import language_of, page
from rung.report.run import open_ledger
from rung.types import UserError

router = APIRouter()
LONGEST = 20_000  # characters


@router.get("/runs/{name}/play")
def ready(request: Request, name: str, rung: str = "") -> Response:
    run = find_run(request.app.state.settings.runs, name)
    chosen = run.finished()["chosen"]
    return _page(request, run, rung or (chosen["rung"] if chosen else ""), _sample(run))


@router.post("/runs/{name}/play")
def answer(request: Request, name: str, form: Posted) -> Response:
    """The answers to one text."""
    run = find_run(request.app.state.settings.runs, name)
    rung, text = field(form, "rung"), field(form, "text").replace("\r\n", "\n")
    if rung not in _names(run):
        raise NotFound(f"{name} has no adaptation {rung!r}", zh=f"{name} 中没有适配 {rung!r}")
    try:
        if not text:
            raise UserError("there is no input to answer", zh="没有输入")
        if len(text) > LONGEST:
            raise UserError(
                f"the input has {len(text):,} characters; at most {LONGEST:,} can be tried here",
                zh=f"输入有 {len(text):,} 个字符；这里最多可试 {LONGEST:,} 个",
            )
        sides = request.app.state.trial.answer(load(run.folder / "adaptations" / rung), text)
    except UserError as error:
        return _page(request, run, rung, text, problem=message_of(error, language_of(request)))
    return _page(request, run, rung, text, sides)


def _page(request: Request, run: Run, rung: str, text: str, sides: object = None, problem: str = "") -> Response:
    values = {"r": run.finished(), "names": _names(run), "asked": {"rung": rung, "text": text}, "sides": sides}
    return page(request, "play.html.j2", 400 if problem else 200, run=run, problem=problem, **values)


def _names(run: Run) -> list[str]:
    """The rungs that left an adaptation."""
    return [row["name"] for row in run.finished()["rungs"] if row["adaptation"]]


def _sample(run: Run) -> str:
    """An input to begin with: the first of dev."""
    ledger = open_ledger(run.folder)
    try:
        return next((example.input for example in ledger.examples("dev")), "")
    finally:
        ledger.close()
