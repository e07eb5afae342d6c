"""What is asked of a :class:`rung.engine.continuous.Batch`: labels to score, texts to write; and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rung.engine.choices import Cut, Normalise
from rung.engine.constrain import Constraint
from rung.engine.generate import Generation, Writer
from rung.engine.score import ChoiceScores, Item
from rung.types import Decoding


@dataclass(frozen=True)
class Token:
    """A written token with its log-probability under the model itself, and the likeliest ones in its place."""

    id: int
    logprob: float
    tops: tuple[tuple[int, float], ...] = ()

    @classmethod
    def of(cls, logits: Tensor, token: int, tops: int) -> Token:
        """From the logits [V] that decided."""
        logs = logits - torch.logsumexp(logits, -1)
        values, ids = logs.topk(min(tops, len(logs)))
        return cls(token, float(logs[token]), tuple(zip(ids.tolist(), values.tolist(), strict=True)))


@dataclass(eq=False)
class Job:
    """Asked of a lane. ``on_done`` is called once, when ``found`` or ``error`` is there."""

    lane: str
    on_done: Callable[[Job], None] = field(default=lambda job: None, kw_only=True)
    error: Exception | None = field(default=None, init=False)
    cancelled: bool = field(default=False, init=False)
    done: bool = field(default=False, init=False)
    context: list[int] = field(default_factory=list, init=False)

    def cancel(self) -> None:
        """Nobody waits for it any more, and it will not be done; from any thread."""
        self.cancelled = True

    def finish(self) -> None:
        if not self.done:
            self.done = True
            self.on_done(self)


@dataclass(eq=False)
class Scoring(Job):
    """Log-probabilities of ``choices`` behind ``prompt``, as :meth:`rung.engine.Model.score` gives them."""

    prompt: str
    choices: Sequence[str]
    offsets: Sequence[float] | None = None
    normalise: Normalise = "sum"
    found: ChoiceScores | None = field(default=None, init=False)
    cut: Cut = field(default=None, init=False)  # type: ignore[assignment]

    @property
    def item(self) -> Item:
        return Item(tuple(self.cut.context), tuple(tuple(c) for c in self.cut.continuations))


@dataclass(eq=False)
class Writing(Job):
    """``samples`` answers to ``prompt`` (a text or its tokens), as :meth:`rung.engine.Model.generate` writes them.

    tops: keep each token's log-probability and those of so many of the likeliest; None: none of that.
    on_token: called after each token with the number of the sample.
    """

    prompt: str | Sequence[int]
    decoding: Decoding
    constraint: Constraint | None = None
    samples: int = 1
    tops: int | None = None
    on_token: Callable[[Writing, int], None] | None = None
    found: list[Generation] = field(default_factory=list, init=False)
    writers: list[Writer] = field(default_factory=list, init=False)  # one at temperature 0: samples are alike
    tokens: list[list[Token]] = field(default_factory=list, init=False)  # of each writer, where ``tops`` asks for them
