"""The one flat forward of the house: scoring, hidden states and training all go through :func:`run`.

Training calls :func:`forward_flat`: documents are packed into one row [1, total] without padding, each attends to
itself only, and logits are computed only where they are read.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rung.engine.attention import Attends, Layout, install
from rung.engine.layout import Past, Segment


def run(hf: PreTrainedModel, layout: Attends, tokens: Tensor, positions: Tensor, read: Tensor | None) -> Tensor:
    """Logits [R, V] at the flat positions ``read`` [R] (None: all) of one row of tokens [T] (int) or embeddings [T, d].

    Raises ``RuntimeError`` from torch when memory is short; everything else was checked when the model was loaded.
    """
    inputs = {"inputs_embeds" if tokens.is_floating_point() else "input_ids": tokens.unsqueeze(0)}
    keep = {} if read is None else {"logits_to_keep": read}
    out = hf(**inputs, **_around(hf, layout, positions), **keep)
    return out.logits[0]


def run_hidden(hf: PreTrainedModel, layout: Attends, tokens: Tensor, positions: Tensor) -> tuple[Tensor, ...]:
    """States [T, d] after the embedding and after each layer (the last one normed), as transformers counts them."""
    out = hf.base_model(input_ids=tokens.unsqueeze(0), output_hidden_states=True, **_around(hf, layout, positions))
    return tuple(state[0] for state in out.hidden_states)


def run_kept(hf: PreTrainedModel, embeddings: Tensor, first: int = 0) -> Past:
    """Keys and values of embeddings [P, d] as a text of their own, with gradients; a text behind them begins at ``first`` + P.

    first: the position of the first one, which may be below 0 where positions are rotary.
    """
    size = embeddings.shape[0]
    kept: list[tuple[Tensor, Tensor]] = []
    layout = Layout([Segment(size)], kept=kept, device=embeddings.device)
    hf.base_model(
        inputs_embeds=embeddings.unsqueeze(0),
        **_around(hf, layout, torch.arange(first, first + size, device=embeddings.device)),
    )
    return Past.behind(None, kept, first + size)


def _around(hf: PreTrainedModel, layout: Attends, positions: Tensor) -> dict[str, object]:
    # A 4-D mask is handed through by transformers as it is: without it a T x T mask would be built and thrown away.
    no_mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=positions.device)
    return {"attention_mask": no_mask, "position_ids": positions.unsqueeze(0), "use_cache": False, "layout": layout}


def forward_flat(
    hf: PreTrainedModel,
    documents: Sequence[Sequence[int]] | Sequence[int],
    *,
    read: Sequence[int] | Tensor | None = None,
    embeddings: Tensor | None = None,
    past: Past | None = None,
) -> Tensor:
    """Logits [R, V] of packed documents, each attending causally to itself (and to ``past``), with gradients.

    documents: token ids per document; or, with ``embeddings`` [total, d] (soft prompts), the documents' lengths.
    read: flat positions whose logits are wanted (None: all ``total``); the logits at position i are for token i + 1.
    past: keys and values before every document (a trained prefix); text positions start at ``past.position``.
    The model must have been given flat attention (``load_model`` does; :func:`rung.engine.install` for another one).
    """
    lengths = [d if isinstance(d, int) else len(d) for d in documents]
    if not lengths or min(lengths) < 1:
        raise ValueError("forward_flat needs at least one document, and no empty one")
    device = hf.device
    start = past.position if past is not None else 0
    positions = torch.cat([torch.arange(start, start + n) for n in lengths]).to(device)
    if embeddings is None:
        tokens = torch.tensor([t for d in documents for t in d], device=device)  # type: ignore[union-attr]
    else:
        tokens = embeddings
    if tokens.shape[0] != sum(lengths):
        raise ValueError(f"the documents' lengths sum to {sum(lengths)}, but {tokens.shape[0]} positions were given")
    layout = Layout([Segment(n) for n in lengths], past=past, device=device)
    where = None if read is None else torch.as_tensor(read, dtype=torch.long, device=device)
    return run(hf, layout, tokens, positions, where)


__all__ = ["forward_flat", "install", "run", "run_hidden", "run_kept"]
