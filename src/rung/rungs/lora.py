"""Step 5, LoRA: supervised fine-tuning on the answers through low-rank updates, from the prompts found below."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from rung.adaptation import hash_folder
from rung.adapters import LoraConfig
from rung.documents import Document, answer_documents, pack
from rung.engine import Model
from rung.finetune import Hyperparameters, document_loss, finetune
from rung.prompts import Words, answer_text, choice_texts, render
from rung.rungs.context import Built, Context, Wave
from rung.types import Adaptation, Example, Prompt

RATES = (1e-3, 3e-3)  # learning rates tried; a small base wants more than a large one
SEEN = 5_000  # examples seen in training: many passes over little data, few over much
PASSES = (2.0, 8.0)  # fewest and most passes over the training split: 15 were learned by heart, and no better on dev
WATCHED = 256  # dev examples looked at while training


def lora(context: Context) -> Iterator[Wave]:
    """The bare template at every learning rate, then the best hard prompt at the better one.

    The bare template is the cheapest to ask, and a trained model may need no more words than that.
    """
    bare, found = context.templates[0], context.prompt
    tried = [train(context, bare, rate) for rate in RATES]
    yield Wave(tried)
    leader = context.leader
    if found != bare and leader is not None:
        rate = next(r for candidate, r in zip(tried, RATES, strict=True) if candidate.name == leader.name)
        yield Wave([train(context, found, rate)])


def train(context: Context, prompt: Prompt, rate: float, config: LoraConfig = LoraConfig()) -> Adaptation:
    """One trained candidate; found in the run folder where it was trained before."""
    name = f"{prompt.name}-r{config.rank}-lr{rate:g}"
    full = f"{context.rung}/{name}"
    folder = context.folder / context.rung / name
    if (context.rung, full) not in context.built:
        settings = plan(len(context.task.train), rate)
        steps = settings.count(len(context.task.train))

        def on_step(step: int, loss: float, scale: float) -> None:
            context.training(full, step + 1, steps, loss)
            context.check()

        trained = finetune(
            context.model, documents(context, prompt, context.task.train), config, settings,
            evaluate=watcher(context, prompt), folder=folder, seed=context.seed, on_step=on_step,
        )  # fmt: skip
        trained.handle.detach()
    candidate = context.adaptation(
        name, prompt=prompt, adapter=str(folder / "adapter"), adapter_sha256=hash_folder(folder / "adapter")
    )
    if (context.rung, full) not in context.built:
        notes = {
            "family": "lora", "learning_rate": rate, "rank": config.rank, "steps": trained.report.steps,
            "best_step": trained.report.best_step, "evaluations": trained.report.evaluations,
        }  # fmt: skip
        context.keep_built(candidate, Built(trained.cost, notes, looks=len(trained.report.evaluations)))
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)  # the adapter is whole: no need to go on from it
    return candidate


def plan(examples: int, rate: float) -> Hyperparameters:
    """Passes by the amount of data, so that small sets learn and large ones do not take hours."""
    passes = min(PASSES[1], max(PASSES[0], SEEN / examples))
    return Hyperparameters(learning_rate=rate, epochs=passes, evaluations=max(4, min(6, math.ceil(passes))))


def documents(context: Context, prompt: Prompt, examples: Sequence[Example]) -> list[Document]:
    """Prompt and answer of each example, tokenised as scoring does; written answers are closed by end-of-text."""
    words, chat = Words.of(context.task), context.model.chat if prompt.style == "chat" else None
    chosen = context.task.kind == "classify"
    options = choice_texts(prompt, words) if chosen else []
    return answer_documents(
        context.model,
        [render(prompt, words, e.input, chat=chat) for e in examples],
        [answer_text(prompt, words, e.target) for e in examples],
        choices=[options] * len(examples) if chosen else None,
        end=None if chosen else context.model.tokenizer.eos_token_id,
        sources=[e.source for e in examples],
    )


def watcher(context: Context, prompt: Prompt) -> Callable[[], float] | None:
    """The figure on dev that early stopping follows, higher is better; None without a dev split.

    Labels: accuracy, and where that ties the mean log-probability of the right label among the labels. Written
    answers: minus the loss per token, since writing them all would cost more than training.
    """
    examples = context.task.dev[:WATCHED]
    if not examples:
        return None
    if context.task.kind == "classify":
        return lambda: label_figure(context, prompt, examples)
    kept = documents(context, prompt, examples)
    return lambda: -answer_loss(context.model, kept)


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
            loss, targets = document_loss(model, micro)
            total, count = total + float(loss), count + targets
    return total / count
