"""Step 5, LoRA: supervised fine-tuning on the answers through low-rank updates, from the prompts found below."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from rung.adaptation import hash_folder
from rung.adapters import LoraConfig
from rung.documents import Document, answer_documents, pack
from rung.engine import Model
from rung.finetune import Hyperparameters, Trained, document_loss, finetune
from rung.folders import replacing
from rung.prompts import Words, answer_text, choice_texts, render
from rung.rungs.context import Built, Context, Wave
from rung.types import Adaptation, Example, Prompt

RATES = (1e-3, 3e-3)  # learning rates tried; a small base wants more than a large one
SEEN = 5_000  # examples seen in training: many passes over little data, few over much
PASSES = (4.0, 8.0)  # fewest and most passes over the training split: 2 were too few for 7,000, 15 learned by heart
QUARTERS = 4  # looks at dev while training; the first one decides which candidate goes on
WATCHED = 256  # dev examples looked at while training


def lora(context: Context) -> Iterator[Wave]:
    """A quarter of the training decides what is trained to its end (successive halving, Jamieson & Talwalkar 2016).

    First the bare template at every learning rate, then the best hard prompt at the better one. The bare template is
    the cheapest to ask, and a trained model may need no more words than that.
    """
    bare, found = context.templates[0], context.prompt
    plans = [(bare, rate) for rate in RATES]
    trials = [train(context, *each, whole=False) for each in plans]
    yield Wave(trials)
    if found != bare and context.leader is not None:
        plans.append((found, plans[_place(trials, context.leader)][1]))
        trials.append(train(context, *plans[-1], whole=False))
        yield Wave(trials[-1:])
    if context.leader is not None:
        yield Wave([train(context, *plans[_place(trials, context.leader)], whole=True)])
    for checkpoint in (context.folder / context.rung).glob("*/checkpoint"):  # nothing goes on from them any more
        shutil.rmtree(checkpoint)


def _place(trials: Sequence[Adaptation], one: Adaptation) -> int:
    return next(i for i, trial in enumerate(trials) if trial.name == one.name)


def train(
    context: Context, prompt: Prompt, rate: float, config: LoraConfig = LoraConfig(), *, whole: bool
) -> Adaptation:
    """One trained candidate, found in the run folder where it was trained before.

    ``whole`` False: its first quarter, with the schedule of the whole; True: the rest, from that quarter's checkpoint.
    """
    end = f"{prompt.name}-r{config.rank}-lr{rate:g}"
    first = f"{end}-quarter"
    name = end if whole else first
    full, folder = f"{context.rung}/{name}", context.folder / context.rung / name
    known = (context.rung, full) in context.built
    if not known:
        before = context.built.get((context.rung, f"{context.rung}/{first}")) if whole else None
        if before is not None and not (folder / "checkpoint").exists():
            with replacing(folder / "checkpoint") as fresh:
                shutil.copytree(folder.with_name(first) / "checkpoint", fresh, dirs_exist_ok=True)
        count = len(context.task.train)
        settings = plan(count, rate)

        def on_step(step: int, loss: float, scale: float) -> None:
            context.training(full, step + 1, settings.count(count), loss)
            context.check()

        trained = finetune(
            context.model, documents(context, prompt, context.task.train), config, settings,
            evaluate=watcher(context, prompt), folder=folder, seed=context.seed, on_step=on_step,
            until=None if whole else settings.interval(count),
        )  # fmt: skip
        trained.handle.detach()
    candidate = context.adaptation(
        name, prompt=prompt, adapter=str(folder / "adapter"), adapter_sha256=hash_folder(folder / "adapter")
    )
    if not known:
        context.keep_built(candidate, added(trained, before, {"learning_rate": rate, "rank": config.rank}))
    return candidate


def added(trained: Trained, before: Built | None, notes: dict[str, Any]) -> Built:
    """What this part of the training took beyond the part that was paid ``before``."""
    report, cost, looks = trained.report, trained.cost, len(trained.report.evaluations)
    if before is not None:
        cost = replace(
            cost,
            build_seconds=cost.build_seconds - before.cost.build_seconds,
            build_flops=cost.build_flops - before.cost.build_flops,
        )
        looks -= before.looks
    told = {"steps": report.steps, "best_step": report.best_step, "evaluations": report.evaluations}
    return Built(cost, {"family": "lora", **notes, **told}, looks=max(1, looks))


def plan(examples: int, rate: float) -> Hyperparameters:
    """Passes by the amount of data, so that small sets learn and large ones do not take hours."""
    passes = min(PASSES[1], max(PASSES[0], SEEN / examples))
    return Hyperparameters(learning_rate=rate, epochs=passes, evaluations=QUARTERS)


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
