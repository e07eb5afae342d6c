"""The application: the guard, the pages, and how errors look."""

from __future__ import annotations

import hmac
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from rung.folders import writable
from rung.pages import climb as climbing
from rung.pages import compare, data, examples, home, playground, rate, run
from rung.pages.fields import message_of
from rung.pages.form import Posted, field
from rung.pages.guard import Guard, Refused, cookie_of, new_session
from rung.pages.process import Climbs
from rung.pages.runs import NotFound
from rung.pages.settings import Settings
from rung.pages.trial import Trial
from rung.pages.view import LANGUAGE, language_of, page
from rung.types import UserError

STATIC = Path(__file__).parent / "static"
YEAR = 365 * 24 * 3600
SAID = {
    404: ("there is no such page", "没有这个页面"),
    405: ("this page takes no such request", "此页面不接受这种请求"),
}


def create_app(settings: Settings) -> FastAPI:
    """The pages over ``settings.runs``, which is made if it is not there; UserError where nothing can be written to it."""
    writable(settings.runs)
    app = FastAPI(title="Rung", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.state.climbs = Climbs(settings.runs.resolve())
    app.state.trial = Trial(settings.models)
    app.add_middleware(Guard, settings=settings)
    app.add_exception_handler(UserError, _mistake)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    for part in (home, data, climbing, run, examples, playground, compare, rate):
        app.include_router(part.router)
    css = (files("rung.report") / "report.css").read_text(encoding="utf-8")

    @app.get("/static/report.css")
    def report_css() -> Response:
        return Response(css, media_type="text/css")

    app.mount("/static", StaticFiles(directory=STATIC))

    @app.post("/language")
    def language(form: Posted) -> Response:
        """Remember a language, and go back to where one was."""
        back, to = field(form, "back"), field(form, "to")
        own = back.startswith("/") and not back.startswith(("//", "/\\"))
        answer = RedirectResponse(back if own else "/", 303)
        if to in ("zh", "en"):
            answer.set_cookie(LANGUAGE, to, max_age=YEAR, samesite="strict", httponly=True)
        return answer

    @app.get("/login")
    def login(request: Request, token: str = "") -> Response:
        """Ask for the token, or take it out of the address that ``rung ui`` printed."""
        return _signed_in(request, token) if token else page(request, "login.html.j2", wrong=False)

    @app.post("/login")
    async def sign_in(request: Request) -> Response:
        """The token itself is what proves that this form is wanted: there is no session yet that could be misused."""
        form = await request.form(max_files=0)
        return _signed_in(request, field(form, "token"))

    return app


def _signed_in(request: Request, token: str) -> Response:
    settings: Settings = request.app.state.settings
    if settings.token is None or not hmac.compare_digest(token.encode(), settings.token.encode()):
        return page(request, "login.html.j2", 403, wrong=True)
    answer = RedirectResponse("/", 303)
    answer.headers["set-cookie"] = cookie_of(new_session(settings))
    return answer


def _mistake(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    message = message_of(error, language_of(request))
    return page(request, "problem.html.j2", 404 if isinstance(error, NotFound) else 400, message=message)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    en, zh = SAID.get(error.status_code, (error.detail, error.detail))
    if isinstance(error, Refused):
        en, zh = error.detail, error.zh
    return _told(request, error.status_code, en, zh)


def _unreadable(request: Request, error: Exception) -> Response:
    return _told(request, 400, "something in this address is missing or wrong", "网址里缺少内容，或有写错的地方")


def _told(request: Request, status: int, en: str, zh: str) -> Response:
    """A page for people, a line for programs."""
    if "text/html" in request.headers.get("accept", ""):
        return page(request, "problem.html.j2", status, message=zh if language_of(request) == "zh" else en)
    return PlainTextResponse(f"{en}\n", status)
