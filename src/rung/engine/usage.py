"""What a request took, as whoever answered it counted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Usage:
    """Tokens read and written over all calls of a request, and the seconds that it waited for answers."""

    tokens_in: int
    tokens_out: int
    calls: int
    seconds: float

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.calls + other.calls,
            self.seconds + other.seconds,
        )
