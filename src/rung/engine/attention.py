"""Attention over one flat row of tokens, registered with transformers as ``rung_flat``.

A batch is ONE row of tokens: linear layers see no padding and know nothing of documents; only attention needs to
know who may look at whom. A :class:`Layout` says so, as *blocks* of documents of about the same shape (padded side
by side for one kernel call) behind an optional *past* that all of them share (few-shot demonstrations computed
once, or a trained prefix).

Without a layout the function is exactly transformers' ``sdpa``, so the same model object keeps working elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rung.engine.layout import Block, Past, Segment, make_blocks

NAME = "rung_flat"
# A private operator of torch; without it, shared keys are put before each document's own instead.
MERGES = hasattr(torch.ops.aten, "_scaled_dot_product_flash_attention_for_cpu")


class Attends(Protocol):
    """A layout: flat queries [T, H, d] and keys, values [T, Hkv, d] of one layer -> [T, H, d]."""

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor: ...


class Layout:
    """Who may look at whom in one flat row; see the module's docstring.

    ``kept``, an empty list if given, receives the row's own keys and values, [T, Hkv, d] each, layer by layer.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        *,
        past: Past | None = None,
        kept: list[tuple[Tensor, Tensor]] | None = None,
        device: torch.device | str = "cpu",
    ):
        self.past, self.kept = past, kept
        self.total = sum(len(s) for s in segments)
        self.pairs = sum(s.pairs for s in segments) + self.total * (len(past) if past is not None else 0)
        self.blocks, restore = make_blocks(segments, device)
        # Position of each flat token in the blocks' outputs laid end to end; padding falls away here.
        self.restore = restore

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """Attention of one layer: query [T, H, d], key and value [T, Hkv, d] -> [T, H, d]."""
        past = (self.past.keys[layer], self.past.values[layer]) if self.past is not None and len(self.past) else None
        if self.kept is not None:
            self.kept.append((key, value))
        merge = past is not None and _can_merge(query, key, value, *past)
        outputs, sums = [], []
        for block in self.blocks:
            q, k, v = block.take(query), block.take(key), block.take(value)
            if merge:
                out, total = _local_with_sums(q, k, v, block, scale)
                sums.append(total.transpose(1, 2).flatten(0, 1))
            else:
                out = _local(q, k, v, block, past, scale, dropout)
            outputs.append(out.transpose(1, 2).flatten(0, 1))
        result = _cat(outputs, self.restore)
        if merge:
            assert past is not None
            result = _merge_past(result, _cat(sums, self.restore), query, past, scale)
        return result


def _can_merge(query: Tensor, key: Tensor, value: Tensor, *past: Tensor) -> bool:
    """Whether the CPU kernel serves: it gives no gradient through the log-sum-exps, and wants one head size."""
    tracked = torch.is_grad_enabled() and any(x.requires_grad for x in (query, key, value, *past))
    return MERGES and not tracked and query.device.type == "cpu" and key.shape[-1] == value.shape[-1]


def _cat(parts: list[Tensor], restore: Tensor | None) -> Tensor:
    """The blocks' outputs [B * t, ...] back in flat order."""
    joined = parts[0] if len(parts) == 1 else torch.cat(parts)
    return joined if restore is None else joined.index_select(0, restore)


def _local(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    block: Block,
    past: tuple[Tensor, Tensor] | None,
    scale: float | None,
    dropout: float,
) -> Tensor:
    """Attention inside a block, past included by concatenation: any device, with gradients."""
    size, stem, width = q.shape[0], block.stem, q.shape[2]
    options: dict[str, Any] = {"scale": scale, "dropout_p": dropout, "enable_gqa": q.shape[1] != k.shape[1]}
    if past is not None:
        ahead = past[0].shape[2]
        k, v = (torch.cat([p.expand(size, -1, -1, -1), own], 2) for p, own in zip(past, (k, v), strict=True))
        mask = torch.ones(width, ahead + width, dtype=torch.bool, device=q.device).tril(ahead).expand(size, 1, -1, -1)
        if block.mask is not None:
            crown = F.pad(block.mask, (ahead, 0), value=True)
            mask = torch.cat([mask[:, :, :stem], crown], 2)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, **options)
    parts = []
    if stem:
        parts.append(
            F.scaled_dot_product_attention(q[:, :, :stem], k[:, :, :stem], v[:, :, :stem], is_causal=True, **options)
        )
    if block.mask is not None:
        parts.append(F.scaled_dot_product_attention(q[:, :, stem:], k, v, attn_mask=block.mask, **options))
    return parts[0] if len(parts) == 1 else torch.cat(parts, 2)


def _flash(
    q: Tensor, k: Tensor, v: Tensor, scale: float | None, *, causal: bool = False, bias: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The CPU kernel that also gives each query's log-sum-exp: outputs [B, H, t, d] and [B, H, t] (float32)."""
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal, attn_mask=bias, scale=scale)


def _local_with_sums(q: Tensor, k: Tensor, v: Tensor, block: Block, scale: float | None) -> tuple[Tensor, Tensor]:
    """Attention inside a block without its past, and the log-sum-exp of each query, to be merged with the past."""
    stem, parts = block.stem, []
    if stem:
        parts.append(_flash(q[:, :, :stem], k[:, :, :stem], v[:, :, :stem], scale, causal=True))
    if block.mask is not None:
        parts.append(_flash(q[:, :, stem:], k, v, scale, bias=block.bias(q.dtype)))
    if len(parts) == 1:
        return parts[0]
    return torch.cat([p[0] for p in parts], 2), torch.cat([p[1] for p in parts], 2)


def _merge_past(local: Tensor, sums: Tensor, query: Tensor, past: tuple[Tensor, Tensor], scale: float | None) -> Tensor:
    """All queries against the shared past in one call, merged with what they saw in their own document.

    softmax over two sets of keys is the mean of both softmaxes, weighted by their exponentiated log-sum-exps
    (Hydragen, Juravsky et al. 2024, section 3.1). local and query [T, H, d], sums [T, H] -> [T, H, d].
    """
    before, before_sums = _flash(query.transpose(0, 1).unsqueeze(0), *past, scale)
    weight = torch.sigmoid(before_sums[0].transpose(0, 1) - sums).unsqueeze(-1)
    merged = torch.lerp(local.to(weight.dtype), before[0].transpose(0, 1).to(weight.dtype), weight)
    return merged.to(local.dtype)


def flat_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    layout: Attends | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """What transformers calls in each layer: [1, H, T, d] -> [1, T, H, d]; without a layout it is plain sdpa."""
    if layout is None:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    flat = (x[0].transpose(0, 1) for x in (query, key, value))
    return layout.attend(layer, *flat, scale=scaling, dropout=dropout).unsqueeze(0), None


def install(hf: PreTrainedModel) -> None:
    """Makes ``hf`` use :func:`flat_attention`. Plain use of the model stays what it was under ``sdpa``."""
    AttentionInterface.register(NAME, flat_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    hf.set_attn_implementation(NAME)
