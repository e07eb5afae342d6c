"""P-tuning v2 (Liu et al. 2022, arXiv 2110.07602): P keys and values before the text in every layer, trained directly.

    K_l = [P_k,l ; K_l],  V_l = [P_v,l ; V_l]          [P, 2 L, H, d_head] trained, no network behind it

What prefix tuning becomes when it is used for understanding: short for simple classification (under 20), about 100 for labelling
sequences (section 3.3), at rates from 5e-3 to 3e-2. Here the answer is still a word of the vocabulary, not a new head.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedModel

from rung.adapters.soft import SoftHandle, Table, check_soft, first_keys


@dataclass(frozen=True)
class PTuningV2Config:
    """``start``: tokens whose (last) keys and values it begins with; empty: of tokens drawn at random."""

    length: int = 16
    start: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_soft(self, "P-tuning v2")


def attach(hf: PreTrainedModel, config: PTuningV2Config = PTuningV2Config(), seed: int = 0) -> SoftHandle:
    """Puts a fresh prefix before every text; AdaptationError where ``hf`` carries a soft prompt already."""
    return SoftHandle(hf, "p-tuning-v2", Table(first_keys(hf, config.length, config.start, seed), deep=True), config)
