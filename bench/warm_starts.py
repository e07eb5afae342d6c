"""Where a trained rung begins: at random, or at what the rungs below have found (rungs/warm.py).

For LoRA, at random or after context distillation from 8 demonstrations, half of the steps each. Every way has the same steps, the same
rate, and keeps the weights that were best on dev; figures are of the test split. OUT/warm.jsonl keeps what was trained.

    python bench/warm_starts.py --tasks trec,fewclue_eprstmt --seeds 0,1 --steps 60 --train 256
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
from places import TASKS

from rung.engine import Model, load_model
from rung.finetune import Hyperparameters, finetune
from rung.incontext import balanced
from rung.rungs.context import Context
from rung.rungs.supervised import documents, label_figure, taught, watcher
from rung.rungs.trained import QUARTERS, RECIPES
from rung.rungs.warm import Start, start_of
from rung.task import load_task
from rung.types import Task

WAYS = {
    "prompt-tuning": ("cold", "words", "labels"), "p-tuning": ("cold", "words", "labels"),
    "prefix-tuning": ("cold", "words", "context"), "p-tuning-v2": ("cold", "words", "context"),
    "lora": ("cold", "distilled"),
}  # fmt: skip


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "warm.jsonl"
    rows = [json.loads(line) for line in kept.open()] if kept.exists() else []
    model = load_model(asked.model)
    for name in asked.tasks:
        for seed in asked.seeds:
            task = load(name, asked.train, seed)
            for method in asked.methods:
                for way in WAYS[method]:
                    key = {"task": name, "seed": seed, "method": method, "way": way, "steps": asked.steps}
                    if any({k: row[k] for k in key} == key for row in rows):
                        continue
                    begun = time.perf_counter()
                    figure, losses = trained(model, task, seed, method, way, asked.steps, out)
                    rows.append({**key, "accuracy": figure, "losses": losses, "seconds": time.perf_counter() - begun})
                    with kept.open("a") as lines:
                        lines.write(json.dumps(rows[-1]) + "\n")
                    print(
                        f"{name} s{seed} {method} {way}: {figure:.3f} {losses[0]:.2f} -> {losses[-1]:.2f}", flush=True
                    )
    print(table(rows))


def load(name: str, train: int, seed: int) -> Task:
    files = {
        part: next(iter(sorted((TASKS / name).glob(f"{part}*.jsonl"), reverse=True)))
        for part in ("train", "dev", "test")
    }
    whole = load_task(**files, name=name)  # train_all before train_0
    rng = random.Random(seed)
    return replace(whole, train=tuple(rng.sample(whole.train, min(train, len(whole.train)))), dev=whole.dev[:100])


def trained(
    model: Model, task: Task, seed: int, method: str, way: str, steps: int, out: Path
) -> tuple[float, list[float]]:
    """Accuracy on the test split (its first 300), and the losses of the first step and of the last ten."""
    context = Context(task, model, out, seed, rung="few-shot")
    shown = balanced(context.pool, 8, seed, task.labels)
    teacher = context.adaptation("shown", prompt=context.templates[1], demonstrations=shown)
    context.standing["few-shot"] = teacher
    recipe, prompt = RECIPES[method], context.templates[0]
    settings = Hyperparameters(learning_rate=recipe.rates[0], steps=steps, evaluations=QUARTERS)
    config, begin = recipe.config, None
    if way in get_args(Start):
        config = replace(config, start=start_of(context, way, config.length))
    if way == "distilled":
        settings = replace(settings, steps=steps // 2)
        pupils = taught(context, teacher, prompt, task.train)
        finetune(
            model, pupils, config, replace(settings, objective="teacher"), folder=out / "teacher", seed=seed
        ).handle.detach()
        begin = out / "teacher" / "adapter"
    found = finetune(
        model, documents(context, prompt, task.train), config, settings, begin=begin, seed=seed,
        evaluate=watcher(context, prompt),
    )  # fmt: skip
    figure = label_figure(context, prompt, task.test.open()[:300])
    found.handle.detach()
    for path in out.glob("teacher/checkpoint/*"):
        path.unlink()
    (out / "teacher" / "checkpoint").rmdir() if (out / "teacher" / "checkpoint").exists() else None
    return figure, [found.report.losses[0], float(np.mean(found.report.losses[-10:]))]


def table(rows: list[dict]) -> str:
    means = defaultdict(list)
    for row in rows:
        means[row["method"], row["way"], row["task"]].append(row["accuracy"])
    tasks = sorted({row["task"] for row in rows})
    lines = ["| method | begins | " + " | ".join(tasks) + " |", "|---|---|" + "---|" * len(tasks)]
    for method, ways in WAYS.items():
        for way in ways:
            cells = [means.get((method, way, task)) for task in tasks]
            if any(cells):
                told = (" / ".join(f"{x:.3f}" for x in cell) if cell else "" for cell in cells)
                lines.append(f"| {method} | {way} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--tasks", type=names, default=["trec", "fewclue_eprstmt"])
    parser.add_argument("--methods", type=names, default=list(WAYS))
    parser.add_argument("--seeds", type=lambda text: [int(x) for x in text.split(",")], default=[0, 1])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--train", type=int, default=256)
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--out", default="runs/warm")
    return parser.parse_args()


if __name__ == "__main__":
    main()
