"""One step of generation: a cache of keys and values per sequence, and attention of one new token each."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from rung.engine.flat import run
from rung.engine.layout import Past, Segment
from rung.engine.trunk import Trunk

GROW = 64  # columns that a full cache grows by


class Cache:
    """Keys and values of ``B`` sequences, [B, Hkv, columns, d] per layer, behind a ``past`` that they share.

    It is the layout of a decoding step: token i of the flat row is the next token of sequence i.
    """

    def __init__(self, past: Past | None, lengths: Sequence[int], kept: list[tuple[Tensor, Tensor]]):
        self.past = past if past is not None and len(past) else None
        self.lengths = torch.tensor(lengths, device=kept[0][0].device)
        pieces = [tuple(x.split(list(lengths)) for x in pair) for pair in kept]
        self.keys, self.values = ([_padded(pair[side]) for pair in pieces] for side in (0, 1))

    def select(self, rows: Sequence[int]) -> None:
        """Keeps these sequences, in this order; a row may stand several times (samples of one prompt)."""
        index = torch.tensor(rows, device=self.lengths.device)
        self.lengths = self.lengths[index]
        self.keys = [k.index_select(0, index) for k in self.keys]
        self.values = [v.index_select(0, index) for v in self.values]

    def step(self, trunk: Trunk, tokens: Sequence[int]) -> Tensor:
        """Float32 logits [B, V] after one more token for each sequence."""
        start = self.past.position if self.past is not None else 0
        ahead = len(self.past) if self.past is not None else 0
        trunk.tally(len(tokens), int(self.lengths.sum()) + len(tokens) * (ahead + 1), len(tokens))
        row = torch.tensor(tokens, device=trunk.device)
        self._room()
        logits = run(trunk.hf, self, row, self.lengths + start, None).float()
        self.lengths = self.lengths + 1
        return logits

    def _room(self) -> None:
        self._used = int(self.lengths.max()) + 1
        self._bias = hides(self.lengths, self._used, self.keys[0].dtype)
        if self._used > self.keys[0].shape[2]:
            self.keys = [torch.nn.functional.pad(k, (0, 0, 0, GROW)) for k in self.keys]
            self.values = [torch.nn.functional.pad(v, (0, 0, 0, GROW)) for v in self.values]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """query [B, H, d], key and value [B, Hkv, d] of the new tokens -> [B, H, d]; softmax in float32."""
        sequences = torch.arange(query.shape[0], device=query.device)
        self.keys[layer][sequences, :, self.lengths] = key
        self.values[layer][sequences, :, self.lengths] = value
        keys, values = self.keys[layer][:, :, : self._used], self.values[layer][:, :, : self._used]
        past = None if self.past is None else (self.past.keys[layer], self.past.values[layer])
        return attend_new(query, keys, values, self._bias, past, scale)


def hides(lengths: Tensor, columns: int, dtype: torch.dtype) -> Tensor | None:
    """What :func:`attend_new` adds to scores, [B, 1, 1, columns]: -inf behind the new token, which stands at ``lengths`` [B]."""
    if len(lengths) == 1:  # alone it sees all of them
        return None
    unseen = torch.arange(columns, device=lengths.device)[None] > lengths[:, None]
    bias = torch.zeros(unseen.shape, dtype=dtype, device=unseen.device).masked_fill_(unseen, float("-inf"))
    return bias[:, None, None]


def attend_new(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    bias: Tensor | None,
    past: tuple[Tensor, Tensor] | None,
    scale: float | None,
) -> Tensor:
    """One new token each of B sequences, softmax in float32: query [B, H, d] -> [B, H, d].

    keys, values: each sequence's own, [B, Hkv, columns, d]; ``bias`` hides some of them (:func:`hides`).
    past: keys and values [1, Hkv, P, d] that all of them see.
    """
    size, heads, width = query.shape
    shared = keys.shape[1]
    q = query.view(size, shared, heads // shared, width)  # heads that share keys are one kernel's queries
    if past is None:
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=bias, scale=scale).reshape(size, heads, -1)
    q = q * (width**-0.5 if scale is None else scale)
    scores = (q @ keys.transpose(-1, -2)).float()
    if bias is not None:
        scores += bias
    # All sequences against the shared keys at once: [Hkv, B * group, P], without a copy per sequence.
    ahead = q.transpose(0, 1).reshape(shared, -1, width)
    before = (ahead @ past[0][0].transpose(-1, -2)).float()
    before = before.view(shared, size, heads // shared, -1).transpose(0, 1)
    weights = torch.cat([before, scores], -1).softmax(-1).to(values.dtype)
    own = weights[..., before.shape[-1] :] @ values
    seen = weights[..., : before.shape[-1]].transpose(0, 1).reshape(shared, -1, before.shape[-1])
    seen = (seen @ past[1][0]).view(shared, size, heads // shared, -1).transpose(0, 1)
    return (own + seen).reshape(size, heads, -1)


def prefill(trunk: Trunk, contexts: Sequence[Sequence[int]], past: Past | None) -> tuple[Tensor, Cache]:
    """Logits [n, V] behind each context (its part after ``past``), computed in one flat forward, and the cache."""
    start = past.position if past is not None else 0
    lengths = [len(c) for c in contexts]
    tokens = [t for c in contexts for t in c]
    positions = [start + i for n in lengths for i in range(n)]
    ends = torch.tensor(lengths).cumsum(0) - 1
    kept: list[tuple[Tensor, Tensor]] = []
    logits = trunk.forward([Segment(n) for n in lengths], tokens, positions, ends.tolist(), past=past, kept=kept)
    return logits, Cache(past, lengths, kept)


def _padded(pieces: Sequence[Tensor]) -> Tensor:
    """[t_i, Hkv, d] of each sequence -> [B, Hkv, columns, d] with room to grow."""
    columns = max(len(p) for p in pieces) + GROW
    cache = pieces[0].new_zeros(len(pieces), pieces[0].shape[1], columns, pieces[0].shape[2])
    for row, piece in enumerate(pieces):
        cache[row, :, : len(piece)] = piece.transpose(0, 1)
    return cache
