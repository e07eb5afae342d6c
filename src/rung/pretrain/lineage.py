"""``lineage.jsonl`` in a model's folder, a line for every stage of training that made it, the first one first.

Each stage adds itself behind those of the model that it went on from, so the last model knows the whole way it came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rung.pretrain.record import hardware
from rung.types import ModelError

NAME = "lineage.jsonl"


@dataclass(frozen=True)
class Step:
    """One stage: plain text, lessons with a share of text, or an average of weights (:mod:`rung.pretrain.average`)."""

    stage: str  # text, lessons, average
    tokens: int  # seen
    text: float  # share of plain text
    rate: float  # peak learning rate of the matrices
    schedule: str
    steps: int
    seconds: int
    seed: int
    hardware: str
    shares: dict[str, float] = field(default_factory=dict)  # families of lessons
    losses: dict[str, float] = field(default_factory=dict)  # by family at the end, nats per learned token
    echo: float = 0.0  # share of text whose pieces come again
    of: dict[str, float] = field(
        default_factory=dict
    )  # average: how much of the weights after which stage ("0": the first)


def lineage(folder: Path) -> list[Step]:
    """The stages that made the model in ``folder``; [] where none are recorded.

    Raises ModelError where there is no such folder, and where a line of the record is broken.
    """
    if not folder.is_dir():
        raise ModelError(f"there is no folder {folder}", zh=f"找不到文件夹 {folder}")
    path = folder / NAME
    stages: list[Step] = []
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else [], 1):
        try:
            stages.append(Step(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"{path} line {number} is not a stage of a model's making ({error}): take the file from where the model came from",
                zh=f"{path} 第 {number} 行不是模型的一个训练阶段（{error}）：请用模型来源处的原文件",
            ) from error
    return stages


def keep(folder: Path, stages: Sequence[Step]) -> None:
    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in stages]
    (folder / NAME).write_text("".join(lines), encoding="utf-8")


def machine() -> str:
    """The GPU, or the processor with its threads, in words."""
    found = hardware()
    return found["gpu"] or f"{found['cpu']}, {found['threads']} thread{'s' if found['threads'] != 1 else ''}"
