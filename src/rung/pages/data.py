"""Bring a file; see what was understood of it; correct that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from rung.pages.fields import message_of
from rung.pages.form import Posted, field, fields, files
from rung.pages.runs import NotFound
from rung.pages.uploads import FOLDER, SAID, Upload, find_upload, keep
from rung.pages.view import language_of, page
from rung.task import describe_gap
from rung.task.metrics import METRICS
from rung.task.read import EXTENSIONS
from rung.types import DataError, UserError

router = APIRouter()
LABELS = 40  # labels that are shown
EARLIER = 12


@router.get("/data")
def bring(request: Request) -> Response:
    return _bring(request)


@router.post("/data")
def brought(request: Request, form: Posted) -> Response:
    """Keep the files, and show what is understood of them."""
    root = request.app.state.settings.runs
    try:
        upload = keep(root, [(file.filename or "", file.file) for file in files(form, "files")])
    except DataError as error:
        return _bring(request, message_of(error, language_of(request)))
    return RedirectResponse(f"/data/{upload.id}", 303)


@router.get("/data/{id}")
def understood(request: Request, id: str) -> Response:
    return _understood(request, find_upload(request.app.state.settings.runs, id))


@router.post("/data/{id}")
def corrected(request: Request, id: str, form: Posted) -> Response:
    """Say more about the files, if it can be understood."""
    upload = find_upload(request.app.state.settings.runs, id)
    before = upload.said
    upload.say(_said(form))
    try:
        upload.inspect()
    except UserError as error:
        shown = _understood(request, upload, message_of(error, language_of(request)))
        upload.say({key: before.get(key) for key in SAID})
        return shown
    return RedirectResponse(f"/data/{id}", 303)


def _bring(request: Request, problem: str = "") -> Response:
    folder = request.app.state.settings.runs / FOLDER
    found = [Upload(f.parent) for f in folder.glob("*/task.yaml")]
    found.sort(key=lambda upload: -upload.yaml.stat().st_mtime)
    values = {"problem": problem, "earlier": found[:EARLIER], "endings": EXTENSIONS}
    return page(request, "bring.html.j2", 400 if problem else 200, **values)


def _understood(request: Request, upload: Upload, problem: str = "") -> Response:
    language = language_of(request)
    found = None
    if not problem:
        try:
            found = upload.inspect()
        except UserError as error:
            problem = message_of(error, language)
    said = {key: upload.said.get(key) for key in SAID}
    given = said["input"] or (found.columns.input if found else ())
    return page(
        request,
        "understood.html.j2",
        upload=upload,
        found=found,
        problem=problem,
        said=said,
        inputs=given,
        columns=upload.columns(),
        metrics=[name for name in METRICS if found is None or found.kind in METRICS[name].kinds],
        gap=describe_gap(found, language) if found else "",
        shown_labels=list(found.labels.items())[:LABELS] if found else [],
        bad_counts=Counter(row.code for row in found.bad).most_common() if found else [],
    )


def _said(form: FormData) -> dict[str, Any]:
    """The fields of the form as keys of a ``task.yaml``; DataError for a target that is no number."""
    said: dict[str, Any] = {key: field(form, key) for key in SAID if key not in ("input", "target")}
    said["input"] = fields(form, "input")
    target = field(form, "target")
    if target:
        said["target"] = as_number(target)
    return said


def as_number(text: str) -> float:
    """A target as a number; DataError."""
    try:
        return float(text)
    except ValueError:
        raise DataError(
            f"the target is a number from 0 to 1, not {text!r}", zh=f"目标应是 0 到 1 之间的数，而不是 {text!r}"
        ) from None


__all__ = ["NotFound", "as_number", "router"]
