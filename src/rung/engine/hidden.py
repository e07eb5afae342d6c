"""Hidden states of texts, one vector per text and layer; padding does not exist here, so none can slip in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rung.engine.attention import Layout
from rung.engine.flat import run_hidden
from rung.engine.layout import Segment
from rung.engine.trunk import Trunk
from rung.types import ModelError

Pool = Literal["last", "mean"]


def hidden(trunk: Trunk, texts: Sequence[Sequence[int]], layers: Sequence[int], pools: Sequence[Pool]) -> np.ndarray:
    """States [n_texts, n_pools, n_layers, d] in float32 of token sequences, all of them from one forward per text.

    layers: 0 is the embedding, i the state after layer i, negative from the end (-1: the last, behind the final
    norm). pools: the last token's state, or the mean over the text's tokens. Equal texts are computed once.
    Raises :class:`ModelError` for a layer that does not exist or is of another width, ``ValueError`` for an unknown pool.
    """
    for pool in pools:
        if pool not in ("last", "mean"):
            raise ValueError(f"pool must be 'last' or 'mean', not {pool!r}")
    depth = trunk.shape.layers
    if any(not -depth - 1 <= layer <= depth for layer in layers):
        raise ModelError(
            f"layers {list(layers)} asked for, but the model has {depth}: 0 (embedding) to {depth}, or negative",
            zh=f"请求的层为 {list(layers)}，但模型只有 {depth} 层：0（嵌入）到 {depth}，或负数",
        )
    keys = [tuple(t) for t in texts]
    unique = sorted(set(keys), key=len)
    states = np.zeros((len(unique), len(pools), len(layers), trunk.shape.hidden), dtype=np.float32)
    with trunk.frozen():
        for start, stop in _batches(unique, trunk.token_budget, trunk.batch_size):
            states[start:stop] = _forward(trunk, unique[start:stop], layers, pools)
    row = {key: i for i, key in enumerate(unique)}
    return states[[row[key] for key in keys]]


def _batches(texts: list[tuple[int, ...]], budget: int, most: int | None) -> list[tuple[int, int]]:
    batches, start, tokens = [], 0, 0
    for i, text in enumerate(texts):
        if i > start and (tokens + len(text) > budget or i - start == most):
            batches.append((start, i))
            start, tokens = i, 0
        tokens += len(text)
    return [*batches, (start, len(texts))] if texts else []


def _forward(
    trunk: Trunk, texts: Sequence[tuple[int, ...]], layers: Sequence[int], pools: Sequence[Pool]
) -> np.ndarray:
    device = trunk.device
    lengths = torch.tensor([len(t) for t in texts], device=device)
    layout = Layout([Segment(len(t)) for t in texts], past=trunk.prefix, device=device)
    tokens = torch.tensor([x for t in texts for x in t], device=device)
    positions = torch.cat([torch.arange(len(t)) for t in texts]).to(device) + trunk.offset
    trunk.tally(len(tokens), layout.pairs, 0)
    states = run_hidden(trunk.hf, layout, tokens, positions)
    widths = {layer: states[layer].shape[1] for layer in layers}
    if set(widths.values()) - {trunk.shape.hidden}:
        raise ModelError(
            f"the states of {type(trunk.hf).__name__} are of different widths, {widths} by layer where {trunk.shape.hidden} are "
            "expected (OPT-350m narrows its last one); take another layer, or another model",
            zh=f"{type(trunk.hf).__name__} 各层状态的宽度不同：各层为 {widths}，应为 {trunk.shape.hidden}（OPT-350m 的最后一层较窄）；"
            "请换一层，或换一个模型",
        )
    pooled = [torch.stack([_pool(states[layer], lengths, pool) for layer in layers], 1) for pool in pools]
    return torch.stack(pooled, 1).cpu().numpy()


def _pool(states: Tensor, lengths: Tensor, pool: Pool) -> Tensor:
    """One float32 state per text, [n_texts, d], of the states [T, d] of a row that holds texts of these lengths."""
    if pool == "last":
        return states[lengths.cumsum(0) - 1].float()
    text = torch.repeat_interleave(torch.arange(len(lengths), device=states.device), lengths)
    total = torch.zeros(len(lengths), states.shape[1], device=states.device)
    return total.index_add_(0, text, states.float()) / lengths[:, None]
