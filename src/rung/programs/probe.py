"""One forward without an answer: the prompt is read up to where the label would be written, and a linear probe of the
hidden states says which label it is. See :mod:`rung.adapters.linear_probe`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from rung.adapters.linear_probe import Floats, LinearProbe
from rung.engine import LanguageModel, Model, weights_of
from rung.engine.hidden import Pool
from rung.prompts import Words, render
from rung.types import Adaptation, AdaptationError, Example, Prediction, Prompt

POOLS: tuple[Pool, ...] = ("last", "mean")


@contextmanager
def probe(adaptation: Adaptation, model: LanguageModel) -> Iterator[Callable[[Sequence[Example]], list[Prediction]]]:
    """The label that the probe of the adapter folder gives the most probability; nothing hangs on the model."""
    assert adaptation.adapter is not None and adaptation.prompt is not None
    own, fitted = weights_of(model), LinearProbe.load(Path(adaptation.adapter))
    _check_fits(fitted, adaptation, own)
    yield Probe(fitted, adaptation, own).answer


class Probe:
    """Answers by one fitted probe on one frozen model."""

    def __init__(self, fitted: LinearProbe, adaptation: Adaptation, model: Model):
        assert adaptation.prompt is not None
        self.fitted, self.model, self.labels = fitted, model, adaptation.labels
        self.prompt: Prompt = adaptation.prompt
        self.words = Words.of(adaptation)

    def answer(self, examples: Sequence[Example]) -> list[Prediction]:
        """Predictions in the order of ``examples``; raises ModelError when an input does not fit the context."""
        started = time.perf_counter()
        texts = probed_texts(self.prompt, self.words, [e.input for e in examples], self.model)
        logs = self._log_probabilities(texts)
        sizes = [len(self.model.encode(text)) for text in texts]
        each = (time.perf_counter() - started) / max(1, len(examples))
        return [
            Prediction(
                e.id, label := self.labels[int(row.argmax())], label, True, tuple(map(float, row)),
                tokens_in=size, calls=1, flops=self.model.request_flops(size, 0, 0) + 2.0 * self.fitted.weight.size,
                seconds=each,
            )
            for e, row, size in zip(examples, logs, sizes, strict=True)
        ]  # fmt: skip

    def _log_probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """[n_texts, n_labels]; texts whose winner rounding could change are read again alone, whatever the batch."""
        layer, pool = self.fitted.layer, self.fitted.pool
        logs = self.fitted.log_probabilities(states_of(self.model, texts, layer, pool))
        if len(self.labels) > 1:
            first, second = np.sort(logs, axis=1)[:, :-3:-1].T
            for i in map(int, np.flatnonzero(first - second < self.model.tolerance)):
                logs[i] = self.fitted.log_probabilities(self.model.hidden([texts[i]], [layer], pool)[:, 0])[0]
        return logs


def probed_texts(prompt: Prompt, words: Words, inputs: Sequence[str], model: Model) -> list[str]:
    """The prompt around each input: what is read when a probe is fitted, and when it answers."""
    chat = model.chat if prompt.style == "chat" else None
    return [render(prompt, words, text, chat=chat) for text in inputs]


def states_of(model: Model, texts: Sequence[str], layer: int, pool: Pool) -> Floats:
    """States [n_texts, d] of one layer; out of the shared ones where :func:`sharing` keeps them."""
    shared = _SHARED.get(model)
    if shared is not None and layer in shared.layers:
        return shared.states(texts, layer, pool)
    return model.hidden(texts, [layer], pool)[:, 0]


class Shared:
    """The states of every text that was asked for, of several layers and both pools, from one forward per text."""

    def __init__(self, model: Model, layers: Sequence[int]):
        self.model, self.layers = model, tuple(layers)
        self.known: dict[str, Floats] = {}  # text -> [n_pools, n_layers, d]

    def states(self, texts: Sequence[str], layer: int, pool: Pool) -> Floats:
        """[n_texts, d] of one layer and pool."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        if fresh:
            found = self.model.hidden_pools(fresh, self.layers, POOLS)
            self.known.update(zip(fresh, found, strict=True))
        made = np.zeros((len(texts), self.model.shape.hidden), np.float32)
        for row, text in zip(made, texts, strict=True):
            row[:] = self.known[text][POOLS.index(pool), self.layers.index(layer)]
        return made


_SHARED: WeakKeyDictionary[Model, Shared] = WeakKeyDictionary()


@contextmanager
def sharing(model: Model, layers: Sequence[int]) -> Iterator[Shared]:
    """While it lasts, all probes of ``model`` take their states from one forward per text.

    For a race of probes over the same examples. A lone request must pay for its own forward, so nothing is kept beyond.
    """
    shared = _SHARED[model] = Shared(model, layers)
    try:
        yield shared
    finally:
        if _SHARED.get(model) is shared:
            del _SHARED[model]


def _check_fits(fitted: LinearProbe, adaptation: Adaptation, model: Model) -> None:
    labels, width = fitted.weight.shape
    found = f"{labels} labels, states {width} wide, layer {fitted.layer}"
    found_zh = f"{labels} 个标签、状态宽度 {width}、第 {fitted.layer} 层"
    wanted = f"{len(adaptation.labels)} labels, {model.shape.hidden} wide, layers 0 to {model.shape.layers}"
    wanted_zh = f"{len(adaptation.labels)} 个标签、宽度 {model.shape.hidden}、0 到 {model.shape.layers} 层"
    if (labels, width) != (len(adaptation.labels), model.shape.hidden) or fitted.layer > model.shape.layers:
        raise AdaptationError(
            f"the probe in {adaptation.adapter} is for {found}, this task and model have {wanted}; "
            "was it made for another base model?",
            zh=f"{adaptation.adapter} 中的探针适用于{found_zh}，而当前任务与模型为{wanted_zh}；它是否属于另一个基座模型？",
        )
