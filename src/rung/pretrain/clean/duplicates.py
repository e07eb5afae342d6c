"""The same text twice, and nearly the same: the first one stays.

Exact: equal rows of units, so case, width, punctuation and white space do not count. Near: the Jaccard similarity of
the sets of 3-grams of units, by MinHash and locality-sensitive hashing (Indyk & Motwani 1998). A change of one word
spoils three 3-grams: with a share e of the words changed here and there, about (1 - e)^3 / (2 - (1 - e)^3) is left.
"""

from __future__ import annotations

from hashlib import blake2b

from rung.pretrain.clean.document import Document, Finding, Stage
from rung.pretrain.clean.minhash import bands, signature, similarity
from rung.pretrain.clean.work import Work

N = 3
NEAR = 0.5  # similarity from which on a document goes
FEWEST = 20  # units; shorter texts are alike too easily


def duplicates(work: Work, *, exact: bool = True, near: bool = True) -> Stage:
    """The stage that comes last: it remembers each document that it lets through."""

    def stage(document: Document) -> Finding | None:
        read = document.units
        key = int.from_bytes(blake2b(read.hashes.tobytes(), digest_size=8).digest(), "big", signed=True)
        if exact and (place := work.same(key)):
            return Finding("duplicate", "same text", place, document.text[:120])
        made, keys = None, []
        if near and len(read) >= FEWEST:
            made = signature(read.grams(N))
            keys = bands(made)
            alike = max(((similarity(made, other), place) for place, other in work.near(keys)), default=(0.0, ""))
            if alike[0] >= NEAR:
                return Finding("near-duplicate", "similar text", f"{alike[0]:.2f}, {alike[1]}", document.text[:120])
        work.keep(key, document.place, made, keys)
        return None

    return stage
