"""Steps 4 and 5, what has gradients: one way to search for all methods, and what each is searched over.

A quarter of the training decides what is trained to its end (successive halving, Jamieson & Talwalkar 2016)::

    the bare template at every rate ──────────────────────────────┐
    ... begun at what the rungs below have found, or at a stage ──┤
    ... begun at the task's own inputs, read as plain text ───────┤ a quarter each ── the leader, to its end
    ... with more of the model trained ───────────────────────────┤
    the best hard prompt in place of the bare template ───────────┘

The bare template comes first: it is the cheapest to ask, and a trained model may need no more words than that. What is raced is in
:data:`RECIPES`. The rates of soft prompts are from a table on three tasks with one seed (docs/benchmarks.md), the others first guesses by
the papers and a few tries: ``bench/defaults.py`` is the study that is to settle all of them, and has not been run to its end.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rung.adapters import (
    BottleneckConfig,
    FullConfig,
    Handle,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    QloraConfig,
    attach,
)
from rung.documents import Document
from rung.engine import Model
from rung.finetune import Hyperparameters, Trained, finetune, training_flops
from rung.folders import hash_folder, replacing
from rung.rungs.context import Built, Context, Propose, Wave
from rung.rungs.supervised import WATCHED, Watch, documents, taught, watcher
from rung.rungs.warm import Start, best_shown, start_of
from rung.task import mixed
from rung.train import TrainingDiverged
from rung.types import Adaptation, Cost, Prompt

QUARTERS = 4  # looks at dev while training; the first one decides which candidate goes on
QUARTER = "-quarter"  # behind the name of what was trained for the first one only
STAGES = ("domain", "inputs", "distilled")
READ = 2000  # training examples from which on their inputs are read as plain text first
READINGS = 2  # times that is done
COUNTED = 64  # training examples that an estimate is made from

# Continued pre-training on the user's domain text, or on the task's own inputs (Gururangan et al. 2020, arXiv 2004.10964);
# context distillation from the best prompt with demonstrations.
Stage = Literal["domain", "inputs", "distilled"]


@dataclass(frozen=True)
class Recipe:
    """How a method is trained on a task."""

    config: Any  # of the method, see rung.adapters
    rates: tuple[float, ...]  # peak learning rates that are raced
    passes: tuple[float, float] = (4.0, 8.0)  # fewest and most passes over the training split
    seen: int = 5_000  # examples seen, between those: many passes over little data, few over much
    warm: Start | Literal[""] = ""  # tokens where it may begin besides at random
    stages: Mapping[Stage, Any] = field(
        default_factory=dict
    )  # what may be trained before, so that it begins there: its configuration
    others: tuple[Any, ...] = ()  # configurations that are raced besides, at the better rate
    objective: Literal["answers", "options"] = "options"  # of tasks with labels: see bench/objectives.py

    def hyperparameters(self, examples: int, rate: float) -> Hyperparameters:
        """Passes by the amount of data, so that small sets learn and large ones do not take hours."""
        passes = min(self.passes[1], max(self.passes[0], self.seen / examples))
        return Hyperparameters(objective=self.objective, learning_rate=rate, epochs=passes, evaluations=QUARTERS)


RECIPES: Mapping[str, Recipe] = {
    "prompt-tuning": Recipe(PromptTuningConfig(), (1e-1, 3e-1), warm="words"),
    "p-tuning": Recipe(PTuningConfig(), (1e-2, 3e-2), warm="words"),
    "prefix-tuning": Recipe(PrefixTuningConfig(), (1.5e-3, 3e-3), warm="context"),
    "p-tuning-v2": Recipe(PTuningV2Config(), (1e-1, 2e-1), warm="context"),
    "adapter": Recipe(
        BottleneckConfig(), (1e-3, 3e-3), stages={"domain": BottleneckConfig(), "inputs": BottleneckConfig()},
    ),
    "lora": Recipe(
        LoraConfig(), (1e-3, 3e-3), stages={"domain": LoraConfig(), "inputs": LoraConfig(rank=32, alpha=64.0)},
    ),
    "qlora": Recipe(
        QloraConfig(), (1e-3, 3e-3), stages={"domain": QloraConfig(), "inputs": QloraConfig(rank=32, alpha=64.0)},
    ),
    "full": Recipe(
        FullConfig(), (3e-4, 1e-3), stages={"domain": FullConfig(), "inputs": FullConfig(embeddings=True)},
        others=(FullConfig(embeddings=True),),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One way to train: which words stand in the prompt, how fast, and from where."""

    prompt: Prompt
    rate: float
    config: Any
    begins: Literal["", "warm"] | Stage = ""  # at random; at what the rungs below have found; at a stage trained before

    @property
    def name(self) -> str:
        size = f"r{self.config.rank}-" if hasattr(self.config, "rank") else ""
        size += "embeddings-" if getattr(self.config, "embeddings", False) else ""
        return f"{self.prompt.name}-{size}lr{self.rate:g}{'-' if self.begins else ''}{self.begins}"


def trained(method: str) -> Propose:
    """The rung of a method of :data:`RECIPES`."""

    def propose(context: Context) -> Iterator[Wave]:
        yield from waves(context)
        for checkpoint in (context.folder / context.rung).rglob("checkpoint"):  # nothing goes on from them any more
            shutil.rmtree(checkpoint)

    def waves(context: Context) -> Iterator[Wave]:
        recipe = RECIPES[method]
        bare, found = context.templates[0], context.prompt
        made: dict[str, Trial] = {}

        def quarters(trials: Sequence[Trial]) -> Wave:
            tried = [(attempt(context, method, recipe, trial, whole=False), trial) for trial in trials]
            found = [(candidate, trial) for candidate, trial in tried if candidate is not None]
            made.update({candidate.name: trial for candidate, trial in found})
            return Wave([candidate for candidate, _ in found])

        # In a race one rate at a time, the highest first: after a quarter it has learned the most.
        for rates in [(rate,) for rate in reversed(recipe.rates)] if context.racing else [recipe.rates]:
            wave = quarters([Trial(bare, rate, recipe.config) for rate in rates])
            if not wave.candidates:  # diverged: a lower rate may not
                continue
            yield wave
            if context.leader is None or context.enough:
                return
        if context.leader is None:
            return
        rate = made[context.leader.name].rate
        others = []
        if recipe.warm:
            size = recipe.config.length
            others.append(Trial(bare, rate, replace(recipe.config, start=start_of(context, recipe.warm, size)), "warm"))
        others += [Trial(bare, rate, config, at) for at, config in recipe.stages.items() if offered(context, at)]
        others += [Trial(bare, rate, config) for config in recipe.others]
        if found != bare:
            others.append(Trial(found, rate, recipe.config))
        if others:
            yield quarters(others)
        if context.enough:
            return
        for candidate in context.ranking:  # the leader; should its training diverge later on, the next one
            whole = attempt(context, method, recipe, made[candidate.name], whole=True)
            if whole is not None:
                yield Wave([whole])
                break

    return propose


def estimated(method: str) -> Callable[[Context], Cost]:
    """What the rung of a method will take on a task: operations of its trainings and of its candidates on dev, and of a request.

    The same formulas as what is measured; how many words a prompt has and who is stopped early are not known yet. Whole batches of
    training examples stand for all; the adapter hangs on the model only while they are counted.
    """

    def estimate(context: Context) -> Cost:
        model, task, recipe = context.weights, context.task, RECIPES[method]
        sample = documents(context, context.templates[0], mixed(task.train)[:COUNTED])
        settings = recipe.hyperparameters(len(task.train), recipe.rates[0])
        length = sum(d.length for d in sample) // len(sample)
        before = [texts_of(context, at) for at in recipe.stages if at != "distilled" and offered(context, at)]
        handle = attach(model.hf, recipe.config)
        try:
            each = training_flops(model, handle, sample) / len(sample)
            reading = sum(times * text_flops(model, handle, texts) for texts, times in before)
            handle.merge()
            request = model.request(length, 0, sum(d.reads for d in sample) // len(sample))
        finally:
            handle.detach()
        quarters = len(recipe.rates) + bool(recipe.warm) + sum(offered(context, at) for at in recipe.stages)
        quarters += len(recipe.others) + 1
        share = (quarters + QUARTERS - 1) / QUARTERS  # of whole trainings: the leader goes on from its quarter
        seen = settings.count(len(task.train)) * min(settings.batch, len(task.train))
        looks = quarters + QUARTERS - 1
        asked = (quarters + 1) * len(task.dev) + looks * min(WATCHED, len(task.dev))
        return Cost(build_flops=reading + share * seen * each + asked * request, flops_per_request=request)

    return estimate


def text_flops(model: Model, handle: Handle, texts: Sequence[Document]) -> float:
    """Operations of a training once over ``texts``, by the tokens of the first ones."""
    shown = texts[:COUNTED]
    tokens = sum(len(d.segment) for d in shown)
    return training_flops(model, handle, shown) * sum(len(d.segment) for d in texts) / tokens if shown else 0.0


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
            context.keep_part(name, built)
    context.failed(name, built.notes["failed"]["en"], built.notes["failed"]["zh"])
    return None


def offered(context: Context, stage: Stage) -> bool:
    """Whether a stage can be trained here: domain text was given; inputs enough; a prompt with demonstrations to learn labels from.

    Nothing forgets more than reading the inputs, and the candidate that scores best stands for its rung: so not where that has a limit.
    """
    if stage == "domain":
        return bool(context.domain)
    if stage == "inputs":
        return len(context.task.train) >= READ and context.general.most is None
    return context.task.kind == "classify" and best_shown(context) is not None


def texts_of(context: Context, stage: str) -> tuple[Sequence[Document], int]:
    """The plain texts of a stage, and how often they are read."""
    return (context.domain_documents, 1) if stage == "domain" else (context.input_documents, READINGS)


def stage(context: Context, method: str, trial: Trial) -> Path:
    """The adapter that ``trial`` begins with: trained once for a rung, found in the run folder after that.

    Its cost is the rung's, as that of every candidate.
    """
    name, folder = f"{context.rung}/{trial.begins}", context.folder / context.rung / trial.begins
    if (context.rung, name) not in context.built:
        texts: Sequence[Document]
        settings = Hyperparameters(learning_rate=trial.rate, general=context.general.share)
        if trial.begins == "distilled":
            teacher = best_shown(context)
            assert teacher is not None
            texts = taught(context, teacher, trial.prompt, context.task.train)
            settings = replace(settings, objective="teacher", epochs=RECIPES[method].passes[0])
        else:
            texts, times = texts_of(context, trial.begins)
            rate = max(RECIPES[method].rates) if trial.begins == "inputs" else trial.rate
            settings = replace(settings, learning_rate=rate, epochs=times)

        def on_step(step: int, loss: float, scale: float) -> None:
            context.training(name, step + 1, settings.count(len(texts)), loss)
            context.check()

        found = finetune(
            context.weights, texts, trial.config, settings, general=context.general_documents, folder=folder,
            seed=context.seed, on_step=on_step,
        )  # fmt: skip
        found.handle.detach()
        tokens = sum(len(d.segment) for d in texts)
        context.keep_part(name, Built(found.cost, {"family": method, "stage": trial.begins, "tokens": tokens}, looks=0))
    return folder / "adapter"


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
                shutil.copytree(context.folder / context.rung / first / "checkpoint", fresh, dirs_exist_ok=True)
        count = len(context.task.train)
        settings = replace(recipe.hyperparameters(count, trial.rate), general=context.general.share)

        def on_step(step: int, loss: float, scale: float) -> None:
            context.training(full, step + 1, settings.count(count), loss)
            context.check()

        begin = stage(context, method, trial) if trial.begins in STAGES else None
        watch = watcher(context, trial.prompt)
        found = finetune(
            context.weights, documents(context, trial.prompt, context.task.train), trial.config, settings,
            general=context.general_documents, begin=begin, evaluate=watch, folder=folder,
            seed=context.seed, on_step=on_step,
            until=None if whole else settings.interval(count),
        )  # fmt: skip
        if watch is not None:
            found.cost = looked_at(found, context.weights, watch)
        found.handle.detach()
    candidate = context.adaptation(
        name, prompt=trial.prompt, adapter=str(folder / "adapter"), adapter_sha256=hash_folder(folder / "adapter")
    )
    if found is not None:
        context.keep_built(candidate, added(found, before, method, trial))
    return candidate


def looked_at(found: Trained, model: Model, watch: Watch) -> Cost:
    """What the training took with its looks at dev, which are made with the adapter merged."""
    with found.handle.merged():
        each = watch.flops(model)
    return replace(found.cost, build_flops=(found.cost.build_flops or 0.0) + len(found.report.evaluations) * each)


def added(found: Trained, before: Built | None, method: str, trial: Trial) -> Built:
    """What this part of the training took beyond the part that was paid ``before``."""
    report, looks = found.report, len(found.report.evaluations) - (before.looks if before is not None else 0)
    notes = {
        "family": method, "learning_rate": trial.rate, "begins": trial.begins, "steps": report.steps,
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
