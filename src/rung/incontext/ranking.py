"""What all selectors share: from scores over the pool to the indices that are shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

from rung.types import Demonstration, Example


def normal(text: str) -> str:
    """The form under which two inputs are the same input: NFC without surrounding white space, as in ``Example.id``."""
    return unicodedata.normalize("NFC", text).strip()


def normal_inputs(pool: Sequence[Demonstration | Example]) -> list[str]:
    """:func:`normal` of every input in the pool."""
    return [normal(shown.input) for shown in pool]


def best_first(scores: np.ndarray) -> np.ndarray:
    """Indices of the pool, highest score first, ties by index. Scores are rounded to 9 digits.

    The last bits of a sum depend on how the arithmetic was batched; they must not decide which demonstration is shown.
    """
    return np.argsort(-np.round(scores, 9), kind="stable")


def take(ranking: Iterable[int], keys: Sequence[str], input: str, n: int) -> list[int]:
    """The first ``n`` of the ranking that are not the input itself: an example is never shown its own answer."""
    own = normal(input)
    chosen: list[int] = []
    for index in ranking:
        if len(chosen) == n:
            break
        if keys[index] != own:
            chosen.append(int(index))
    return chosen
