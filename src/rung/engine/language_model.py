"""What programs and the ladder ask of a model, wherever it stands: in this process (:class:`rung.engine.model.Model`) or behind
an endpoint (:class:`rung.engine.endpoint.EndpointModel`).

Weights, tokens and hidden states are not part of it: what needs those asks :func:`weights_of`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch

from rung.engine.choices import Normalise
from rung.engine.constrain import Constraint
from rung.engine.generate import Generation
from rung.engine.model import Choices, Model
from rung.engine.score import ChoiceScores
from rung.types import Decoding, ModelError

Style = Literal["plain", "chat"]


class LanguageModel(Protocol):
    """Text in; log-probabilities of choices, or text, out."""

    name: str
    sha256: str  # what the ledger knows it by: a hash of the weights, or of an endpoint's address

    @property
    def dtype(self) -> str:
        """What the numbers are computed in; "endpoint" where nobody says."""
        ...

    @property
    def device(self) -> torch.device:
        """Where this process holds it."""
        ...

    @property
    def workers(self) -> int:
        """How many requests to have under way at once; 1: ask in batches instead."""
        ...

    @property
    def context(self) -> int:
        """The most tokens of a request, its answer included."""
        ...

    @property
    def has_chat_template(self) -> bool:
        """Whether prompts in chat style can be asked."""
        ...

    def scores_labels(self, style: Style) -> bool:
        """Whether :meth:`score` works for prompts of this style; where not, labels are written and read."""
        ...

    def length(self, text: str) -> int:
        """Tokens of a text, to be compared with ``context``; an estimate where the tokenizer is not known."""
        ...

    def chat(self, messages: Sequence[dict[str, str]], lead: str = "") -> str:
        """Messages as a prompt, the assistant's turn opened with ``lead``."""
        ...

    def score(
        self,
        prompts: Sequence[str],
        choices: Choices,
        *,
        offsets: Sequence[float] | None = None,
        normalise: Normalise = "sum",
    ) -> list[ChoiceScores]:
        """Log-probability of each choice behind each prompt."""
        ...

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        constraint: Constraint | None = None,
        samples: int = 1,
    ) -> list[list[Generation]]:
        """``samples`` answers to each prompt."""
        ...

    def request_flops(self, prompt_tokens: int, new_tokens: int, read_positions: int) -> float | None:
        """Operations of a lone request; None where nobody knows."""
        ...


def weights_of(model: LanguageModel) -> Model:
    """The model itself, for whoever trains it or reads its states; raises ModelError where it stands behind an endpoint."""
    if isinstance(model, Model):
        return model
    raise ModelError(
        f"{model.name} stands behind an endpoint, which gives neither weights nor hidden states; take a model in this process",
        zh=f"{model.name} 在远程接口之后，既没有权重也没有隐藏状态；请改用本进程内的模型",
    )
