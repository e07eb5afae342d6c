"""Held-out bits per byte: how well a base model predicts text, comparable between tokenizers.

Each document is cut into windows of the context, every window behind an end-of-text mark, so that each token of the
document is predicted exactly once and nothing is left out. Log-softmax is in float32, bytes are those of UTF-8; the
mark that would end the document is not predicted, as it has no bytes. A soft prompt that hangs on the model stands
before every window, as it does before every prompt.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rung.engine import Model
from rung.pretrain.tokenizer import token_ids

PACK = 2048  # tokens in one forward: the logits of more would only fill memory
DRAWS = 1000


@dataclass(frozen=True)
class HeldOut:
    """What a model made of some documents; one row a document in each array."""

    bytes: np.ndarray  # [documents], UTF-8
    tokens: np.ndarray  # [documents], without marks
    nats: np.ndarray  # [documents], minus the log-probability of the text

    @property
    def bits_per_byte(self) -> float | None:
        """Over all the bytes together; None without a byte."""
        size = int(self.bytes.sum())
        return float(self.nats.sum()) / math.log(2) / size if size else None

    @property
    def bytes_per_token(self) -> float | None:
        """UTF-8 bytes that a token holds on average; None without a token."""
        count = int(self.tokens.sum())
        return int(self.bytes.sum()) / count if count else None

    def interval(self, confidence: float = 0.95, seed: int = 0) -> tuple[float, float] | None:
        """The percentile bootstrap over documents; None for fewer than two, from which no spread can be told."""
        n = len(self.bytes)
        if n < 2 or not self.bytes.sum():
            return None
        times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS)  # [draws, n]
        values = (times @ self.nats) / np.maximum(1, times @ self.bytes) / math.log(2)
        low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)

    def __add__(self, other: HeldOut) -> HeldOut:
        pairs = ((self.bytes, other.bytes), (self.tokens, other.tokens), (self.nats, other.nats))
        return HeldOut(*(np.concatenate(pair) for pair in pairs))


def held_out(model: Model, texts: Iterable[str], *, context: int | None = None) -> HeldOut:
    """Bytes, tokens and nats of each text under ``model``; ``context``: of the windows, None: the model's own."""
    texts = list(texts)
    ids = token_ids(model.tokenizer, texts)
    nats = np.zeros(len(texts))
    for pack in packs(ids, model.text.start(), context or model.context):
        for (number, _), value in zip(pack, window_nats(model, [window for _, window in pack]), strict=True):
            nats[number] += value
    return HeldOut(np.array([len(t.encode()) for t in texts], int), np.array([len(i) for i in ids], int), nats)


def packs(ids: Sequence[list[int]], mark: list[int], context: int) -> Iterator[list[tuple[int, list[int]]]]:
    """(document number, window) pairs, about ``PACK`` tokens at a time."""
    pack: list[tuple[int, list[int]]] = []
    step = context - len(mark)
    for number, document in enumerate(ids):
        for start in range(0, len(document), step):
            pack.append((number, [*mark, *document[start : start + step]]))
            if sum(len(window) for _, window in pack) >= PACK:
                yield pack
                pack = []
    if pack:
        yield pack


def window_nats(model: Model, windows: Sequence[list[int]]) -> list[float]:
    """Minus the log-probability of each window's tokens behind its mark."""
    n = len(model.text.start())
    scores = model.score_tokens([window[:n] for window in windows], [[window[n:]] for window in windows])
    return [-score.logprobs[0] for score in scores]
