"""A model as the rest of the house sees it: text in, log-probabilities, text or states out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from transformers import PreTrainedModel

from rung.engine import choices as choosing
from rung.engine import generate as writing
from rung.engine import hidden as reading
from rung.engine import score as scoring
from rung.engine.choices import Cut, Normalise
from rung.engine.constrain import Constraint
from rung.engine.flat import forward_flat
from rung.engine.generate import Generation
from rung.engine.hidden import Pool
from rung.engine.layout import Past
from rung.engine.score import ChoiceScores
from rung.engine.text import Text
from rung.engine.trunk import Trunk
from rung.types import Decoding, ModelError

Choices = Sequence[str] | Sequence[Sequence[str]]


class Model(Trunk):
    """A frozen causal language model with its tokenizer. Predictions do not depend on ``batch_size``."""

    def __init__(
        self, hf: PreTrainedModel, tokenizer: Any, *, name: str, sha256: str, context: int | None = None,
        folder: Path | None = None,
    ):  # fmt: skip
        super().__init__(hf, context=context)
        self.name = name
        self.folder = folder  # where it was read from; None for one made in memory
        self.sha256 = sha256
        self.tokenizer = tokenizer
        self.text = Text(tokenizer)

    @property
    def parameters(self) -> int:
        """All parameters, tied ones once."""
        return self.shape.parameters

    @property
    def nonembedding(self) -> int:
        """Parameters without token and position embeddings and without the output head."""
        return self.shape.nonembedding

    @property
    def dtype(self) -> str:
        """As torch names it."""
        return str(self.hf.dtype)

    @property
    def workers(self) -> int:
        """One: requests are computed in batches, not side by side."""
        return 1

    @property
    def has_chat_template(self) -> bool:
        return self.text.has_chat_template

    def scores_labels(self, style: str) -> bool:
        """Always: see :class:`rung.engine.language_model.LanguageModel`."""
        return True

    def length(self, text: str) -> int:
        """Tokens of a text."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Token ids, with BOS once if the tokenizer puts one by default (never doubled behind a chat template)."""
        return self.text.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special tokens."""
        return self.text.decode(ids)

    def chat(self, messages: Sequence[dict[str, str]], lead: str = "") -> str:
        """Messages as the model's chat template writes them, the assistant's turn opened with ``lead``.

        Raises :class:`ModelError` when the tokenizer has no template.
        """
        return self.text.chat(messages, lead)

    def request_flops(self, prompt_tokens: int, new_tokens: int, read_positions: int) -> float:
        """Operations of a lone request: 2 N per token, 4 L d per query-key pair (causal), 2 V d per position read."""
        return self.request(prompt_tokens, new_tokens, read_positions)

    def forward_flat(
        self,
        documents: Sequence[Sequence[int]] | Sequence[int],
        *,
        read: Sequence[int] | Tensor | None = None,
        embeddings: Tensor | None = None,
        past: Past | None = None,
    ) -> Tensor:
        """Logits [R, V] of packed documents with gradients; see :func:`rung.engine.flat.forward_flat`."""
        return forward_flat(self.hf, documents, read=read, embeddings=embeddings, past=past)

    def score_tokens(
        self,
        contexts: Sequence[Sequence[int]],
        continuations: Sequence[Sequence[Sequence[int]]],
        *,
        exact: bool = False,
    ) -> list[ChoiceScores]:
        """Log-probabilities of token sequences; see :func:`rung.engine.score.score_tokens`."""
        return scoring.score_tokens(self, contexts, continuations, exact=exact)

    def count(self, prompts: Sequence[str], choices: Choices) -> list[int]:
        """Tokens that each prompt needs with its longest choice, to be compared with ``context``."""
        return [cut.length() for cut in self._cut(prompts, choices)]

    def score(
        self,
        prompts: Sequence[str],
        choices: Choices,
        *,
        offsets: Sequence[float] | None = None,
        normalise: Normalise = "sum",
    ) -> list[ChoiceScores]:
        """Log-probability of each choice behind each prompt, one list of choices for all prompts or one for each.

        ``offsets`` (calibration, one per choice) and ``normalise`` ("mean": per token) do not change what is
        returned; they say how the caller will compare, so that items whose winner rounding could change are scored
        again alone, and the winner is the same for every batch size.
        Raises :class:`ModelError` when a prompt does not fit the context (nothing is ever cut off), or for choices
        that are empty or equal.
        """
        cuts = self._cut(prompts, choices)
        choosing.fits(prompts, [cut.length() for cut in cuts], self.context)
        if offsets is not None and any(len(cut.continuations) != len(offsets) for cut in cuts):
            raise ModelError("offsets must hold one number per choice", zh="offsets 须与选项一一对应")
        scores = self._score_cuts(cuts, exact=False)
        close = [
            i
            for i, s in enumerate(scores)
            if choosing.is_close(choosing.ranked(s, offsets, normalise), self.tolerance * max(s.tokens) ** 0.5)
        ]
        for i, again in zip(close, self._score_cuts([cuts[i] for i in close], exact=True), strict=True):
            scores[i] = again
        return scores

    def generate(
        self,
        prompts: Sequence[str],
        decoding: Decoding,
        *,
        constraint: Constraint | None = None,
        samples: int = 1,
    ) -> list[list[Generation]]:
        """``samples`` answers to each prompt; see :func:`rung.engine.generate.generate`."""
        return writing.generate(self, self.text, prompts, decoding, constraint=constraint, samples=samples)

    def hidden(self, texts: Sequence[str], layers: Sequence[int], pool: Pool = "last") -> np.ndarray:
        """States [n_texts, n_layers, d] float32; layer 0 is the embedding, -1 the last; see :mod:`rung.engine.hidden`.

        Raises :class:`ModelError` for a layer that does not exist or a text longer than the context.
        """
        return self.hidden_pools(texts, layers, [pool])[:, 0]

    def hidden_pools(self, texts: Sequence[str], layers: Sequence[int], pools: Sequence[Pool]) -> np.ndarray:
        """:meth:`hidden` for several pools out of the same forward: [n_texts, n_pools, n_layers, d] float32."""
        tokens = [ids or self.text.start() for ids in self.text.encode_all(texts)]
        choosing.fits(texts, [len(ids) for ids in tokens], self.context)
        return reading.hidden(self, tokens, layers, pools)

    def _cut(self, prompts: Sequence[str], choices: Choices) -> list[Cut]:
        return choosing.cut_all(self.text, prompts, choosing.per_prompt(prompts, choices))

    def _score_cuts(self, cuts: Sequence[Cut], *, exact: bool) -> list[ChoiceScores]:
        return self.score_tokens([c.context for c in cuts], [c.continuations for c in cuts], exact=exact)
