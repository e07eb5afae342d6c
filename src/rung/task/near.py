"""Near-duplicates across splits: an exact similarity join on character 5-grams.

Texts are compared by the Jaccard similarity of their sets of 5-grams, after NFKC, case folding and the removal of all
that is neither letter nor digit. Two sets of similarity >= t share one of the n - ceil(t n) + 1 rarest grams of each
(prefix filtering: Chaudhuri 2006, Bayardo 2007), so that only such pairs are compared and none is missed.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

N = 5
THRESHOLD = 0.8
_PRIME = np.uint64(0x9E3779B97F4A7C15)

Grams = NDArray[np.uint64]


def grams(text: str) -> Grams:
    """The set of hashed character 5-grams [m], sorted; a shorter text is one gram."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum()) or text
    codes = np.frombuffer(plain.ljust(N, "\0").encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    hashed = np.zeros(len(codes) - N + 1, np.uint64)
    for shift in range(N):
        hashed = (hashed ^ codes[shift : len(codes) - N + 1 + shift]) * _PRIME
        hashed ^= hashed >> np.uint64(29)
    return np.unique(hashed)


def near_duplicates(
    texts: Sequence[str], splits: Sequence[int], threshold: float = THRESHOLD
) -> list[tuple[int, int, float]]:
    """For each text of a later split its most similar text of an earlier one, if >= ``threshold``.

    Gives (later, earlier, similarity) in the order of ``texts``; ties go to the first text. ``splits`` numbers each
    text's split, 0 the earliest.
    """
    if len(set(splits)) < 2:
        return []
    every = [grams(text) for text in texts]
    # Of the texts of a split that have the same grams the first stands for all: a thousand alike are a million pairs.
    firsts: dict[tuple[int, bytes], int] = {}
    stands = [
        firsts.setdefault((split, own.tobytes()), i) for i, (split, own) in enumerate(zip(splits, every, strict=True))
    ]
    kept = list(firsts.values())
    sets, places = [every[i] for i in kept], np.array([splits[i] for i in kept])
    best: dict[int, tuple[float, int]] = {}
    for one, two in candidates(sets, places, threshold):
        shared = len(np.intersect1d(sets[one], sets[two], assume_unique=True))
        similarity = shared / (len(sets[one]) + len(sets[two]) - shared)
        late, early = (kept[one], kept[two]) if places[one] > places[two] else (kept[two], kept[one])
        if similarity >= threshold and (similarity, -early) > best.get(late, (0.0, 0)):
            best[late] = (similarity, -early)
    found = ((i, best[first]) for i, first in enumerate(stands) if first in best)
    return [(late, -early, similarity) for late, (similarity, early) in found]


def candidates(sets: Sequence[Grams], splits: NDArray[np.int_], threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs of different splits that share a rare gram and whose sizes allow the similarity; each pair once."""
    sizes = np.array([len(one) for one in sets])
    owner = np.repeat(np.arange(len(sets)), sizes)
    _, ids, frequency = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    order = np.lexsort((ids, frequency[ids], owner))
    rank = np.arange(len(ids)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    prefix = np.array([size - math.ceil(threshold * size - 1e-9) + 1 for size in sizes])
    rare = order[rank < np.repeat(prefix, sizes)]
    rare = rare[frequency[ids[rare]] > 1]
    rare = rare[np.argsort(ids[rare], kind="stable")]
    seen: set[tuple[int, int]] = set()
    for group in np.split(owner[rare], np.flatnonzero(np.diff(ids[rare])) + 1):
        if len(np.unique(splits[group])) < 2:
            continue
        for i, one in enumerate(group):
            rest = group[i + 1 :]
            ratio = np.minimum(sizes[rest], sizes[one]) / np.maximum(sizes[rest], sizes[one])
            for two in rest[(splits[rest] != splits[one]) & (ratio >= threshold)]:
                pair = (int(one), int(two))
                if pair not in seen:
                    seen.add(pair)
                    yield pair
