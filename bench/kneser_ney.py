"""An interpolated modified Kneser-Ney n-gram model on token ids, in numpy: the strongest model without a network.

    P(w | h) = (c(hw) - D(c(hw))) / c(h) + g(h) P(w | h'),   g(h) = (D1 N1(h) + D2 N2(h) + D3 N3+(h)) / c(h)

(Chen & Goodman 1998, section 3.) h' is h without its oldest token; N_k(h) is how many tokens follow h exactly k times.
Below the highest order c counts not occurrences but *continuations*: the different tokens that stand before. Below the
unigrams stands the uniform distribution, so that every token has a probability.

An n-gram is known by a number: (number of its first n - 1 tokens) * vocabulary + last token, looked up in a sorted
array. Ten million tokens take half a minute and a gigabyte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FALLBACK = np.array([0.0, 0.5, 1.0, 1.5])  # KenLM's (lmplz --discount_fallback)


@dataclass(frozen=True)
class Order:
    """The n-grams of one length, sorted by key; their numbers are their places."""

    keys: np.ndarray  # [grams] prefix number * vocabulary + last token
    counts: np.ndarray  # [grams] occurrences, or continuations below the highest order
    discounts: np.ndarray  # [4] what is taken off a count of 0, 1, 2, 3 and more
    totals: np.ndarray  # [prefixes] c(h)
    freed: np.ndarray  # [prefixes] g(h) c(h): what the discounts leave to the lower order


class KneserNey:
    """The model of ``order`` tokens; ``tokens`` is one stream in which a mark stands before each document."""

    def __init__(self, tokens: np.ndarray, vocabulary: int, order: int = 5):
        assert len(tokens) > order, "more tokens than the order are needed"
        self.vocabulary, self.order = vocabulary, order
        counted = count_grams(tokens, vocabulary, order)
        self.orders: list[Order] = []
        for keys, counts in counted:
            prefixes = len(self.orders[-1].keys) if self.orders else 1
            self.orders.append(make_order(keys, counts, prefixes, vocabulary))

    def logprobs(self, document: np.ndarray) -> np.ndarray:
        """Log-probabilities (nats) of all tokens of a document behind its first one, which is its mark: [n - 1]."""
        document = document.astype(np.int64)
        size = len(document)
        found = np.full(size, 1 / self.vocabulary)
        numbers = np.zeros(size, dtype=np.int64)  # of the gram that starts at each place; -1: never seen
        for n, order in enumerate(self.orders, 1):
            before = numbers[: size - n + 1]  # the histories of n - 1 tokens, by where they start
            keys = np.where(before >= 0, before * self.vocabulary + document[n - 1 :], -1)
            numbers = look_up(order.keys, keys)
            counts = np.where(numbers >= 0, order.counts[numbers], 0)
            totals = np.where(before >= 0, order.totals[before], 0)
            kept = counts - order.discounts[np.minimum(counts, 3)]
            mixed = (kept + order.freed[before] * found[n - 1 :]) / np.maximum(totals, 1)
            found[n - 1 :] = np.where(totals > 0, mixed, found[n - 1 :])  # an unseen history tells nothing
        return np.log(found[1:])


def count_grams(tokens: np.ndarray, vocabulary: int, order: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(keys, counts) of each length 1 .. order: occurrences at the highest, continuations below."""
    tokens = tokens.astype(np.int64)
    numbers = np.zeros(len(tokens), dtype=np.int64)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for n in range(1, order + 1):
        keys = numbers[: len(tokens) - n + 1] * vocabulary + tokens[n - 1 :]
        shorter = numbers
        unique, first, numbers, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        if n > 1:  # each different n-gram is one continuation of the (n - 1)-gram that it ends with
            ends = shorter[first + 1]
            found[-1] = (found[-1][0], np.bincount(ends, minlength=len(found[-1][0])))
        found.append((unique, counts))
    return found


def make_order(keys: np.ndarray, counts: np.ndarray, prefixes: int, vocabulary: int) -> Order:
    """What scoring reads of the n-grams of one length."""
    taken = discounts(counts)
    before = keys // vocabulary
    totals = np.bincount(before, weights=counts, minlength=prefixes)
    freed = np.bincount(before, weights=taken[np.minimum(counts, 3)], minlength=prefixes)
    return Order(keys, counts, taken, totals, freed)


def discounts(counts: np.ndarray) -> np.ndarray:
    """[0, D1, D2, D3+]: D_k = k - (k + 1) Y n_{k+1} / n_k with Y = n1 / (n1 + 2 n2); n_k grams have the count k.

    ``FALLBACK`` where that cannot be: no token of a BPE vocabulary is so rare that the unigrams have an n1.
    """
    n = np.bincount(np.minimum(counts, 5), minlength=6).astype(float)
    if not n[1:4].all():
        return FALLBACK
    y = n[1] / (n[1] + 2 * n[2])
    found = np.array([0.0, *(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))])
    return found if found.min() >= 0 else FALLBACK


def look_up(keys: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The places of ``wanted`` in the sorted ``keys``; -1 for what is not there."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, -1)
