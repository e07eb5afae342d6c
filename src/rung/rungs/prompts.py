"""Step 1, hard prompts: the templates as they are; with a chain of thought; with the field's magic words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from rung.engine import EndpointModel, LanguageModel
from rung.incontext import CONTENT_FREE, batch_calibration, contextual_calibration
from rung.programs import as_examples, fitting, opened
from rung.prompts import MAGIC, chat_variant, with_magic
from rung.rungs.context import Built, Context, Wave
from rung.task import mixed
from rung.types import Adaptation, Cost, Prediction, TooLong

UNLABELLED = 32  # training inputs (not their labels) that batch calibration looks at


def zero_shot(context: Context) -> Iterator[Wave]:
    """Every template of the task's kind and language, plain and as a chat; then the best one, calibrated."""
    prompts = list(context.templates)
    if context.model.has_chat_template:
        prompts += [chat_variant(p) for p in context.templates]
    yield Wave([context.adaptation(p.name, prompt=p, parameters=scoring(context)) for p in prompts])
    yield from calibrated(context)


def chain_of_thought(context: Context) -> Iterator[Wave]:
    """The best prompt, but the model writes its reasoning first (Wei et al. 2022; Kojima et al. 2022)."""
    prompt = context.prompt
    made = [
        context.adaptation(name, prompt=with_magic(prompt, name), parameters=scoring(context))
        for name in MAGIC[context.task.language]
        if with_magic(prompt, name).reasoning is not None
    ]
    yield Wave(made)


def magic_words(context: Context) -> Iterator[Wave]:
    """The best prompt with each of the field's magic words, against itself without them."""
    prompt = context.prompt
    made = [context.adaptation("none", prompt=prompt, parameters=scoring(context))]
    for name in MAGIC[context.task.language]:
        changed = with_magic(prompt, name)
        if changed.reasoning is None:
            made.append(context.adaptation(name, prompt=changed, parameters=scoring(context)))
    yield Wave(made, family="magic")
    yield from calibrated(context)


def scoring(context: Context) -> dict[str, str]:
    """How label scores are read: the mean over a label's tokens, so that long labels are not punished (T-Few)."""
    return {"normalise": "mean"} if context.task.kind == "classify" else {}


def calibrated(context: Context) -> Iterator[Wave]:
    """The leader with its bias among the labels removed: by content-free inputs, and by unlabelled training inputs.

    A training input that does not fit into the context tells nothing and is passed over: the leader has answered all of dev.
    """
    leader = context.leader
    if (
        context.task.kind != "classify"
        or leader is None
        or leader.prompt is None
        or leader.prompt.reasoning is not None
        or not context.model.scores_labels(leader.prompt.style)  # an endpoint that gives no log-probabilities
    ):
        return
    free = CONTENT_FREE[context.task.language]
    inputs = [e.input for e in mixed(context.task.train)[:UNLABELLED]]
    asked = label_answers(context, leader, [*free, *inputs])
    answered = [p for p in asked if p is not None]
    context.keep_part(f"{leader.name}+calibration", Built(cost_of(answered, context.model), looks=0))
    without, real = ([p.scores for p in part if p is not None] for part in (asked[: len(free)], asked[len(free) :]))
    ways = {
        **({"contextual": contextual_calibration(np.array(without))} if without else {}),
        **({"batch": batch_calibration(np.array(real))} if real else {}),
    }
    name = leader.name.split("/", 1)[1]
    yield Wave(
        [
            # Rounded: offsets are part of the adaptation's hash, and must not hang on the last bits of a sum.
            replace(leader, name=f"{context.rung}/{name}+{way}", calibration=tuple(round(o, 4) for o in offsets))
            for way, offsets in ways.items()
        ]
    )


def label_answers(context: Context, adaptation: Adaptation, inputs: Sequence[str]) -> list[Prediction | None]:
    """An answer with label scores to each input, asked alone: offsets then never depend on a batch. None: it does not fit."""
    examples = as_examples(inputs)
    with opened(adaptation, context.model) as answer:
        if context.model.workers > 1:  # alone each, and side by side
            try:
                return [*answer(examples)]
            except TooLong:  # of at least one
                pass
        return [fitting(answer, example) for example in examples]


def label_scores(context: Context, adaptation: Adaptation, inputs: Sequence[str]) -> np.ndarray:
    """Label log-probabilities [n_inputs, n_labels] of :func:`label_answers`, of the inputs that fit."""
    return np.array([p.scores for p in label_answers(context, adaptation, inputs) if p is not None])


def cost_of(asked: Sequence[Prediction], model: LanguageModel) -> Cost:
    """What these answers took, which are none of a candidate's on dev."""
    flops = [p.flops for p in asked if p.flops is not None]
    read, wrote = sum(p.tokens_in for p in asked), sum(p.tokens_out for p in asked)
    price = model.price if isinstance(model, EndpointModel) else None
    return Cost(
        build_seconds=sum(p.seconds for p in asked), build_flops=sum(flops) if len(flops) == len(asked) else None,
        build_tokens=read + wrote, build_money=None if price is None else price.of(read, wrote),
    )  # fmt: skip
