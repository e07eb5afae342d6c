"""A document that says the same again and again: the repetition rules of Gopher (Rae et al. 2021, table A1).

Shares are of lines or of units. Gopher counts n-grams of words. A text of Han is counted in characters, in longer n-grams
and by limits of its own: a statute names the same offices in every article, and has a quarter of its characters in
20-grams that have stood before.
"""

from __future__ import annotations

import numpy as np

from rung.pretrain.clean.document import Document, Finding
from rung.pretrain.clean.units import Units

LINES = 0.3  # of all lines that stand a second time
LINE_CHARACTERS = 0.2  # of all characters that stand in them
TOP = {2: 0.20, 3: 0.18, 4: 0.16}  # n -> the commonest n-gram's share of the units
COVERED = {5: 0.15, 7: 0.13, 10: 0.10}  # n -> units inside n-grams that stand a second time
TOP_HAN = {3: 0.20, 4: 0.22, 6: 0.24}
COVERED_HAN = {10: 0.55, 20: 0.30, 30: 0.22}
FEW_LINES, FEW_UNITS = 5, 50  # a song has a refrain; less text than this cannot be judged
HAN = 0.5  # of the units: from there on it is read as Chinese


def repetition(document: Document) -> Finding | None:
    """The first rule that the document breaks."""
    return _lines(document) or _grams(document)


def _lines(document: Document) -> Finding | None:
    lines = [line.strip() for line in document.text.split("\n") if line.strip()]
    if len(lines) < FEW_LINES:
        return None
    again = _again(lines)
    share = len(again) / len(lines)
    if share > LINES:
        return Finding("repetition", "repeated lines", round(share, 3), again[0][:120])
    share = sum(map(len, again)) / sum(map(len, lines))
    if share > LINE_CHARACTERS:
        return Finding("repetition", "characters in repeated lines", round(share, 3), again[0][:120])
    return None


def _again(lines: list[str]) -> list[str]:
    """The lines that have stood before."""
    seen: set[str] = set()
    return [line for line in lines if line in seen or seen.add(line)]  # type: ignore[func-returns-value]


def _grams(document: Document) -> Finding | None:
    read = document.units
    if len(read) < FEW_UNITS:
        return None
    han = read.han > HAN * len(read)
    for n, most in (COVERED_HAN if han else COVERED).items():
        share, at = covered(read, n, most)
        if share > most:
            return Finding("repetition", f"repeated {n}-grams", round(share, 3), read.words(at, 2 * n))
    least = 1.0  # of the units begin the commonest n-gram: it is no commoner than the shorter one that it begins with
    for n, most in (TOP_HAN if han else TOP).items():
        if least * n <= most:
            continue
        share, at = top(read, n)
        least = share / n
        if share > most:
            return Finding("repetition", f"commonest {n}-gram", round(share, 3), read.words(at, 3 * n))
    return None


def covered(read: Units, n: int, enough: float = 0.0) -> tuple[float, int]:
    """The share of the units that lie in a later copy of an ``n``-gram, and where the first copy begins.

    A share that cannot exceed ``enough`` may come out as 0: sorting the hashes tells how many are copies, and each
    covers at most n units.
    """
    grams = read.grams(n)
    ranked = np.sort(grams)
    copies = int((ranked[1:] == ranked[:-1]).sum())
    if copies == 0 or copies * n <= enough * len(read):
        return 0.0, 0
    order = np.argsort(grams, kind="stable")
    later = order[1:][grams[order[1:]] == grams[order[:-1]]]
    edges = np.zeros(len(read) + 1, np.int32)
    np.add.at(edges, later, 1)
    np.add.at(edges, later + n, -1)
    return float((np.cumsum(edges[:-1]) > 0).mean()), int(later.min())


def top(read: Units, n: int) -> tuple[float, int]:
    """The share of the units that the commonest ``n``-gram takes, and its first place."""
    grams = read.grams(n)
    ranked = np.sort(grams)
    edges = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1], [True]]))
    counts = np.diff(edges)
    best = int(np.argmax(counts))
    return float(counts[best] * n / len(read)), int(np.argmax(grams == ranked[edges[best]]))
