"""The one training loop: every method of Rung that has gradients steps here, and only here.

The loop knows nothing of models or tasks. It is given three functions::

    batches(step)  -> the microbatches of that step, a pure function of the step (so resuming needs no sampler state)
    loss(micro)    -> (sum of the losses over the targets of the microbatch, number of targets)
    evaluate()     -> a figure on dev, higher is better (optional: early stopping keeps the best weights)

Gradients do not depend on how a batch is split into microbatches: every microbatch's loss is a *sum*, divided by
the number of targets of the whole batch (the bug of dividing by the number of microbatches, trl #2175 and others).
Checkpoints are safetensors + JSON, written to a temporary folder and renamed, so a kill leaves the last good one.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from safetensors.torch import load_file, save_file

from rung.folders import recover, replacing
from rung.types import UserError


class TrainingDiverged(UserError):
    """The loss or the gradient became infinite or not a number."""


class CheckpointMismatch(UserError):
    """The checkpoint in the folder belongs to a run with other data or settings."""


class Microbatch(Protocol):
    """Anything with the number of tokens that the loss is read at."""

    @property
    def targets(self) -> int: ...


@dataclass(frozen=True)
class Plan:
    """How to step. Learning rates live in the optimisers' groups; the plan scales them from 0 to 1 and back."""

    steps: int
    warmup: float = 0.06  # share of the steps; raise it when the first losses jump
    schedule: Literal["cosine", "wsd", "constant"] = "cosine"  # wsd: constant, then linear over the last fifth
    floor: float = 0.0  # the last step's rate as a share of the peak
    clip: float = 1.0  # largest gradient norm; 0 switches clipping off
    evaluate_every: int = 0  # steps; 0: only at the end, if there is something to evaluate
    patience: int = 0  # evaluations without a better figure before stopping; 0: never
    checkpoint_every: int = 0  # steps; 0: no checkpoints

    def scale(self, step: int) -> float:
        """The share of the peak learning rate at ``step`` (0-based)."""
        warm = max(1, round(self.warmup * self.steps)) if self.warmup > 0 else 0
        if step < warm:
            return (step + 1) / warm
        done = (step - warm) / max(1, self.steps - warm)
        if self.schedule == "cosine":
            return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * done))
        if self.schedule == "wsd":
            return 1.0 if done < 0.8 else self.floor + (1 - self.floor) * (1 - done) / 0.2
        return 1.0


@dataclass
class TrainingReport:
    """What happened: the curves, and whether it stopped early."""

    steps: int = 0
    losses: list[float] = field(default_factory=list)  # nats per target, one per step
    evaluations: list[tuple[int, float]] = field(default_factory=list)  # (step, figure on dev)
    best_step: int = 0
    targets: int = 0
    seconds: float = 0.0
    stopped: Literal["finished", "patience"] = "finished"


def train(
    plan: Plan,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    batches: Callable[[int], Sequence[Any]],
    loss: Callable[[Any], tuple[torch.Tensor, int]],
    *,
    evaluate: Callable[[], float] | None = None,
    folder: Path | None = None,
    on_step: Callable[[int, float, float], None] | None = None,
    identity: str = "",
    writes: bool = True,
    until: int | None = None,
) -> TrainingReport:
    """Step ``plan.steps`` times over ``batches``, changing ``parameters`` in place.

    With ``folder`` and ``plan.checkpoint_every`` the state is kept there; a later call with the same arguments goes
    on from it and ends with the same weights as an uninterrupted one. ``on_step(step, loss, learning rate scale)``
    is called after each step. ``identity`` is a digest of data and settings: a checkpoint of another identity is
    refused with :class:`CheckpointMismatch`. Of several processes that train together only one ``writes`` checkpoints;
    all read them. ``until``: pause behind that step, with a checkpoint to go on from; the parameters are then the best
    so far. Raises :class:`TrainingDiverged` on a loss or gradient that is not finite; the last checkpoint stays.
    """
    report, best, first = TrainingReport(), None, 0
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    if folder is not None:
        recover(folder / "checkpoint")
    if folder is not None and (folder / "checkpoint").exists():
        first, report, best = load_checkpoint(folder, parameters, optimizers, identity)
        if report.stopped == "patience":
            first = plan.steps
    started = time.perf_counter() - report.seconds

    limit = plan.steps if until is None else min(until, plan.steps)

    for step in range(first, limit):
        scale = plan.scale(step)
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = peak * scale
        micros = batches(step)
        value = accumulate(micros, loss, step)
        norm = clip(parameters, plan.clip)
        if not math.isfinite(norm):
            raise diverged("gradient", norm, step, peaks[0][0] * scale)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        report.steps = step + 1
        report.losses.append(value)
        report.targets += sum(micro.targets for micro in micros)
        report.seconds = time.perf_counter() - started
        if on_step is not None:
            on_step(step, value, scale)
        last = step + 1 == plan.steps
        if evaluate is not None and (last or (plan.evaluate_every and (step + 1) % plan.evaluate_every == 0)):
            figure = evaluate()
            if best is None or figure > max(f for _, f in report.evaluations):
                best = {name: p.detach().clone() for name, p in parameters.items()}
                report.best_step = step + 1
            report.evaluations.append((step + 1, figure))
            since = sum(1 for s, _ in report.evaluations if s > report.best_step)
            if plan.patience and since >= plan.patience:
                report.stopped = "patience"
        if (
            writes
            and folder is not None
            and plan.checkpoint_every
            and ((step + 1) % plan.checkpoint_every == 0 or step + 1 == limit or report.stopped == "patience")
        ):
            save_checkpoint(folder, step + 1, parameters, optimizers, report, best, identity)
        if report.stopped == "patience":
            break

    if best is not None:
        with torch.no_grad():
            for name, p in parameters.items():
                p.copy_(best[name])
    report.seconds = time.perf_counter() - started
    return report


def accumulate(micros: Sequence[Any], loss: Callable[[Any], tuple[torch.Tensor, int]], step: int) -> float:
    """Backward over the microbatches of one step; the mean loss per target of the whole batch."""
    total = sum(micro.targets for micro in micros)
    assert total > 0, "a batch without a single target"
    value = 0.0
    for micro in micros:
        summed, _ = loss(micro)
        number = float(summed.detach())
        if not math.isfinite(number):
            raise diverged("loss", number, step, None)
        (summed / total).backward()
        value += number
    return value / total


def clip(parameters: dict[str, torch.nn.Parameter], limit: float) -> float:
    """Scale the gradients to at most ``limit``; the norm before."""
    grads = [p for p in parameters.values() if p.grad is not None]
    return float(torch.nn.utils.clip_grad_norm_(grads, limit if limit > 0 else math.inf))


def diverged(what: str, value: float, step: int, rate: float | None) -> TrainingDiverged:
    at = "" if rate is None else f" at learning rate {rate:.2g}"
    return TrainingDiverged(
        f"the {what} became {value} at step {step + 1}{at}; the last checkpoint is kept. "
        "Try a learning rate three times lower, or a longer warm-up.",
        zh=f"第 {step + 1} 步的{'损失' if what == 'loss' else '梯度'}变成了 {value}；上一个检查点已保留。"
        "请把学习率降到三分之一，或加长预热。",
    )


def save_checkpoint(
    folder: Path,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    report: TrainingReport,
    best: dict[str, torch.Tensor] | None,
    identity: str = "",
) -> None:
    """Write the state to ``folder/checkpoint``, whole or not at all."""
    states: dict[str, torch.Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for key, item in state.items():
                states[f"{number}.{index}.{key}"] = torch.as_tensor(item).detach().clone().contiguous()
    with replacing(folder / "checkpoint") as fresh:
        save_file({n: p.detach().contiguous() for n, p in parameters.items()}, fresh / "parameters.safetensors")
        if best is not None:
            save_file({n: t.contiguous() for n, t in best.items()}, fresh / "best.safetensors")
        save_file(states, fresh / "optimizers.safetensors")
        save_file(random_state(), fresh / "random.safetensors")
        (fresh / "state.json").write_text(json.dumps({"step": step, "identity": identity, "report": asdict(report)}))


def random_state() -> dict[str, torch.Tensor]:
    """The state of torch's generators, for dropout that goes on where it was."""
    state = {"cpu": torch.get_rng_state()}
    return {**state, "cuda": torch.cuda.get_rng_state()} if torch.cuda.is_initialized() else state


def load_checkpoint(
    folder: Path,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    identity: str = "",
) -> tuple[int, TrainingReport, dict[str, torch.Tensor] | None]:
    """Put the state of ``folder/checkpoint`` back; returns (step, report, best weights)."""
    path = folder / "checkpoint"
    state = json.loads((path / "state.json").read_text())
    if state.get("identity", "") != identity:
        raise CheckpointMismatch(
            f"the checkpoint in {path} belongs to a run with other data or settings; "
            "give another folder, or delete it to begin anew",
            zh=f"{path} 中的检查点属于另一次数据或设置不同的训练；请换一个文件夹，或将其删除后重新开始",
        )
    with torch.no_grad():
        for name, tensor in load_file(path / "parameters.safetensors").items():
            parameters[name].copy_(tensor)
    saved = load_file(path / "optimizers.safetensors")
    for number, optimizer in enumerate(optimizers):
        plain = optimizer.state_dict()
        plain["state"] = {}
        for key, tensor in saved.items():
            which, index, name = key.split(".", 2)
            if int(which) == number:
                plain["state"].setdefault(int(index), {})[name] = tensor
        optimizer.load_state_dict(plain)
    random = load_file(path / "random.safetensors")
    torch.set_rng_state(random["cpu"])
    if "cuda" in random and torch.cuda.is_available():
        torch.cuda.set_rng_state(random["cuda"])
    report = TrainingReport(**{**state["report"], "evaluations": [tuple(e) for e in state["report"]["evaluations"]]})
    best = load_file(path / "best.safetensors") if (path / "best.safetensors").exists() else None
    return state["step"], report, best
