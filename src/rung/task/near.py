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
AT_ONCE = 4_000_000  # grams that are compared at once, for the memory they take
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
    kept = np.array(list(firsts.values()))
    sets = [every[i] for i in kept]
    sizes = np.array([len(own) for own in sets])
    best: dict[int, tuple[int, float]] = {}
    for late, early, shared in compared(sets, np.asarray(splits)[kept], threshold):
        similarity = shared / (sizes[early] + sizes[late] - shared)
        at = int(similarity.argmax())  # the first of equals
        if similarity[at] >= threshold:
            best[int(kept[late])] = int(kept[early[at]]), float(similarity[at])
    return [(i, *best[first]) for i, first in enumerate(stands) if first in best]


def compared(
    sets: Sequence[Grams], splits: NDArray[np.int_], threshold: float
) -> Iterator[tuple[int, NDArray[np.int_], NDArray[np.int_]]]:
    """Each set of a later split, those of earlier ones that share a rare gram with it and whose sizes allow the similarity,
    and how many grams it shares with each.
    """
    sizes = np.array([len(one) for one in sets])
    starts = np.cumsum(sizes) - sizes
    owner = np.repeat(np.arange(len(sets)), sizes)
    _, ids, frequency = np.unique(np.concatenate(sets), return_inverse=True, return_counts=True)
    order = np.lexsort((ids, frequency[ids], owner))
    rank = np.arange(len(ids)) - np.repeat(starts, sizes)
    prefix = np.array([size - math.ceil(threshold * size - 1e-9) + 1 for size in sizes])
    rare = order[rank < np.repeat(prefix, sizes)]
    rare = rare[frequency[ids[rare]] > 1]  # in the order of the sets
    listed = rare[np.argsort(ids[rare], kind="stable")]
    members = owner[listed]  # of each rare gram, one gram after the other
    first, last = (np.searchsorted(ids[listed], ids[rare], side) for side in ("left", "right"))
    edges = np.searchsorted(owner[rare], np.arange(len(sets) + 1))
    near, own = np.zeros(len(sets), bool), np.zeros(len(frequency), bool)
    for late in np.flatnonzero((np.diff(edges) > 0) & (splits > splits.min())):
        near[:] = False
        for k in range(edges[late], edges[late + 1]):
            near[members[first[k] : last[k]]] = True
        early = np.flatnonzero(near & (splits < splits[late]))
        early = early[np.minimum(sizes[early], sizes[late]) / np.maximum(sizes[early], sizes[late]) >= threshold]
        if not len(early):
            continue
        mine = ids[starts[late] : starts[late] + sizes[late]]
        own[mine] = True
        parts = np.array_split(early, 1 + int(sizes[early].sum()) // AT_ONCE)
        yield (
            int(late),
            early,
            np.concatenate([hits(own, ids, starts[part], sizes[part]) for part in parts if len(part)]),
        )
        own[mine] = False


def hits(
    own: NDArray[np.bool_], ids: NDArray[np.int_], starts: NDArray[np.int_], sizes: NDArray[np.int_]
) -> NDArray[np.int_]:
    """How many of the grams of each set, which begin at ``starts`` in ``ids``, are ``own``."""
    begins = np.cumsum(sizes) - sizes
    places = np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()))
    return np.add.reduceat(own[ids[places]].astype(np.int64), begins)
