"""Texts read token by token: how likely each of their tokens was. What texts share from the start is read once."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from rung.engine.jobs import Token
from rung.engine.score import LOGITS_BUDGET, SEGMENT_TOKENS, common_prefix, grow
from rung.engine.trunk import Trunk


def families(texts: Sequence[Sequence[int]]) -> list[list[int]]:
    """Which texts to read together: those whose rests, in all, are no longer than what they share (one prompt, many labels)."""
    found: list[list[int]] = []
    for i in sorted(range(len(texts)), key=lambda i: tuple(texts[i])):
        if found:
            own = [*found[-1], i]
            stem = common_prefix(texts[own[0]], texts[i])  # sorted: the others share as much
            if sum(len(texts[j]) - stem for j in own) <= min(stem, SEGMENT_TOKENS):
                found[-1] = own
                continue
        found.append([i])
    return found


def read_tokens(trunk: Trunk, texts: Sequence[Sequence[int]], tops: int) -> list[list[Token]]:
    """For each text its tokens from the second on, each with its log-probability behind those before it, and the ``tops`` likeliest.

    The texts are one tree, read in one forward; logits are computed for so many of its nodes at a time as memory allows.
    """
    tree = grow([tuple(text[:-1]) for text in texts])
    asked = [list(zip(tree.paths[tuple(text[:-1])], text[1:], strict=True)) for text in texts]
    pairs = dict.fromkeys(pair for own in asked for pair in own)
    most = max(1, LOGITS_BUDGET // trunk.shape.vocabulary)
    known: dict[tuple[int, int], Token] = {}
    with trunk.frozen():
        for start in range(0, len(tree.tokens), most):
            read = range(start, min(start + most, len(tree.tokens)))
            positions = [trunk.offset + depth for depth in tree.depths]
            logits = trunk.forward([tree.segment], tree.tokens, positions, read, past=trunk.prefix)
            known |= _tokens(logits, start, [pair for pair in pairs if pair[0] in read], tops)
    return [[known[pair] for pair in own] for own in asked]


def _tokens(logits: torch.Tensor, start: int, pairs: list[tuple[int, int]], tops: int) -> dict[tuple[int, int], Token]:
    """What is told of each (node, token behind it); the first row of the logits is the node ``start``'s."""
    logs = logits.log_softmax(-1)
    nodes, tokens = torch.tensor(pairs, device=logs.device).reshape(-1, 2).T
    own = logs[nodes - start, tokens].tolist()
    values, ids = logs.topk(min(tops, logs.shape[1]), dim=1)
    likeliest = [tuple(zip(i, v, strict=True)) for i, v in zip(ids.tolist(), values.tolist(), strict=True)]
    return {
        (node, token): Token(token, value, likeliest[node - start])
        for (node, token), value in zip(pairs, own, strict=True)
    }
