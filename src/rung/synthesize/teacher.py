"""The teacher: an adaptation that answers, and how sure it is of an answer.

Labels that are scored: the agreement is the probability of the label among the labels, what an endless vote would give.
Else the teacher answers several times, sampled, and the answers vote (self-consistency, Wang et al. 2023, arXiv 2203.11171): the
share of those that are the same for labels and objects; for free texts the answer that is nearest to the others, by mean ROUGE-L.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rung.adaptation import hash_of
from rung.engine import LanguageModel
from rung.incontext import balanced, random
from rung.pretrain.clean.document import Finding
from rung.programs import as_examples, opened
from rung.prompts import TEMPLATES, Words, answer_text, render
from rung.prompts.template import literal
from rung.synthesize.alike import similarity
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.seeds import Seeds
from rung.synthesize.style import styled
from rung.types import Adaptation, Decoding, Kind, ModelRef, Prediction, UserError, digest

SHOWN = 8  # seeds that a bare model is shown when it answers
UNKNOWN = 256  # most tokens of an answer where no seed tells


@dataclass(frozen=True)
class Teacher:
    """An adaptation on its model, and how it is asked. ``least``: the agreement that will be asked for."""

    adaptation: Adaptation
    model: LanguageModel
    samples: int = 5
    temperature: float = 0.7
    seed: int = 0
    least: float = 0.5

    @property
    def hash(self) -> str:
        """What decides its answers, the weights included."""
        return hash_of(self.adaptation)

    @property
    def prompt(self) -> str:
        """Digest of the prompt that it answers with; "" for a control."""
        return digest(self.adaptation.prompt) if self.adaptation.prompt else ""

    def answer(self, candidates: Sequence[Candidate]) -> list[Attempt]:
        """Each candidate with its answer and agreement, in order.

        Raises UserError where the agreement that is asked for cannot be measured.
        """
        inputs = [one.input for one in candidates]
        if self.adaptation.kind == "classify":
            found = self._run(inputs, self.adaptation.decoding)
            if all(p.scores for p in found):
                return [self._attempt(one, p.output, sure(p)) for one, p in zip(candidates, found, strict=True)]
        if self.samples > 1 and self.adaptation.program == "direct":
            base = replace(self.adaptation.decoding, temperature=self.temperature)
            draws = [self._run(inputs, replace(base, seed=self.seed + i)) for i in range(self.samples)]
            return [
                self._attempt(one, *vote(self.adaptation.kind, own, self._most))
                for one, own in zip(candidates, zip(*draws, strict=True), strict=True)
            ]
        if self.least > 0:
            raise UserError(
                f"the teacher ({self.adaptation.name}) gives one answer and no scores, so its agreement cannot be measured: "
                "type --agreement 0, or --samples 5 for a teacher that writes",
                zh=f"教师（{self.adaptation.name}）只给一个答案、没有得分，无法衡量一致度：请加 --agreement 0；"
                "若教师是会生成文本的模型，可加 --samples 5",
            )
        found = self._run(inputs, replace(self.adaptation.decoding, temperature=0.0))
        return [
            self._attempt(one, p.output if whole(p, self._most) else "", None)
            for one, p in zip(candidates, found, strict=True)
        ]

    def fits(self, one: Candidate) -> Finding | None:
        """Whether the model can read the input: a text is never cut."""
        adaptation = self.adaptation
        if adaptation.program not in ("direct", "probe"):
            return None
        words, prompt, model = Words.of(adaptation), adaptation.prompt, self.model
        around = render(prompt, words, "", chat=model.chat if prompt.style == "chat" else None) if prompt else ""
        answers = [model.length(answer_text(prompt, words, a)) for a in adaptation.labels] if prompt else []
        room = model.context - model.length(around) - max(answers, default=self._most) - 2
        size = model.length(one.input)
        return None if size <= room else Finding("length", "longer than the teacher can read", size, one.input[:120])

    @property
    def _most(self) -> int:
        return self.adaptation.decoding.max_tokens

    def _run(self, inputs: Sequence[str], decoding: Decoding) -> list[Prediction]:
        with opened(replace(self.adaptation, decoding=decoding), self.model) as answer:
            return answer(as_examples(inputs))

    def _attempt(self, one: Candidate, output: str, agreement: float | None) -> Attempt:
        return Attempt(one, output, None if agreement is None else round(agreement, 6), asked=True)


def prompted(model: LanguageModel, seeds: Seeds, role: str = "", seed: int = 0) -> Adaptation:
    """A bare model as a teacher: its role, the task in words, and up to eight seeds, equally many of each label."""
    prompt = next(p for p in TEMPLATES[seeds.language][seeds.kind] if p.name == ("role" if role else "instruct"))
    prompt = replace(prompt, role=literal(role)) if role else prompt
    count = min(SHOWN, len(seeds.examples))
    if seeds.kind == "classify":
        shown = balanced(seeds.examples, count, seed, seeds.labels)
    else:
        shown = random(seeds.examples, count, seed)
    prompt = styled(model, prompt, seeds.words, shown)
    return Adaptation(
        name=f"{model.name}/{prompt.name}-{count}", rung="teacher", kind=seeds.kind, language=seeds.language,
        labels=seeds.labels, schema=seeds.schema, description=seeds.description, prompt=prompt, demonstrations=shown,
        decoding=room(model, seeds.labels or [e.target for e in seeds.examples]), model=ModelRef(model.name, model.sha256),
    )  # fmt: skip


def room(model: LanguageModel, texts: Sequence[str]) -> Decoding:
    """Room for the longest of the texts and half more."""
    longest = max((model.length(t) for t in texts), default=UNKNOWN)
    return Decoding(max_tokens=min(longest + longest // 2 + 8, model.context // 3))


def sure(p: Prediction) -> float:
    """The probability of the label that is chosen, among the labels."""
    logs = np.asarray(p.scores)
    return float(np.exp(logs.max() - np.logaddexp.reduce(logs)))


def whole(p: Prediction, most: int) -> bool:
    """A valid answer that was not cut off."""
    return p.valid and (p.scores is not None or p.tokens_out < most)


def vote(kind: Kind, draws: Sequence[Prediction], most: int) -> tuple[str, float]:
    """(answer, agreement) of repeated answers; ("", 0.0) where none can be read. What cannot be read agrees with nothing."""
    valid = [p.output for p in draws if whole(p, most)]
    if not valid:
        return "", 0.0
    if kind == "generate" and len(draws) > 1:
        # Equal texts are alike even where they have no word, such as "+".
        near = np.array([[1.0 if one == two else similarity(one, two) for two in valid] for one in valid])
        mean = (near.sum(1) - 1) / (len(draws) - 1)  # itself left out
        best = int(mean.argmax())
        return valid[best], float(mean[best])
    keys = [comparable(kind, output) for output in valid]
    counts = Counter(keys)
    key = max(counts, key=lambda one: (counts[one], -keys.index(one)))
    return valid[keys.index(key)], counts[key] / len(draws)


def comparable(kind: Kind, output: str) -> str:
    """Equal answers, equal text: keys of an object in any order."""
    value: Any = json.loads(output) if kind == "extract" else output
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
