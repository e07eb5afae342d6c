"""A student that learns from a teacher's labels, beside its own zero-shot, beside what the teacher's labelled examples teach it, and the teacher.

    teacher     TF-IDF with logistic regression on ``--labelled`` examples
    rows        ``--unlabelled`` other training texts, labelled by the teacher and filtered by `rung.synthesize`: the test set held out,
                agreement ``--agreement`` at least
    zero-shot   the student's model with the best of all templates, plain or chat, calibrated on unlabelled texts or not; looked up
                on 100 of the labelled examples
    student     a LoRA trained on the rows; of the labelled examples 100 serve early stopping, none is trained on
    direct      the same LoRA for as many steps on the labelled examples; a quarter of them serves early stopping

Figures are accuracy on the first ``--test`` test examples; differences are paired, with 95 % intervals and the exact McNemar test. A row
of OUT/trials.jsonl is one task and seed, and is not done again.

    PYTHONPATH=src python bench/synthesize.py --tasks trec,waimai_10k --seeds 0,1
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from paired import difference, probability, share
from places import TASKS

from rung.adaptation import hash_folder
from rung.engine import Model, load_model
from rung.finetune import Hyperparameters, finetune
from rung.incontext import batch_calibration
from rung.programs import opened
from rung.prompts import chat_variant
from rung.rungs.context import Context
from rung.rungs.control import fit
from rung.rungs.prompts import UNLABELLED, label_scores
from rung.rungs.trained import QUARTERS, RECIPES, documents, watcher
from rung.synthesize import Asked, Filtering, Seeds, prepare, synthesize
from rung.task import load_task
from rung.types import Adaptation, Example, Task

LOOKED = 100  # labelled examples that the template is chosen on, and that stop a training early
WAYS = ("teacher", "zero-shot", "direct", "student")


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "trials.jsonl"
    rows = [json.loads(line) for line in kept.open(encoding="utf-8")] if kept.exists() else []
    model = load_model(asked.model)
    for name, seed in itertools.product(asked.tasks, asked.seeds):
        key = {
            "model": asked.model, "task": name, "seed": seed, "labelled": asked.labelled, "unlabelled": asked.unlabelled,
            "agreement": asked.agreement, "steps": asked.steps, "rate": asked.rate, "test": asked.test,
        }  # fmt: skip
        if any(key == {k: row.get(k) for k in key} for row in rows):
            continue
        rows.append(key | trial(model, key, out / f"{name}-s{seed}"))
        with kept.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
        print(table(rows[-1:]), flush=True)
    print(table(rows))
    (out / "table.md").write_text(table(rows), encoding="utf-8")


def trial(model: Model, key: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Everything of one task and seed: marks [n] of each way on the test examples, and what became of the rows."""
    begun = time.process_time()
    task, test, texts = parts(key)
    context = Context(task, model, folder, key["seed"], rung="tfidf")
    teacher = fit(context, 10.0)
    seeds = Seeds(task.kind, task.language, task.train, task.labels)
    made = prepare(
        seeds,
        teacher,
        model,
        Asked(agreement=key["agreement"], seed=key["seed"]),
        texts=[(e.source, e.input) for e in texts],
    )
    found = synthesize(folder / "rows", *made, Filtering((TASKS / key["task"] / "test.jsonl",)))
    lines = [json.loads(line) for line in (folder / "rows" / "data.jsonl").open(encoding="utf-8")]
    truth = {e.input: e.target for e in texts}
    right = float(np.mean([truth[line["input"]] == line["output"] for line in lines]))
    rows = tuple(Example(f"row {i}", line["input"], line["output"], f"row {i}") for i, line in enumerate(lines))
    zero = zero_shot(replace(context, rung="zero-shot"))
    cut = len(task.train) * 3 // 4
    students = {
        "student": train(replace(context, task=replace(task, train=rows, dev=task.train[:LOOKED])), key, folder / "student"),
        "direct": train(replace(context, task=replace(task, train=task.train[:cut], dev=task.train[cut:])), key, folder / "direct"),
    }  # fmt: skip
    marks = {
        name: list(mark(model, a, test)) for name, a in {"teacher": teacher, "zero-shot": zero, **students}.items()
    }
    reasons = {name: r["candidates"] for name, r in found["reasons"].items() if r["candidates"]}
    return {
        "marks": marks, "rows": len(rows), "right": right, "out": reasons, "prompt": zero.name, "n": len(test),
        "cpu_seconds": time.process_time() - begun,
    }  # fmt: skip


def parts(key: dict[str, Any]) -> tuple[Task, Sequence[Example], Sequence[Example]]:
    """The task with its labelled examples as the train split and nothing else; test examples; unlabelled ones (their labels only count)."""
    place = TASKS / key["task"]
    whole = load_task(train=place / "train.jsonl", dev=place / "dev.jsonl", test=place / "test.jsonl", name=key["task"])
    drawn = Random(key["seed"]).sample(whole.train, key["labelled"] + key["unlabelled"])
    labelled, texts = tuple(drawn[: key["labelled"]]), drawn[key["labelled"] :]
    return replace(whole, train=labelled, dev=()), whole.test.open()[: key["test"]], texts


def zero_shot(context: Context) -> Adaptation:
    """The best template, plain or chat, on the first of the labelled examples; as it is or calibrated on unlabelled inputs."""
    prompts = list(context.templates)
    prompts += [chat_variant(p) for p in prompts] if context.model.has_chat_template else []
    looked = context.task.train[:LOOKED]
    plain = [context.adaptation(p.name, prompt=p) for p in prompts]
    best = max(plain, key=lambda a: mark(context.model, a, looked).mean())
    offsets = batch_calibration(label_scores(context, best, [e.input for e in context.task.train[:UNLABELLED]]))
    return max(
        [best, replace(best, name=f"{best.name}-calibrated", calibration=offsets)],
        key=lambda a: mark(context.model, a, looked).mean(),
    )


def train(context: Context, key: dict[str, Any], folder: Path) -> Adaptation:
    """A LoRA behind the bare template, the best of its quarters on dev."""
    prompt = context.templates[0]
    settings = Hyperparameters(learning_rate=key["rate"], steps=key["steps"], evaluations=QUARTERS)
    found = finetune(
        context.model, documents(context, prompt, context.task.train), RECIPES["lora"].config, settings,
        evaluate=watcher(context, prompt), folder=folder, seed=context.seed,
    )  # fmt: skip
    found.handle.detach()
    return context.adaptation(
        "lora", prompt=prompt, adapter=str(folder / "adapter"), adapter_sha256=hash_folder(folder / "adapter")
    )


def mark(model: Model, adaptation: Adaptation, examples: Sequence[Example]) -> np.ndarray:
    """0 or 1 for each example."""
    with opened(adaptation, model) as answer:
        return np.array([float(p.output == e.target) for p, e in zip(answer(examples), examples, strict=True)])


def table(rows: Sequence[dict[str, Any]]) -> str:
    """A line for each task and seed, with the student's paired differences; then one for each task over its seeds."""
    lines = [
        "| task | seed | rows | right | "
        + " | ".join(WAYS)
        + " | student - zero-shot | student - direct | student - teacher |",
        "|---|---|---|---|" + "---|" * (len(WAYS) + 3),
    ]
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        lines += [line(task, str(row["seed"]), [row]) for row in own]
        if len(own) > 1:
            lines.append(line(task, f"mean of {len(own)}", own))
    return "\n".join(lines) + "\n"


def line(task: str, name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Items are test examples; over several seeds the marks of an item are averaged first."""
    marks = {way: np.mean([row["marks"][way] for row in rows], axis=0) for way in WAYS}
    cells = [str(share(marks[way])) for way in WAYS]
    for other in ("zero-shot", "direct", "teacher"):
        found = difference(marks["student"], marks[other])
        cells.append(f"{found}, p {probability(found.p)}")
    size = f"{np.mean([row['rows'] for row in rows]):.0f} of {rows[0]['unlabelled']}"
    return f"| {task} | {name} | {size} | {np.mean([row['right'] for row in rows]):.3f} | " + " | ".join(cells) + " |"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=["trec", "waimai_10k"])
    parser.add_argument("--seeds", type=lambda t: [int(x) for x in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--labelled", type=int, default=200, help="examples that the teacher learns from")
    parser.add_argument("--unlabelled", type=int, default=1000, help="other texts that it labels")
    parser.add_argument("--agreement", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=120, help="of 16 examples")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--out", default="runs/synthesize")
    return parser.parse_args()


if __name__ == "__main__":
    main()
