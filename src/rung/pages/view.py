"""Templates to pages, in the language of whoever asks. The words and macros are the report's."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast
from urllib.parse import quote

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from rung.pages.fields import at_fields, label
from rung.pages.form import csrf_of
from rung.report.html import words
from rung.types import Language

LANGUAGE = "rung-language"  # the cookie that remembers it


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Everything is escaped; a name that a template lacks is an error."""
    loader = ChoiceLoader([PackageLoader("rung.pages", "templates"), PackageLoader("rung.report", ".")])
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )  # fmt: skip
    made.filters["path"] = lambda text: quote(str(text), safe="")
    return made


def language_of(request: Request) -> Language:
    """The one that was chosen; else that of ``--lang``; else the browser's."""
    chosen = request.cookies.get(LANGUAGE) or request.app.state.settings.language
    if chosen in ("zh", "en"):
        return cast(Language, chosen)
    return "zh" if request.headers.get("accept-language", "").lower().startswith("zh") else "en"


def text_of(request: Request, template: str, **values: Any) -> str:
    """A template, filled."""
    language = language_of(request)
    common = {
        **words(language),
        "label": lambda name: label(name, language),
        "at_fields": at_fields,
        "csrf": csrf_of(request),
        "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "settings": request.app.state.settings,
    }
    return environment().get_template(template).render(**common, **values)


def page(request: Request, template: str, code: int = 200, **values: Any) -> HTMLResponse:
    """A page."""
    return HTMLResponse(text_of(request, template, **values), code)
