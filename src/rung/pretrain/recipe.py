"""The recipe of a pre-training: how large, how long, how fast, and what cannot be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch

from rung.precision import Precision, has_fast_bfloat16
from rung.pretrain.model import shape
from rung.pretrain.parallel import Ranks
from rung.types import UserError

Schedule = Literal["cosine", "wsd"]


@dataclass(frozen=True)
class Recipe:
    """How long and how fast; what sprout was made with stands in its ``lineage.jsonl``."""

    size: str = "7M"  # parameters with an 8k vocabulary: 0.5M to 20B
    vocabulary: int = 8192
    context: int = 1024
    tokens: int = 30_000_000  # seen in training, repeats counted
    batch: int = 8192  # tokens per step
    short: int = 256  # row length of the first stage
    long_share: float = 0.2  # share of the tokens seen in rows of the full context, at the end
    boundaries: bool = True  # attention ends where a document does: see loss.py
    schedule: Schedule = "cosine"  # wsd: the rate stays up until the last fifth, where the long rows come
    muon: float = 6e-3  # learning rate of the matrices, scaled to AdamW's step size (Moonlight, 2025)
    adam: float = 6e-3  # learning rate of embeddings and norms
    weight_decay: float = 0.1
    seed: int = 0
    compile: bool = True  # worth it from some minutes of training on
    precision: Precision = "auto"  # bfloat16 products where the hardware has fast ones, else float32

    @property
    def steps(self) -> int:
        return math.ceil(self.tokens / self.batch)

    def row_length(self, step: int) -> int:
        """Tokens in a row of that step: short rows first, rows of the full context at the end."""
        turn = round(self.steps * (1 - self.long_share))
        return min(self.short, self.context) if step < turn else self.context


def check(recipe: Recipe) -> None:
    """UserError for a recipe that cannot be: no such size, precision or schedule, too large a vocabulary, a context that does not fit."""
    shape(recipe.size, recipe.vocabulary, recipe.context, 0, 1)
    for name, named, value, kinds in (
        ("precision", "精度", recipe.precision, get_args(Precision)),
        ("schedule", "学习率曲线", recipe.schedule, get_args(Schedule)),
    ):
        if value not in kinds:
            raise UserError(
                f"no {name} {value!r}: type one of {', '.join(kinds)}",
                zh=f"没有 {value!r} 这种{named}：可选 {'、'.join(kinds)}",
            )
    if recipe.vocabulary > 1 << 16:
        raise UserError(
            f"a vocabulary of {recipe.vocabulary:,} does not fit 16 bits: type --vocabulary 65536 or less",
            zh=f"词表 {recipe.vocabulary:,} 项超出 16 位：请写 --vocabulary 65536 或更小的数",
        )
    if recipe.context > recipe.batch:
        raise UserError(
            f"a context of {recipe.context:,} tokens is more than one step sees ({recipe.batch:,}): "
            "type a smaller --context",
            zh=f"上下文 {recipe.context:,} 个词元超过一步所见的 {recipe.batch:,} 个：请减小 --context",
        )
    for typed, length in (("--context ", recipe.context), ("short=", min(recipe.short, recipe.context))):
        if recipe.batch % length:  # what is left over would be counted as seen
            fits = next(n for n in range(length, 0, -1) if recipe.batch % n == 0)
            raise UserError(
                f"a step of {recipe.batch:,} tokens cannot be cut into whole rows of {length:,}: type {typed}{fits}",
                zh=f"一步的 {recipe.batch:,} 个词元无法切成整行，每行 {length:,} 个：请写 {typed}{fits}",
            )


def settled(recipe: Recipe, here: Ranks) -> Recipe:
    """The recipe with ``auto`` decided for this machine (what is recorded is what was computed) and its processes.

    A CPU without bfloat16 hardware emulates it, many times slower than float32. Raises UserError where a step has
    fewer rows than there are processes.
    """
    rows = recipe.batch // recipe.context
    if rows < here.world:
        raise UserError(
            f"{here.world} processes, but a step has {rows} rows of {recipe.context:,} tokens: type a smaller "
            f"--nproc-per-node or --context, or a batch of at least {here.world * recipe.context:,} tokens",
            zh=f"有 {here.world} 个进程，而一步只有 {rows} 行、每行 {recipe.context:,} 个词元：请减小 --nproc-per-node "
            f"或 --context，或把批量加到至少 {here.world * recipe.context:,} 个词元",
        )
    if recipe.precision != "auto":
        return recipe
    return replace(recipe, precision="bfloat16" if has_fast_bfloat16(torch.device(here.device)) else "float32")
