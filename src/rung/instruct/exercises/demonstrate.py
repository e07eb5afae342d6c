"""Demonstrations before a question: others of its kind, in the room there is, none that exams ask."""

from __future__ import annotations

import random
from collections.abc import Callable

from rung.instruct.episode import fitting
from rung.instruct.holdout import held_out
from rung.types import Demonstration

SHOTS = (0, 0, 0, 0, 1, 2, 3, 4, 6, 8, 12, 16)
SPARE = 1000  # bytes of the room that stay empty: digits are a token each
Shown = tuple[str, str, str]  # input, target, key


def demonstrations(
    rng: random.Random, draw: Callable[[], Shown], *, question: str, key: str, shots: int | None = None
) -> tuple[Demonstration, ...]:
    """``shots`` (default: drawn, few more often) different questions of ``draw`` with their answers.

    None is the ``question`` itself in another wording (``key``), and none has a key that is held out: the answers of
    demonstrations are learned. Fewer come where ``draw`` has few or there is no room.
    """
    wanted = rng.choice(SHOTS) if shots is None else shots
    found: dict[str, tuple[str, str]] = {}
    for _ in range(4 * wanted):
        if len(found) == wanted:
            break
        text, target, other = draw()
        if other != key and text != question and not held_out(other):
            found.setdefault(other, (text, target))
    used = len(question.encode()) + SPARE
    return tuple(Demonstration(text, target) for text, target in fitting(list(found.values()), used))
