"""Texts read token by token: how likely each of their tokens was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from rung.engine.jobs import Token
from rung.engine.layout import Segment
from rung.engine.score import LOGITS_BUDGET
from rung.engine.trunk import Trunk


def read_tokens(trunk: Trunk, texts: Sequence[Sequence[int]], tops: int) -> Iterator[list[Token]]:
    """For each text its tokens from the second on, each with its log-probability behind those before it, and the ``tops`` likeliest.

    Logits are computed for so many positions at a time as memory allows; a text is read in one forward.
    """
    most = max(1, LOGITS_BUDGET // trunk.shape.vocabulary)
    for text in texts:
        found: list[Token] = []
        positions = range(trunk.offset, trunk.offset + len(text))
        with trunk.frozen():
            for start in range(0, len(text) - 1, most):
                read = range(start, min(start + most, len(text) - 1))
                logits = trunk.forward([Segment(len(text))], text, positions, read, past=trunk.prefix)
                found += _tokens(logits, text[start + 1 : start + 1 + len(read)], tops)
        yield found


def _tokens(logits: torch.Tensor, wanted: Sequence[int], tops: int) -> list[Token]:
    logs = logits.log_softmax(-1)
    own = logs.gather(1, torch.tensor(wanted, device=logs.device)[:, None])[:, 0].tolist()
    values, ids = logs.topk(min(tops, logs.shape[1]), dim=1)
    rows = zip(wanted, own, ids.tolist(), values.tolist(), strict=True)
    return [Token(token, value, tuple(zip(i, v, strict=True))) for token, value, i, v in rows]
