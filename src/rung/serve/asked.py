"""What a request asks of an adaptation or of the base, and what comes back, piece by piece or whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rung.engine import Constraint
from rung.engine.jobs import Token
from rung.types import Decoding


@dataclass(frozen=True)
class Asked:
    """One input for one model. What is None is the model's own: an adaptation's decoding, the API's defaults for the base.

    input: a text, or (the base) its tokens. tops: log-probabilities of the written tokens and of so many of the likeliest.
    """

    model: str
    input: str | list[int]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    tops: int | None = None
    constraint: Constraint | None = None
    whole: bool = False  # the base may write to the end of its context
    most: int | None = None  # but no more than this
    stream: bool = False

    def decoding(self, own: Decoding, stops: tuple[str, ...], seed: int) -> Decoding:
        """``own`` with what was asked for in its place; ``seed`` where sampling was asked for without one."""
        drawn = self.temperature is not None or own.temperature == 0
        return Decoding(
            own.max_tokens if self.max_tokens is None else self.max_tokens,
            own.temperature if self.temperature is None else self.temperature,
            own.top_p if self.top_p is None else self.top_p,
            self.seed if self.seed is not None else seed if drawn else own.seed,
            tuple(dict.fromkeys((*self.stop, *stops))),
            own.constrain,
        )


@dataclass
class Answer:
    """One choice of a response. ``scores``: of the labels, log-probabilities that add up to one."""

    text: str
    finish: str  # "stop" or "length"
    tokens: list[Token] | None = None
    tokens_out: int = 0
    scores: dict[str, float] | None = None
    valid: bool = True


@dataclass
class Piece:
    """More of a text that is being streamed."""

    choice: int
    text: str
    tokens: list[Token] = field(default_factory=list)


@dataclass
class Ended:
    """All choices of one :class:`Asked`. ``cached``: tokens of the prompt that had been read before."""

    answers: list[Answer]
    tokens_in: int
    cached: int = 0


@dataclass
class Failed:
    """It could not be answered."""

    error: Exception


Event = Piece | Ended | Failed
Send = Callable[[Event], Any]
