"""Steps 4 and 5, what has gradients: one way to search for all methods, and what each is searched over.

A quarter of the training decides what is trained to its end (successive halving, Jamieson & Talwalkar 2016)::

    the bare template at every rate ──┐
    ... begun at the words of the best hard prompt (soft prompts) ──┤ a quarter each ── the leader, to its end
    the best hard prompt in place of the bare template ──┘

The bare template comes first: it is the cheapest to ask, and a trained model may need no more words than that. What is raced is in
:data:`RECIPES`. Rates and lengths are first guesses by the papers and a few tries: ``bench/defaults.py`` is the study that is to
settle them, and has not been run to its end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from rung.adapters import (
    BottleneckConfig,
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    QloraConfig,
)
from rung.choice import Choice, choices
from rung.documents import Document, answer_documents, pack
from rung.engine import Model
from rung.finetune import Hyperparameters, Trained, document_loss, finetune
from rung.folders import hash_folder, replacing
from rung.programs import opened
from rung.prompts import Words, answer_text, choice_texts, render
from rung.rungs.context import Built, Context, Propose, Wave
from rung.train import TrainingDiverged
from rung.types import Adaptation, Cost, Example, Prompt

QUARTERS = 4  # looks at dev while training; the first one decides which candidate goes on
QUARTER = "-quarter"  # behind the name of what was trained for the first one only
WATCHED = 256  # dev examples looked at while training


@dataclass(frozen=True)
class Recipe:
    """How a method is trained on a task."""

    config: Any  # of the method, see rung.adapters
    rates: tuple[float, ...]  # peak learning rates that are raced
    passes: tuple[float, float] = (4.0, 8.0)  # fewest and most passes over the training split
    seen: int = 5_000  # examples seen, between those: many passes over little data, few over much
    soft: bool = False  # whether it may begin at the words of a hard prompt
    objective: Literal["answers", "options"] = "answers"  # of tasks with labels: see bench/objectives.py

    def hyperparameters(self, examples: int, rate: float) -> Hyperparameters:
        """Passes by the amount of data, so that small sets learn and large ones do not take hours."""
        passes = min(self.passes[1], max(self.passes[0], self.seen / examples))
        return Hyperparameters(objective=self.objective, learning_rate=rate, epochs=passes, evaluations=QUARTERS)


RECIPES: Mapping[str, Recipe] = {
    "prompt-tuning": Recipe(PromptTuningConfig(), (3e-2, 1e-1), soft=True),
    "p-tuning": Recipe(PTuningConfig(), (3e-3, 1e-2), soft=True),
    "prefix-tuning": Recipe(PrefixTuningConfig(), (3e-3, 1e-2), soft=True),
    "p-tuning-v2": Recipe(PTuningV2Config(), (1e-2, 3e-2), soft=True),
    "adapter": Recipe(BottleneckConfig(), (1e-3, 3e-3)),
    "lora": Recipe(LoraConfig(), (1e-3, 3e-3)),
    "qlora": Recipe(QloraConfig(), (1e-3, 3e-3)),
    "full": Recipe(FullConfig(), (3e-4, 1e-3)),
}


@dataclass(frozen=True)
class Trial:
    """One way to train: which words stand in the prompt, how fast, and from where."""

    prompt: Prompt
    rate: float
    config: Any
    warm: bool = False  # begins at the words of the best hard prompt

    @property
    def name(self) -> str:
        size = f"r{self.config.rank}-" if hasattr(self.config, "rank") else ""
        return f"{self.prompt.name}-{size}lr{self.rate:g}{'-warm' if self.warm else ''}"


def trained(method: str) -> Propose:
    """The rung of a method of :data:`RECIPES`."""

    def propose(context: Context) -> Iterator[Wave]:
        recipe = RECIPES[method]
        bare, found = context.templates[0], context.prompt
        made: dict[str, Trial] = {}

        def quarters(trials: Sequence[Trial]) -> Wave:
            tried = [(attempt(context, method, recipe, trial, whole=False), trial) for trial in trials]
            found = [(candidate, trial) for candidate, trial in tried if candidate is not None]
            made.update({candidate.name: trial for candidate, trial in found})
            return Wave([candidate for candidate, _ in found])

        yield quarters([Trial(bare, rate, recipe.config) for rate in recipe.rates])
        if context.leader is None:
            return
        rate = made[context.leader.name].rate
        others = []
        if recipe.soft:
            start = tuple(context.weights.encode(words_of(context, found)))
            others.append(Trial(bare, rate, replace(recipe.config, start=start), warm=True))
        if found != bare:
            others.append(Trial(found, rate, recipe.config))
        if others:
            yield quarters(others)
        for candidate in context.ranking:  # the leader; should its training diverge later on, the next one
            whole = attempt(context, method, recipe, made[candidate.name], whole=True)
            if whole is not None:
                yield Wave([whole])
                break
        for checkpoint in (context.folder / context.rung).glob("*/checkpoint"):  # nothing goes on from them any more
            shutil.rmtree(checkpoint)

    return propose


def words_of(context: Context, prompt: Prompt) -> str:
    """What a hard prompt says before any input: where a soft prompt may begin."""
    chat = context.model.chat if prompt.style == "chat" else None
    return render(prompt, Words.of(context.task), "", chat=chat)


def attempt(context: Context, method: str, recipe: Recipe, trial: Trial, *, whole: bool) -> Adaptation | None:
    """:func:`train`, or None where that diverges: it is told, what it took is remembered, and the others go on."""
    name = f"{context.rung}/{trial.name}" + ("" if whole else QUARTER)
    built = context.built.get((context.rung, name))
    if built is None or "failed" not in built.notes:
        try:
            return train(context, method, recipe, trial, whole=whole)
        except TrainingDiverged as error:
            before = context.built.get((context.rung, name + QUARTER)) if whole else None
            built = Built(beyond(error.cost or Cost(), before), {"failed": {"en": str(error), "zh": error.zh}}, looks=0)
            context.keep_failed(name, built)
    context.failed(name, built.notes["failed"]["en"], built.notes["failed"]["zh"])
    return None


def train(context: Context, method: str, recipe: Recipe, trial: Trial, *, whole: bool) -> Adaptation:
    """One trained candidate, found in the run folder where it was trained before.

    ``whole`` False: its first quarter, with the schedule of the whole; True: the rest, from that quarter's checkpoint.
    """
    first = trial.name + QUARTER
    name = trial.name if whole else first
    full, folder = f"{context.rung}/{name}", context.folder / context.rung / name
    before = context.built.get((context.rung, f"{context.rung}/{first}")) if whole else None
    found: Trained | None = None
    if (context.rung, full) not in context.built:
        if before is not None and not (folder / "checkpoint").exists():
            with replacing(folder / "checkpoint") as fresh:
                shutil.copytree(folder.with_name(first) / "checkpoint", fresh, dirs_exist_ok=True)
        count = len(context.task.train)
        settings = replace(recipe.hyperparameters(count, trial.rate), general=context.general.share)

        def on_step(step: int, loss: float, scale: float) -> None:
            context.training(full, step + 1, settings.count(count), loss)
            context.check()

        found = finetune(
            context.weights, documents(context, trial.prompt, context.task.train), trial.config, settings,
            general=context.general_documents, evaluate=watcher(context, trial.prompt), folder=folder,
            seed=context.seed, on_step=on_step,
            until=None if whole else settings.interval(count),
        )  # fmt: skip
        found.handle.detach()
    candidate = context.adaptation(
        name, prompt=trial.prompt, adapter=str(folder / "adapter"), adapter_sha256=hash_folder(folder / "adapter")
    )
    if found is not None:
        context.keep_built(candidate, added(found, before, method, trial))
    return candidate


def added(found: Trained, before: Built | None, method: str, trial: Trial) -> Built:
    """What this part of the training took beyond the part that was paid ``before``."""
    report, looks = found.report, len(found.report.evaluations) - (before.looks if before is not None else 0)
    notes = {
        "family": method, "learning_rate": trial.rate, "warm": trial.warm, "steps": report.steps,
        "best_step": report.best_step, "evaluations": report.evaluations,
    }  # fmt: skip
    return Built(beyond(found.cost, before), notes, looks=max(1, looks))


def beyond(cost: Cost, before: Built | None) -> Cost:
    """What was spent beyond the part that was paid ``before``."""
    if before is None:
        return cost
    seconds = cost.build_seconds - before.cost.build_seconds
    flops = (cost.build_flops or 0.0) - (before.cost.build_flops or 0.0)
    return replace(cost, build_seconds=seconds, build_flops=flops)


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
    return lambda: -answer_loss(context.weights, kept)


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
