"""What the loss is on: all tokens of the right label, the label among the labels, both, or a teacher's word on them.

    answers    negative log-likelihood of the right label's tokens, against the whole vocabulary (rung.objectives.sft)
    options    of the right label among the labels (rung.objectives.options)
    both       the sum of the two per example, with weight 1
    teacher    the distribution over the labels of the same model with the best of a few few-shot prompts, calibrated (rung.objectives.distill):
               it sees the inputs of all N training examples, and labels only in the demonstrations of its prompt
    few        answers, on as many labelled examples as the teacher's pool has: what the labels alone are worth

Everything else is the same: task, order, steps, rates. Figures are of dev, never of test: accuracy at each quarter of the steps (and
0.01 times the mean log-probability of the right label, which breaks ties). Each trial is in OUT/trials.jsonl as soon as it is done,
and is not done again; OUT/table.md is the table, over the better of a recipe's rates.

    python bench/objectives.py --tasks trec,waimai_10k --methods lora --seeds 0,1,2
    python bench/objectives.py --objectives answers,teacher,few --pool 16
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from defaults import make_context

import rung.choice
from rung.engine import load_model
from rung.finetune import Hyperparameters, finetune
from rung.incontext import batch_calibration
from rung.objectives import options, sft
from rung.programs import opened
from rung.rungs.context import Context
from rung.rungs.examples import chosen_by, fixed
from rung.rungs.prompts import UNLABELLED, label_scores
from rung.rungs.supervised import documents, taught, watcher
from rung.rungs.trained import QUARTERS, RECIPES
from rung.types import Adaptation, Example

BOTH = {
    "both": lambda logprobs, right, teacher: options(logprobs, right) + sft(logprobs.gather(-1, right[:, None])),
}  # fmt: skip
SHOTS = (2, 4, 8, 16)


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    rung.choice.LOSSES = {**rung.choice.LOSSES, **BOTH}
    kept = out / "trials.jsonl"
    rows = [json.loads(line) for line in kept.open(encoding="utf-8")] if kept.exists() else []
    model = load_model(asked.model)
    for seed, place, name, method, objective in itertools.product(
        asked.seeds, range(max(len(RECIPES[m].rates) for m in asked.methods)), asked.tasks, asked.methods,
        asked.objectives,
    ):  # fmt: skip
        if place >= len(RECIPES[method].rates):
            continue
        asks = {
            "model": asked.model, "task": name, "size": asked.size, "steps": asked.steps, "seed": seed, "method": method,
            "rate": RECIPES[method].rates[place], "objective": objective,
            "pool": asked.pool if objective in ("teacher", "few") else None,
        }  # fmt: skip
        if any(asks == {key: row[key] for key in asks} for row in rows):
            continue
        row = asks | trial(make_context(model, name, asked.size, seed), asks)
        rows.append(row)
        with kept.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")
        curve = " ".join(f"{figure:.3f}" for _, figure in row["evaluations"])
        print(f"{name} s{seed} {method} {asks['rate']:g} {objective}: {curve}  {row['seconds']:.0f}s", flush=True)
        (out / "table.md").write_text(table(rows), encoding="utf-8")
    print(table(rows))


def trial(context: Context, asks: dict[str, Any]) -> dict[str, Any]:
    """Train once; figures on dev by quarter, and the processor seconds that it took, evaluations included."""
    prompt, objective, notes = context.templates[0], asks["objective"], {}
    train = context.task.train
    if objective == "teacher":
        teacher = best_teacher(replace(context, task=replace(context.task, train=train[: asks["pool"]])), train)
        notes = {
            "teacher": teacher.name, "calibrated": teacher.calibration is not None, "teacher_accuracy": accuracy(context, teacher)
        }  # fmt: skip
        items = taught(context, teacher, prompt, train)
    else:
        items = documents(context, prompt, train[: asks["pool"]] if objective == "few" else train)
    settings = Hyperparameters(
        objective="answers" if objective == "few" else objective, learning_rate=asks["rate"], steps=asks["steps"],
        evaluations=QUARTERS,
    )  # fmt: skip
    begun = time.process_time()
    found = finetune(
        context.model,
        items,
        RECIPES[asks["method"]].config,
        settings,
        evaluate=watcher(context, prompt),
        seed=context.seed,
    )
    found.handle.detach()
    return {
        "evaluations": found.report.evaluations, "losses": found.report.losses[:: max(1, asks["steps"] // 16)],
        "seconds": time.process_time() - begun, "n": len(items), "dev": len(context.task.dev), **notes,
    }  # fmt: skip


def best_teacher(context: Context, unlabelled: Sequence[Example]) -> Adaptation:
    """The best on dev of: demonstrations drawn once, and chosen by keyword, out of the training examples of ``context``, calibrated."""
    own = replace(context, rung="teacher")
    candidates = [fixed(own, n, own.seed) for n in (0, *SHOTS) if n <= len(own.pool)]
    candidates += next(iter(chosen_by("bm25")(own))).candidates
    inputs = [e.input for e in unlabelled[-UNLABELLED:]]
    free = [replace(a, calibration=batch_calibration(label_scores(own, a, inputs))) for a in candidates]
    return max([*candidates, *free], key=lambda a: accuracy(context, a))


def accuracy(context: Context, adaptation: Adaptation) -> float:
    """Share of right labels on the first 128 examples of dev."""
    examples = context.task.dev[:128]
    with opened(adaptation, context.model) as answer:
        return float(np.mean([p.output == e.target for p, e in zip(answer(examples), examples, strict=True)]))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Per task, method and objective: the best figure and the figure of each quarter, means over the seeds, at the better rate."""
    groups: dict[tuple[str, ...], dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        groups[row["task"], row["method"], row["objective"]][row["seed"]].append(row)
    lines = ["| task | method | objective | best | quarters | seeds | cpu s |", "|---|---|---|---|---|---|---|"]
    total: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (task, method, objective), seeds in sorted(groups.items()):
        best = [max(own, key=lambda r: max(v for _, v in r["evaluations"])) for own in seeds.values()]
        curves = np.array([[v for _, v in r["evaluations"]] for r in best])
        quarters = " ".join(f"{v:.3f}" for v in curves.mean(0))
        seconds = np.mean([r["seconds"] for r in best])
        figure = curves.max(1).mean()
        total[method, objective].append(figure)
        lines.append(f"| {task} | {method} | {objective} | {figure:.3f} | {quarters} | {len(seeds)} | {seconds:.0f} |")
    for (method, objective), figures in sorted(total.items()):
        lines.append(f"| mean of {len(figures)} | {method} | {objective} | {np.mean(figures):.3f} | | | |")
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def listed(text: str) -> list[str]:
        return text.split(",")

    parser.add_argument("--tasks", type=listed, default=["trec", "waimai_10k", "fewclue_eprstmt", "sst2"])
    parser.add_argument("--methods", type=listed, default=["lora", "p-tuning-v2", "prompt-tuning"])
    parser.add_argument("--objectives", type=listed, default=["answers", "options", "both"])
    parser.add_argument("--seeds", type=lambda t: [int(x) for x in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--size", type=int, default=1000, help="labelled training examples")
    parser.add_argument("--pool", type=int, default=16, help="of them, those that the teacher may show")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--out", default="runs/objectives")
    return parser.parse_args()


if __name__ == "__main__":
    main()
