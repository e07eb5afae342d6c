"""The first page: the runs there are, and the way to a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from rung.pages.runs import all_runs
from rung.pages.view import page
from rung.report.sentences import rung_row

router = APIRouter()


@router.get("/")
def home(request: Request) -> Response:
    request.app.state.climbs.reap()
    root = request.app.state.settings.runs
    return page(request, "home.html.j2", runs=all_runs(root), folder=root, dev_of=chosen_on_dev)


def chosen_on_dev(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The chosen rung's figures on dev."""
    return rung_row(result, result["chosen"]["rung"])["dev"] if result["chosen"] else None
