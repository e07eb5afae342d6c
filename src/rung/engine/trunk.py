"""A loaded model with its counters and limits: what scoring, generation and hidden states share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from rung.engine.attention import Layout
from rung.engine.flat import run
from rung.engine.flops import Meter, Shape
from rung.engine.layout import Past, Segment
from rung.types import ModelError

# Attributes of the transformers model: what an adapter hangs on it.
PREFIX = "rung_prefix"  # a Prefix
ADDED = "rung_added"  # numbers that each token is multiplied by besides the base's


class Prefix(Protocol):
    """Something that hangs on a model and stands before every text."""

    length: int  # keys and values
    position: int  # of a text's first token

    def served(self) -> Past:
        """Without gradients, in the model's precision."""
        ...


class Trunk:
    """The frozen model: forwards that are counted, in inference mode, whatever mode training left it in.

    ``token_budget`` is the most tokens of a forward (a single longer text still goes through alone);
    ``batch_size`` the most prompts of a forward, None: as many as the budget holds.
    """

    def __init__(self, hf: PreTrainedModel, *, context: int | None = None):
        self.hf = hf
        self.shape = Shape.of(hf)
        self._context = _context(hf, context)
        self.meter = Meter()
        self.batch_size: int | None = None
        self.token_budget = 8192

    def recompute(self) -> None:
        """Training keeps each block's input alone and computes the block again in the backward pass (gradient checkpointing).

        Chen et al. 2016, https://arxiv.org/abs/1604.06174: memory for one block's activations, a forward more for each step.
        Raises ModelError for an architecture that cannot.
        """
        if not self.hf.supports_gradient_checkpointing:
            raise ModelError(
                f"{type(self.hf).__name__} cannot compute its blocks again; leave out --recompute",
                zh=f"{type(self.hf).__name__} 不支持在反向传播时重算各层；请去掉 --recompute",
            )
        # As transformers calls it of late; the older name warns there.
        getattr(self.hf, "activation_checkpointing_enable", self.hf.gradient_checkpointing_enable)()

    @property
    def device(self) -> torch.device:
        return self.hf.device

    @property
    def context(self) -> int:
        """The most tokens of a text, behind what stands before every text."""
        return self._context - self.offset

    @property
    def prefix(self) -> Past | None:
        """What a trained soft prompt puts before every text; None: nothing."""
        found: Prefix | None = self.hf.__dict__.get(PREFIX)
        return None if found is None else found.served()

    @property
    def offset(self) -> int:
        """The position of a text's first token."""
        found: Prefix | None = self.hf.__dict__.get(PREFIX)
        return 0 if found is None else found.position

    @property
    def ahead(self) -> int:
        """Keys and values that stand before every text."""
        found: Prefix | None = self.hf.__dict__.get(PREFIX)
        return 0 if found is None else found.length

    @property
    def tolerance(self) -> float:
        """Log-probabilities closer than this may swap places with the batch: such decisions are made again alone.

        In bfloat16 those of sprout move by 0.04 (standard deviation) where a prompt's beginning is read apart from its end.
        """
        return {torch.float32: 1e-3, torch.bfloat16: 0.15}.get(self.hf.dtype, 5e-2)

    def request(self, prompt_tokens: int, new_tokens: int, reads: int) -> float:
        """Operations of a lone request to the model as it is now, adapters and prefix included."""
        added: int = self.hf.__dict__.get(ADDED, 0)
        base = self.shape.request(prompt_tokens, new_tokens, reads, self.ahead)
        return base + 2.0 * added * (prompt_tokens + new_tokens)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inference mode and no dropout, and afterwards the mode that was."""
        training = self.hf.training
        if training:
            self.hf.eval()
        try:
            with torch.inference_mode():
                yield
        finally:
            if training:
                self.hf.train()

    def forward(
        self,
        segments: Sequence[Segment],
        tokens: Sequence[int],
        positions: Sequence[int],
        read: Sequence[int],
        *,
        past: Past | None = None,
        kept: list[tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """Float32 logits [R, V] at the flat positions ``read``; see :class:`rung.engine.attention.Layout`."""
        layout = Layout(segments, past=past, kept=kept, device=self.device)
        self.tally(len(tokens), layout.pairs, len(read))
        row, where, wanted = (torch.tensor(x, dtype=torch.long, device=self.device) for x in (tokens, positions, read))
        return run(self.hf, layout, row, where, wanted).float()

    def tally(self, tokens: int, pairs: int, reads: int) -> None:
        self.meter.forwards += 1
        self.meter.tokens += tokens
        self.meter.reads += reads
        self.meter.flops += self.shape.forward(tokens, pairs, reads) + 2.0 * self.hf.__dict__.get(ADDED, 0) * tokens

    def extend(self, past: Past | None, tokens: Sequence[int]) -> Past:
        """The past (None: the prefix) with ``tokens`` behind it, computed in pieces of at most ``token_budget``."""
        for at in range(0, len(tokens), self.token_budget):
            piece = tokens[at : at + self.token_budget]
            start = past.position if past is not None else self.offset
            past = self.prefix if past is None else past
            kept: list[tuple[Tensor, Tensor]] = []
            self.forward([Segment(len(piece))], piece, range(start, start + len(piece)), [], past=past, kept=kept)
            past = Past.behind(past, kept, start + len(piece))
        assert past is not None
        return past


def _context(hf: PreTrainedModel, asked: int | None) -> int:
    """The most tokens of a text: positions, the sliding window (all attention here is full), and what was asked."""
    config = hf.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or {}
    limits = [getattr(config, "max_position_embeddings", None), getattr(config, "sliding_window", None)]
    # Rotary embeddings that change with the length of a batch would make scores depend on the batch; llama3's and yarn's do not.
    if rope.get("rope_type") in ("dynamic", "longrope"):
        limits.append(rope.get("original_max_position_embeddings"))
    known = [int(x) for x in limits if x]
    if asked is not None and asked < 2:
        raise ModelError(f"context must be at least 2 tokens, not {asked}", zh=f"context 至少为 2，而不是 {asked}")
    if asked is not None and known and asked > min(known):
        raise ModelError(
            f"context {asked} is more than the model's {min(known)}; leave it out or make it smaller",
            zh=f"context {asked} 超过模型的上限 {min(known)}；请省略或改小",
        )
    return min([*known, *([asked] if asked is not None else [])] or [1 << 20])
