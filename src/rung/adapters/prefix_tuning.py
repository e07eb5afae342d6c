"""Prefix tuning (Li & Liang 2021, arXiv 2101.00190): P trained keys and values before the text, in every layer.

    K_l = [P_k,l ; K_l],  V_l = [P_v,l ; V_l]          in attention of each layer l
    [P_k ; P_v] = B + tanh(e W_1) W_2                  e [P, d], W_1 [d, m], W_2 [m, 2 L H d_head] trained; B: where it begins

The network makes the training stable ("very sensitive to initialisation" without: section 4.3) and is dropped when it is over. Its
last layer begins at zero, so that the prefix begins as B: the keys and values of real words, which the paper found far better than
random ones where data are few (section 7.4). P-tuning v2 trains the same numbers directly.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rung.adapters.soft import Soft, SoftHandle, check_soft, first_keys
from rung.adapters.values import COUNTS, is_count


@dataclass(frozen=True)
class PrefixTuningConfig:
    """``start``: tokens whose (last) keys and values it begins with; ``hidden``: m, None: the width of the model."""

    length: int = 16  # more for long answers: the paper has 10 for tables to text, 200 for summaries
    start: tuple[int, ...] = ()
    hidden: int | None = None

    def __post_init__(self) -> None:
        check_soft(self, "prefix tuning", {"hidden": (self.hidden is None or is_count(self.hidden), f"None, {COUNTS}")})


class Projected(Soft):
    """B + tanh(e W_1) W_2 as [P, 2 L, H, d_head]."""

    deep = True

    def __init__(self, begin: Tensor, width: int, hidden: int):
        super().__init__()
        self.register_buffer("begin", begin)
        self.inner = nn.Embedding(begin.shape[0], width)
        last = nn.Linear(hidden, begin[0].numel())
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), last)

    @property
    def network(self) -> int:
        return sum(p.numel() for p in self.mlp.parameters())

    def numbers(self) -> Tensor:
        return self.begin + self.mlp(self.inner.weight).view(self.begin.shape)


def attach(hf: PreTrainedModel, config: PrefixTuningConfig = PrefixTuningConfig(), seed: int = 0) -> SoftHandle:
    """Puts a fresh prefix before every text; AdaptationError where ``hf`` carries a soft prompt already."""
    width = hf.get_input_embeddings().weight.shape[1]
    begin = first_keys(hf, config.length, config.start, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        source = Projected(begin, width, config.hidden or width)
    return SoftHandle(hf, "prefix-tuning", source, config)
