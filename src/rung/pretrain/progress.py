"""What a pre-training tells and keeps while it steps: a line and a row of the curve now and then, at the end the report.

``report.json`` has the recipe, every loss, the machine, and how fast it went against the machine's measured ceiling;
``curve.html`` shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from rung.folders import write_whole
from rung.pretrain.page import write_page
from rung.pretrain.parallel import Ranks
from rung.pretrain.recipe import Recipe
from rung.pretrain.record import Curve, hardware
from rung.pretrain.speed import Pace, flops_per_token, matmul_ceiling, rates
from rung.train import TrainingReport

Say = Callable[[str], None]


def silent(line: str) -> None:
    """How the processes behind the first one speak."""


class Progress:
    """The watch of one process's run; only the first process's speaks and writes."""

    def __init__(self, out: Path, recipe: Recipe, model: LlamaForCausalLM, here: Ranks, say: Say):
        self.out, self.recipe, self.here, self.say = out, recipe, here, say
        self.parameters = sum(p.numel() for p in model.parameters())
        own = matmul_ceiling(here.device, recipe.precision)  # by all processes at once, as they will train
        self.ceiling = float(here.total(torch.tensor(own, device=here.device)))
        self.costs = {n: flops_per_token(model, n) for n in map(recipe.row_length, (0, recipe.steps - 1))}
        self.pace, self.curve = Pace(self.ceiling), Curve(out / "curve.jsonl")
        self.every = max(1, min(50, recipe.steps // 40))
        machine = f"{here.world} x {here.device}" if here.world > 1 else here.device
        say(
            f"model: {self.parameters:,} parameters on {machine}, {recipe.precision}; "
            f"matmul ceiling: {self.ceiling / 1e9:,.0f} GFLOP/s"
        )

    def on_step(self, step: int, loss: float, scale: float) -> None:
        """What the loop calls after each step."""
        if not self.here.first:
            return
        batch = self.recipe.batch
        self.pace.step(batch, batch * self.costs[self.recipe.row_length(step)])
        if (step + 1) % self.every and step + 1 < self.recipe.steps:
            return
        seen, found = (step + 1) * batch, self.pace.read()
        seconds = self.curve.add(step + 1, tokens=seen, loss=loss, scale=scale, **found)
        line = f"step {step + 1}/{self.recipe.steps}  {seen / 1e6:.1f}M tokens  loss {loss:.3f}  {seconds:.0f}s"
        self.say(line + (f"  {told(found)}" if found else ""))

    def finish(self, report: TrainingReport) -> None:
        """Write ``report.json`` and ``curve.html``, and tell the last line."""
        batch = self.recipe.batch
        tokens = report.steps * batch
        flops = sum(batch * self.costs[self.recipe.row_length(step)] for step in range(report.steps))
        speed = rates(tokens, flops, report.seconds, self.ceiling)
        kept = {
            "recipe": asdict(self.recipe), "steps": report.steps, "seconds": report.seconds, "losses": report.losses,
            "parameters": self.parameters, "hardware": {**hardware(), "processes": self.here.world},
            "speed": {**speed, "flops": flops, "ceiling": self.ceiling},
        }  # fmt: skip
        write_whole(self.out / "report.json", json.dumps(kept))
        write_page(self.out)
        self.say(f"done: {tokens / 1e6:.1f}M tokens in {report.seconds:,.0f} s, {told(speed)}; {self.out}/curve.html")


def told(speed: dict[str, float]) -> str:
    return f"{speed['tokens_per_second']:,.0f} tokens/s, {100 * speed['share']:.0f} % of the matmul ceiling"
