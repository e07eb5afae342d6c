"""One call: render the prompt, then score the labels, or write the answer. A prompt that reasons takes two calls.

What is asked of the model is said, not done (:meth:`Direct.steps`): so the calls of many adaptations can be made in one
batch (:mod:`rung.programs.together`), and one adaptation's are made here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rung.adapters import attached
from rung.engine import ChoiceScores, Constraint, Generation, LanguageModel, Model, weights_of
from rung.engine.choices import Normalise
from rung.engine.score import common_prefix
from rung.engine.usage import Usage
from rung.incontext import make_selector
from rung.prompts import Words, choice_texts, fit, read_answer, render_reasoning, stop_strings
from rung.types import Adaptation, Decoding, Demonstration, Example, Prediction, Prompt

REASONING = Decoding(max_tokens=48, constrain=False)  # what is written before the answer, for prompts that reason


@dataclass(frozen=True)
class Score:
    """Log-probabilities of ``choices`` behind each text: a list of :class:`ChoiceScores`."""

    texts: Sequence[str]
    choices: Sequence[str]
    offsets: Sequence[float] | None = None
    normalise: Normalise = "sum"


@dataclass(frozen=True)
class Write:
    """What comes behind each text: a list of :class:`Generation`. ``final``: it is the answer, no reasoning before one."""

    texts: Sequence[str]
    decoding: Decoding
    constraint: Constraint | None = None
    final: bool = True


Call = Score | Write
Found = list[ChoiceScores] | list[Generation]
Steps = Generator[Call, Any, list[Prediction]]


@contextmanager
def direct(adaptation: Adaptation, model: LanguageModel) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """See the module; the adapter, if any, is attached while the context lasts."""
    if adaptation.adapter is None:
        yield Direct(adaptation, model).answer
        return
    with attached(weights_of(model).hf, Path(adaptation.adapter)):
        yield Direct(adaptation, model).answer


class Direct:
    """Answers by one adaptation on one model (a LoRA is merged while it is attached: it costs a request nothing)."""

    def __init__(self, adaptation: Adaptation, model: LanguageModel):
        assert adaptation.prompt is not None
        self.adaptation, self.model = adaptation, model
        self.prompt: Prompt = adaptation.prompt
        self.words = Words.of(adaptation)
        labels = choice_texts(self.prompt, self.words) if adaptation.kind == "classify" else []
        scored = bool(labels) and model.scores_labels(self.prompt.style)
        self.choices = labels if scored else []
        self.held = Constraint.labels(labels) if labels and not scored else None  # labels are written, and read
        self.picker = None
        if adaptation.selector is not None:
            states = embedder(model, adaptation.adapter_sha256) if isinstance(model, Model) else None
            self.picker = make_selector(adaptation.selector, adaptation.demonstrations, states)

    def answer(self, examples: Sequence[Example]) -> list[Prediction]:
        """Predictions in the order of ``examples``; raises ModelError when an input does not fit the context."""
        steps, found = self.steps(examples), None
        while True:
            try:
                found = ask(self.model, steps.send(found))
            except StopIteration as end:
                return end.value

    def steps(
        self, examples: Sequence[Example], *, decoding: Decoding | None = None, constraint: Constraint | None = None
    ) -> Steps:
        """What to ask of the model, one call at a time, and at the end the predictions.

        ``decoding`` and ``constraint``: of a written answer, in place of the adaptation's own.
        """
        started = time.perf_counter()
        decoding = decoding or self.adaptation.decoding
        shown = self._fit([e.input for e in examples], decoding)
        reasons: list[str] | None = None
        spent = [Usage(0, 0, 0, 0.0)] * len(examples)
        if self.prompt.reasoning is not None:
            reasons, spent = yield from self._reason(examples, shown)
        texts = self._render(examples, shown, reasons)
        if self.choices:
            made = yield from self._score(examples, texts)
        else:
            made = yield from self._write(examples, texts, decoding, constraint)
        each = (time.perf_counter() - started) / max(1, len(examples))
        return [
            replace(
                p, tokens_in=p.tokens_in + before.tokens_in, tokens_out=p.tokens_out + before.tokens_out,
                flops=self._flops(p, before), calls=p.calls + before.calls, shown=tuple(d.input for d in demos),
                seconds=p.seconds + before.seconds if p.seconds else each,  # an endpoint's are its own, without waiting
                text=p.text if reasons is None else f"{reasons[i]}\n{p.text}",
            )
            for i, (p, before, demos) in enumerate(zip(made, spent, shown, strict=True))
        ]  # fmt: skip

    def _flops(self, made: Prediction, before: Usage) -> float | None:
        """Of the whole request: the calls before the one that ``made`` the answer too."""
        if made.flops is None or not before.calls:
            return made.flops
        earlier = self.model.request_flops(before.tokens_in, before.tokens_out, before.tokens_out)
        return None if earlier is None else made.flops + earlier

    def prefix(self) -> list[int]:
        """Tokens that its prompts begin with whatever the input: instruction, and demonstrations that are always shown."""
        one, other = (Example("", text, "") for text in ("a", "好"))
        shown = self._fit([one.input, other.input], self.adaptation.decoding) if self.picker is None else [(), ()]
        model = weights_of(self.model)
        first, second = (model.encode(text) for text in self._render([one, other], shown, None))
        return first[: common_prefix(first, second)]

    def _render(
        self, examples: Sequence[Example], shown: Sequence[Sequence[Demonstration]], reasons: list[str] | None
    ) -> list[str]:
        chat = self.model.chat if self.prompt.style == "chat" else None
        return [
            render_reasoning(
                self.prompt, self.words, e.input, demos, reasoning=None if reasons is None else reasons[i], chat=chat
            )
            for i, (e, demos) in enumerate(zip(examples, shown, strict=True))
        ]

    def _fit(self, inputs: Sequence[str], decoding: Decoding) -> list[tuple[Demonstration, ...]]:
        pool = self.adaptation.demonstrations
        if self.picker is not None:
            wanted = [tuple(pool[i] for i in picked) for picked in self.picker.pick(inputs)]
        else:
            wanted = [pool] * len(inputs)
        if self.choices:
            longest = max(self.model.length(c) for c in self.choices)
        else:
            longest = decoding.max_tokens
        if self.prompt.reasoning is not None:
            longest += REASONING.max_tokens + 16  # and the lead of the answer
        return fit(
            self.prompt, self.words, inputs, wanted,
            count=lambda texts: [self.model.length(t) for t in texts],
            context=self.model.context, reserve=longest,
            chat=self.model.chat if self.prompt.style == "chat" else None,
        )  # fmt: skip

    def _score(self, examples: Sequence[Example], texts: Sequence[str]) -> Steps:
        offsets = self.adaptation.calibration
        normalise = self.adaptation.parameters.get("normalise", "sum")
        found = yield Score(texts, self.choices, offsets, normalise)
        made = []
        for e, scores in zip(examples, found, strict=True):
            lengths = np.array(scores.tokens if normalise == "mean" else [1] * len(scores.tokens))
            values = np.array(scores.logprobs) / lengths + (0.0 if offsets is None else np.array(offsets))
            best = int(values.argmax())
            label = self.adaptation.labels[best]
            flops = self.model.request_flops(scores.prompt_tokens, sum(scores.tokens), len(self.choices))
            text, valid, logs = self.choices[best].strip(), True, tuple(float(v) for v in values)
            if scores.written:  # no label was among the likeliest tokens: what the model wrote may still be one
                (label, valid), text = read_answer(self.prompt, "classify", scores.written, self.words), scores.written
            took = scores.usage or Usage(scores.prompt_tokens, scores.tokens[best], 1, 0.0)
            made.append(
                Prediction(
                    e.id, label, text, valid, logs, took.tokens_in, took.tokens_out, took.calls, flops, took.seconds
                )
            )
        return made

    def _write(
        self, examples: Sequence[Example], texts: Sequence[str], decoding: Decoding, constraint: Constraint | None
    ) -> Steps:
        adaptation = self.adaptation
        decoding = replace(decoding, stop=decoding.stop or stop_strings(self.prompt, paragraphs=False))
        if constraint is None and adaptation.kind == "extract" and decoding.constrain and adaptation.schema is not None:
            constraint = Constraint.json(adaptation.schema)
        if constraint is not None:
            decoding = replace(decoding, stop=())  # the grammar knows where the answer ends
        constraint = constraint or self.held
        made = []
        found = yield Write(texts, decoding, constraint)
        for e, written in zip(examples, found, strict=True):
            output, valid = read_answer(self.prompt, adaptation.kind, written.text, self.words)
            took = written.usage or Usage(written.prompt_tokens, written.length, 1, 0.0)
            flops = self.model.request_flops(took.tokens_in, took.tokens_out, took.tokens_out)
            made.append(
                Prediction(
                    e.id, output, written.text, valid, None, took.tokens_in, took.tokens_out, took.calls, flops,
                    took.seconds,
                )
            )  # fmt: skip
        return made

    def _reason(
        self, examples: Sequence[Example], shown: Sequence[Sequence[Demonstration]]
    ) -> Generator[Call, Any, tuple[list[str], list[Usage]]]:
        texts = self._render(examples, shown, None)
        decoding = replace(REASONING, stop=("\n\n", *stop_strings(self.prompt)))
        reasons, spent = [], []
        for written in (yield Write(texts, decoding, final=False)):
            reasons.append(written.text.strip())
            spent.append(written.usage or Usage(written.prompt_tokens, written.length, 1, 0.0))
        return reasons, spent


def ask(model: LanguageModel, call: Call) -> Found:
    """A call made on one model."""
    if isinstance(call, Score):
        return model.score(call.texts, call.choices, offsets=call.offsets, normalise=call.normalise)
    return [written for (written,) in model.generate(call.texts, call.decoding, constraint=call.constraint)]


# States of a text under a frozen model never change: a climb that opens a program again does not compute them again.
KEPT = 20_000  # texts; the oldest go, so that a server does not grow with what it is asked
_STATES: WeakKeyDictionary[Model, dict[tuple[str, str], np.ndarray]] = WeakKeyDictionary()


def embedder(model: Model, adapter_sha256: str = "") -> Callable[[Sequence[str]], np.ndarray]:
    """Mean-pooled states of the middle layer, [n_texts, d]: later layers lean towards the next token."""
    layer = (model.hf.config.num_hidden_layers + 1) // 2
    known = _STATES.setdefault(model, {})

    def states(texts: Sequence[str]) -> np.ndarray:
        fresh = [t for t in dict.fromkeys(texts) if (adapter_sha256, t) not in known]
        if fresh:
            rows = model.hidden(fresh, [layer], "mean")[:, 0]
            known.update({(adapter_sha256, t): row for t, row in zip(fresh, rows, strict=True)})
        found = np.stack([known[adapter_sha256, t] for t in texts])
        for old in list(known)[: max(0, len(known) - KEPT)]:
            del known[old]
        return found

    return states
