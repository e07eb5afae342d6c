"""Which recipe is best for a given time: settings of `rung pretrain`, one changed at a time, held-out bits per byte.

    PYTHONPATH=src python bench/recipes.py --minutes 3                       # 2M on ../shared/data/text, all settings
    PYTHONPATH=src python bench/recipes.py --minutes 10 --size 7M --only base,adamw-3e-3,batch-4k

Every setting trains for the same time: a few steps are timed first, the number of steps follows from them, and the schedule
is laid out over those, so that each setting is at the end of its decay when it is measured. Compiling (``--compile``) is not
counted, as it does not grow with the training. ``--clock processor`` counts the process's own time, for a machine that others
use as well. Each result is a line of OUT/results.jsonl as soon as it is known: the same command goes on after a kill.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import torch
from places import TEXTS
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rung.engine import Model, install
from rung.pretrain import model as sizes
from rung.pretrain.base import lay_out, make_model, make_optimizers, make_tokenizer, make_tokens, next_token_loss
from rung.pretrain.card import figures
from rung.pretrain.corpus import Source, Stream, find_sources
from rung.pretrain.evaluate import HeldOut, held_out
from rung.pretrain.parallel import Ranks
from rung.pretrain.recipe import Recipe, settled
from rung.train import train

CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
TIMED = 3  # steps of each row length that are timed; the fastest counts


@dataclass(frozen=True)
class Setting:
    """What is changed of the base recipe; ``adamw`` is a rate of AdamW for all parameters, in place of Muon."""

    name: str
    changes: dict[str, Any] = field(default_factory=dict)
    adamw: float = 0.0
    deeper: float = 1.0  # times the depth, the width narrower to keep the parameters


SETTINGS = (
    Setting("base"),
    Setting("adamw-1e-3", adamw=1e-3),
    Setting("adamw-3e-3", adamw=3e-3),
    Setting("batch-4k", {"batch": 4096}),
    Setting("batch-16k", {"batch": 16384}),
    Setting("deep", deeper=2.0),
    Setting("shallow", deeper=0.5),
    Setting("vocabulary-4k", {"vocabulary": 4096}),
    Setting("vocabulary-16k", {"vocabulary": 16384}),
    Setting("long-rows", {"long_share": 1.0}),  # no short rows at first
    Setting("rows-of-128", {"short": 128}),
    Setting("no-boundaries", {"boundaries": False}),
    Setting("wsd", {"schedule": "wsd"}),
)


@dataclass(frozen=True)
class Part(Source):
    """The first ``limit`` bytes of a source's training documents, whole documents, and of its held-out ones."""

    limits: tuple[float, float] = (math.inf, math.inf)  # of train and valid, bytes

    def documents(self, split: str) -> Iterator[str]:
        left = self.limits[split == "valid"]
        for text in super().documents(split):
            if left <= 0:
                return
            left -= len(text.encode())
            yield text


def reshaped(size: str, deeper: float) -> dict[str, int]:
    """Another depth, and the width (a multiple of 32) that keeps the parameters closest to those of ``size``."""
    depth, width, inner, _ = sizes.dimensions(size)
    wanted, depth = sizes.parameters(depth, width, inner), max(1, round(depth * deeper))
    widths = range(32, 4 * width, 32)
    width = min(widths, key=lambda w: abs(math.log(sizes.parameters(depth, w, sizes.of_width(w)[2]) / wanted)))
    _, _, inner, heads = sizes.of_width(width)
    return {
        "num_hidden_layers": depth, "hidden_size": width, "intermediate_size": inner, "head_dim": width // heads,
        "num_attention_heads": heads, "num_key_value_heads": heads,
    }  # fmt: skip


def make(setting: Setting, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> LlamaForCausalLM:
    """The model of a setting, with random weights from the seed."""
    model = make_model(tokenizer, recipe)
    if setting.deeper == 1.0:
        return model
    config = model.config
    config.update(reshaped(recipe.size, setting.deeper))
    torch.manual_seed(recipe.seed)
    return LlamaForCausalLM(config)


def optimizers_of(setting: Setting, model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """The recipe's own, or AdamW with weight decay on the blocks' matrices only, as the recipe has it."""
    if not setting.adamw:
        return make_optimizers(model, recipe)
    blocks = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    others = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    groups = [{"params": blocks, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=setting.adamw, betas=(0.9, 0.95), eps=1e-10)]


def seconds_of_step(setting: Setting, tokenizer, recipe: Recipe, stream: Stream, device: str, clock) -> float:
    """The mean time of a step over the run: each row length's fastest of a few steps, weighted by its share."""
    model = make(setting, tokenizer, recipe).to(device)
    optimizers, loss = optimizers_of(setting, model, recipe), next_token_loss(model, recipe, device)
    _, batches = lay_out(recipe, stream)
    times: dict[int, list[float]] = {}
    for step in (0, recipe.steps - 1):
        for _ in range(TIMED + 1):  # the first one compiles
            started = clock()
            summed, _ = loss(batches(step)[0])
            summed.backward()
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            times.setdefault(recipe.row_length(step), []).append(clock() - started)
    fastest = {length: min(found[1:]) for length, found in times.items()}
    return sum(fastest[recipe.row_length(step)] for step in range(recipe.steps)) / recipe.steps


def measured(
    setting: Setting, base: Recipe, sources: Sequence[Source], arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train one setting for the time and measure it on the held-out documents."""
    clock, device = CLOCKS[arguments.clock], "cuda" if torch.cuda.is_available() else "cpu"
    recipe = settled(replace(base, **setting.changes), Ranks(device=device))
    work = arguments.out / f"vocabulary-{recipe.vocabulary}"
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(work, list(sources), recipe, print)
    stream = make_tokens(work, list(sources), tokenizer, recipe, print)
    # Laid out over a hundred steps to see both row lengths in their shares, then over as many as the time allows.
    timed = replace(recipe, tokens=100 * recipe.batch)
    each = seconds_of_step(setting, tokenizer, timed, stream, device, clock)
    steps = max(1, round(60 * arguments.minutes / each))
    recipe = replace(recipe, tokens=steps * recipe.batch)
    model = make(setting, tokenizer, recipe).to(device)
    plan, batches = lay_out(recipe, stream)
    loss, ends = next_token_loss(model, recipe, device), [clock()]
    report = train(
        plan, dict(model.named_parameters()), optimizers_of(setting, model, recipe), batches, loss,
        on_step=lambda step, value, scale: ends.append(clock()),
    )  # fmt: skip
    install(model)
    engine = Model(model.eval(), tokenizer, name=setting.name, sha256="random")
    parts = {source.name: held_out(engine, source.documents("valid")) for source in sources}
    whole: HeldOut = reduce(add, parts.values())
    return {
        "setting": setting.name, "seed": recipe.seed, "parameters": sum(p.numel() for p in model.parameters()),
        "steps": steps, "tokens": steps * recipe.batch, "seconds": ends[-1] - ends[0], "clock": arguments.clock,
        "tokens_per_second": recipe.batch / each, "loss": sum(report.losses[-10:]) / len(report.losses[-10:]),
        "held_out": figures(whole), "sources": {name: part.bits_per_byte for name, part in parts.items()},
    }  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown, best first."""
    lines = ["| setting | seed | parameters | tokens seen | tokens/s | minutes | bits per byte |", "|---" * 7 + "|"]
    for row in sorted(rows, key=lambda row: row["held_out"]["bits_per_byte"]):
        found = row["held_out"]
        spread = f" [{found['low']:.3f}, {found['high']:.3f}]" if found["low"] is not None else ""
        lines.append(
            f"| {row['setting']} | {row['seed']} | {row['parameters']:,} | {row['tokens']:,} | {row['tokens_per_second']:,.0f} "
            f"| {row['seconds'] / 60:.1f} | {found['bits_per_byte']:.3f}{spread} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="training time of each setting")
    parser.add_argument("--size", default="2M")
    parser.add_argument("--texts", type=Path, default=TEXTS)
    parser.add_argument("--megabytes", type=float, default=5.0, help="training text of each source, at most")
    parser.add_argument("--held-out", type=float, default=60.0, help="kilobytes of each source measured on, at most")
    parser.add_argument("--only", help="names of settings, with commas")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--clock", default="wall", choices=CLOCKS)
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"))
    arguments = parser.parse_args()
    wanted = arguments.only.split(",") if arguments.only else [s.name for s in SETTINGS]
    unknown = set(wanted) - {s.name for s in SETTINGS}
    if unknown:
        parser.error(f"no setting {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in SETTINGS)}")
    limits = (arguments.megabytes * 1e6, arguments.held_out * 1e3)
    sources = [Part(s.name, s.folder, limits) for s in find_sources(arguments.texts)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "results.jsonl"
    asked = {"size": arguments.size, "minutes": arguments.minutes, "clock": arguments.clock, "limits": list(limits)}
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if any(row["asked"] != asked for row in rows):
        parser.error(f"{path} holds results of other options: type another --out")
    for seed in range(arguments.seeds):
        base = Recipe(size=arguments.size, seed=seed, compile=arguments.compile)
        for setting in (s for s in SETTINGS if s.name in wanted):
            if any((row["setting"], row["seed"]) == (setting.name, seed) for row in rows):
                continue
            rows.append({**measured(setting, base, sources, arguments), "asked": asked})
            with path.open("a") as out:
                out.write(json.dumps(rows[-1]) + "\n")
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()
