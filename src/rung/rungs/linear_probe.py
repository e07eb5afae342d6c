"""Step 4, the cheapest trained rung: a linear probe on the frozen model's states, at every layer.

It says as well what the model already knows, and where: the candidates of a prompt are the curve of accuracy by layer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rung.adapters.linear_probe import fit
from rung.engine.hidden import Pool
from rung.folders import hash_folder
from rung.programs.probe import POOLS, Shared, probed_texts, sharing
from rung.prompts import Words
from rung.rungs.context import Built, Context, Wave
from rung.task import mixed
from rung.types import Adaptation, Cost, Prompt

COUNTED = 64  # training examples that an estimate is made from
LAYERS = 8  # most layers probed, the last one always among them

Place = tuple[Pool, int]  # which state is read


def linear_probe(context: Context) -> Iterator[Wave]:
    """Probes of every place under the bare template, then under the best hard prompt where that is another one."""
    layers = spread(context.weights.shape.layers)
    for prompt in dict.fromkeys((context.templates[0], context.prompt)):
        with sharing(context.weights, layers) as shared:  # its dev states serve all candidates of the wave
            yield Wave(train(context, prompt, shared))


def estimated(context: Context) -> Cost:
    """A forward over train for each of the two prompts, and every candidate on dev; the fits are small beside it."""
    model, task = context.weights, context.task
    examples = mixed(task.train)[:COUNTED]
    texts = probed_texts(context.templates[0], Words.of(task), [e.input for e in examples], model)
    request = sum(model.request(model.length(text), 0, 0) for text in texts) / len(texts)
    candidates = len(places(spread(model.shape.layers)))
    return Cost(build_flops=2 * (len(task.train) + candidates * len(task.dev)) * request, flops_per_request=request)


def spread(depth: int) -> list[int]:
    """All layers from 0 (the embedding) to ``depth``, or ``LAYERS`` of them evenly spread, first and last included."""
    return sorted({round(float(layer)) for layer in np.linspace(0, depth, min(LAYERS, depth + 1))})


def places(layers: list[int]) -> list[Place]:
    """Every layer and pool, but for the embedding of the last token: the lead ends every prompt alike."""
    return [(pool, layer) for pool in POOLS for layer in layers if (pool, layer) != ("last", 0)]


def train(context: Context, prompt: Prompt, shared: Shared) -> list[Adaptation]:
    """The candidates of one prompt; those of an earlier session are found in the run folder, not fitted again."""
    wanted = places(list(shared.layers))
    missing = [
        place for place in wanted if (context.rung, f"{context.rung}/{name_of(prompt, place)}") not in context.built
    ]
    if missing:
        fit_all(context, prompt, shared, missing)
    return [candidate(context, prompt, place) for place in wanted]


def fit_all(context: Context, prompt: Prompt, shared: Shared, wanted: list[Place]) -> None:
    """Fit and keep probes of the ``wanted`` places. The forward over the training split is theirs in equal parts."""
    task, model = context.task, context.weights
    texts = probed_texts(prompt, Words.of(task), [e.input for e in task.train], model)
    labels = np.array([task.labels.index(e.target) for e in task.train])
    started, flops = time.perf_counter(), model.meter.flops
    states = model.hidden_pools(texts, shared.layers, POOLS)
    seconds, flops = (time.perf_counter() - started) / len(wanted), (model.meter.flops - flops) / len(wanted)
    for i, place in enumerate(wanted):
        context.check()
        started = time.perf_counter()
        pool, layer = place
        own = states[:, POOLS.index(pool), shared.layers.index(layer)]
        found = fit(own, labels, len(task.labels), layer=layer, pool=pool, seed=context.seed)
        found.probe.save(folder_of(context, prompt, place))
        made = candidate(context, prompt, place)
        cost = Cost(
            seconds + time.perf_counter() - started, flops + found.flops, labels=len(task.train),
            trainable_parameters=found.probe.parameters,
        )  # fmt: skip
        notes = {"layer": layer, "pool": pool, "l2": found.probe.l2, "cross_validated": found.accuracy}
        context.keep_built(made, Built(cost, {"family": "linear-probe", **notes}))
        context.training(made.name, i + 1, len(wanted), found.loss)


def candidate(context: Context, prompt: Prompt, place: Place) -> Adaptation:
    """The adaptation whose probe lies in the run folder."""
    folder = folder_of(context, prompt, place)
    return context.adaptation(
        name_of(prompt, place), program="probe", prompt=prompt, adapter=str(folder), adapter_sha256=hash_folder(folder)
    )


def folder_of(context: Context, prompt: Prompt, place: Place) -> Path:
    return context.folder / context.rung / name_of(prompt, place)


def name_of(prompt: Prompt, place: Place) -> str:
    return f"{prompt.name}-{place[0]}-l{place[1]}"
