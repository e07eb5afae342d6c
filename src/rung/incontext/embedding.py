"""Demonstrations by meaning: the nearest neighbours of the input among the frozen model's own hidden states.

KATE (Liu et al. 2022, arXiv 2101.06804) picks neighbours with a sentence encoder; here the encoder is the base model itself, so
nothing else is loaded. Hidden states of a language model share one large direction, which makes all cosines alike (Mu &
Viswanath 2018, arXiv 1702.01417): the mean of the pool is taken off first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from rung.incontext.ranking import best_first, normal_inputs, take
from rung.types import Demonstration, Example, ModelError

Hidden = Callable[[Sequence[str]], np.ndarray]  # texts -> mean-pooled states [n_texts, d]


def states(hidden: Hidden, texts: Sequence[str]) -> np.ndarray:
    """``hidden(texts)`` as float64 [n_texts, d]; raises ``ModelError`` when a state is not a finite number."""
    found = np.asarray(hidden(texts), dtype=np.float64)
    if found.ndim != 2 or len(found) != len(texts):
        raise ValueError(f"hidden() must give [{len(texts)}, d] states, and gave {list(found.shape)}")
    if not np.isfinite(found).all():
        raise ModelError(
            "the model's hidden states are not finite numbers, so nothing can be compared by them. Take the selector 'bm25'",
            zh="模型的隐藏状态含有无穷或非数值，无法据此比较相似度，请改用 bm25 选择器",
        )
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    """Each row at length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


class EmbeddingSelector:
    """Embed the pool once; ``pick`` gives the ``n`` nearest of each input by cosine around the pool's mean."""

    def __init__(self, pool: Sequence[Demonstration | Example], n: int, hidden: Hidden):
        self._n, self._hidden = n, hidden
        self._keys = normal_inputs(pool)
        pooled = states(hidden, [shown.input for shown in pool])
        self._mean = pooled.mean(axis=0)
        self._units = unit(pooled - self._mean)

    def pick(self, inputs: Sequence[str]) -> list[list[int]]:
        """Indices into the pool for each input, the nearest last (next to the question); ties by index."""
        rows = self.cosines(inputs)
        return [
            take(best_first(row), self._keys, input, self._n)[::-1] for row, input in zip(rows, inputs, strict=True)
        ]

    def cosines(self, inputs: Sequence[str]) -> np.ndarray:
        """Cosine of every input with every example of the pool, [len(inputs), len(pool)], to 5 digits.

        Float32 states differ in their last digits from batch to batch; 5 digits are those on which batches agree.
        """
        if not inputs:
            return np.zeros((0, len(self._keys)))
        return np.round(unit(states(self._hidden, inputs) - self._mean) @ self._units.T, 5)
