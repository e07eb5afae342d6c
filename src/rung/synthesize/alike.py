"""Whether a text was there before: the same but for case, width and punctuation, or alike by ROUGE-L.

ROUGE-L (Lin 2004): F = 2 L / (m + n), where L is the length of the longest common subsequence of two rows of m and n tokens;
self-instruct (Wang et al. 2022, section 2.2) keeps what is below 0.7 to everything before. Tokens are those of the metric
``rouge-l``: Han characters one by one, other scripts by words.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from rung.pretrain.clean.units import units
from rung.task.metrics.generate import Tokenizer

NEAR = 0.7
BUCKETS = 256  # of the bags of tokens by which most texts are ruled out

_tokenize = Tokenizer().tokenize


class Known:
    """Texts that were there, by their place; grows by :meth:`add`."""

    def __init__(self) -> None:
        self.places: list[str] = []
        self._tokens: list[list[str]] = []
        self._bags = np.zeros((64, BUCKETS), np.uint16)
        self._sizes = np.zeros(64, np.int64)
        self._exact: dict[bytes, str] = {}

    def add(self, text: str, place: str) -> None:
        """Remember a text."""
        tokens, at = _tokenize(text), len(self.places)
        if at == len(self._sizes):
            self._bags = np.concatenate([self._bags, np.zeros_like(self._bags)])
            self._sizes = np.concatenate([self._sizes, np.zeros_like(self._sizes)])
        self._bags[at], self._sizes[at] = bag(tokens), len(tokens)
        self._tokens.append(tokens)
        self.places.append(place)
        self._exact.setdefault(units(text).hashes.tobytes(), place)

    def same(self, text: str) -> str | None:
        """The place of the first text with the same words."""
        return self._exact.get(units(text).hashes.tobytes())

    def nearest(self, text: str, least: float = NEAR) -> tuple[float, str]:
        """(ROUGE-L, place) of the most similar text, if that is at least ``least``; else (0.0, "").

        Two texts have no more in common than their bags of tokens, so the bags rule out most of them, and none that counts.
        """
        tokens, n = _tokenize(text), len(self.places)
        both = self._sizes[:n] + len(tokens)
        bound = 2 * np.minimum(self._bags[:n], bag(tokens)).sum(1, dtype=np.int64)
        best = (0.0, "")
        for at in np.flatnonzero((bound >= least * both) & (both > 0)):
            alike = rouge_l(tokens, self._tokens[at])
            if alike >= least and alike > best[0]:
                best = (alike, self.places[at])
        return best


def bag(tokens: Sequence[str]) -> np.ndarray:
    """How often each bucket's tokens occur [BUCKETS]."""
    buckets = np.array([crc32(t.encode()) % BUCKETS for t in tokens], np.int64)
    return np.bincount(buckets, minlength=BUCKETS).astype(np.uint16)


def rouge_l(one: Sequence[str], two: Sequence[str]) -> float:
    """F of the longest common subsequence; 0 for two empty texts."""
    return 2 * lcs(one, two) / (len(one) + len(two)) if one or two else 0.0


def similarity(one: str, two: str) -> float:
    """:func:`rouge_l` of two texts."""
    return rouge_l(_tokenize(one), _tokenize(two))


def lcs(one: Sequence[str], two: Sequence[str]) -> int:
    """Length of the longest common subsequence, a bit for each token of ``one`` (Hyyrö 2004, the form of Crochemore et al.)."""
    places: dict[str, int] = {}
    for at, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << at
    whole = (1 << len(one)) - 1
    row = whole  # a bit is off where the length grows
    for token in two:
        match = row & places.get(token, 0)
        row = ((row + match) | (row - match)) & whole
    return len(one) - row.bit_count()
