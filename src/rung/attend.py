"""Attention for training on packed documents and choices in bfloat16 on a CPU, where torch's fused backward is slow.

Measured with one thread, forward and backward, 8 documents of 128 tokens, 9 heads of 64: fused bfloat16 28.9 ms, fused
float32 15.0 ms, two batched products with a softmax between them in bfloat16 6.3 ms; of options behind a context (six layers, 16 stems
of 30 tokens, crowns of 6 labels of 4 tokens or 41 of 3) fused 90 and 172 ms, products 27 and 58 ms. Elsewhere (float32, GPUs,
documents so long that their scores would not fit) the engine's own attention is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rung.engine.attention import Block, Layout, Past, Segment

# Scores of one document and head above this many tokens squared leave the cache, and the fused kernel wins again.
LONGEST = 512


class TrainingLayout(Layout):
    """The :class:`Layout` of these segments, with attention that is fast with gradients.

    past: what stands before every segment, with gradients: a soft prompt that is being trained.
    """

    def __init__(self, segments: Sequence[Segment], *, past: Past | None = None, device: torch.device | str = "cpu"):
        super().__init__(segments, past=past, device=device)
        self.short = max(block.index.shape[1] for block in self.blocks) <= LONGEST
        self._masks: dict[int, Tensor] = {}

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """Attention of one layer: query [T, H, d], key and value [T, Hkv, d] -> [T, H, d]."""
        # Under autocast rotary leaves float32 queries and keys beside values in bfloat16.
        query, key = query.to(value.dtype), key.to(value.dtype)
        if query.dtype != torch.bfloat16 or query.device.type != "cpu" or not self.short or dropout:
            return super().attend(layer, query, key, value, scale=scale, dropout=dropout)
        past = None if self.past is None else (self.past.keys[layer], self.past.values[layer])
        outputs = [
            products(query, key, value, block, self.mask(i, query, past), scale, past)
            for i, block in enumerate(self.blocks)
        ]
        joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return joined if self.restore is None else joined.index_select(0, self.restore)

    def mask(self, number: int, query: Tensor, past: tuple[Tensor, Tensor] | None) -> Tensor:
        """:func:`mask_of` that block: made in the first layer, and the same in all others."""
        if number not in self._masks:
            ahead = 0 if past is None else past[0].shape[2]
            self._masks[number] = mask_of(self.blocks[number], ahead, query.shape[1], query.dtype)
        return self._masks[number]


def mask_of(block: Block, ahead: int, heads: int, dtype: torch.dtype) -> Tensor:
    """[B * H, t, P + t] of 0 and -inf, to be added: past, stem and ancestors are seen, what comes later is not."""
    size, width = block.index.shape
    causal = torch.full((width, ahead + width), float("-inf"), dtype=dtype).triu_(ahead + 1)
    if block.mask is None:
        return causal.expand(size * heads, -1, -1)
    whole = causal.repeat(size, 1, 1, 1)
    whole[:, :, block.stem :, ahead:] = block.bias(dtype)
    whole[:, :, block.stem :, :ahead] = 0.0
    return whole.expand(-1, heads, -1, -1).reshape(size * heads, width, ahead + width)


def products(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    block: Block,
    mask: Tensor,
    scale: float | None,
    past: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """softmax(q k^T scale + mask) v of one block, behind ``past`` [1, Hkv, P, d]: flat [T, H, d] -> [B * t, H, d]."""
    q, k, v = (block.take(x) for x in (query, key, value))
    size, heads, width, depth = q.shape
    if past is not None:
        k, v = (torch.cat([p.expand(size, -1, -1, -1), own], 2) for p, own in zip(past, (k, v), strict=True))
    if k.shape[1] != heads:  # grouped-query attention: each key serves heads / Hkv neighbours
        k, v = (x.repeat_interleave(heads // k.shape[1], 1) for x in (k, v))
    q, k, v = (x.reshape(size * heads, -1, depth) for x in (q, k, v))
    factor = depth**-0.5 if scale is None else scale
    scores = torch.baddbmm(mask, q, k.transpose(1, 2), alpha=factor)
    out = torch.bmm(scores.softmax(-1), v)
    return out.view(size, heads, width, depth).transpose(1, 2).flatten(0, 1)
