"""What one call took, what all calls took, and where answers are kept so that none is paid twice."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from rung.engine.usage import Usage

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was read out of an answer, and what it took."""

    value: T
    usage: Usage


class Kept(NamedTuple):
    """An answer as it was kept: its body, the tokens that were billed, the seconds of the attempt that brought it."""

    body: str
    tokens_in: int
    tokens_out: int
    seconds: float


class CallStore(Protocol):
    """Where answers are kept, each under the digest of what was asked; :class:`rung.ledger.Ledger` is one."""

    def known_call(self, key: str) -> tuple[str, int, int, float] | None: ...

    def keep_call(self, key: str, body: str, tokens_in: int, tokens_out: int, seconds: float) -> None: ...

    def lose_call(self, key: str, tokens_in: int, tokens_out: int) -> None:
        """An attempt broke off behind its sending: it may have been billed, at most so many tokens."""
        ...

    def call_totals(self) -> tuple[int, int, int, int, int, int]:
        """(answers, tokens in, tokens out) of what was kept, and the same of what was lost."""
        ...


class Memory:
    """A store that lasts as long as the process."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.lost: list[tuple[int, int]] = []

    def known_call(self, key: str) -> tuple[str, int, int, float] | None:
        return self.kept.get(key)

    def keep_call(self, key: str, body: str, tokens_in: int, tokens_out: int, seconds: float) -> None:
        self.kept[key] = Kept(body, tokens_in, tokens_out, seconds)

    def lose_call(self, key: str, tokens_in: int, tokens_out: int) -> None:
        self.lost.append((tokens_in, tokens_out))

    def call_totals(self) -> tuple[int, int, int, int, int, int]:
        kept = self.kept.values()
        answers = (len(kept), sum(k.tokens_in for k in kept), sum(k.tokens_out for k in kept))
        return (*answers, len(self.lost), sum(a for a, _ in self.lost), sum(b for _, b in self.lost))


@dataclass
class Meter:
    """Running totals, earlier sessions of the same ledger included; lost attempts at the most that they can have cost."""

    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    lost: int = 0
    lost_in: int = 0
    lost_out: int = 0
    repeated: int = 0  # attempts that were made again, in this session

    @classmethod
    def of(cls, store: CallStore) -> Meter:
        return cls(*store.call_totals())

    @property
    def read(self) -> int:
        """Tokens read, billed or possibly billed."""
        return self.tokens_in + self.lost_in

    @property
    def written(self) -> int:
        return self.tokens_out + self.lost_out


def parsed(text: str) -> Any:
    """The JSON of an answer; half of a surrogate pair in it, a character that a server cut in two, becomes U+FFFD. ValueError."""

    def mended(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if isinstance(value, list):
            return [mended(one) for one in value]
        if isinstance(value, dict):
            return {mended(key): mended(one) for key, one in value.items()}
        return value

    return mended(json.loads(text))


def has_usage(body: dict[str, Any]) -> bool:
    """Whether an answer counts its tokens."""
    usage = body.get("usage")
    return isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int)


def billed(body: dict[str, Any], estimate: tuple[int, int]) -> tuple[int, int]:
    """(tokens in, tokens out) as the endpoint counted them, else ``estimate``."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return estimate
    found = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return tuple(n if isinstance(n, int) and n >= 0 else guess for n, guess in zip(found, estimate, strict=True))  # type: ignore[return-value]


def moment() -> str:
    """Something that is different each time."""
    return str(time.time_ns())
