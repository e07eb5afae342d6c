"""What a failed attempt means: to be made again, and when; refused for what was asked; or hopeless."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from rung.engine.endpoint.address import Address, EndpointOptions
from rung.types import EndpointError

AGAIN = (408, 409, 425, 429)  # and all of 5xx but 501
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
LONGEST_ASKED = 600.0  # seconds of Retry-After beyond which nobody wants to wait


class Broken(Exception):
    """An answer that came, and cannot be: broken JSON, no choices, log-probabilities that are missing or impossible."""


class Refused(Exception):
    """The endpoint will not do this (a status of 400, 404, 405, 413, 415, 422, 501 ...): asking again is of no use."""

    def __init__(self, status: int, message: str):
        super().__init__(f"{status}: {message}")
        self.status, self.message = status, message


@dataclass(frozen=True)
class Failure:
    """An attempt to be made again. ``asked``: seconds that the server wants to be left alone; ``billed``: it may cost."""

    what: str
    asked: float | None = None
    billed: bool = False


def failure(error: Exception, address: Address, timeout: float) -> Failure:
    """What to do after ``error``; raises Refused or EndpointError where another attempt is of no use."""
    import openai

    if isinstance(error, Broken):
        return Failure(f"the answer is broken ({error})", billed=True)
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return Failure(f"no answer within {timeout:g} s", billed=True)
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        unsent = type(cause).__name__ in ("ConnectError", "ConnectTimeout", "PoolTimeout")
        return Failure(f"the connection failed ({type(cause or error).__name__})", billed=not unsent)
    if not isinstance(error, openai.APIStatusError):
        raise error
    status, message = error.status_code, _message(error)
    if status in (401, 403):
        raise EndpointError(
            f"{address.base_url} refuses the key (status {status}); put the right one into the environment, "
            "and name the variable with --api-key-env where it is not OPENAI_API_KEY",
            zh=f"{address.base_url} 拒绝了密钥（状态 {status}）；请在环境变量中设置正确的密钥，"
            "变量名不是 OPENAI_API_KEY 时用 --api-key-env 指定",
        )
    if status == 429 and (error.code or error.type) in NO_MONEY:
        raise EndpointError(
            f"{address.base_url} says that the account has no credit left ({error.code or error.type})",
            zh=f"{address.base_url} 表示账户额度已用完（{error.code or error.type}）",
        )
    if status in AGAIN or (status >= 500 and status != 501):
        return Failure(f"status {status}", asked=retry_after(error.response.headers))
    raise Refused(status, message)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait: ``retry-after-ms``, or ``Retry-After`` as seconds or as a date."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * unit)
        except (KeyError, ValueError):
            continue
    try:
        return max(0.0, parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time())
    except (KeyError, ValueError, TypeError):
        return None


def pause(found: Failure, attempt: int, options: EndpointOptions) -> float:
    """Seconds before the attempt that follows number ``attempt`` (from 0): doubled each time, up to half taken off at random.

    Never less than the server asked for: whoever comes too early is turned away again.
    """
    wait = min(options.longest_wait, options.first_wait * 2**attempt)
    wait *= random.uniform(0.5, 1.0)
    return wait if found.asked is None else max(found.asked, min(wait, options.first_wait) * 0.1)


def _message(error: Exception) -> str:
    """What the server says, in one line."""
    body = getattr(error, "body", None)
    said = body.get("message") or body.get("detail") or body.get("error") if isinstance(body, dict) else body
    line = " ".join(str(said or error).split())
    return line[:300] + ("…" if len(line) > 300 else "")
