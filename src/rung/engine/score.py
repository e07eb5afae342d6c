"""Log-probabilities of continuations, computing every shared prefix once (the heart of the house).

All texts of a call form one tree of tokens::

    demonstrations ──┬── question 1 ──┬── option A          past: keys and values computed once, kept for the call
                     │                ├── option B          segment: a question (stem) with its options (crown)
                     │                └── option C          batch: segments side by side in one flat forward
                     └── question 2 ──┬── ...

A prefix that enough texts share becomes a *past*; below it lie segments, which are batched by a token budget.
Logits are computed only where an option's token is predicted, and turned into log-probabilities in float32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from rung.engine.layout import Past, Segment
from rung.engine.trunk import Trunk
from rung.engine.usage import Usage

# A prefix gets a forward of its own when that saves this many tokens, and is worth the second attention call.
WORTH_TOKENS, WORTH_LENGTH = 128, 4
# Texts that share much and are short are laid into one segment (its mask costs the square of this).
SEGMENT_TOKENS = 512
# Logits of one forward (float32): half a gigabyte.
LOGITS_BUDGET = 1 << 27


@dataclass(frozen=True)
class ChoiceScores:
    """Log-probability of each choice (sum over its tokens), its length in tokens, and the cost of a lone request.

    Of an endpoint: ``usage`` is what it counted, ``flops`` is not known, and ``written`` is what the model wrote where none of the
    choices was among its likeliest tokens.
    """

    logprobs: tuple[float, ...]
    tokens: tuple[int, ...]
    prompt_tokens: int
    flops: float | None
    usage: Usage | None = None
    written: str = ""


@dataclass(frozen=True, order=True)
class Item:
    """A context and its continuations, as tokens; ordered by context, so that neighbours share prefixes."""

    context: tuple[int, ...]
    options: tuple[tuple[int, ...], ...]

    def inputs(self) -> list[tuple[int, ...]]:
        """What the model has to read: an option's last token is predicted, never read."""
        return [self.context + option[:-1] for option in self.options]

    def size(self) -> int:
        return len(self.context) + sum(len(o) - 1 for o in self.options)


@dataclass
class Tree:
    """A segment in the making: tokens in depth-first order, and the node of each token of each input."""

    tokens: list[int]
    depths: list[int]
    segment: Segment
    paths: dict[tuple[int, ...], list[int]]  # input (without its past) -> nodes from its first token to its last


def score_tokens(
    trunk: Trunk,
    contexts: Sequence[Sequence[int]],
    continuations: Sequence[Sequence[Sequence[int]]],
    *,
    exact: bool = False,
) -> list[ChoiceScores]:
    """Log-probabilities of ``continuations[i]`` behind ``contexts[i]``, in the order given.

    exact: each item in a forward of its own, which makes the numbers independent of what else is asked.
    Raises ``ValueError`` for an empty context or continuation.
    """
    items = [Item(tuple(c), tuple(tuple(o) for o in os)) for c, os in zip(contexts, continuations, strict=True)]
    if any(not item.context or not item.options or not all(item.options) for item in items):
        raise ValueError("score_tokens needs contexts and continuations of at least one token each")
    unique = sorted(set(items))
    found: dict[Item, tuple[float, ...]] = {}
    with trunk.frozen():
        if exact:
            for item in unique:
                found.update(_forward(trunk, [[item]], 0, trunk.prefix))
        else:
            for result in _walk(trunk, unique, 0, trunk.prefix):
                found.update(result)
    return [choice_scores(trunk, item, found[item]) for item in items]


def choice_scores(trunk: Trunk, item: Item, logprobs: tuple[float, ...]) -> ChoiceScores:
    # Every option token but the last is read once per distinct beginning, and the logits behind it are used.
    crown = len({option[:n] for option in item.options for n in range(1, len(option))})
    flops = trunk.request(len(item.context), crown, crown + 1)
    return ChoiceScores(logprobs, tuple(len(o) for o in item.options), len(item.context), flops)


def _walk(trunk: Trunk, items: list[Item], depth: int, past: Past | None) -> Iterator[dict[Item, tuple[float, ...]]]:
    """Scores sorted items whose first ``depth`` tokens stand in ``past``: what is below goes down the same road."""
    shared = _shared(items) if len(items) > 1 else depth
    if shared - depth >= WORTH_LENGTH and (shared - depth) * (len(items) - 1) >= WORTH_TOKENS:
        past = trunk.extend(past, items[0].context[depth:shared])
        depth = shared
    units, branches = _divide(items, depth, depth, trunk.batch_size)
    for batch in _batches(trunk, units, depth):
        yield _forward(trunk, batch, depth, past)
    for branch in branches:
        yield from _walk(trunk, branch, depth, past)


def _shared(items: list[Item]) -> int:
    """Common prefix of sorted items' contexts; each keeps a token of its own, since its logits have to be read."""
    first, last = items[0].context, items[-1].context
    return min(common_prefix(first, last), min(len(item.context) for item in items) - 1)


def _divide(items: list[Item], depth: int, at: int, most: int | None) -> tuple[list[list[Item]], list[list[Item]]]:
    """Sorted items that agree up to ``at``, as units (one segment each) and branches (worth a past of their own)."""
    units: list[list[Item]] = []
    branches: list[list[Item]] = []
    for _, members in groupby(items, key=lambda item: item.context[at : at + 1]):
        group = list(members)
        if len(group) == 1:
            units.append(group)
            continue
        shared = _shared(group)
        saved = (shared - depth) * (len(group) - 1)
        total = sum(item.size() - depth for item in group)
        if saved * 4 >= total and total - saved <= SEGMENT_TOKENS and len(group) <= (most or len(group)):
            units.append(group)
        elif saved >= WORTH_TOKENS and shared - depth >= WORTH_LENGTH:
            branches.append(group)
        elif shared <= at:  # one context ends where the others go on: nothing below can be told apart by grouping
            units.extend([item] for item in group)
        else:
            inner_units, inner_branches = _divide(group, depth, shared, most)
            units += inner_units
            branches += inner_branches
    return units, branches


def _batches(trunk: Trunk, units: list[list[Item]], depth: int) -> Iterator[list[list[Item]]]:
    """Units in order, as many per forward as the token budget, the batch size and the memory for logits allow."""
    batch: list[list[Item]] = []
    tokens = items = reads = 0
    most_reads = LOGITS_BUDGET // trunk.shape.vocabulary
    for unit in units:
        size = sum(item.size() - depth for item in unit)
        read = sum(len(option) for item in unit for option in item.options)
        many = trunk.batch_size is not None and items + len(unit) > trunk.batch_size
        if batch and (many or tokens + size > trunk.token_budget or reads + read > most_reads):
            yield batch
            batch, tokens, items, reads = [], 0, 0, 0
        batch.append(unit)
        tokens, items, reads = tokens + size, items + len(unit), reads + read
    if batch:
        yield batch


def _forward(trunk: Trunk, units: list[list[Item]], depth: int, past: Past | None) -> dict[Item, tuple[float, ...]]:
    """One flat forward over units, each a tree below ``depth``; the log-probabilities of all their options."""
    laid = lay(units, depth, trunk.offset)
    return laid.scores(trunk.forward(laid.segments, laid.tokens, laid.positions, laid.read, past=past))


@dataclass
class Laid:
    """Units as a stretch of a flat row, and where their options' log-probabilities are found."""

    items: list[Item]
    tokens: list[int]
    positions: list[int]
    segments: list[Segment]
    read: list[int]  # positions in the stretch whose logits are wanted
    where: list[int]  # row of those logits, for each token of each option
    wanted: list[int]  # the token
    sums: list[int]  # the option

    def scores(self, logits: torch.Tensor) -> dict[Item, tuple[float, ...]]:
        """Item -> the log-probability of each option, from the logits [R, V] at ``read``."""
        totals = np.bincount(self.sums, weights=_pick(logits, self.where, self.wanted), minlength=self.sums[-1] + 1)
        found, at = totals.tolist(), 0
        result = {}
        for item in self.items:
            result[item] = tuple(found[at : at + len(item.options)])
            at += len(item.options)
        return result


def lay(units: Sequence[Sequence[Item]], depth: int, offset: int) -> Laid:
    """Units below ``depth``, one segment each; a text's first token stands at the position ``offset``."""
    laid = Laid([item for unit in units for item in unit], [], [], [], [], [], [], [])
    rows: dict[int, int] = {}  # flat position -> row of the logits
    options = 0
    for unit in units:
        tree = grow([i[depth:] for item in unit for i in item.inputs()])
        base = len(laid.tokens)
        laid.tokens += tree.tokens
        laid.positions += [offset + depth + d for d in tree.depths]
        laid.segments.append(tree.segment)
        for item in unit:
            last = len(item.context) - depth - 1
            for option, whole in zip(item.options, item.inputs(), strict=True):
                path = tree.paths[whole[depth:]]
                for node, token in zip(path[last:], option, strict=True):
                    laid.where.append(rows.setdefault(base + node, len(rows)))
                    laid.wanted.append(token)
                    laid.sums.append(options)
                options += 1
    laid.read = list(rows)
    return laid


def _pick(logits: torch.Tensor, where: list[int], wanted: list[int]) -> np.ndarray:
    """log softmax(logits[where])[wanted] without the softmax of the columns that nobody asked for."""
    rows, columns = torch.tensor(where, device=logits.device), torch.tensor(wanted, device=logits.device)
    return (logits[rows, columns] - torch.logsumexp(logits, -1)[rows]).double().cpu().numpy()


def grow(inputs: Sequence[tuple[int, ...]]) -> Tree:
    """The tree of token sequences: their common prefix as stem, the rest depth first with each node's subtree end."""
    order = sorted(set(inputs))
    stem = common_prefix(order[0], order[-1])
    tokens, depths = list(order[0][:stem]), list(range(stem))
    ends = [0] * stem
    path = list(range(stem))
    paths: dict[tuple[int, ...], list[int]] = {}
    previous = order[0][:stem]
    for sequence in order:
        kept = stem + common_prefix(previous[stem:], sequence[stem:])
        for node in path[kept:]:
            ends[node] = len(tokens)
        path = path[:kept]
        for depth in range(kept, len(sequence)):
            path.append(len(tokens))
            tokens.append(sequence[depth])
            depths.append(depth)
            ends.append(0)
        paths[sequence] = list(path)
        previous = sequence
    for node in path[stem:]:
        ends[node] = len(tokens)
    return Tree(tokens, depths, Segment(stem, tuple(ends[stem:])), paths)


def common_prefix(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many tokens two sequences share from the start."""
    least = min(len(one), len(other))
    if one[:least] == other[:least]:
        return least
    low, high = 0, least  # one[:low] agrees, one[:high] does not: slices compare in C, so halving is the fast way
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
