"""P-tuning (Liu et al. 2021, arXiv 2103.10385): as prompt tuning, but a small network writes the P vectors.

    h = MLP(biLSTM(e))   or   h = MLP(e)        e [P, d] trained, the network too
    P_e = E_0 + h                               E_0: where it begins, not trained

The network ties the vectors to each other and makes their landscape smoother. It is dropped when the training is over: P_e is kept.
Its last layer begins at zero, so that the prompt begins as E_0, embeddings of words (the paper's begins as noise: E_0 = 0).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rung.adapters.soft import Soft, SoftHandle, check_soft, first_embeddings
from rung.adapters.values import COUNTS, is_count


@dataclass(frozen=True)
class PTuningConfig:
    """``start`` as in prompt tuning; ``hidden``: width of the network, None: that of the model."""

    length: int = 20
    start: tuple[int, ...] = ()
    encoder: Literal["mlp", "lstm"] = "mlp"
    hidden: int | None = None

    def __post_init__(self) -> None:
        wanted = {
            "encoder": (self.encoder in ("mlp", "lstm"), "mlp / lstm"),
            "hidden": (self.hidden is None or is_count(self.hidden), f"None, {COUNTS}"),
        }
        check_soft(self, "P-tuning", wanted)


class Written(Soft):
    """E_0 + MLP(biLSTM(e)) or E_0 + MLP(e), [P, d]; in PEFT's shapes, with ``hidden`` numbers in each direction of the LSTM."""

    deep = False

    def __init__(self, begin: Tensor, encoder: str, hidden: int):
        super().__init__()
        size, width = begin.shape
        self.register_buffer("begin", begin)
        self.inner = nn.Embedding(size, width)
        self.lstm = None
        if encoder == "lstm":
            self.lstm = nn.LSTM(width, hidden, num_layers=2, bidirectional=True, batch_first=True)
            layers = [nn.Linear(2 * hidden, 2 * hidden), nn.ReLU(), nn.Linear(2 * hidden, width)]
        else:
            layers = [
                nn.Linear(width, hidden),
                nn.ReLU(),
                nn.Linear(hidden, hidden),
                nn.ReLU(),
                nn.Linear(hidden, width),
            ]
        last = layers[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mlp = nn.Sequential(*layers)

    @property
    def network(self) -> int:
        return sum(p.numel() for name, p in self.named_parameters() if not name.startswith("inner"))

    def numbers(self) -> Tensor:
        inner = self.inner.weight
        if self.lstm is not None:
            inner = self.lstm(inner.unsqueeze(0))[0][0]
        return self.begin + self.mlp(inner)


def attach(hf: PreTrainedModel, config: PTuningConfig = PTuningConfig(), seed: int = 0) -> SoftHandle:
    """Puts a fresh soft prompt before every text; AdaptationError where ``hf`` carries one already."""
    begin = first_embeddings(hf, config.length, config.start, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        source = Written(begin, config.encoder, config.hidden or begin.shape[1])
    return SoftHandle(hf, "p-tuning", source, config)
