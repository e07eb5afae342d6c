"""How a flat row of tokens is cut: segments (documents, or prompts with their options), padded into blocks.

A document is a *stem* (causal, no mask) followed by a *crown* (a tree in depth-first order, with an ancestor mask):
the prompt is the stem, the options are the crown. A plain training document has no crown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

# Padding inside a block costs attention only, and attention is the small part; a kernel call costs about as much as
# this many query-key pairs, so a little padding is cheaper than many calls.
CALL_COST = 4096


@dataclass
class Past:
    """Keys and values of every layer, [1, Hkv, P, d], that stand before each document of a row.

    ``position`` is where the documents begin to count: P for computed text, and possibly 0 for a trained prefix
    that must not shift the positions of the text behind it.
    """

    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)
    position: int = 0

    def __len__(self) -> int:
        return self.keys[0].shape[2] if self.keys else 0

    def detached(self) -> Past:
        """The same numbers without their gradients."""
        return Past([k.detach() for k in self.keys], [v.detach() for v in self.values], self.position)

    @classmethod
    def behind(cls, past: Past | None, kept: list[tuple[Tensor, Tensor]], position: int) -> Past:
        """``past`` with one row's own keys and values [T, Hkv, d] put behind it."""
        keys, values = ([pair[side].transpose(0, 1).unsqueeze(0) for pair in kept] for side in (0, 1))
        if past is not None and len(past):
            keys = [torch.cat(pair, 2) for pair in zip(past.keys, keys, strict=True)]
            values = [torch.cat(pair, 2) for pair in zip(past.values, values, strict=True)]
        return cls([k.contiguous() for k in keys], [v.contiguous() for v in values], position)


@dataclass(frozen=True)
class Segment:
    """One document of a row: ``stem`` causal tokens, then tokens in depth-first order whose subtree ends at ``ends``.

    ``ends[j]`` (relative to the document) is one past the last descendant of crown token ``stem + j``.
    """

    stem: int
    ends: tuple[int, ...] = ()

    def __len__(self) -> int:
        return self.stem + len(self.ends)

    @property
    def pairs(self) -> int:
        """Query-key pairs of one layer: stem over stem, crown over stem, crown over its ancestors and itself."""
        below = sum(end - self.stem - j for j, end in enumerate(self.ends))
        return self.stem * (self.stem + 1) // 2 + self.stem * len(self.ends) + below


@dataclass
class Block:
    """Segments side by side: ``index`` [B, t] flat positions (padding repeats a real one), stem columns, crown mask."""

    start: int | None  # where the block begins when it is one unpadded segment: a view instead of a copy
    index: Tensor
    stem: int
    mask: Tensor | None  # [B, 1, t - stem, t] True where a crown token may look
    _bias: Tensor | None = None

    def bias(self, dtype: torch.dtype) -> Tensor:
        """The mask as numbers to add (0, -inf): the kernel wants it so; made once, used in every layer."""
        assert self.mask is not None
        if self._bias is None or self._bias.dtype != dtype:
            self._bias = torch.zeros(self.mask.shape, dtype=dtype).masked_fill_(~self.mask, float("-inf"))
        return self._bias

    def take(self, flat: Tensor) -> Tensor:
        """[T, H, d] -> [B, H, t, d]."""
        size, width = self.index.shape
        if self.start is not None:
            return flat[self.start : self.start + width].transpose(0, 1).unsqueeze(0)
        return flat.index_select(0, self.index.flatten()).view(size, width, *flat.shape[1:]).transpose(1, 2)


def make_blocks(segments: Sequence[Segment], device: torch.device | str) -> tuple[list[Block], Tensor | None]:
    """Segments grouped by shape, and the permutation that undoes the grouping (None: there is nothing to undo)."""
    starts, at = [], 0
    for segment in segments:
        starts.append(at)
        at += len(segment)
    order = sorted(range(len(segments)), key=lambda i: (segments[i].stem, len(segments[i].ends)))
    blocks, places, base = [], torch.zeros(at, dtype=torch.long), 0
    for group in _groups(segments, order):
        block, flat, columns = _block([segments[i] for i in group], [starts[i] for i in group], device)
        blocks.append(block)
        places[flat] = base + columns
        base += block.index.numel()
    identity = base == at and bool((places == torch.arange(at)).all())
    return blocks, None if identity else places.to(device)


def _groups(segments: Sequence[Segment], order: list[int]) -> list[list[int]]:
    """Neighbours in size share a block as long as the padded pairs cost less than the calls they save."""
    groups: list[list[int]] = []
    stem = crown = own = 0
    for i in order:
        segment = segments[i]
        new_stem, new_crown = max(stem, segment.stem), max(crown, len(segment.ends))
        pairs = len(segment) ** 2
        size = len(groups[-1]) + 1 if groups else 1
        if groups and size * (new_stem + new_crown) ** 2 <= own + pairs + CALL_COST * size:
            groups[-1].append(i)
            stem, crown, own = new_stem, new_crown, own + pairs
        else:
            groups.append([i])
            stem, crown, own = segment.stem, len(segment.ends), pairs
    return groups


def _block(segments: list[Segment], starts: list[int], device: torch.device | str) -> tuple[Block, Tensor, Tensor]:
    """One block, with the flat positions of its real tokens and their places in the flattened [B, t] output."""
    stem, crown = max(s.stem for s in segments), max(len(s.ends) for s in segments)
    width = stem + crown
    index = torch.tensor(starts)[:, None].repeat(1, width)
    mask = torch.zeros(len(segments), 1, crown, width, dtype=torch.bool) if crown else None
    flat, places = [], []
    for row, (segment, start) in enumerate(zip(segments, starts, strict=True)):
        columns = torch.cat([torch.arange(segment.stem), stem + torch.arange(len(segment.ends))])
        index[row, columns] = start + torch.arange(len(segment))
        flat.append(start + torch.arange(len(segment)))
        places.append(row * width + columns)
        if mask is not None:
            mask[row, 0] = _crown_mask(segment, stem, crown)
    whole = len(segments) == 1
    block = Block(starts[0] if whole else None, index.to(device), stem, None if mask is None else mask.to(device))
    return block, torch.cat(flat), torch.cat(places)


def _crown_mask(segment: Segment, stem: int, crown: int) -> Tensor:
    """[crown, stem + crown]: a crown token sees its stem, its ancestors and itself; padding sees itself (no NaN)."""
    mask = torch.zeros(crown, stem + crown, dtype=torch.bool)
    mask[:, : segment.stem] = True
    ends = torch.tensor(segment.ends, dtype=torch.long) - segment.stem
    here = torch.arange(len(ends))
    mask[: len(ends), stem : stem + len(ends)] = (here[None] <= here[:, None]) & (here[:, None] < ends[None])
    mask[torch.arange(crown), stem + torch.arange(crown)] = True
    return mask
