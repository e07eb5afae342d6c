"""A model made again from its ``lineage.jsonl``: every stage that made it, in order, with its own settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from rung.engine import load_model
from rung.instruct.stage import Stage, instruct
from rung.pretrain.average import average
from rung.pretrain.base import Recipe, pretrain
from rung.pretrain.lineage import lineage
from rung.types import DataError


def again(
    folder: Path,
    texts: Path,
    tasks: Path,
    out: Path,
    *,
    size: str = "7M",
    boundaries: bool = True,
    say: Callable[[str], None] = print,
) -> Path:
    """Repeat the stages of the model in ``folder`` in ``out/stage-N``; returns the last one's folder.

    ``size`` and ``boundaries`` are the first stage's; what else a lineage does not say is as the recipe has it. Goes on from where it was stopped: a
    stage that is there is not made again. The same data and settings give the same kind of model, not the same bits: other processors round differently.
    """
    stages = lineage(folder)
    if not stages or stages[0].stage != "text":
        raise DataError(
            f"{folder} does not say how it was made: its lineage.jsonl has no first stage of text",
            zh=f"{folder} 没有记录它是怎样做成的：lineage.jsonl 中没有最初的文本阶段",
        )
    made: list[Path] = []
    for number, told in enumerate(stages):
        place = out / f"stage-{number}"
        if (place / "model" / "lineage.jsonl").exists():
            made.append(place / "model")
            continue
        say(f"stage {number}: {told.stage}, {told.tokens / 1e6:.1f}M tokens")
        schedule = cast(Any, told.schedule)
        if told.stage == "text":
            recipe = Recipe(
                size=size, tokens=told.tokens, batch=told.tokens // told.steps, schedule=schedule, muon=told.rate, seed=told.seed,
                boundaries=boundaries,
            )  # fmt: skip
            made.append(pretrain(texts, place, recipe, say=say))
        elif told.stage == "average":
            (later, share), (earlier, _) = sorted(told.of.items(), key=lambda part: -int(part[0]))
            made.append(average(made[int(later)], made[int(earlier)], place / "model", share))
        else:
            stage = Stage(
                shares=told.shares, tokens=told.tokens, batch=told.tokens // told.steps, text=told.text, echo=told.echo, rate=told.rate,
                schedule=schedule, seed=told.seed,
            )  # fmt: skip
            made.append(instruct(load_model(str(made[-1])), texts, tasks, place, stage, say=say))
    return made[-1]
