"""Inputs that are given: only answered and filtered, which is pseudo-labelling (Lee 2013) and sequence-level distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.synthesize.attempt import Attempt, Candidate

ROUND = 128  # inputs that are answered, judged and kept together


@dataclass(frozen=True)
class Given:
    """Texts in their order, each with its place; at most ``wanted`` are to be accepted."""

    texts: Sequence[tuple[str, str]]  # place, input
    wanted: int

    def next(self, taken: int, accepted: Sequence[Attempt]) -> list[Candidate]:
        """The round behind ``taken`` texts; none where it is enough."""
        if len(accepted) >= self.wanted:
            return []
        part = self.texts[taken : taken + ROUND]
        return [Candidate(taken + i, text, place) for i, (place, text) in enumerate(part)]
