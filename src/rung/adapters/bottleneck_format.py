"""Bottleneck adapters on disk. PEFT has no such method, so the format is our own, in the two files of PEFT's:

    adapter_config.json          "peft_type": "RUNG_BOTTLENECK", which PEFT does not know and refuses; the fields of
                                 BottleneckConfig, and "hidden_size", the width d of its base
    adapter_model.safetensors    float32, by the sub-layer's name in the base: {name}.adapter.down.weight [m, d],
                                 .down.bias [m], .up.weight [d, m], .up.bias [d]

A folder that lacks a field or a tensor, or that has one more, is refused: it would answer differently from what was trained.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from rung.adapters.bottleneck import (
    PARTS,
    BottleneckConfig,
    BottleneckHandle,
    BottleneckLayer,
    find_sublayers,
    width_of,
)
from rung.adapters.peft_format import CONFIG, WEIGHTS, misfit, read_config, read_weights
from rung.folders import replacing
from rung.types import AdaptationError

TYPE = "RUNG_BOTTLENECK"


def save(handle: BottleneckHandle, folder: Path, *, base: str = "") -> None:
    """Write ``handle`` to ``folder``, whole or not at all; ``base`` is the base model's name or path."""
    written = {
        "peft_type": TYPE,
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "hidden_size": width_of(handle.hf),
        **asdict(handle.config),
    }
    tensors = {n: p.detach().cpu().contiguous() for n, p in handle.parameters.items()}
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file(tensors, fresh / WEIGHTS, metadata={"format": "pt"})


def load(hf: PreTrainedModel, folder: Path) -> BottleneckHandle:
    """The bottleneck adapters of ``folder``, attached to ``hf``; raises :class:`AdaptationError` where they do not fit."""
    written = read_config(folder)
    config = _config(written, folder)
    if written["hidden_size"] != width_of(hf):
        raise misfit(
            folder,
            f"is for a width of {written['hidden_size']}, and the base model has {width_of(hf)}",
            f"适用于宽度 {written['hidden_size']}，而基座模型的宽度为 {width_of(hf)}",
        )
    tensors, sublayers = read_weights(folder), find_sublayers(hf, config.placement)
    _check(tensors, list(sublayers), config.bottleneck, width_of(hf), folder)
    layers = {}
    for name, module in sublayers.items():
        down, b1, up, b2 = (tensors[f"{name}.adapter.{part}"] for part in PARTS)
        layers[name] = BottleneckLayer(module, (down, b1, up, b2), config)
    return BottleneckHandle(hf, layers, config)


def _config(written: dict[str, Any], folder: Path) -> BottleneckConfig:
    """Every field of the configuration is there, and no other that might change the numbers."""
    ours = {field.name for field in fields(BottleneckConfig)}
    wanted = ours | {"peft_type", "task_type", "base_model_name_or_path", "hidden_size"}
    if set(written) != wanted:
        odd = ", ".join(sorted(wanted ^ set(written)))
        raise AdaptationError(
            f"{folder / CONFIG} lacks these fields, or has them and should not: {odd}",
            zh=f"{folder / CONFIG} 缺少或多出以下字段：{odd}",
        )
    try:
        return BottleneckConfig(**{name: written[name] for name in ours})
    except AdaptationError as error:
        raise AdaptationError(f"{folder / CONFIG}: {error}", zh=f"{folder / CONFIG}：{error.zh}") from error


def _check(tensors: dict[str, Tensor], sublayers: list[str], m: int, width: int, folder: Path) -> None:
    """Four tensors for each sub-layer, of the right shapes, and no other."""
    shapes = dict(zip(PARTS, ([m, width], [m], [width, m], [width]), strict=True))
    wanted = {f"{name}.adapter.{part}": shape for name in sublayers for part, shape in shapes.items()}
    odd = sorted(set(wanted) ^ set(tensors))
    if odd:
        raise misfit(
            folder,
            f"{'lacks' if odd[0] in wanted else 'holds'} {odd[0]!r}, and the base model says otherwise",
            f"{'缺少' if odd[0] in wanted else '多出'} {odd[0]!r}，与基座模型不符",
        )
    for name, shape in wanted.items():
        if list(tensors[name].shape) != shape:
            found = list(tensors[name].shape)
            raise misfit(
                folder, f"has {found} for {name}, where {shape} fits", f"中 {name} 的形状为 {found}，应为 {shape}"
            )
