"""Who may ask, before any page is reached: the host, the origin, the session and the size of a request.

host      the Host header must name this server                      against DNS rebinding
origin    what changes anything must come from a page of this server  against cross-site requests, with form.py
session   a signed cookie, SameSite=Strict; where a token is set, given only for it
size      a body is counted while it is read, whatever it claims
headers   nothing from elsewhere is loaded, nobody may frame the pages, nothing is kept in caches
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http.cookies import SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rung.pages.settings import Settings, may_be_asked_as

COOKIE = "rung-session"
SAFE = frozenset({"GET", "HEAD"})
OPEN = ("/login", "/static/")  # what one sees without a session
FORM_BYTES = 2**20
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Refused(HTTPException):
    """A refusal, said in both languages."""

    def __init__(self, status: int, en: str, zh: str):
        super().__init__(status, en)
        self.zh = zh


class Guard:
    """ASGI: lets a request through to ``app``, or answers it."""

    def __init__(self, app: ASGIApp, settings: Settings):
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no web sockets here
        headers = Headers(scope=scope)
        session = signed_session(headers.get("cookie", ""), self.settings)
        refusal = self._refusal(scope, headers, session)
        fresh = None
        if session is None and self.settings.token is None:
            session = fresh = new_session(self.settings)
        scope.setdefault("state", {})["session"] = session
        counted = self._counted(scope, headers, receive)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    given[name] = value
                if fresh is not None and refusal is None:
                    given.append("set-cookie", cookie_of(fresh))
            await send(message)

        await (refusal or self.app)(scope, counted, dressed)

    def _refusal(self, scope: Scope, headers: Headers, session: str | None) -> Response | None:
        if not may_be_asked_as(headers.get("host", ""), self.settings):
            return PlainTextResponse("this host name is not this server's\n", 421)
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        own = f"{scope['scheme']}://{headers.get('host', '')}"
        if scope["method"] not in SAFE:
            if origin != own or site != "same-origin":
                return PlainTextResponse("only a page of this server may send this\n", 403)
        elif site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("only a page of this server may load this\n", 403)
        path = scope["path"]
        if session is None and self.settings.token is not None and not path.startswith(OPEN):
            if scope["method"] in SAFE and "text/html" in headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return PlainTextResponse("a token is needed: open /login\n", 401)
        return None

    def _counted(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        most = self.settings.upload_bytes if scope["path"] == "/data" else FORM_BYTES
        read = 0

        async def counted() -> Message:
            nonlocal read
            claimed = headers.get("content-length", "0")
            message = await receive()
            read += len(message.get("body", b""))
            if read > most or (claimed.isdigit() and int(claimed) > most):
                size = f"{most / 2**20:.3g} MiB"
                more, more_zh = (
                    ("; rung ui --upload MIB takes more", "；可用 rung ui --upload 放宽")
                    if most != FORM_BYTES
                    else ("", "")
                )
                raise Refused(413, f"more than {size} at once{more}", f"一次超过了 {size}{more_zh}")
            return message

        return counted


def sign(settings: Settings, purpose: str, value: str) -> str:
    """A signature that only this process can make."""
    return hmac.new(settings.secret, f"{purpose}:{value}".encode(), hashlib.sha256).hexdigest()


def same(one: str, two: str) -> bool:
    """Equality in constant time: how long it takes tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), two.encode())


def new_session(settings: Settings) -> str:
    """A session as its cookie holds it: "number.signature"."""
    number = secrets.token_urlsafe(18)
    return f"{number}.{sign(settings, 'session', number)}"


def signed_session(cookies: str, settings: Settings) -> str | None:
    """The session of a Cookie header, if this process signed it."""
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(cookies)
    except Exception:  # http.cookies raises its own kinds; a broken cookie is no session
        return None
    value = jar[COOKIE].value if COOKIE in jar else ""
    number, _, signature = value.partition(".")
    return value if number and same(signature, sign(settings, "session", number)) else None


def cookie_of(session: str) -> str:
    """The Set-Cookie line of a session; it ends with the browser."""
    return f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict"
