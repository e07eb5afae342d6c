"""What goes wrong, in the API's own form: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rung.types import UserError

log = logging.getLogger("rung.serve")
KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """A refusal with its status; ``param`` is the field of the request that is wrong, ``code`` for programs."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None,
        headers: dict[str, str] | None = None,
    ):  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.headers = status, message, param, code, headers

    @property
    def body(self) -> dict[str, Any]:
        kind = KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body, self.status, self.headers)


def as_api_error(error: Exception) -> ApiError:
    """A user's mistake is told; what is ours is logged, and told to nobody (it may hold another's text)."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, UserError):
        return ApiError(400, str(error), code="invalid_value")
    if isinstance(error, HTTPException):
        code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code)
        return ApiError(error.status_code, str(error.detail), code=code, headers=dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    log.error("a request failed", exc_info=error)
    return ApiError(500, "the server failed at this request; its log says why", code="internal_error")


def _invalid(error: RequestValidationError) -> ApiError:
    """The first thing that is wrong with a body, without what the client sent."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    if first["type"] in ("json_invalid", "missing") and not place.strip("0123456789"):
        return ApiError(
            400, "the body is not valid JSON; send an object, with Content-Type: application/json", code="invalid_json"
        )
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"unknown parameter: {place[:100]!r}", param=place[:100], code="unknown_parameter")
    told = f"{place[:200]}: {first['msg'][:500]}" if place else first["msg"].removeprefix("Value error, ")[:500]
    return ApiError(400, told, param=place[:200] or None, code="invalid_value")


def install(app: FastAPI, refused: Counter) -> None:
    """Every refusal of ``app`` has the API's form, and is counted by its status; mistakes of ours go on to the gate."""

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        told = as_api_error(error)
        refused.labels(told.status).inc()
        return told.response()

    for kind in (ApiError, UserError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refuse)
