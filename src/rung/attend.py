"""Attention for training on packed documents in bfloat16 on a CPU, where torch's fused backward is slow.

Measured with one thread, forward and backward, 8 documents of 128 tokens, 9 heads of 64: fused bfloat16 28.9 ms, fused
float32 15.0 ms, two batched products with a softmax between them in bfloat16 6.3 ms. Elsewhere (float32, GPUs,
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
    """The :class:`Layout` of plain causal documents of these lengths, with attention that is fast with gradients.

    past: what stands before every document, with gradients: a soft prompt that is being trained.
    """

    def __init__(self, lengths: Sequence[int], *, past: Past | None = None, device: torch.device | str = "cpu"):
        super().__init__([Segment(n) for n in lengths], past=past, device=device)
        self.short = max(lengths) <= LONGEST

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """Attention of one layer: query [T, H, d], key and value [T, Hkv, d] -> [T, H, d]."""
        # Under autocast rotary leaves float32 queries and keys beside values in bfloat16.
        query, key = query.to(value.dtype), key.to(value.dtype)
        if query.dtype != torch.bfloat16 or query.device.type != "cpu" or not self.short or dropout:
            return super().attend(layer, query, key, value, scale=scale, dropout=dropout)
        past = None if self.past is None else (self.past.keys[layer], self.past.values[layer])
        outputs = [causal(query, key, value, block, scale, past) for block in self.blocks]
        joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
        return joined if self.restore is None else joined.index_select(0, self.restore)


def causal(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    block: Block,
    scale: float | None,
    past: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """softmax(q k^T scale + causal mask) v of one block, behind ``past`` [1, Hkv, P, d]: flat [T, H, d] -> [B * t, H, d]."""
    q, k, v = (block.take(x) for x in (query, key, value))
    size, heads, width, depth = q.shape
    ahead = 0
    if past is not None:
        ahead = past[0].shape[2]
        k, v = (torch.cat([p.expand(size, -1, -1, -1), own], 2) for p, own in zip(past, (k, v), strict=True))
    if k.shape[1] != heads:  # grouped-query attention: each key serves heads / Hkv neighbours
        k, v = (x.repeat_interleave(heads // k.shape[1], 1) for x in (k, v))
    mask = torch.full((width, ahead + width), float("-inf"), dtype=q.dtype).triu_(ahead + 1)
    q, k, v = (x.reshape(size * heads, -1, depth) for x in (q, k, v))
    factor = depth**-0.5 if scale is None else scale
    scores = torch.baddbmm(mask.expand(size * heads, -1, -1), q, k.transpose(1, 2), alpha=factor)
    out = torch.bmm(scores.softmax(-1), v)
    return out.view(size, heads, width, depth).transpose(1, 2).flatten(0, 1)
