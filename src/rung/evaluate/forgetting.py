"""What training has made a model forget: the rise of its cross-entropy on general text, per language.

    forgetting = (nats with the adapter - nats of the base) / tokens         0: nothing is forgotten; below 0: it reads better

Measured as the model is used: with the adapter attached and merged, a soft prompt in place before every text. Detached, the
base is what it was, bit for bit; that is measured as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rung.adapters import attached
from rung.engine import Model
from rung.evaluate.statistics import paired_difference
from rung.pretrain.evaluate import HeldOut, held_out


@dataclass(frozen=True)
class Rise:
    """How much less likely the general text of one language has become."""

    nats: float  # per token
    low: float | None  # of the 95 % interval: paired bootstrap over texts; None for fewer than two
    high: float | None
    per_byte: float  # the rise in nats per byte (UTF-8), comparable between tokenizers
    detached: float  # nats per token that are left once the adapter is off: 0.0
    base: float  # nats per token of the base itself
    n: int  # texts
    tokens: int


@dataclass(frozen=True)
class Forgetting:
    """The rise in each language that there is text of (or in each set of texts, where they are named otherwise)."""

    languages: Mapping[str, Rise]

    @property
    def worst(self) -> float:
        """Nats per token in the worse language."""
        return max(rise.nats for rise in self.languages.values())

    def as_json(self) -> dict[str, Any]:
        """Plain values: ``{"en": {"nats": ...}, "zh": ...}``."""
        return {at: asdict(rise) for at, rise in self.languages.items()}

    @classmethod
    def of_json(cls, body: Mapping[str, Mapping[str, Any]]) -> Forgetting:
        return cls({at: Rise(**rise) for at, rise in body.items()})


class GeneralReader:
    """Measures adapters of one model on the same general text. The bare model reads it once, when it is first needed.

    ``texts``: at least one that is not empty in every language.
    """

    def __init__(self, model: Model, texts: Mapping[str, Sequence[str]]):
        self.model, self.texts = model, texts
        self.context = model.context // 2  # room behind any soft prompt: the same windows with it and without

    @cached_property
    def before(self) -> dict[str, HeldOut]:
        """As the model reads before anything hung on it."""
        return measured(self.model, self.texts, self.context)

    def forgetting(self, adapter: Path | None) -> Forgetting:
        """The rise with the adapter of that folder (None: none, and the rise is 0), and without it again.

        Raises :class:`rung.types.AdaptationError` for a folder that holds no adapter for this model.
        """
        before = self.before
        with attached(self.model.hf, adapter):
            during = measured(self.model, self.texts, self.context)
        after = measured(self.model, self.texts, self.context)
        rises = {at: rise(before[at], during[at], after[at]) for at in self.texts}
        assert all(found.detached == 0.0 for found in rises.values()), (
            "detaching an adapter must leave the base as it was"
        )
        return Forgetting(rises)


def forgetting(model: Model, adapter: Path | None, texts: Mapping[str, Sequence[str]]) -> Forgetting:
    """Of a single adapter; see :class:`GeneralReader`."""
    return GeneralReader(model, texts).forgetting(adapter)


def measured(model: Model, texts: Mapping[str, Sequence[str]], context: int) -> dict[str, HeldOut]:
    """Nats of every text as ``model`` stands now, in windows of ``context`` tokens."""
    return {at: held_out(model, those, context=context) for at, those in texts.items()}


def rise(before: HeldOut, during: HeldOut, after: HeldOut) -> Rise:
    """What the figures of the base, with the adapter and without it again amount to."""
    tokens, size, n = int(before.tokens.sum()), int(before.bytes.sum()), len(before.tokens)
    own, base = (np.stack([found.nats, found.tokens], axis=1) for found in (during, before))
    nats, low, high = paired_difference(own, base, per_token)
    return Rise(
        nats=nats,
        low=low if n > 1 else None,
        high=high if n > 1 else None,
        per_byte=float((during.nats - before.nats).sum()) / size,
        detached=float((after.nats - before.nats).sum()) / tokens,
        base=float(before.nats.sum()) / tokens,
        n=n,
        tokens=tokens,
    )


def per_token(sums: np.ndarray) -> np.ndarray:
    """[..., 2] nats and tokens -> nats per token."""
    return sums[..., 0] / sums[..., 1]
