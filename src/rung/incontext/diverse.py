"""A fixed set of demonstrations that covers the pool: one from each of ``n`` clusters, the one nearest to its centre.

As in Auto-CoT (Zhang et al. 2023, arXiv 2210.03493), which found that similar demonstrations share their mistakes. The middle of a
cluster is taken and not its far end (k-center), because the far ends of real data are its noise.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

from rung.incontext.embedding import Hidden, states, unit
from rung.incontext.ranking import normal_inputs, take
from rung.incontext.terms import terms
from rung.types import Demonstration, Example, digest


class DiverseSelector:
    """Cluster the pool once (hidden states, or TF-IDF of :func:`terms` when ``hidden`` is None); every input gets the same set."""

    def __init__(self, pool: Sequence[Demonstration | Example], n: int, seed: int = 0, hidden: Hidden | None = None):
        self._n = n
        self._keys = normal_inputs(pool)
        texts = [shown.input for shown in pool]
        medoids = _medoids(_features(texts, hidden), n, seed)
        # In an order that the seed alone decides; behind them the rest of the pool, for an input that is itself in the set.
        spare = [i for i in range(len(pool)) if i not in set(medoids)]
        self._ranking = [
            i for group in (medoids, spare) for i in sorted(group, key=lambda i: (digest("diverse", seed, texts[i]), i))
        ]

    def pick(self, inputs: Sequence[str]) -> list[list[int]]:
        """The same indices for every input; where one of them is the input itself, another example takes its place."""
        return [take(self._ranking, self._keys, input, self._n) for input in inputs]


def _features(texts: Sequence[str], hidden: Hidden | None):  # dense or sparse [n_texts, d]
    if hidden is None:
        return TfidfVectorizer(analyzer=terms, sublinear_tf=True).fit_transform(texts)
    pooled = states(hidden, texts)
    return unit(pooled - pooled.mean(axis=0))


def _medoids(features, n: int, seed: int) -> list[int]:
    """One index per cluster, ties by index; fewer than ``n`` where the pool has fewer distinct texts."""
    kmeans = KMeans(n_clusters=n, random_state=seed, n_init=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct texts than clusters: some stay empty
        distances = np.round(kmeans.fit_transform(features), 9)  # [n_texts, n_clusters]
    members = [np.flatnonzero(kmeans.labels_ == cluster) for cluster in range(n)]
    return [int(group[np.argmin(distances[group, cluster])]) for cluster, group in enumerate(members) if len(group)]
