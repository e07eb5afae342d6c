"""The study behind the defaults of the trained rungs: which settings of each method are best, over tasks, sizes and seeds.

Every setting of a method is trained for a quarter of its steps; the better third goes on to a half, the best third of those to the end
(successive halving, Jamieson & Talwalkar 2016). Figures are of dev, never of test. What has been trained is in OUT/trials.jsonl and is
not trained again; OUT/table.md is the table.

    python bench/defaults.py --methods prompt-tuning,lora --tasks sst2,waimai_10k --sizes 64,1000 --seeds 0,1,2
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time
from collections import defaultdict
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from places import TASKS

from rung.engine import load_model
from rung.finetune import Hyperparameters, finetune
from rung.rungs.context import Context
from rung.rungs.supervised import documents, watcher
from rung.rungs.trained import QUARTERS, RECIPES
from rung.rungs.warm import start_of
from rung.task import load_task

RATES: dict[str, tuple[float, ...]] = {
    "prompt-tuning": (3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "p-tuning": (1e-3, 3e-3, 1e-2, 3e-2),
    "prefix-tuning": (1e-3, 3e-3, 1e-2, 3e-2),
    "p-tuning-v2": (1e-2, 3e-2, 1e-1, 2e-1),
    "adapter": (3e-4, 1e-3, 3e-3, 1e-2),
    "lora": (3e-4, 1e-3, 3e-3, 1e-2),
    "qlora": (3e-4, 1e-3, 3e-3, 1e-2),
    "full": (1e-4, 3e-4, 1e-3),
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "prompt-tuning": [{"length": 8}, {"length": 20}, {"length": 50}],
    "p-tuning": [{"length": 20}, {"length": 20, "encoder": "lstm"}],
    "prefix-tuning": [{"length": 8}, {"length": 16}, {"length": 50}],
    "p-tuning-v2": [{"length": 8}, {"length": 16}, {"length": 50}],
    "adapter": [{"bottleneck": 16}, {"bottleneck": 64}],
    "lora": [{"rank": 4, "alpha": 8.0}, {"rank": 8, "alpha": 16.0}, {"rank": 16, "alpha": 32.0}],
    "qlora": [{"rank": 8, "alpha": 16.0}],
    "full": [{}],
}


def main() -> None:
    asked = arguments()
    out = Path(asked.out)
    out.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in (out / "trials.jsonl").open()] if (out / "trials.jsonl").exists() else []
    done = {row["key"]: row for row in known}
    model = load_model(asked.model)
    for name, size, seed, method in itertools.product(asked.tasks, asked.sizes, asked.seeds, asked.methods):
        context = make_context(model, name, size, seed)
        settings = list(
            itertools.product(
                OPTIONS[method], asked.rates or RATES[method], (False, True) if RECIPES[method].warm else (False,)
            )
        )
        for share in (QUARTERS,) if asked.whole else (1, 2, QUARTERS):
            scored = []
            for options, rate, warm in settings:
                key = json.dumps([asked.model, name, size, seed, method, options, rate, warm, asked.steps])
                row = done.get(key)
                if row is None or row["share"] < share:
                    row = trial(
                        context, method, options, rate, warm, share, out / "work" / str(abs(hash(key))), asked.steps
                    )
                    row |= {
                        "key": key, "model": asked.model, "task": name, "size": len(context.task.train), "seed": seed,
                        "method": method, "options": options, "rate": rate, "warm": warm, "share": share,
                    }  # fmt: skip
                    done[key] = row
                    with (out / "trials.jsonl").open("a") as lines:
                        lines.write(json.dumps(row) + "\n")
                    print(
                        f"{name} {size} s{seed} {method} {options} {rate:g} {'warm' if warm else 'cold'} {share}/4: "
                        f"{' '.join(f'{v:.3f}' for _, v in row['evaluations'])}  {row['seconds']:.0f}s",
                        flush=True,
                    )
                scored.append((max(v for _, v in row["evaluations"]), (options, rate, warm)))
            scored.sort(key=lambda pair: -pair[0])
            settings = [s for _, s in scored[: max(1, -(-len(scored) // 3))]]
    (out / "table.md").write_text(table(list(done.values())), encoding="utf-8")
    print((out / "table.md").read_text(encoding="utf-8"))


def make_context(model: Any, name: str, size: int, seed: int) -> Context:
    """The task with ``size`` training examples drawn by the seed, and at most 400 of dev."""
    folds = (TASKS / name / "train_all.jsonl").exists()  # few-shot sets come in folds, and in all of them together
    train, dev = (TASKS / name / f"{part}{'_all' if folds else ''}.jsonl" for part in ("train", "dev"))
    task = load_task(train=train, dev=dev, test=TASKS / name / "test.jsonl", name=name)
    rng = random.Random(seed)
    train = tuple(rng.sample(task.train, min(size, len(task.train))))
    return Context(replace(task, train=train, dev=task.dev[:400]), model, Path("."), seed, rung="study")


def trial(
    context: Context,
    method: str,
    options: dict[str, Any],
    rate: float,
    warm: bool,
    share: int,
    folder: Path,
    steps: int,
) -> dict[str, Any]:
    """Train to ``share`` quarters, from where it stands; the figures on dev so far."""
    prompt = context.templates[0]
    config = replace(RECIPES[method].config, **options)
    if warm:
        config = replace(config, start=start_of(context, RECIPES[method].warm, config.length))
    settings = Hyperparameters(
        objective=RECIPES[method].objective, learning_rate=rate, steps=steps, evaluations=QUARTERS
    )
    begun = time.perf_counter()
    found = finetune(
        context.model, documents(context, prompt, context.task.train), config, settings, folder=folder,
        evaluate=watcher(context, prompt), seed=context.seed, until=share * settings.interval(len(context.task.train)),
    )  # fmt: skip
    found.handle.detach()
    return {
        "evaluations": found.report.evaluations, "losses": found.report.losses[-1:], "parameters": found.handle.kept,
        "seconds": time.perf_counter() - begun, "settings": asdict(settings),
    }  # fmt: skip


def table(rows: list[dict[str, Any]]) -> str:
    """Per method: each setting's rank among those of its method (0 the best, 1 the worst), over tasks, sizes and seeds."""
    by_run: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_run[row["method"], row["task"], row["size"], row["seed"]].append(row)
    ranks: dict[tuple[str, str], list[float]] = defaultdict(list)
    best: dict[tuple[str, str], list[float]] = defaultdict(list)
    for (method, *_), found in by_run.items():
        # Who went further is ahead of who was dropped, and among equals the figure decides.
        found.sort(key=lambda r: (-r["share"], -max(v for _, v in r["evaluations"])))
        for place, row in enumerate(found):
            start = (" warm" if row["warm"] else " cold") if RECIPES[method].warm else ""
            setting = f"{json.dumps(row['options'])[1:-1]} rate {row['rate']:g}{start}"
            ranks[method, setting].append(place / max(1, len(found) - 1))
            best[method, setting].append(max(v for _, v in row["evaluations"]))
    lines = ["| method | setting | mean place | mean of its best figures | runs |", "|---|---|---|---|---|"]
    for (method, setting), places in sorted(ranks.items(), key=lambda kv: (kv[0][0], sum(kv[1]) / len(kv[1]))):
        values = best[method, setting]
        lines.append(
            f"| {method} | {setting} | {sum(places) / len(places):.2f} | {sum(values) / len(values):.3f} | {len(places)} |"
        )
    return "\n".join(lines) + "\n"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def listed(text: str) -> list[str]:
        return text.split(",")

    parser.add_argument("--methods", type=listed, default=list(RATES))
    parser.add_argument("--tasks", type=listed, default=["sst2", "trec", "waimai_10k", "fewclue_eprstmt"])
    parser.add_argument("--sizes", type=lambda t: [int(x) for x in t.split(",")], default=[64, 1000])
    parser.add_argument("--seeds", type=lambda t: [int(x) for x in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--rates", type=lambda t: [float(x) for x in t.split(",")], help="in place of the methods' own")
    parser.add_argument(
        "--whole", action="store_true", help="every setting to its end: a quarter says little of a soft prompt"
    )
    parser.add_argument("--out", default="runs/defaults")
    return parser.parse_args()


if __name__ == "__main__":
    main()
