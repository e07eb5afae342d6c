"""Prompt tuning (Lester, Al-Rfou & Constant 2021, arXiv 2104.08691): P trained vectors before the embedded text.

    [P_e ; E(x)]      P_e [P, d] trained, everything else frozen

P d numbers, the fewest of all. What decides is where they begin and how fast they go: from words the model knows, and at a rate
hundreds of times that of weights (0.3 in the paper, with Adafactor).
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel

from rung.adapters.soft import SoftHandle, Table, check_soft, first_embeddings


@dataclass(frozen=True)
class PromptTuningConfig:
    """``start``: tokens whose embeddings it begins with, such as those of a good hard prompt; empty: drawn at random."""

    length: int = 20  # beyond 20 the gain is marginal (figure 3a)
    start: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_soft(self, "prompt tuning")


def attach(hf: PreTrainedModel, config: PromptTuningConfig = PromptTuningConfig(), seed: int = 0) -> SoftHandle:
    """Puts a fresh soft prompt before every text; AdaptationError where ``hf`` carries one already."""
    begin = first_embeddings(hf, config.length, config.start, seed)
    return SoftHandle(hf, "prompt-tuning", Table(begin, deep=False), config)
