"""To anything that takes a prompt: no file besides those that every export has (:mod:`rung.export.prompt`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rung.engine import Model
from rung.export import base
from rung.types import Adaptation


def write(made: Adaptation, model: Model, folder: Path) -> None:
    """Nothing more."""


def load(folder: Path, made: Adaptation, model: Model) -> tuple[PreTrainedModel, Any]:
    """The base model itself."""
    hf = base.load(base.folder_of(model), model)
    return hf, hf
