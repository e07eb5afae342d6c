"""The examples of a task as what a training reads, and the figure on dev that it follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from rung.choice import Choice, choices
from rung.documents import Document, answer_documents, pack
from rung.engine import Model
from rung.finetune import document_loss
from rung.programs import opened
from rung.prompts import Words, answer_text, choice_texts, render
from rung.rungs.context import Context
from rung.types import Adaptation, Example, Prompt

WATCHED = 256  # dev examples looked at while training


def documents(context: Context, prompt: Prompt, examples: Sequence[Example]) -> Sequence[Document]:
    """Prompt and answer of each example, tokenised as scoring does: a label knows the others, a written answer has an end."""
    words, chat = Words.of(context.task), context.model.chat if prompt.style == "chat" else None
    texts = [render(prompt, words, e.input, chat=chat) for e in examples]
    answers, sources = [answer_text(prompt, words, e.target) for e in examples], [e.source for e in examples]
    if context.task.kind == "classify":
        options = choice_texts(prompt, words)
        return choices(context.weights, texts, answers, [options] * len(examples), sources=sources)
    end = context.weights.tokenizer.eos_token_id
    return answer_documents(context.weights, texts, answers, end=end, sources=sources)


def taught(context: Context, teacher: Adaptation, prompt: Prompt, examples: Sequence[Example]) -> list[Choice]:
    """Examples as ``teacher`` labels them, for the objective "teacher": their own labels are not looked at.

    The teacher's word on an example are the scores that it chooses its label by, as it scores and calibrates them.
    """
    with opened(teacher, context.model) as answer:
        found = answer(examples)
    own = documents(context, prompt, [replace(e, target=p.output) for e, p in zip(examples, found, strict=True)])
    return [replace(d, teacher=p.scores) for d, p in zip(own, found, strict=True) if isinstance(d, Choice) and p.scores]


@dataclass(frozen=True)
class Watch:
    """A figure on dev, higher is better, and what is read for it."""

    figure: Callable[[], float]
    documents: Sequence[Document]

    def __call__(self) -> float:
        return self.figure()

    def flops(self, model: Model) -> float:
        """Operations of one look, through the model as it is now."""
        return sum(model.request(d.length, 0, d.reads) for d in self.documents)


def watcher(context: Context, prompt: Prompt) -> Watch | None:
    """The figure on dev that early stopping follows; None without a dev split.

    Labels: accuracy and a hundredth of the mean log-probability (nats) of the right label among the labels. Written
    answers: minus the loss per token, since writing them all would cost more than training.
    """
    examples = context.task.dev[:WATCHED]
    if not examples:
        return None
    kept = documents(context, prompt, examples)
    if context.task.kind == "classify":
        return Watch(lambda: label_figure(context, prompt, examples), kept)
    return Watch(lambda: -answer_loss(context.weights, kept), kept)


def label_figure(context: Context, prompt: Prompt, examples: Sequence[Example]) -> float:
    words, chat = Words.of(context.task), context.model.chat if prompt.style == "chat" else None
    texts = [render(prompt, words, e.input, chat=chat) for e in examples]
    found = context.model.score(texts, choice_texts(prompt, words))
    logs = np.array([s.logprobs for s in found])
    right = np.array([context.task.labels.index(e.target) for e in examples])
    own = logs[np.arange(len(right)), right] - np.logaddexp.reduce(logs, axis=1)
    return float((logs.argmax(axis=1) == right).mean() + 0.01 * own.mean())


def answer_loss(model: Model, kept: Sequence[Document]) -> float:
    """Nats per answer token."""
    total, count = 0.0, 0
    with torch.no_grad():
        for micro in pack(kept, model.token_budget, model.token_budget):
            loss, targets = document_loss(model, micro, model.prefix)
            total, count = total + float(loss), count + targets
    return total / count
