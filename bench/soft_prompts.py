"""What our defaults reach beside PEFT's: the same base, tasks, examples, order and number of steps, three seeds, in one run.

    ours            the recipe of the rung (src/rung/rungs/trained.py): its configuration, and the better of its rates on dev
    peft            PEFT's defaults: its configuration as it stands, AdamW at 1e-4 as in its method comparison
    peft, best      PEFT with the best settings published there (July 2026), see BEST

PEFT trains with its own modules in a plain loop; what it trained is saved in its format and read by us, so that every figure comes from
the same scoring of the same test items. Each row is in OUT/rows.jsonl as soon as it is known, and is not trained again.

    python bench/soft_prompts.py --tasks sst2,trec,waimai_10k,fewclue_tnews --size 1000 --steps 120 --seeds 0,1,2
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import math
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from defaults import make_context
from paired import difference

from rung.adapters import attached
from rung.documents import Batches, Document
from rung.engine import Model, load_model
from rung.finetune import Hyperparameters, finetune
from rung.prompts import Words, choice_texts, render
from rung.rungs.context import Context
from rung.rungs.supervised import documents, watcher
from rung.rungs.trained import QUARTERS, RECIPES
from rung.rungs.warm import start_of
from rung.task import mixed
from rung.types import Example

METHODS = ("prompt-tuning", "p-tuning", "prefix-tuning", "p-tuning-v2", "lora")
DEFAULT_RATE = 1e-4
BATCH = 16
SIDES = {"ours": "ours", "peft": "peft", "best": "peft, best"}
Config = Callable[[], peft.PeftConfig]
TASK = {"task_type": "CAUSAL_LM"}
LORA_LAYERS = "all-linear"
DEFAULTS: dict[str, Config] = {  # the number of virtual tokens has no default in PEFT: its documentation's 20
    "prompt-tuning": lambda: peft.PromptTuningConfig(num_virtual_tokens=20, **TASK),
    "p-tuning": lambda: peft.PromptEncoderConfig(num_virtual_tokens=20, **TASK),
    "prefix-tuning": lambda: peft.PrefixTuningConfig(num_virtual_tokens=20, prefix_projection=True, **TASK),
    "p-tuning-v2": lambda: peft.PrefixTuningConfig(num_virtual_tokens=20, **TASK),
    "lora": lambda: peft.LoraConfig(**TASK),
}
BEST: dict[str, tuple[Config, float]] = {
    "prompt-tuning": (
        lambda: peft.PromptTuningConfig(num_virtual_tokens=200, prompt_tuning_init="SAMPLE_VOCAB", **TASK), 1e-3,
    ),
    "p-tuning": (lambda: peft.PromptEncoderConfig(num_virtual_tokens=20, **TASK), 1e-4),
    "prefix-tuning": (lambda: peft.PrefixTuningConfig(num_virtual_tokens=50, prefix_projection=True, **TASK), 5e-3),
    "p-tuning-v2": (lambda: peft.PrefixTuningConfig(num_virtual_tokens=50, **TASK), 5e-3),
    "lora": (lambda: peft.LoraConfig(r=64, lora_alpha=64, use_rslora=True, target_modules=LORA_LAYERS, **TASK), 1e-4),
}  # fmt: skip


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "rows.jsonl"
    done = {tuple(r["key"]): r for r in map(json.loads, path.open())} if path.exists() else {}
    model = load_model(asked.model)
    asked.model = model.sha256  # of rows: a name may mean another model tomorrow
    for seed, task, method, side in itertools.product(asked.seeds, asked.tasks, asked.methods, asked.sides):
        key = (asked.model, task, asked.size, asked.steps, asked.items, seed, method, side)
        if key in done:
            continue
        if side == "peft, best" and method == "p-tuning":  # the same settings
            done[key] = done[(*key[:-1], "peft")]
            continue
        context = make_context(model, task, asked.size, seed)
        begun = time.perf_counter()
        folder = Path(tempfile.mkdtemp())
        try:
            how = (
                ours(context, method, asked.steps, folder)
                if side == "ours"
                else theirs(context, method, side, asked.steps, folder)
            )
            hits = right(context, folder / "adapter", asked.items)
        finally:
            shutil.rmtree(folder)
        row = {"key": key, "how": how, "hits": hits, "seconds": time.perf_counter() - begun}
        done[key] = row
        with path.open("a") as lines:
            lines.write(json.dumps(row) + "\n")
        print(
            f"{task} s{seed} {method} {side}: {np.mean(hits):.3f} of {len(hits)}  {how}  {row['seconds']:.0f}s",
            flush=True,
        )
    print(f"{by_task(done, asked)}\n\n{table(done, asked)}")


def ours(context: Context, method: str, steps: int, folder: Path) -> str:
    """As the rung does, with the same steps: each rate for a quarter of them, the better one from a warm start too, the leader to the end."""
    recipe, prompt = RECIPES[method], context.templates[0]
    tried: dict[tuple[float, bool], float] = {}

    def run(rate: float, warm: bool, whole: bool) -> Path:
        config = recipe.config
        if warm:
            config = replace(config, start=start_of(context, recipe.warm, config.length))
        settings = Hyperparameters(
            objective=recipe.objective, learning_rate=rate, steps=steps, batch=BATCH, evaluations=QUARTERS
        )
        place = folder / f"{rate:g}{warm}"
        found = finetune(
            context.model, documents(context, prompt, context.task.train), config, settings, folder=place, seed=context.seed,
            evaluate=watcher(context, prompt), until=None if whole else settings.interval(len(context.task.train)),
        )  # fmt: skip
        found.handle.detach()
        tried[rate, warm] = max(v for _, v in found.report.evaluations)
        return place

    def leader() -> tuple[float, bool]:
        return max(tried, key=lambda trial: tried[trial])

    for rate in recipe.rates:
        run(rate, warm=False, whole=False)
    if recipe.warm:
        run(leader()[0], warm=True, whole=False)
    rate, warm = leader()
    shutil.copytree(run(rate, warm, whole=True) / "adapter", folder / "adapter")
    return f"rate {rate:g}{', warm' if warm else ''}"


def theirs(context: Context, method: str, side: str, steps: int, folder: Path) -> str:
    """A plain loop over PEFT's model: padded batches of the same documents in the same order, loss on the answers."""
    made, rate = (DEFAULTS[method], DEFAULT_RATE) if side == "peft" else BEST[method]
    torch.manual_seed(context.seed)
    kept = documents(context, context.templates[0], context.task.train)
    batches = Batches(
        kept, batch=BATCH, seed=context.seed, token_budget=1 << 30, vocabulary=context.model.shape.vocabulary
    )
    hf = copy.deepcopy(context.model.hf)
    hf.set_attn_implementation("sdpa")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = peft.get_peft_model(hf, made())
        wrapped.train()
        trained = [p for p in wrapped.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=rate)
        for step in range(steps):
            warm = max(1, round(0.1 * steps))
            done = (step - warm) / max(1, steps - warm)
            scale = (step + 1) / warm if step < warm else 0.5 * (1 + math.cos(math.pi * done))
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
            wrapped(**padded(batches.picked(step), context.model)).loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        wrapped.save_pretrained(folder / "adapter")
    return f"rate {rate:g}"


def padded(shown: Sequence[Document], model: Model) -> dict[str, torch.Tensor]:
    """A batch as transformers wants it, padded on the right."""
    longest = max(len(d.tokens) for d in shown)
    ids = torch.full((len(shown), longest), model.tokenizer.pad_token_id)
    labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
    for row, d in enumerate(shown):
        size = len(d.tokens)
        ids[row, :size] = torch.tensor(d.tokens)
        labels[row, d.start : size] = ids[row, d.start : size]
        mask[row, :size] = 1
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def right(context: Context, adapter: Path, items: int) -> list[int]:
    """Which of the first test items the adapted model gets right."""
    task, prompt, model = context.task, context.templates[0], context.model
    words = Words.of(task)
    examples = drawn(task.test.open(), items)
    with attached(model.hf, adapter):
        scores = model.score([render(prompt, words, e.input) for e in examples], choice_texts(prompt, words))
    return [int(task.labels[int(np.argmax(s.logprobs))] == e.target) for s, e in zip(scores, examples, strict=True)]


def drawn(examples: Sequence[Example], n: int) -> Sequence[Example]:
    """The first ``n``, of a file that goes label by label (a tenth or fewer of its rows follow one of another label) a sample."""
    turns = sum(a.target != b.target for a, b in itertools.pairwise(examples))
    return (mixed(examples) if turns <= len(examples) / 10 else examples)[:n]


def by_task(done: dict[tuple, dict[str, Any]], asked: argparse.Namespace) -> str:
    """Means over the seeds, task by task."""
    lines = [f"| method | | {' | '.join(asked.tasks)} | mean |", "|---" * (len(asked.tasks) + 3) + "|"]
    for method, side in itertools.product(asked.methods, asked.sides):
        found = [marks_of(done, argparse.Namespace(**vars(asked) | {"tasks": [t]}), method, side) for t in asked.tasks]
        means = [m.mean() for m in found if len(m)]
        if len(means) == len(asked.tasks):
            told = " | ".join(f"{mean:.3f}" for mean in (*means, np.mean(means)))
            lines.append(f"| {method} | {side} | {told} |")
    return "\n".join(lines)


def table(done: dict[tuple, dict[str, Any]], asked: argparse.Namespace) -> str:
    """Means over tasks and seeds; ours against each of PEFT's and against our LoRA, with intervals over all items."""
    others = [side for side in asked.sides if side != "ours"]
    columns = ["method", "ours", *others, *(f"ours - {side}" for side in others), "ours - our lora"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    loras = marks_of(done, asked, "lora", "ours")
    for method in asked.methods:
        own, *theirs = marks = [marks_of(done, asked, method, side) for side in ("ours", *others)]
        if not len(own) or len({len(m) for m in marks}) > 1:
            continue
        told = [f"{m.mean():.3f}" for m in marks] + [str(difference(own, m)) for m in theirs]
        apart = method != "lora" and len(loras) == len(own)
        lines.append(f"| {method} | {' | '.join(told)} | {difference(own, loras) if apart else '–'} |")
    return "\n".join(lines)


def marks_of(done: dict[tuple, dict[str, Any]], asked: argparse.Namespace, method: str, side: str) -> np.ndarray:
    """Each item's share of right answers over the seeds, all tasks one behind the other; those with every seed alone."""
    rows = [
        [done.get((asked.model, t, asked.size, asked.steps, asked.items, s, method, side)) for s in asked.seeds]
        for t in asked.tasks
    ]
    whole = [np.mean([r["hits"] for r in seeds if r], axis=0) for seeds in rows if all(seeds)]
    return np.concatenate(whole) if whole else np.zeros(0)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def listed(text: str) -> list[str]:
        return text.split(",")

    parser.add_argument("--methods", type=listed, default=list(METHODS))
    parser.add_argument("--tasks", type=listed, default=["sst2", "trec", "waimai_10k", "fewclue_tnews"])
    parser.add_argument(
        "--sides", type=lambda t: [SIDES[x] for x in t.split(",")], default=list(SIDES.values()), help="ours,peft,best"
    )
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--seeds", type=lambda t: [int(x) for x in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--out", default="runs/soft-prompts")
    return parser.parse_args()


if __name__ == "__main__":
    main()
