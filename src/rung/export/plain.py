"""A model that answers through transformers' own forward, one text at a time: nothing shared, nothing packed, nothing of ours.

It has the verbs of a :class:`rung.engine.Model`, so that the same program asks it the same questions. What it was asked is kept in
``asked``, to be held against the prompt that was exported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, PreTrainedModel, StoppingCriteria
from transformers import StoppingCriteriaList as Criteria

from rung.engine import ChoiceScores, Constraint, Generation, Model
from rung.engine.choices import Normalise, per_prompt
from rung.engine.constrain import Guide
from rung.engine.generate import stop_ids
from rung.engine.model import Choices
from rung.types import Decoding, ModelError


class Plain(Model):
    """``answering`` is what is asked: ``hf`` itself, or PEFT's model around it; ``like`` the Rung model that it is held against."""

    def __init__(self, hf: PreTrainedModel, answering: Any, like: Model, context: int):
        super().__init__(hf, like.tokenizer, name=like.name, sha256=like.sha256, context=context, folder=like.folder)
        self.answering = answering.eval()
        self.answering.generation_config = GenerationConfig()  # the folder's may draw, or punish repetitions
        self.asked: list[str] = []

    def score(
        self,
        prompts: Sequence[str],
        choices: Choices,
        *,
        offsets: Sequence[float] | None = None,
        normalise: Normalise = "sum",
    ) -> list[ChoiceScores]:
        """Log-probability of each choice: the sum over the tokens behind the longest common beginning of all of them."""
        self.asked += prompts
        return [self._score(p, cs) for p, cs in zip(prompts, per_prompt(prompts, choices), strict=True)]

    def _score(self, prompt: str, choices: Sequence[str]) -> ChoiceScores:
        (cut,) = self._cut([prompt], list(choices))
        rows = [cut.context + continuation for continuation in cut.continuations]
        start, longest = len(cut.context), max(map(len, rows))
        ids = torch.tensor([row + [row[-1]] * (longest - len(row)) for row in rows], device=self.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        with torch.inference_mode():
            logits = self.answering(input_ids=ids, attention_mask=mask).logits[:, -longest:].float()
        logs = logits[:, start - 1 : -1].log_softmax(-1).gather(-1, ids[:, start:, None])[..., 0]
        sums = (logs.double() * mask[:, start:]).sum(-1)
        return ChoiceScores(tuple(sums.tolist()), tuple(map(len, cut.continuations)), start, 0.0)

    def generate(
        self, prompts: Sequence[str], decoding: Decoding, *, constraint: Constraint | None = None, samples: int = 1
    ) -> list[list[Generation]]:
        """The greedy answer to each prompt. Raises :class:`ModelError` for a drawn one: transformers draws other numbers."""
        if decoding.temperature > 0 or samples > 1:
            raise ModelError(
                "answers that are drawn at random cannot be compared one by one; type --no-check, or set temperature to 0",
                zh="随机抽取的回答无法逐条比较；请加 --no-check，或把 temperature 设为 0",
            )
        self.asked += prompts
        return [[self._write(prompt, decoding, constraint)] for prompt in prompts]

    def _write(self, prompt: str, decoding: Decoding, constraint: Constraint | None) -> Generation:
        stops = stop_ids(self, self.text)
        guide: Guide | None = None
        context = self.encode(prompt) or self.text.start()
        if constraint is not None:
            ((context, guide),) = constraint.guides(self.text, [prompt], stops)
        ids = torch.tensor([context], device=self.device)
        ends = Ends(self, context, decoding.stop, guide)
        with torch.inference_mode():
            out = self.answering.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=decoding.max_tokens,
                eos_token_id=sorted(stops) or None, pad_token_id=min(stops, default=0),
                logits_processor=LogitsProcessorList([Guided(guide)] if guide else []),
                stopping_criteria=Criteria([ends]),
            )  # fmt: skip
        new = out[0, len(context) :].tolist()
        text = self.text.after(context, [token for token in new if token not in stops])
        cuts = [at for at in (text.find(s) for s in decoding.stop) if at >= 0]
        text = text[: min(cuts)] if cuts else text
        if guide is not None and guide.answer is not None:
            text = guide.answer
        return Generation(text, tuple(new), 0.0, len(context), "", 0.0)


class Guided(LogitsProcessor):
    """Leaves only the tokens that the guide allows next."""

    def __init__(self, guide: Guide):
        self.guide = guide

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        allowed = torch.from_numpy(self.guide.allowed(scores.shape[-1])).to(scores.device)
        return scores.masked_fill(~allowed, float("-inf"))


class Ends(StoppingCriteria):
    """Tells the guide of each token, and says whether its answer is complete or a stop string was written."""

    def __init__(self, model: Model, context: list[int], stops: Sequence[str], guide: Guide | None):
        self.model, self.context, self.stops, self.guide = model, context, stops, guide

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        over = False
        if self.guide is not None:
            self.guide.advance(int(input_ids[0, -1]))
            over = self.guide.done
        elif self.stops:
            written = self.model.text.after(self.context, input_ids[0, len(self.context) :].tolist())
            over = any(stop in written for stop in self.stops)
        return torch.full((input_ids.shape[0],), over, device=input_ids.device, dtype=torch.bool)
