"""Who may ask, how much at once, and how often: a gate before the application."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from rung.serve.errors import ApiError, as_api_error

OPEN = ("/health",)  # for whoever watches over the machine
READ_SECONDS = 60.0  # for a body to arrive
CLIENTS = 10_000  # whose rates are remembered


@dataclass(frozen=True)
class Limits:
    """keys: one of them must come with a request (none: nobody is asked). rate: requests a minute for each key, or address."""

    keys: tuple[str, ...] = ()
    admin_key: str | None = None
    body: int = 4 << 20  # bytes
    rate: int | None = None
    tokens: int | None = None  # the most that an answer may be asked to have
    waiting: int = 1024  # requests that may be open at once


class Rate:
    """A bucket for each client: ``rate`` requests at once, and as many more in a minute."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic):
        self.rate, self.clock = rate, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """0 if the client may ask now; else the seconds until it may."""
        now = self.clock()
        left, at = self._left.pop(client, (float(self.rate), now))
        left = min(self.rate, left + (now - at) * self.rate / 60)
        allowed = left >= 1
        self._left[client] = (left - allowed, now)
        if len(self._left) > CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self.rate


class Gated(Protocol):
    """What the gate knows of the service behind it."""

    limits: Limits
    draining: bool
    metrics: Any


class Gate:
    """ASGI middleware: a key, a rate, a size; and no new request while the server goes down."""

    def __init__(self, app: Any, service: Gated):
        self.app, self.service = app, service
        self.limits = limits = service.limits
        self._keys = [_hash(key.encode()) for key in limits.keys]
        self._admin = _hash(limits.admin_key.encode()) if limits.admin_key else None
        self._rate = Rate(limits.rate) if limits.rate else None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            if scope["path"] not in OPEN:
                self._admit(scope)
            again = await self._read(scope, receive)
        except ApiError as error:
            await self._refuse(error, scope, receive, send)
            return
        begun = False

        async def told(message: dict[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, again, told)
        except (
            Exception
        ) as error:  # ours: told in the API's form, and the connection stays; further out it would be cut
            if begun:
                raise
            await self._refuse(as_api_error(error), scope, receive, send)

    async def _refuse(self, error: ApiError, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self.service.metrics.refused.labels(error.status).inc()
        await error.response()(scope, receive, send)

    def _admit(self, scope: dict[str, Any]) -> None:
        given = _bearer(scope)
        key = _hash(given) if given else b""
        admin = self._admin is not None and hmac.compare_digest(key, self._admin)
        if self._keys and not admin and not any([hmac.compare_digest(key, known) for known in self._keys]):
            told = "the API key is wrong" if given else "no API key: send the header Authorization: Bearer KEY"
            raise ApiError(401, told, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})
        if not self._keys:
            _check_near(scope)
        scope["rung_admin"] = admin or (self._admin is None and _is_local(scope))
        if self.service.draining:
            raise ApiError(503, "the server is going down", code="draining", headers={"Retry-After": "5"})
        if self._rate is not None:
            wait = self._rate.wait(key.hex() if self._keys else _address(scope))
            if wait:
                told = f"more than {self.limits.rate} requests a minute; try again in {wait:.1f} s"
                headers = {"Retry-After": str(int(wait) + 1)}
                raise ApiError(429, told, code="rate_limit_exceeded", headers=headers)

    async def _read(self, scope: dict[str, Any], receive: Any) -> Any:
        """The whole body, if it is not too long and comes in time, to be received again."""
        too_long = ApiError(413, f"the body is longer than {self.limits.body} bytes", code="body_too_large")
        declared = _header(scope, b"content-length")
        if declared.isdigit() and int(declared) > self.limits.body:
            raise too_long
        body, more = bytearray(), True
        try:
            async with asyncio.timeout(READ_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        break
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self.limits.body:
                        raise too_long
        except TimeoutError:
            raise ApiError(408, "the body did not arrive in time", code="timeout") from None
        waiting: list[dict[str, Any]] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def again() -> dict[str, Any]:
            return waiting.pop() if waiting else await receive()

        return again


def may_administer(scope: Any) -> bool:
    """With the admin key; without one, from this machine by a program (a browser names the page that asks)."""
    return bool(scope.get("rung_admin"))


def _is_local(scope: dict[str, Any]) -> bool:
    """From this machine, not handed on by a proxy, and not by a web page."""
    if any(_header(scope, name) for name in (b"origin", b"forwarded", b"x-forwarded-for", b"x-real-ip")):
        return False
    return is_loopback(_address(scope)) and is_loopback(_without_port(_header(scope, b"host").decode("latin-1")))


def _check_near(scope: dict[str, Any]) -> None:
    """Without keys this machine's programs may ask, and its browser's pages from elsewhere may not, by whatever name they call it."""
    origin = _header(scope, b"origin").decode("latin-1")  # "null" of a page without a place
    for host in (_header(scope, b"host").decode("latin-1"), origin.partition("://")[2] or origin):
        if host and not is_loopback(_without_port(host)):
            raise ApiError(
                403, "without API keys this server is for its own machine: ask for 127.0.0.1", code="not_allowed"
            )


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rsplit(":", 1)[0]


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own, seen from itself."""
    host = host.strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(scope: dict[str, Any]) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _header(scope: dict[str, Any], name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")


def _bearer(scope: dict[str, Any]) -> bytes:
    """The key as it was sent: one that is not ASCII comes as UTF-8."""
    kind, _, value = _header(scope, b"authorization").partition(b" ")
    return value.strip() if kind.lower() == b"bearer" else b""


def _hash(key: bytes) -> bytes:
    """Keys of any length are compared in the same time, and are not kept."""
    return hashlib.sha256(key).digest()


def keys_of(given: Sequence[str], environment: str | None) -> tuple[str, ...]:
    """Keys from the command line and from RUNG_API_KEYS (by commas)."""
    found = [*given, *(environment or "").split(",")]
    return tuple(key.strip() for key in found if key.strip())
