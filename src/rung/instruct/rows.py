"""Documents laid into rows of one length, so that a step has the same shapes each time and can be compiled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rung.documents import Document

MISSES = 12  # so many documents in a row that fit nowhere, and the rows are full enough


class Placed(NamedTuple):
    """Where a document came to lie."""

    source: str
    row: int
    size: int  # tokens
    places: tuple[int, ...]  # its learned tokens, in ``weights[row]``


@dataclass(frozen=True)
class Rows:
    """Tokens of a batch of rows, and what each counts in the loss."""

    tokens: np.ndarray  # int64 [rows, length + 1]: each is read but the last and predicted but the first
    starts: np.ndarray  # bool [rows, length]: a document begins here
    weights: np.ndarray  # float32 [rows, length], of the token after; 0: not learned
    documents: tuple[Placed, ...]

    @property
    def targets(self) -> int:
        """Learned tokens."""
        return sum(len(d.places) for d in self.documents)

    def by_source(self, losses: np.ndarray) -> Iterator[tuple[str, float]]:
        """(source, mean loss of its learned tokens) of each document, from ``losses`` [rows, length]."""
        for d in self.documents:
            if d.places:
                yield d.source, float(losses[d.row, list(d.places)].mean())


def fill(documents: Iterator[Document], count: int, length: int, weight: Callable[[Document], float]) -> Rows:
    """``count`` rows of ``length + 1`` tokens: each document goes to the first row that has room for the whole of it.

    Ends with the documents, or when ``MISSES`` of them in a row found no room; those are left out. What stays empty is zeros
    that are not learned, behind everything that is.
    """
    tokens = np.zeros((count, length + 1), dtype=np.int64)
    starts, weights = np.zeros((count, length), dtype=bool), np.zeros((count, length), dtype=np.float32)
    used = [0] * count
    placed: list[Placed] = []
    misses = 0
    for d in documents:
        size = len(d.tokens)
        row = next((r for r in range(count) if used[r] + size <= length + 1), None)
        if row is None:
            misses += 1
            if misses == MISSES:
                break
            continue
        misses, first = 0, used[row]
        used[row] += size
        tokens[row, first : first + size] = d.tokens
        starts[row, first] = True
        places = tuple(first + place - 1 for place in d.learned)
        weights[row, list(places)] = weight(d)
        placed.append(Placed(d.source, row, size, places))
    return Rows(tokens, starts, weights, tuple(placed))
