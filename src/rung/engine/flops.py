"""Counting parameters and floating-point operations (METHODS: the forward of one token costs 2 N plus attention)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel


@dataclass
class Meter:
    """Running counters of what was really computed, so that a test can see that a shared prefix was computed once."""

    forwards: int = 0
    tokens: int = 0
    reads: int = 0  # positions whose logits were computed
    flops: float = 0.0


@dataclass(frozen=True)
class Shape:
    """The sizes that decide a forward's cost; multiply-adds count as two operations."""

    parameters: int  # all, tied ones once
    nonembedding: int  # without token and position embeddings and without the output head
    layers: int
    width: int  # heads x head size: what attention works on
    hidden: int
    vocabulary: int

    @classmethod
    def of(cls, hf: PreTrainedModel) -> Shape:
        """Read off the model and its configuration (``get_text_config`` for models that have several)."""
        config = hf.config.get_text_config()
        heads, hidden = int(config.num_attention_heads), int(config.hidden_size)
        size = getattr(config, "head_dim", None) or hidden // heads
        tables = [m.weight for m in hf.modules() if isinstance(m, nn.Embedding)]
        head = hf.get_output_embeddings()
        outside = {id(w): w.numel() for w in [*tables, *([head.weight] if head is not None else [])]}
        total = sum({id(p): p.numel() for p in hf.parameters()}.values())
        vocabulary = int(head.weight.shape[0] if head is not None else config.vocab_size)
        layers = int(config.num_hidden_layers)
        return cls(total, total - sum(outside.values()), layers, heads * int(size), hidden, vocabulary)

    def forward(self, tokens: float, pairs: float, reads: float) -> float:
        """Operations of a forward over ``tokens``, ``pairs`` query-key pairs per layer, logits read at ``reads``.

        2 N per token; 4 L d per pair (QK^T and PV, 2 d each); 2 V d per position whose logits are read.
        """
        return (
            2.0 * self.nonembedding * tokens
            + 4.0 * self.layers * self.width * pairs
            + 2.0 * self.vocabulary * self.hidden * reads
        )

    def request(self, prompt_tokens: int, new_tokens: int, reads: int, ahead: int = 0) -> float:
        """A lone request: causal attention over prompt and new tokens (half of all pairs), logits at ``reads``.

        ahead: keys and values that are kept and stand before the prompt; they cost attention alone.
        """
        length = prompt_tokens + new_tokens
        return self.forward(length, length * (length + 1) / 2 + length * ahead, reads)
