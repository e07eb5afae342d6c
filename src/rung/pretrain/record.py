"""What a pre-training folder remembers: the recipe it was begun with, the curve as it grows, the machine."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rung.folders import room_for, write_whole
from rung.pretrain.corpus import Source
from rung.train import CheckpointMismatch
from rung.types import digest

MADE = ("tokenizer", "tokens.bin", "checkpoint", "model")  # what a pre-training leaves, and a recipe is known of
NUMERIC = ("compile",)  # how the same run is computed: may change between two sessions of it


def claim(out: Path, recipe: Mapping[str, Any], sources: Sequence[Source]) -> str:
    """Write ``out/recipe.json``, or check that it says the same; the digest by which checkpoints are known.

    Tokens decide the learning rates and the row lengths of every step, and texts the vocabulary: going on with
    others would mix two runs. Raises CheckpointMismatch that names what differs, or what ``out`` holds without a recipe.
    """
    texts = {source.name: file_hash(source.folder / "train.jsonl") for source in sources}
    given = {**{k: v for k, v in recipe.items() if k not in NUMERIC}, "texts": texts}
    path = out / "recipe.json"
    if not path.exists():
        if there := [name for name in MADE if (out / name).exists()]:
            raise CheckpointMismatch(
                f"{out} holds something with other data or settings ({', '.join(there)}, and no recipe.json): type another folder",
                zh=f"{out} 中是另一次数据或设置不同的结果（有 {'、'.join(there)}，没有 recipe.json）：请换一个文件夹",
            )
        write_whole(path, json.dumps(given, indent=1))
        return digest(given)
    written = json.loads(path.read_text(encoding="utf-8"))
    known = brought_forward(written)
    if known != given:
        differs = [k for k in {**known, **given} if known.get(k) != given.get(k)]
        shown = "; ".join(k if k == "texts" else f"{k} {known.get(k)}, now {given.get(k)}" for k in differs)
        raise CheckpointMismatch(
            f"{out} was begun with another recipe ({shown}). Type the same as before, or another folder",
            zh=f"{out} 是用另一套设置开始的（{shown}）。请使用与之前相同的设置，或换一个文件夹",
        )
    return digest(written)  # as it stands there, so that a checkpoint of an earlier version is still known


def brought_forward(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe that an earlier version wrote, in today's words: it had no other schedule, and no boundaries."""
    told = {"schedule": "cosine", "boundaries": False, **recipe}
    if "autocast" in told:
        told["precision"] = "bfloat16" if told.pop("autocast") else "float32"
    return told


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Curve:
    """``curve.jsonl``: a row every so many steps. A resumed run drops the rows that it makes again."""

    def __init__(self, path: Path):
        self.path, self.started, self.before = path, time.perf_counter(), 0.0
        self.fresh = True

    def add(self, step: int, **figures: float) -> float:
        """Append a row; the seconds so far, earlier sessions included."""
        if self.fresh:
            self._go_on(step)
        seconds = round(self.before + time.perf_counter() - self.started, 1)
        with room_for(self.path), self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"step": step, **figures, "seconds": seconds}) + "\n")
        return seconds

    def last(self, names: Iterable[str]) -> dict[str, float]:
        """The last figure of each of these, where there is one."""
        return {name: row[name] for row in rows_of(self.path) for name in names if name in row}

    def _go_on(self, step: int) -> None:
        kept = [row for row in rows_of(self.path) if row["step"] < step]
        write_whole(self.path, "".join(json.dumps(row) + "\n" for row in kept))
        self.before = kept[-1]["seconds"] if kept else 0.0
        self.fresh = False


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The whole rows of a ``curve.jsonl``; [] where there is none."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole, _, _ = text.rpartition("\n")  # what stands behind the last line break was cut short: it is made again
    return [json.loads(line) for line in whole.splitlines()]


def hardware() -> dict[str, Any]:
    """The processor, its threads in use, the GPU or None, and torch's version."""
    return {
        "cpu": processor(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "torch": torch.__version__,
    }


def processor() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
