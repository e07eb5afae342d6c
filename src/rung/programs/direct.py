"""One call: render the prompt, then score the labels, or write the answer. A prompt that reasons takes two calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from rung.adapters import attached
from rung.engine import Constraint, Model
from rung.incontext import make_selector
from rung.prompts import Words, choice_texts, fit, read_answer, render_reasoning, stop_strings
from rung.types import Adaptation, Decoding, Demonstration, Example, Prediction, Prompt

REASONING = Decoding(max_tokens=48, constrain=False)  # what is written before the answer, for prompts that reason


@contextmanager
def direct(adaptation: Adaptation, model: Model) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """See the module; the adapter, if any, is attached while the context lasts."""
    with attached(model.hf, Path(adaptation.adapter) if adaptation.adapter else None):
        yield Direct(adaptation, model).answer


class Direct:
    """Answers by one adaptation on one model (a LoRA is merged while it is attached: it costs a request nothing)."""

    def __init__(self, adaptation: Adaptation, model: Model):
        assert adaptation.prompt is not None
        self.adaptation, self.model = adaptation, model
        self.prompt: Prompt = adaptation.prompt
        self.words = Words.of(adaptation)
        self.choices = choice_texts(self.prompt, self.words) if adaptation.kind == "classify" else []
        self.picker = None
        if adaptation.selector is not None:
            self.picker = make_selector(
                adaptation.selector, adaptation.demonstrations, embedder(model, adaptation.adapter_sha256)
            )

    def answer(self, examples: Sequence[Example]) -> list[Prediction]:
        """Predictions in the order of ``examples``; raises ModelError when an input does not fit the context."""
        started = time.perf_counter()
        shown = self._fit([e.input for e in examples])
        reasons: list[str] | None = None
        spent = [(0, 0, 0.0)] * len(examples)
        if self.prompt.reasoning is not None:
            reasons, spent = self._reason(examples, shown)
        texts = self._render(examples, shown, reasons)
        made = self._score(examples, texts) if self.choices else self._write(examples, texts)
        each = (time.perf_counter() - started) / max(1, len(examples))
        return [
            replace(
                p, tokens_in=p.tokens_in + before[0], tokens_out=p.tokens_out + before[1], flops=p.flops + before[2],
                calls=1 + (reasons is not None), seconds=each, shown=tuple(d.input for d in demos),
                text=p.text if reasons is None else f"{reasons[i]}\n{p.text}",
            )
            for i, (p, before, demos) in enumerate(zip(made, spent, shown, strict=True))
        ]  # fmt: skip

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

    def _fit(self, inputs: Sequence[str]) -> list[tuple[Demonstration, ...]]:
        pool = self.adaptation.demonstrations
        if self.picker is not None:
            wanted = [tuple(pool[i] for i in picked) for picked in self.picker.pick(inputs)]
        else:
            wanted = [pool] * len(inputs)
        if self.choices:
            longest = max(len(self.model.encode(c)) for c in self.choices)
        else:
            longest = self.adaptation.decoding.max_tokens
        if self.prompt.reasoning is not None:
            longest += REASONING.max_tokens + 16  # and the lead of the answer
        return fit(
            self.prompt, self.words, inputs, wanted,
            count=lambda texts: [len(self.model.encode(t)) for t in texts],
            context=self.model.context, reserve=longest,
            chat=self.model.chat if self.prompt.style == "chat" else None,
        )  # fmt: skip

    def _score(self, examples: Sequence[Example], texts: Sequence[str]) -> list[Prediction]:
        offsets = self.adaptation.calibration
        normalise = self.adaptation.parameters.get("normalise", "sum")
        found = self.model.score(texts, self.choices, offsets=offsets, normalise=normalise)
        made = []
        for e, scores in zip(examples, found, strict=True):
            lengths = np.array(scores.tokens if normalise == "mean" else [1] * len(scores.tokens))
            values = np.array(scores.logprobs) / lengths + (0.0 if offsets is None else np.array(offsets))
            best = int(values.argmax())
            label = self.adaptation.labels[best]
            flops = self.model.request_flops(scores.prompt_tokens, sum(scores.tokens), len(self.choices))
            made.append(
                Prediction(
                    e.id, label, self.choices[best].strip(), True, tuple(float(v) for v in values),
                    scores.prompt_tokens, scores.tokens[best],
                    flops=flops,
                )
            )  # fmt: skip
        return made

    def _write(self, examples: Sequence[Example], texts: Sequence[str]) -> list[Prediction]:
        adaptation = self.adaptation
        stops = adaptation.decoding.stop or stop_strings(self.prompt, paragraphs=False)
        decoding = replace(adaptation.decoding, stop=stops)
        constraint = None
        if adaptation.kind == "extract" and decoding.constrain and adaptation.schema is not None:
            constraint = Constraint.json(adaptation.schema)
            decoding = replace(decoding, stop=())  # the grammar knows where the answer ends
        made = []
        for e, (written,) in zip(examples, self.model.generate(texts, decoding, constraint=constraint), strict=True):
            output, valid = read_answer(self.prompt, adaptation.kind, written.text, self.words)
            new = len(written.tokens)
            made.append(
                Prediction(
                    e.id, output, written.text, valid, None, written.prompt_tokens, new,
                    flops=self.model.request_flops(written.prompt_tokens, new, new),
                )
            )  # fmt: skip
        return made

    def _reason(
        self, examples: Sequence[Example], shown: Sequence[Sequence[Demonstration]]
    ) -> tuple[list[str], list[tuple[int, int, float]]]:
        texts = self._render(examples, shown, None)
        decoding = replace(REASONING, stop=("\n\n", *stop_strings(self.prompt)))
        reasons, spent = [], []
        for (written,) in self.model.generate(texts, decoding):
            reasons.append(written.text.strip())
            new = len(written.tokens)
            spent.append((written.prompt_tokens, new, self.model.request_flops(written.prompt_tokens, new, new)))
        return reasons, spent


# States of a text under a frozen model never change: a climb that opens a program again does not compute them again.
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
        return np.stack([known[adapter_sha256, t] for t in texts])

    return states
