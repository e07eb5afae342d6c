"""Step 0, without a language model: the majority answer; TF-IDF with logistic regression, or the nearest neighbour."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression

from rung.folders import hash_folder
from rung.programs.control import featurize, fit_views, save_linear
from rung.rungs.context import Built, Context, Wave
from rung.types import Adaptation, Cost, DataError

STRENGTHS = (1.0, 10.0)  # C of the logistic regression; small: strong regularisation


def majority(context: Context) -> Iterator[Wave]:
    """The most frequent training answer, whatever the input; ties go to the first in sorted order."""
    counts = Counter(e.target for e in context.task.train)
    answer = min(counts, key=lambda target: (-counts[target], target))
    labels = len(context.task.train)
    candidate = context.adaptation("most-frequent", program="majority", parameters={"answer": answer}, model=None)
    context.keep_built(candidate, Built(Cost(labels=labels), {"family": "control"}))
    yield Wave([candidate])


def tfidf(context: Context) -> Iterator[Wave]:
    """Character and word n-grams with TF-IDF: logistic regression for labels, the nearest answer for the rest."""
    if context.task.kind != "classify":
        pool = context.pool
        candidate = context.adaptation("nearest", program="nearest", demonstrations=pool, model=None)
        context.keep_built(candidate, Built(Cost(labels=len(pool)), {"family": "control"}))
        yield Wave([candidate])
        return
    yield Wave([fit(context, strength) for strength in STRENGTHS])


def fit(context: Context, strength: float) -> Adaptation:
    """One logistic regression, its weights as JSON + safetensors (no pickle). DataError where training shows one label alone."""
    task, name = context.task, f"logistic-c{strength:g}"
    folder = context.folder / context.rung / name
    done = context.built.get((context.rung, f"{context.rung}/{name}"))
    if len({e.target for e in task.train}) < 2:
        raise DataError(
            f"all {len(task.train)} training examples have the label {task.train[0].target!r}, so that nothing can be told "
            "apart: give training examples of other labels too",
            zh=f"{len(task.train)} 条训练数据的标签都是 {task.train[0].target!r}，无从区分：请补充其他标签的训练数据",
        )
    started = time.perf_counter()
    if done is None:
        vectorizers = fit_views([e.input for e in task.train])
        features = featurize(vectorizers, [e.input for e in task.train])
        with warnings.catch_warnings():  # many labels are no regression
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
            model = LogisticRegression(C=strength, max_iter=2000).fit(features, [e.target for e in task.train])
        weight, bias = np.atleast_2d(model.coef_), model.intercept_
        if len(model.classes_) == 2:  # scikit-learn keeps one row for two classes
            weight, bias = np.vstack([-weight, weight]) / 2, np.array([-bias[0], bias[0]]) / 2
        rows = [list(model.classes_).index(label) if label in model.classes_ else -1 for label in task.labels]
        full = np.stack([weight[r] if r >= 0 else np.zeros(weight.shape[1]) for r in rows])
        floor = np.array([bias[r] if r >= 0 else -1e9 for r in rows])  # a label that training never showed
        save_linear(folder, vectorizers, full, floor)
    candidate = context.adaptation(
        name, program="tfidf", adapter=str(folder), adapter_sha256=hash_folder(folder), model=None
    )
    if done is None:
        seconds = time.perf_counter() - started
        flops = 2.0 * features.nnz * len(task.labels) * int(np.max(model.n_iter_))
        cost = Cost(seconds, flops, trainable_parameters=int(full.size + floor.size), labels=len(task.train))
        context.keep_built(candidate, Built(cost, {"family": "control", "C": strength}))
    return candidate
