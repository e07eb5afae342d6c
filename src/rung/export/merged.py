"""To transformers alone: a model folder in which what was trained is part of the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rung.adapters import attach_folder
from rung.engine import Model, without_bars
from rung.export import base
from rung.types import Adaptation

MODEL = "model"


def write(made: Adaptation, model: Model, folder: Path) -> None:
    """``model/``, in the precision of ``model``: LoRA in bfloat16 would lose its last digits, and with them some answers."""
    assert made.adapter is not None
    source = base.folder_of(model)
    hf = base.load(source, model)
    attach_folder(hf, Path(made.adapter)).fold()
    base.copy(source, folder / MODEL, weights=False)
    with without_bars():
        hf.save_pretrained(folder / MODEL)  # its own config.json: the precision may be another


def load(folder: Path, made: Adaptation, model: Model) -> tuple[PreTrainedModel, Any]:
    """The folder's model, and nothing else."""
    hf = base.load(folder / MODEL, model)
    return hf, hf
