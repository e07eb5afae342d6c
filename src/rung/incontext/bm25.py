"""Demonstrations by keyword: BM25 (Robertson & Zaragoza 2009) between the input and the inputs of the pool.

The scores are bm25s's (Lu 2024, arXiv 2407.03618), method "lucene", k1 1.5, b 0.75. Its own top-k leaves ties to numpy's
partition, so the ranking is made here.
"""

from __future__ import annotations

from collections.abc import Sequence

import bm25s
import numpy as np

from rung.incontext.ranking import best_first, normal_inputs, take
from rung.incontext.terms import terms
from rung.types import Demonstration, Example


class Bm25Selector:
    """Index the pool once; ``pick`` gives the ``n`` best matches of each input."""

    def __init__(self, pool: Sequence[Demonstration | Example], n: int):
        self._n = n
        self._keys = normal_inputs(pool)
        self._index = bm25s.BM25(method="lucene", k1=1.5, b=0.75, dtype="float64")
        self._index.index([terms(shown.input) or [""] for shown in pool], create_empty_token=False, show_progress=False)

    def pick(self, inputs: Sequence[str]) -> list[list[int]]:
        """Indices into the pool for each input, the best match last (next to the question); ties by index."""
        return [take(best_first(self.scores(input)), self._keys, input, self._n)[::-1] for input in inputs]

    def scores(self, input: str) -> np.ndarray:
        """BM25 of every example of the pool, [len(pool)] float64; 0 where no term is shared."""
        found = terms(input)
        return self._index.get_scores(found) if found else np.zeros(len(self._keys))
