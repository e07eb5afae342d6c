"""What goes wrong, in the API's own form: ``{"error": {"message", "type", "param", "code"}}``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import Counter
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from rung.serve.bodies import UNDONE
from rung.types import TooLong, UserError

log = logging.getLogger("rung.serve")
NO_OBJECT = ("json_invalid", "missing", "model_attributes_type")
HTTP = {
    404: (
        "unknown_url",
        "nothing is here; there are /v1/chat/completions, /v1/completions, /v1/embeddings and /v1/models",
    ),
    405: ("method_not_allowed", "this address is asked by another method"),
}
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
    if isinstance(error, TooLong):
        return ApiError(400, str(error), code="context_length_exceeded")
    if isinstance(error, UserError):
        return ApiError(400, str(error), code="invalid_value")
    if isinstance(error, HTTPException):
        code, said = HTTP.get(error.status_code, (None, str(error.detail)))
        return ApiError(error.status_code, said, code=code, headers=dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    log.error("a request failed", exc_info=error)
    return ApiError(500, "the server failed at this request; its log says why", code="internal_error")


def _invalid(error: RequestValidationError) -> ApiError:
    """The first thing that is wrong with a body, without what the client sent."""
    place, first = _first(error)
    said = first["msg"].removeprefix("Value error, ")[:500]
    if not place and first["type"] in NO_OBJECT:
        return ApiError(
            400, "the body is no JSON object; send one, with Content-Type: application/json", code="invalid_json"
        )
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"unknown parameter: {place[:100]!r}", param=place[:100], code="unknown_parameter")
    field = place.partition(".")[0]
    if field in UNDONE:
        return ApiError(400, f"{field} is not done by this server; leave it out", param=field, code="unsupported")
    return ApiError(400, f"{place[:200]}: {said}" if place else said, param=place[:200] or None, code="invalid_value")


def _first(error: RequestValidationError) -> tuple[str, Any]:
    """The first complaint and its place; of the alternatives of a field, the one that fits what was sent furthest."""
    found = [(_place(each, error.body), each) for each in error.errors()]
    field = found[0][0][:1]
    place, first = max((pair for pair in found if pair[0][:1] == field), key=lambda pair: len(pair[0]))
    return ".".join(map(str, place)), first


def _place(complaint: Mapping[str, Any], body: Any) -> list[str | int]:
    """The keys and indices that lead there; pydantic's names of alternatives, which stand between them, left out."""
    place: list[str | int] = []
    at = body
    for part in complaint["loc"][1:]:
        if isinstance(at, dict) and (part in at or (complaint["type"] == "missing" and part == complaint["loc"][-1])):
            at = at.get(part)
        elif isinstance(at, list) and isinstance(part, int) and part < len(at):
            at = at[part]
        else:
            continue
        place.append(part)
    return place


def install(app: FastAPI, refused: Counter) -> None:
    """Every refusal of ``app`` has the API's form, and is counted by its status; mistakes of ours go on to the gate."""

    async def refuse(request: Request, error: Exception) -> JSONResponse:
        told = as_api_error(error)
        refused.labels(told.status).inc()
        return told.response()

    for kind in (ApiError, UserError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refuse)
