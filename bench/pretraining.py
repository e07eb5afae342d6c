"""Pre-training side by side with transformers' Trainer: the same weights, the same rows, the same batch, in one run.

    PYTHONPATH=src python bench/pretraining.py --steps 8                        # 7M, rows of 256, 4,096 tokens a step
    PYTHONPATH=src python bench/pretraining.py --size 40M --clock processor --json pretraining.json

Needs accelerate (the ``bench`` extra). Four sides, in turn, ``--repeats`` times; the fastest repeat counts, without its
first step, which compiles:

    rung            as `rung pretrain` trains: Muon and AdamW, torch.compile
    rung, AdamW     the Trainer's optimiser with the Trainer's settings: its losses must be the Trainer's
    Trainer         its defaults
    Trainer, best   torch.compile; bfloat16 where the hardware has it

Every side's speed stands beside the matrix products a second that this machine was measured to do just before.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaForCausalLM, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from rung.pretrain.base import make_optimizers, next_token_loss
from rung.pretrain.corpus import Rows
from rung.pretrain.model import shape
from rung.pretrain.parallel import Ranks
from rung.pretrain.recipe import Recipe, settled
from rung.pretrain.speed import flops_per_token, matmul_ceiling
from rung.train import Plan, train

VOCABULARY, RATE, SEED = 8192, 1e-3, 0
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
SIDES = ("rung", "rung, AdamW", "Trainer", "Trainer, best")


@dataclass
class Run:
    """Losses (nats per token), and the seconds of each step on the clock that ``--clock`` names."""

    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    last: float = 0.0

    def step(self, now: float) -> None:
        self.seconds.append(now - self.last)
        self.last = now

    def rate(self, batch: int) -> float:
        """Tokens a second without the first step."""
        return batch * len(self.seconds[1:]) / sum(self.seconds[1:])


def make_rows(steps: int, count: int, length: int) -> list[np.ndarray]:
    """[count, length + 1] for each step: noisy counting in one of many sequences, something that can be learned."""
    rng = np.random.default_rng(SEED)
    total = (steps * count, length + 1)
    walk = (np.cumsum(rng.integers(1, 3, total), 1) + rng.integers(0, 500, (total[0], 1))) % 500 + 100
    noisy = np.where(rng.random(total) < 0.1, rng.integers(2, VOCABULARY, total), walk)
    return list(noisy.astype(np.int64).reshape(steps, count, length + 1))


def run_ours(model: LlamaForCausalLM, rows: list[np.ndarray], recipe: Recipe, device: str, own: bool, clock) -> Run:
    """Our loop over the rows; ``own``: with the recipe's optimisers, else with the Trainer's."""
    run = Run(last=clock())

    def on_step(_step: int, loss: float, _scale: float) -> None:
        run.losses.append(loss)
        run.step(clock())

    theirs = [torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)]
    optimizers = make_optimizers(model, recipe) if own else theirs
    plan = Plan(len(rows), warmup=0.0, schedule="constant", clip=1.0)
    loss = next_token_loss(model, recipe, device)
    train(plan, dict(model.named_parameters()), optimizers, lambda s: [Rows(rows[s])], loss, on_step=on_step)
    return run


class Clock(TrainerCallback):
    """Times each step of the Trainer, and keeps the losses that it logs."""

    def __init__(self, run: Run, clock: Callable[[], float]):
        self.run, self.clock = run, clock

    def on_train_begin(self, *_args, **_options):  # type: ignore[no-untyped-def]
        self.run.last = self.clock()

    def on_step_end(self, *_args, **_options):  # type: ignore[no-untyped-def]
        self.run.step(self.clock())

    def on_log(self, _args, _state, _control, logs=None, **_options):  # type: ignore[no-untyped-def]
        if logs and "loss" in logs:
            self.run.losses.append(float(logs["loss"]))


def run_theirs(model: LlamaForCausalLM, rows: list[np.ndarray], precision: str, best: bool, clock) -> Run:
    """The Trainer over the rows in their order. What is set besides its defaults is what must agree, and its noise."""
    run = Run()
    data = [{"input_ids": torch.from_numpy(row), "labels": torch.from_numpy(row)} for batch in rows for row in batch]
    settings = {"torch_compile": True, "bf16": precision == "bfloat16"} if best else {}
    with tempfile.TemporaryDirectory() as out:
        arguments = TrainingArguments(
            output_dir=out, max_steps=len(rows), per_device_train_batch_size=len(rows[0]), learning_rate=RATE, seed=SEED,
            lr_scheduler_type="constant", train_sampling_strategy="sequential", logging_steps=1, report_to="none",
            save_strategy="no", disable_tqdm=True, use_cpu=not torch.cuda.is_available(),
            dataloader_pin_memory=torch.cuda.is_available(), **settings,
        )  # fmt: skip
        trainer = Trainer(model=model, args=arguments, train_dataset=data, callbacks=[Clock(run, clock)])
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return run


def run_side(side: str, start: LlamaForCausalLM, rows: list[np.ndarray], recipe: Recipe, device: str, clock) -> Run:
    """One run of a side from the same weights."""
    torch.compiler.reset()  # every side pays for its own compilation, in its first step
    model = deepcopy(start)
    if side.startswith("rung"):
        return run_ours(model, rows, recipe, device, side == "rung", clock)
    return run_theirs(model, rows, recipe.precision, side == "Trainer, best", clock)


def compare(arguments: argparse.Namespace) -> dict[str, object]:
    """All sides in turn; prints losses, rates and shares, and returns them."""
    here = Ranks(device="cuda" if torch.cuda.is_available() else "cpu")
    recipe = settled(Recipe(size=arguments.size, context=arguments.length, compile=not arguments.no_compile), here)
    torch.manual_seed(SEED)
    start = LlamaForCausalLM(shape(recipe.size, VOCABULARY, recipe.context, 0, 1)).to(here.device)
    start.config._attn_implementation = "sdpa"
    count = arguments.batch // arguments.length
    batch, clock = count * arguments.length, CLOCKS[arguments.clock]
    rows = make_rows(arguments.steps, count, arguments.length)
    runs: dict[str, list[Run]] = {}
    ceiling = 0.0
    for _ in range(arguments.repeats):
        for side in arguments.sides:
            ceiling = max(ceiling, matmul_ceiling(here.device, recipe.precision, clock=clock))
            runs.setdefault(side, []).append(run_side(side, start, rows, recipe, here.device, clock))
    fastest = {side: max(tried, key=lambda run: run.rate(batch)) for side, tried in runs.items()}
    cost = flops_per_token(start, arguments.length)
    print(
        f"{recipe.size}, {recipe.precision}, rows of {arguments.length}, {batch:,} tokens a step, "
        f"{torch.get_num_threads()} threads; matrix products: {ceiling / 1e9:.1f} GFLOP/s"
    )
    for side, run in fastest.items():
        rate = run.rate(batch)
        curve = " ".join(f"{loss:.3f}" for loss in run.losses)
        print(f"  {side:14} {rate:9,.0f} tokens/s  {100 * rate * cost / ceiling:4.0f} % of the products  {curve}")
    found = {side: run.rate(batch) for side, run in fastest.items()}
    told: dict[str, object] = {"size": recipe.size, "precision": recipe.precision, "ceiling": ceiling, "rates": found}
    if {"rung, AdamW", "Trainer"} <= set(found):
        pairs = zip(fastest["rung, AdamW"].losses, fastest["Trainer"].losses, strict=True)
        told["apart"] = max(abs(a - b) for a, b in pairs)
        print(f"  largest difference of a loss, rung with AdamW and Trainer: {told['apart']:.5f}")
    rivals = [rate for side, rate in found.items() if side.startswith("Trainer")]
    if "rung" in found and rivals:
        told["speedup"] = found["rung"] / max(rivals)
        print(f"  rung against the faster of the Trainer's: {told['speedup']:.2f}x")
    return {**told, "runs": {side: [asdict(run) for run in tried] for side, tried in runs.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="7M", help="any size that `rung pretrain --size` takes")
    parser.add_argument("--length", type=int, default=256, help="tokens in a row")
    parser.add_argument("--batch", type=int, default=4096, help="tokens a step")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--no-compile", action="store_true", help="ours without torch.compile")
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="processor: on a machine that is shared")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.steps < 2 or arguments.batch < arguments.length:
        parser.error("--steps must be at least 2 (the first one is the warm-up), --batch at least --length")
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    result = compare(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
