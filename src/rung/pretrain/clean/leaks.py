"""Evaluation sets in the texts: a document goes that shares 13 units in a row with one of their items.

13-grams of words are the rule of GPT-3 (Brown et al. 2020) and of datatrove; Chinese is counted by character. As GPT-3
did, a gram that stands in more than ten documents is let pass: the name of a ministry has 13 characters. Such grams
count where they make a run of 26 units. An item of fewer units than 13 must stand in a document as a whole, and have at
least 8 words or 10 characters: shorter ones are what people say.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rung.pretrain.clean.document import Document, Finding
from rung.pretrain.clean.heldout import items
from rung.pretrain.clean.units import Hashes, folded, units_of_folded

N = 13
WORDS, CHARACTERS = 8, 10  # the shortest item that is looked for
COMMON, RUN = 10, 2 * N  # documents beyond which a gram is common, and units of a run that counts all the same
FILTER = 26  # bits: a table of 8 MiB that rules out most grams before they are searched for


@dataclass(frozen=True)
class Grams:
    """The grams of one length: sorted hashes [m], and the item that each is of."""

    hashes: Hashes
    owners: NDArray[np.int32]
    documents: NDArray[np.uint8]  # in how many documents it stands, up to 255


class Leaks:
    """The stage. It holds the evaluation sets in memory (12 bytes a gram), nothing of the texts."""

    def __init__(self, files: Sequence[Path]):
        self.files = list(files)
        self.starts: list[int] = []  # number of each file's first item
        self.rows: list[int] = []  # item -> line
        found: dict[int, list[tuple[Hashes, int]]] = {}
        for path in self.files:
            self.starts.append(len(self.rows))
            texts: list[str] = []
            owners: list[int] = []
            for row, parts in items(path):
                texts += map(folded, parts)
                owners += [len(self.rows)] * len(parts)
                self.rows.append(row)
            for n, own, which in _grams_of(texts):
                found.setdefault(n, []).append((own, owners[which]))
        self.grams = {n: _sorted(parts) for n, parts in sorted(found.items(), reverse=True)}
        self.table = np.zeros(1 << (FILTER - 3), np.uint8)
        for grams in self.grams.values():
            places = grams.hashes >> np.uint64(64 - FILTER)
            np.bitwise_or.at(
                self.table, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8)
            )

    def __call__(self, document: Document) -> Finding | None:
        """The stage: the first gram of the longest kind that is an item's."""
        read = document.units
        for n, grams in self.grams.items():
            at, found = self._find(read.grams(n), grams)
            telling = np.flatnonzero((grams.documents[found] <= COMMON) | _in_runs(at, RUN - n))
            if len(telling):
                path, row = self.place(int(grams.owners[found[telling[0]]]))
                return Finding("leak", _set(path), f"{path.name}:{row}", read.words(int(at[telling[0]]), n))
        return None

    def count(self, document: Document) -> None:
        """The first pass: these grams stand in one more document."""
        for n, grams in self.grams.items():
            _, found = self._find(document.units.grams(n), grams)
            once = np.unique(found)
            grams.documents[once] += grams.documents[once] < 255

    def recount(self, documents: Iterable[Document]) -> None:
        """The first pass over other documents than before."""
        for grams in self.grams.values():
            grams.documents[:] = 0
        for document in documents:
            self.count(document)

    def touching(self, documents: Sequence[Document]) -> list[int]:
        """Which of the documents hold a gram, common or not: read as one text, which is quicker for many short ones."""
        texts = [folded(document.text) for document in documents]
        begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
        read = units_of_folded("\n".join(texts))
        owners = np.searchsorted(begins, read.starts, side="right") - 1
        found: set[int] = set()
        for n, grams in self.grams.items():
            at, _ = self._find(read.grams(n), grams)
            own = owners[at]
            found.update(own[own == owners[at + n - 1]].tolist())
        return sorted(found)

    def place(self, item: int) -> tuple[Path, int]:
        """File and line of an item."""
        at = int(np.searchsorted(self.starts, item, side="right")) - 1
        return self.files[at], self.rows[item]

    def _find(self, hashes: Hashes, grams: Grams) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where in ``hashes`` grams stand, and which ones."""
        places = hashes >> np.uint64(64 - FILTER)
        bits = self.table[places >> np.uint64(3)] >> (places & np.uint64(7)).astype(np.uint8) & 1
        maybe = np.flatnonzero(bits)
        near = np.minimum(np.searchsorted(grams.hashes, hashes[maybe]), len(grams.hashes) - 1)
        right = grams.hashes[near] == hashes[maybe]
        return maybe[right], near[right]


def _grams_of(texts: Sequence[str]) -> Iterator[tuple[int, Hashes, int]]:
    """The grams of each folded text that is long enough, their length, and its number: read as one text, which is quicker."""
    begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
    read = units_of_folded("\n".join(texts))
    edges = np.searchsorted(read.starts, begins)
    han = np.concatenate([[0], np.cumsum(read.alone)])
    made: dict[int, Hashes] = {}
    for i, (first, end) in enumerate(itertools.pairwise(edges.tolist())):
        size = end - first
        n = min(N, size)
        if n >= (CHARACTERS if 2 * (han[end] - han[first]) > size else WORDS):
            if n not in made:
                made[n] = read.grams(n)
            yield n, made[n][first : end - n + 1], i


def _in_runs(at: NDArray[np.int64], steps: int) -> NDArray[np.bool_]:
    """Which of these rising places begin or continue a run of ``steps`` + 1 neighbours."""
    new = np.concatenate([[True], np.diff(at) != 1]) if len(at) else np.zeros(0, bool)
    run = np.cumsum(new) - 1
    return np.bincount(run)[run] > steps if len(at) else new


def _sorted(parts: Sequence[tuple[Hashes, int]]) -> Grams:
    hashes = np.concatenate([part for part, _ in parts])
    owners = np.repeat(np.array([owner for _, owner in parts], np.int32), [len(part) for part, _ in parts])
    kept, first = np.unique(hashes, return_index=True)
    return Grams(kept, owners[first], np.zeros(len(kept), np.uint8))


def _set(path: Path) -> str:
    """The name of the set: the folder that holds its splits, else the file."""
    return path.parent.name if path.stem.split("_")[0] in ("test", "dev", "valid", "eval") else path.stem
