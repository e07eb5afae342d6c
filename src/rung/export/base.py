"""The base model of an export: where its files lie, what is copied along, and how transformers alone loads it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedModel

from rung.engine import Model, without_bars
from rung.engine.load import FILES
from rung.types import ModelError

BASE = "base"  # the folder's own copy of a base that has no name on the hub
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")


def folder_of(model: Model) -> Path:
    """Where the base's files lie; ModelError for one that was made in memory."""
    if model.folder is None:
        raise ModelError(
            f"the model {model.name!r} was made in memory and has no files that another program could load; "
            "climb with --model FOLDER",
            zh=f"模型 {model.name!r} 是在内存中生成的，没有可供其他程序加载的文件；请用 --model 文件夹 攀登",
        )
    return model.folder


def on_hub(model: Model) -> bool:
    """Whether others find the base by its name."""
    return model.name.count("/") == 1 and not Path(model.name).expanduser().exists()


def named(model: Model, folder: Path) -> str:
    """How a program that runs in an export's ``folder`` finds the base: by its name, in the copy there, or where it lies."""
    if on_hub(model):
        return model.name
    return BASE if (folder / BASE).is_dir() else str(folder_of(model).resolve())


def copy(source: Path, target: Path, *, weights: bool = True) -> None:
    """Copy a model's files as they are; without ``weights`` the configuration and the tokenizer only."""
    target.mkdir(parents=True, exist_ok=True)
    heavy = {path for pattern in WEIGHTS for path in source.glob(pattern)}
    for path in sorted({path for pattern in FILES for path in source.glob(pattern) if path.is_file()}):
        if weights or path not in heavy:
            shutil.copyfile(path, target / path.name)


def load(folder: Path, like: Model, **options: Any) -> PreTrainedModel:
    """The model of a folder by transformers alone, in the precision and on the device of ``like``."""
    with without_bars():
        hf = AutoModelForCausalLM.from_pretrained(folder, dtype=like.hf.dtype, use_safetensors=True, **options)
    return hf if options else hf.to(like.device).eval()
