"""Several ways to answer in one forward: a flat row is cut into stretches, and each belongs to a *lane*.

A lane is a name, whatever the adapter that hangs on the model under that name, and the keys and values that stand before
its texts. Linear layers read the whole row at once; attention goes stretch by stretch (:class:`Parts`); what an adapter
adds to its own stretch is the business of whoever hung it there (:class:`Lanes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from rung.engine.attention import Attends
from rung.engine.flat import run
from rung.engine.layout import Past
from rung.engine.trunk import Trunk


class Lanes(Protocol):
    """What hangs on a model, by name."""

    def alone(self, name: str) -> AbstractContextManager[None]:
        """The model is this lane's for the duration: its adapter over every row, its soft prompt as the prefix."""
        ...

    def rows(self, stretches: Sequence[tuple[str, int]]) -> AbstractContextManager[None]:
        """The rows of the next forwards are cut so: lane and number of tokens, one behind the other."""
        ...


@dataclass(frozen=True, eq=False)
class Lane:
    """One way to answer: ``past`` are its soft prompt's keys and values with those of ``prefix`` behind them.

    ``prefix`` are the tokens that its prompts begin with: they are read once in the lane's life.
    """

    name: str
    past: Past | None = None
    prefix: tuple[int, ...] = ()

    @property
    def position(self) -> int:
        """Of the first token behind ``past``."""
        return 0 if self.past is None else self.past.position


def joined(layouts: Sequence[Attends], sizes: Sequence[int]) -> Attends:
    """One layout, whose row is those of ``layouts`` one behind the other."""
    return layouts[0] if len(layouts) == 1 else Parts(layouts, sizes)


class Parts:
    """A layout made of layouts, each over its own stretch of the row."""

    def __init__(self, layouts: Sequence[Attends], sizes: Sequence[int]):
        self.layouts, self.sizes = layouts, list(sizes)

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, *, scale: float | None, dropout: float
    ) -> Tensor:
        """query [T, H, d], key and value [T, Hkv, d] -> [T, H, d]."""
        parts = zip(self.layouts, *(x.split(self.sizes) for x in (query, key, value)), strict=True)
        return torch.cat([each.attend(layer, q, k, v, scale=scale, dropout=dropout) for each, q, k, v in parts])


def run_lanes(
    trunk: Trunk, lanes: Lanes, stretches: Sequence[tuple[str, int]], layout: Attends, tokens: Sequence[int],
    positions: Sequence[int], read: Sequence[int],
) -> Tensor:  # fmt: skip
    """Float32 logits [R, V] at the positions ``read`` of a row: whose its tokens are, and how they attend."""
    row, places, where = (torch.tensor(x, dtype=torch.long, device=trunk.device) for x in (tokens, positions, read))
    with lanes.rows(stretches):
        return run(trunk.hf, layout, row, places, where).float()
