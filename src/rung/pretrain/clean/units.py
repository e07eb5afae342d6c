"""A text as a row of hashed units: a word of an alphabet is one, a Han character or a kana is one.

Duplicates and leaks are found on units, so that they see neither case nor width nor punctuation. The hash of a unit is
the polynomial sum of its code points, c_i P^i, which a running sum gives for all units of a document at once: P is odd,
so it has an inverse modulo 2^64 by which a unit's place in the text is divided out. N-grams are hashed from units alike.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

P = np.uint64(0x9E3779B97F4A7C15)
INVERSE = np.uint64(pow(int(P), -1, 1 << 64))
TABLED = 0x20000  # code points above are rare Han: each a unit of its own
GAP, LETTER, ALONE = 0, 1, 2
BLOCK = 1 << 16  # characters whose powers of P are kept

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Units:
    """The units of a text: ``hashes`` [n], and where each begins and ends in ``plain``, the text that was read."""

    plain: str
    hashes: Hashes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    alone: NDArray[np.bool_]  # which are single characters

    def __len__(self) -> int:
        return len(self.hashes)

    def grams(self, n: int) -> Hashes:
        """The hash of every ``n`` units in a row: [max(0, len - n + 1)]."""
        if len(self) < n:
            return np.zeros(0, np.uint64)
        powers, inverses = _powers(len(self))
        return _spans(self.hashes * powers, inverses, np.arange(len(self) - n + 1), np.arange(n, len(self) + 1))

    @property
    def han(self) -> int:
        """How many are single characters."""
        return int(self.alone.sum())

    @property
    def letters(self) -> int:
        """Letters and digits of the text."""
        return int((self.ends - self.starts).sum())

    def words(self, first: int, count: int) -> str:
        """Those units as they stand in the text."""
        return self.plain[self.starts[first] : self.ends[min(first + count, len(self)) - 1]] if len(self) else ""


def folded(text: str) -> str:
    """``text`` after NFKC and case folding: what units are read from."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def units(text: str) -> Units:
    """The units of ``text`` after NFKC and case folding."""
    return units_of_folded(folded(text))


def units_of_folded(plain: str) -> Units:
    """The units of a text that is :func:`folded` already."""
    codes = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds()[np.minimum(codes, TABLED)]
    before = np.concatenate([[GAP], kinds[:-1]]) if len(kinds) else kinds
    after = np.concatenate([kinds[1:], [GAP]]) if len(kinds) else kinds
    alone = kinds == ALONE
    letters = kinds == LETTER
    starts = np.flatnonzero(alone | (letters & (before != LETTER)))
    ends = np.flatnonzero(alone | (letters & (after != LETTER))) + 1
    powers, inverses = _powers(len(codes))
    return Units(plain, _spans(codes * powers, inverses, starts, ends), starts, ends, alone[starts])


def _spans(terms: Hashes, inverses: Hashes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Hashes:
    """A well-mixed hash of each span of terms c_i P^i."""
    sums = np.zeros(len(terms) + 1, np.uint64)
    np.cumsum(terms, out=sums[1:])
    hashes = (sums[ends] - sums[starts]) * inverses[starts]
    hashes ^= hashes >> np.uint64(32)
    hashes *= P
    hashes ^= hashes >> np.uint64(29)
    return hashes


@cache
def _kinds() -> NDArray[np.uint8]:
    """GAP, LETTER or ALONE for each code point below TABLED, and for all from there on."""
    kinds = np.zeros(TABLED + 1, np.uint8)
    for code in range(TABLED):
        character = chr(code)
        if character.isalnum() or unicodedata.category(character)[0] == "M":
            kinds[code] = LETTER
    for first, last in ((0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x3041, 0x30FF)):
        kinds[first : last + 1] = np.where(kinds[first : last + 1] == LETTER, ALONE, GAP)
    kinds[TABLED] = ALONE
    return kinds


_tables = [np.ones(0, np.uint64), np.ones(0, np.uint64)]


def _powers(length: int) -> tuple[Hashes, Hashes]:
    """P^i and P^-i for i < length; the tables grow to the longest document that was seen."""
    if len(_tables[0]) < length:
        size = -(-length // BLOCK) * BLOCK
        for at, base in enumerate((P, INVERSE)):
            steps = np.full(size, base, np.uint64)
            steps[:1] = 1
            _tables[at] = np.multiply.accumulate(steps)
    return _tables[0][:length], _tables[1][:length]
