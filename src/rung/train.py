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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from rung.folders import recover, replacing
from rung.shards import parted, whole
from rung.types import Cost, UserError

# A loss has blown up when each of the last so many stands both so many times and so many nats above the first one.
# Clipping and Adam bring most rates back by themselves: LoRA at 3.0 went from 6.9 to 20 nats and was at 7 twenty steps later.
BLOWN, TIMES, NATS = 8, 2.0, 3.0


class TrainingDiverged(UserError):
    """The loss, the gradient or a weight became infinite or not a number, or the loss blew up."""

    report: TrainingReport  # until then
    cost: Cost | None = None  # of it, where it is known


class CheckpointMismatch(UserError):
    """The checkpoint in the folder belongs to a run with other data or settings."""


class CheckpointBroken(UserError):
    """The checkpoint in the folder was changed or cut short since it was written."""


class Microbatch(Protocol):
    """Anything with the number of tokens that the loss is read at."""

    @property
    def targets(self) -> int: ...


Schedule = Literal["cosine", "wsd", "constant"]  # wsd: constant, then linear over the last fifth


@dataclass(frozen=True)
class Plan:
    """How to step. Learning rates live in the optimisers' groups; the plan scales them from 0 to 1 and back."""

    steps: int
    warmup: float = 0.06  # share of the steps; raise it when the first losses jump
    schedule: Schedule = "cosine"
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
    so far. Raises :class:`TrainingDiverged`, with the report until then, on a loss, gradient or weight that is not finite
    and on a loss that blew up; the last checkpoint from before stays, and the same call goes on from it.
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

    def diverged(what: str, value: float) -> TrainingDiverged:
        report.seconds = time.perf_counter() - started
        kept = folder is not None and (folder / "checkpoint").exists()
        return divergence(what, value, report, peaks[0][0] * plan.scale(report.steps), kept)

    for step in range(first, limit):
        scale = plan.scale(step)
        for optimizer, rates in zip(optimizers, peaks, strict=True):
            for group, peak in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = peak * scale
        micros = batches(step)
        value = accumulate(micros, loss)
        if not math.isfinite(value):
            raise diverged("loss", value)
        norm = clip(parameters, plan.clip)
        if not math.isfinite(norm):
            raise diverged("gradient", norm)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        report.steps = step + 1
        report.losses.append(value)
        report.targets += sum(micro.targets for micro in micros)
        report.seconds = time.perf_counter() - started
        if blown_up(report.losses, BLOWN):
            raise diverged("loss", value)
        if on_step is not None:
            on_step(step, value, scale)
        last = step + 1 == plan.steps
        if evaluate is not None and (last or (plan.evaluate_every and (step + 1) % plan.evaluate_every == 0)):
            figure = evaluate()
            if math.isnan(figure):
                raise diverged("figure on dev", figure)
            if best is None or figure > max(f for _, f in report.evaluations):
                best = {name: p.detach().clone() for name, p in parameters.items()}
                report.best_step = step + 1
            report.evaluations.append((step + 1, figure))
            since = sum(1 for s, _ in report.evaluations if s > report.best_step)
            if plan.patience and since >= plan.patience:
                report.stopped = "patience"
        if step + 1 == limit or report.stopped == "patience" or due(plan, report):
            if not all(bool(whole(p.detach()).isfinite().all()) for p in parameters.values()):
                raise diverged("weights", math.nan)
            if folder is not None and plan.checkpoint_every:
                save_checkpoint(folder, step + 1, parameters, optimizers, report, best, identity, writes=writes)
        if report.stopped == "patience":
            break

    if best is not None:
        with torch.no_grad():
            for name, p in parameters.items():
                p.copy_(best[name])
    report.seconds = time.perf_counter() - started
    return report


def due(plan: Plan, report: TrainingReport) -> bool:
    """Whether a checkpoint is to be written; not of weights whose loss seems to be blowing up."""
    every = plan.checkpoint_every
    return every > 0 and report.steps % every == 0 and not blown_up(report.losses, 1)


def accumulate(micros: Sequence[Any], loss: Callable[[Any], tuple[torch.Tensor, int]]) -> float:
    """Backward over the microbatches of one step; the mean loss per target of the whole batch.

    What is not finite ends it at once and is given back: the gradients are then of no use.
    """
    total = sum(micro.targets for micro in micros)
    assert total > 0, "a batch without a single target"
    value = 0.0
    for micro in micros:
        summed, _ = loss(micro)
        value += float(summed.detach())
        if not math.isfinite(value):
            return value
        (summed / total).backward()
    return value / total


def clip(parameters: dict[str, torch.nn.Parameter], limit: float) -> float:
    """Scale the gradients to at most ``limit``; the norm before."""
    have = [p for p in parameters.values() if p.grad is not None]
    norm = whole(torch.nn.utils.get_total_norm([p.grad for p in have if p.grad is not None]))
    torch.nn.utils.clip_grads_with_norm_(have, limit if limit > 0 else math.inf, norm)
    return float(norm)


def blown_up(losses: Sequence[float], steps: int) -> bool:
    """Whether each of the last ``steps`` losses stands far above the first, which is that of the weights it began with.

    Both many times and several nats: a loss that begins near 0 may well be many times that for a while.
    """
    line = max(TIMES * losses[0], losses[0] + NATS)
    return len(losses) > steps and min(losses[-steps:]) > line


def divergence(what: str, value: float, report: TrainingReport, rate: float, kept: bool) -> TrainingDiverged:
    """The error for ``what``, which is no number or far too high, at the step behind those of ``report``."""
    names = {"loss": "损失", "gradient": "梯度", "figure on dev": "开发集得分", "weights": "权重"}
    step = report.steps + (what in ("loss", "gradient") and not math.isfinite(value))
    became = f"rose from {report.losses[0]:.3g} to {value:.3g}" if math.isfinite(value) else f"became {value}"
    became_zh = f"从 {report.losses[0]:.3g} 升到 {value:.3g}" if math.isfinite(value) else f"变成了 {value}"
    keeps, keeps_zh = ("; the last checkpoint is kept", "；上一个检查点已保留") if kept else ("", "")
    error = TrainingDiverged(
        f"the {what} {became} at step {step}, at learning rate {rate:.2g}{keeps}. "
        "Try a learning rate three times lower, or a longer warm-up.",
        zh=f"第 {step} 步的{names[what]}{became_zh}（学习率 {rate:.2g}）{keeps_zh}。请把学习率降到三分之一，或加长预热。",
    )
    error.report = report
    return error


def save_checkpoint(
    folder: Path,
    step: int,
    parameters: dict[str, torch.nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    report: TrainingReport,
    best: dict[str, torch.Tensor] | None,
    identity: str = "",
    *,
    writes: bool = True,
) -> None:
    """Write the state to ``folder/checkpoint``, whole or not at all; a process that does not write only hands in its parts."""
    states: dict[str, torch.Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for key, item in state.items():
                states[f"{number}.{index}.{key}"] = torch.as_tensor(item)
    files: dict[str, Mapping[str, torch.Tensor]] = {"parameters": parameters, "optimizers": states}
    if best is not None:
        files["best"] = best
    kept = {name: gathered(tensors, keep=writes) for name, tensors in files.items()}
    if not writes:
        return
    with replacing(folder / "checkpoint") as fresh:
        for name, tensors in kept.items():
            save_file(tensors, fresh / f"{name}.safetensors")
        save_file(random_state(), fresh / "random.safetensors")
        (fresh / "state.json").write_text(json.dumps({"step": step, "identity": identity, "report": asdict(report)}))


def gathered(tensors: Mapping[str, torch.Tensor], *, keep: bool = True) -> dict[str, torch.Tensor]:
    """Each tensor whole, by its name, in memory of the CPU; without ``keep`` none, but this process's parts are handed in."""
    found: dict[str, torch.Tensor] = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if keep:
            found[name] = full.cpu().contiguous()  # one by one: a GPU that holds parts may not hold the whole
    return found


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
    try:
        state, files = read_checkpoint(path)
        told = state["report"]
        report = TrainingReport(**{**told, "evaluations": [tuple(e) for e in told["evaluations"]]})
        shapes = {name: t.shape for name, t in files["parameters"].items()}
        if state["identity"] == identity and shapes != {name: p.shape for name, p in parameters.items()}:
            raise ValueError("its parameters have other names or shapes")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CheckpointBroken(
            f"the checkpoint in {path} was changed or cut short since it was written: {error}; delete it to begin anew",
            zh=f"{path} 中的检查点在写成之后被改动或截断：{error}；请将其删除后重新开始",
        ) from error
    if state["identity"] != identity:
        raise CheckpointMismatch(
            f"the checkpoint in {path} belongs to a run with other data or settings; "
            "give another folder, or delete it to begin anew",
            zh=f"{path} 中的检查点属于另一次数据或设置不同的训练；请换一个文件夹，或将其删除后重新开始",
        )
    with torch.no_grad():
        for name, tensor in files["parameters"].items():
            parameters[name].copy_(parted(tensor, parameters[name]))
    for number, optimizer in enumerate(optimizers):
        plain = optimizer.state_dict()
        plain["state"] = {}
        stepped = [p for group in optimizer.param_groups for p in group["params"]]
        for key, tensor in files["optimizers"].items():
            which, index, name = key.split(".", 2)
            if int(which) == number:
                p = stepped[int(index)]
                held = parted(tensor, p) if tensor.shape == p.shape else tensor  # a count of steps has no parts
                plain["state"].setdefault(int(index), {})[name] = held
        optimizer.load_state_dict(plain)
    random = files["random"]
    torch.set_rng_state(random["cpu"])
    if "cuda" in random and torch.cuda.is_available():
        torch.cuda.set_rng_state(random["cuda"])
    return state["step"], report, files.get("best")


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, torch.Tensor]]]:
    """``state.json`` and the tensors of each file; an error of the system, of JSON or of safetensors where one is broken."""
    state = json.loads((path / "state.json").read_text())
    names = ["parameters", "optimizers", "random", *(["best"] if state["report"]["best_step"] else [])]
    return state, {name: load_file(path / f"{name}.safetensors") for name in names}
