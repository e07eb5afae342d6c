"""Start a climb: model, target, rungs, budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from rung.engine.endpoint import Address, price_of
from rung.ladder import LADDER, Budget, choose
from rung.ladder.arrange import fits_one
from rung.pages.data import as_number
from rung.pages.fields import message_of
from rung.pages.form import Posted, field, fields
from rung.pages.uploads import Upload, find_upload
from rung.pages.view import language_of, page
from rung.task import Inspection
from rung.types import UserError

router = APIRouter()
PROPOSED = ("majority", "tfidf", "zero-shot", "few-shot", "few-shot-bm25", "linear-probe", "lora")


@router.get("/climb")
def ready(request: Request, data: str) -> Response:
    upload = find_upload(request.app.state.settings.runs, data)
    found = upload.inspect()
    target = found.task.target
    fit = [rung.name for rung in LADDER if rung.name in PROPOSED and rung.name not in unfit(found)]
    given = {
        "model": "",
        "target": "" if target is None else f"{target:g}",
        "budget": "",
        "all": False,
        "race": False,
        "rungs": fit,
    }
    return _page(request, upload, found, given)


@router.post("/climb")
def start(request: Request, form: Posted) -> Response:
    """Check what was asked for, and start the command."""
    upload = find_upload(request.app.state.settings.runs, field(form, "data"))
    try:
        arguments = arguments_of(form, upload, request.app.state.settings.models, language_of(request))
        fits_one(upload.inspect().task, choose(",".join(fields(form, "rungs"))))
    except UserError as error:
        given: dict[str, Any] = {key: field(form, key) for key in ("model", "target", "budget", "all", "race")}
        given["rungs"] = fields(form, "rungs")
        return _page(request, upload, upload.inspect(), given, message_of(error, language_of(request)))
    run = request.app.state.climbs.start(upload.name, arguments)
    return RedirectResponse(f"/runs/{run.name}", 303)


def arguments_of(form: FormData, upload: Upload, models: tuple[str, ...], language: str) -> list[str]:
    """The words behind ``rung climb``; UserError for what it would refuse."""
    model = field(form, "model")
    if model not in models:
        raise UserError(
            f"the model {model!r} is not among those that `rung ui --model` named: {', '.join(models)}",
            zh=f"模型 {model!r} 不在 rung ui --model 给出的列表中：{'、'.join(models)}",
        )
    rungs = choose(",".join(fields(form, "rungs")))
    if not rungs:
        raise UserError("mark one rung at least", zh="请至少选一个方法")
    words = [str(upload.yaml.resolve()), "--model", model, "--rungs", ",".join(rung.name for rung in rungs)]
    if target := field(form, "target"):
        number = as_number(target)
        if not 0 < number <= 1:
            raise UserError(
                f"the target is a number from 0 to 1, not {target}", zh=f"目标应是 0 到 1 之间的数，而不是 {target}"
            )
        words += ["--target", f"{number:g}"]
    if budget := field(form, "budget"):
        check_budget(budget, model)
        words += ["--budget", budget]
    words += [f"--{name}" for name in ("all", "race") if field(form, name)]
    return [*words, "--lang", language]


def check_budget(text: str, model: str) -> None:
    """UserError for a budget that cannot be read, or one in money for a model without a price."""
    known = price_of(Address.parse(model)) if model.startswith("openai:") else None
    Budget.parse(text, price=known.of(5e5, 5e5) if known else 0.0)


def unfit(found: Inspection) -> dict[str, Mapping[str, str]]:
    """The rungs that have no chance on this task, and why."""
    task = found.task
    reasons: dict[str, Mapping[str, str]] = {}
    for rung in LADDER:
        if task.kind not in rung.kinds or not rung.takes(task):
            reasons[rung.name] = {"en": "not for this kind of task", "zh": "不适用于此类任务"}
        elif len(task.train) < rung.needs:
            reasons[rung.name] = {
                "en": f"needs {rung.needs} training examples",
                "zh": f"需要 {rung.needs} 条训练样本",
            }
    return reasons


def _page(request: Request, upload: Upload, found: Inspection, given: Mapping[str, Any], problem: str = "") -> Response:
    values = {"upload": upload, "found": found, "given": given, "problem": problem, "rungs": LADDER}
    return page(request, "climb.html.j2", 400 if problem else 200, unfit=unfit(found), **values)
