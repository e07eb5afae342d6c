"""One model, loaded once, that answers for whoever tries an adaptation: one request at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rung.engine import LanguageModel, Model, load_model
from rung.programs import as_examples, opened
from rung.prompts import TEMPLATES, chat_variant, render
from rung.report.prompt import Shown, demonstrations_of, shown_prompt
from rung.report.run import Answer
from rung.types import Adaptation, Prediction, UserError

WAIT = 120.0  # seconds that a request waits for the one before it


@dataclass(frozen=True)
class Side:
    """What an adaptation answered. ``scores``: (label, share of the labels' probability, logarithm), the likeliest first."""

    name: str
    prediction: Prediction
    prompt: Shown | None
    tokens: list[str]
    scores: list[tuple[str, float, float]]


class Trial:
    """Holds at most one model, of those that ``rung ui`` was started with: no request can make it fetch another."""

    def __init__(self, models: Sequence[str]):
        self.models = tuple(models)
        self._model: LanguageModel | None = None
        self._lock = threading.Lock()

    def answer(self, adaptation: Adaptation, text: str) -> tuple[Side, Side]:
        """The adaptation's answer, and the bare base's."""
        if not self._lock.acquire(timeout=WAIT):
            raise UserError("somebody else's answer takes long; try again", zh="前一个请求还没完成，请稍后再试")
        try:
            model = self._loaded(adaptation)
            bare = bare_base(adaptation)
            return _asked(adaptation, model, text), _asked(bare, model, text)
        finally:
            self._lock.release()

    def _loaded(self, adaptation: Adaptation) -> LanguageModel:
        wanted = adaptation.model.name if adaptation.model else self.models[0]
        if wanted not in self.models:
            raise UserError(
                f"its base model is {wanted}: start again with rung ui --model {wanted}",
                zh=f"它的基座模型是 {wanted}：请用 rung ui --model {wanted} 重新启动",
            )
        if self._model is None or self._model.name != wanted:
            self._model = None  # the old one goes before the new one comes
            self._model = load_model(wanted)
        if adaptation.model and adaptation.model.sha256 != self._model.sha256:
            raise UserError(
                f"the adaptation was made for another {wanted}: its weights have another hash",
                zh=f"这个适配对应的 {wanted} 与当前的权重不同（哈希不一致）",
            )
        return self._model


def bare_base(adaptation: Adaptation) -> Adaptation:
    """The same task asked of the base alone: a plain prompt, no example, nothing trained."""
    prompt = TEMPLATES[adaptation.language][adaptation.kind][1]
    if adaptation.prompt is not None and adaptation.prompt.style == "chat":
        prompt = chat_variant(prompt)
    return replace(
        adaptation, name=prompt.name, rung="zero-shot", program="direct", prompt=prompt, demonstrations=(),
        selector=None, calibration=None, parameters={}, adapter=None, adapter_sha256="",
    )  # fmt: skip


def _asked(adaptation: Adaptation, model: LanguageModel, text: str) -> Side:
    (example,) = as_examples([text])
    with opened(adaptation, model) as answer:
        started = time.perf_counter()
        (prediction,) = answer([example])
        prediction = replace(prediction, seconds=time.perf_counter() - started)
    given = Answer(example, prediction, None)
    return Side(
        adaptation.name,
        prediction,
        shown_prompt(adaptation, [given]),
        _tokens(adaptation, model, given),
        _shares(adaptation, prediction),
    )


def _shares(adaptation: Adaptation, prediction: Prediction) -> list[tuple[str, float, float]]:
    if prediction.scores is None:
        return []
    logs = np.array(prediction.scores)
    shares = np.exp(logs - np.logaddexp.reduce(logs))
    found = zip(adaptation.labels, map(float, shares), map(float, logs), strict=True)
    return sorted(found, key=lambda row: -row[1])


def _tokens(adaptation: Adaptation, model: LanguageModel, given: Answer) -> list[str]:
    """The prompt cut where the tokenizer cuts it; a piece holds several tokens where a character is split among them."""
    if adaptation.prompt is None or not isinstance(model, Model):  # an endpoint's tokenizer is not known
        return []
    shown = demonstrations_of(adaptation, given)
    text = render(adaptation.prompt, adaptation, given.example.input, shown, chat=model.chat)
    spans = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    ends = sorted({end for _, end in spans} | {len(text)})
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False) if end > start]
