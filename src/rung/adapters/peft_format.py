"""Adapters on disk, in PEFT's own format: ``adapter_config.json`` and ``adapter_model.safetensors``.

PEFT and vLLM (DoRA: PEFT alone) load what is written here unchanged, and what PEFT has written is read here. A field of
the configuration that would change the numbers and is not known here is refused: an adapter that answers differently is
worse than none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rung.adapters.lora import LoraConfig, LoraHandle, LoraLayer, find_targets, sizes
from rung.adapters.values import is_count, is_number, is_share
from rung.folders import recover, replacing
from rung.types import AdaptationError

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
# Fields that change no number once the tensors are there: bookkeeping, choice of layers (the tensors' names tell it),
# and how the weights began.
HARMLESS = {
    "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules",
    "fan_in_fan_out", "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config", "lora_ga_config",
    "megatron_config", "megatron_core", "peft_type", "peft_version", "qalora_group_size", "revision", "runtime_config",
    "target_modules", "task_type",
}  # fmt: skip
# Those that leave the base alone; PiSSA, OLoRA, CorDA and LoftQ change its weights as well.
INITIALISATIONS = (True, False, None, "gaussian", "eva", "orthogonal")
READ = {
    "alpha_pattern", "bias", "init_lora_weights", "lora_alpha", "lora_dropout", "r", "rank_pattern", "use_dora", "use_rslora",
}  # fmt: skip
# The end of a tensor's name -> the letter that it has in the equations.
LORA = {"lora_A.weight": "A", "lora_B.weight": "B"}
DORA = {**LORA, "lora_magnitude_vector": "m"}


def read_config(folder: Path) -> dict[str, Any]:
    """The adapter's configuration; raises :class:`AdaptationError` when it is missing or is no JSON object."""
    recover(folder)
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AdaptationError(
            f"no adapter in {folder}: {CONFIG} is missing; give the folder that holds it",
            zh=f"{folder} 中没有适配器：缺少 {CONFIG}；请指定含有它的文件夹",
        ) from None
    except ValueError as error:
        raise AdaptationError(f"{path} is not valid JSON: {error}", zh=f"{path} 不是有效的 JSON：{error}") from error
    if not isinstance(config, dict) or "peft_type" not in config:
        raise AdaptationError(
            f"{path} has no peft_type: it is no PEFT adapter", zh=f"{path} 没有 peft_type，不是 PEFT 适配器"
        )
    return config


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The adapter's tensors; raises :class:`AdaptationError` when the file is missing or broken, or holds what no training leaves."""
    path = folder / WEIGHTS
    if not path.exists():
        raise AdaptationError(
            f"{path} is missing (only safetensors is read; pickled weights are not, because unpickling runs code)",
            zh=f"缺少 {path}（只读取 safetensors；不读取 pickle 权重，因为反序列化会执行代码）",
        )
    return read_tensors(path)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file, all of them finite numbers with a fraction; :class:`AdaptationError` where they are not."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise AdaptationError(f"{path} is broken: {error}", zh=f"{path} 已损坏：{error}") from error
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or not bool(tensor.float().isfinite().all()):
            told = str(tensor.dtype).removeprefix("torch.") if not tensor.is_floating_point() else "inf / nan"
            raise AdaptationError(
                f"{path} holds {told} in {name}; trained weights are finite numbers with a fraction",
                zh=f"{path} 中的 {name} 含有 {told}；训练出的权重应为有限的浮点数",
            )
    return tensors


def save_lora(handle: LoraHandle, folder: Path, *, base: str = "") -> None:
    """Write ``handle`` to ``folder``, whole or not at all; ``base`` is the base model's name or path."""
    config, layers = handle.config, handle.layers
    fields = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "use_rslora": config.rslora,
        "use_dora": config.dora,
        "target_modules": _shortest(handle),
        "rank_pattern": {re.escape(n): layer.rank for n, layer in layers.items() if layer.rank != config.rank},
        "alpha_pattern": {re.escape(n): layer.alpha for n, layer in layers.items() if layer.alpha != config.alpha},
        "fan_in_fan_out": any(isinstance(layer.module, Conv1D) for layer in layers.values()),
        "bias": "none",
        "init_lora_weights": True,
        "inference_mode": True,
    }
    tensors = {PREFIX + n: p.detach().cpu().contiguous() for n, p in handle.parameters.items()}
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file(tensors, fresh / WEIGHTS, metadata={"format": "pt"})


def _shortest(handle: LoraHandle) -> list[str]:
    """Last parts of the names (what vLLM expects) where they mean exactly these layers, else the whole names."""
    short = {n.rsplit(".", 1)[-1] for n in handle.layers}
    meant = {n for n, _ in handle.hf.named_modules() if n.rsplit(".", 1)[-1] in short}
    return sorted(short if meant == set(handle.layers) else handle.layers)


def load_lora(hf: PreTrainedModel, folder: Path) -> LoraHandle:
    """The LoRA of ``folder``, attached to ``hf``; raises :class:`AdaptationError` where it does not fit."""
    fields = read_config(folder)
    _refuse_unknown(fields, folder)
    _check_fields(fields, folder)
    parts = _parts(read_weights(folder), folder, DORA if fields.get("use_dora") else LORA)
    known = find_targets(hf, "all-linear")
    config = LoraConfig(
        int(fields.get("r", 8)), float(fields.get("lora_alpha", 8)), bool(fields.get("use_rslora")),
        float(fields.get("lora_dropout", 0)), tuple(sorted(parts)), bool(fields.get("use_dora")),
    )  # fmt: skip
    layers = {}
    for name, found in parts.items():
        if name not in known:
            raise misfit(
                folder,
                f"has weights for {name}, and the base model has no such linear layer",
                f"含有 {name} 的权重，而基座模型没有这个线性层",
            )
        rank = int(_pattern(fields.get("rank_pattern"), name, config.rank))
        rows, columns = sizes(known[name])
        _check_shapes(folder, name, found, {"A": [rank, columns], "B": [rows, rank], "m": [rows]})
        alpha = float(_pattern(fields.get("alpha_pattern"), name, config.alpha))
        layers[name] = LoraLayer(
            known[name], found["A"], found["B"], alpha, config.rslora, config.dropout, found.get("m")
        )
    return LoraHandle(hf, layers, config)


def _refuse_unknown(fields: dict[str, Any], folder: Path) -> None:
    unknown = [n for n, v in fields.items() if n not in HARMLESS | READ and v not in (None, False, "", {}, [])]
    if fields.get("bias", "none") != "none":
        unknown.append("bias")
    if fields.get("init_lora_weights", True) not in INITIALISATIONS:
        unknown.append("init_lora_weights")
    if unknown:
        found = ", ".join(f"{n}={fields[n]!r}" for n in unknown)
        raise AdaptationError(
            f"the adapter in {folder} uses {found}, which Rung does not know; merge it into its base with PEFT "
            "(merge_and_unload) and give the merged model",
            zh=f"{folder} 中的适配器使用了 Rung 不支持的 {found}；请用 PEFT 的 merge_and_unload 并入基座后再使用",
        )


def _check_fields(fields: dict[str, Any], folder: Path) -> None:
    """Raises :class:`AdaptationError` where a field that is read has a value that means nothing."""
    checks: dict[str, Callable[[Any], bool]] = {
        "r": is_count, "lora_alpha": lambda x: is_number(x) and x != 0, "lora_dropout": is_share,
        "use_rslora": lambda x: isinstance(x, bool), "use_dora": lambda x: isinstance(x, bool),
        "rank_pattern": lambda x: x is None or is_pattern(x, is_count),
        "alpha_pattern": lambda x: x is None or is_pattern(x, is_number),
    }  # fmt: skip
    for name, fits in checks.items():
        if name in fields and not fits(fields[name]):
            raise meaningless(folder, name, fields[name])


def is_pattern(value: object, fits: Callable[[Any], bool]) -> bool:
    """A regular expression for the end of a name -> what ``fits``."""
    try:
        return isinstance(value, dict) and all(re.compile(key) and fits(v) for key, v in value.items())
    except re.error:
        return False


def meaningless(folder: Path, name: str, found: Any) -> AdaptationError:
    path = folder / CONFIG
    return AdaptationError(
        f"{path}: {name} cannot be {found!r}; was the file edited? Copy the folder again",
        zh=f"{path}：{name} 不能为 {found!r}；文件是否被改动过？请重新复制该文件夹",
    )


def _parts(tensors: dict[str, torch.Tensor], folder: Path, ends: dict[str, str]) -> dict[str, dict[str, torch.Tensor]]:
    """Layer name -> letter -> tensor: every layer has all of ``ends``, and no other tensor is there."""
    parts: dict[str, dict[str, torch.Tensor]] = {}
    either = "|".join(map(re.escape, ends))
    for key, tensor in tensors.items():
        match = re.fullmatch(rf"{re.escape(PREFIX)}(.+)\.({either})", key)
        if match is None:
            raise misfit(
                folder,
                f"holds a tensor {key!r}, which is no LoRA matrix of a linear layer",
                f"含有张量 {key!r}，它不是线性层的 LoRA 矩阵",
            )
        parts.setdefault(match[1], {})[ends[match[2]]] = tensor
    lonely = next((n for n, p in parts.items() if len(p) < len(ends)), None)
    if lonely or not parts:
        letters = list(ends.values())
        raise misfit(
            folder,
            f"lacks {' or '.join(letters)} of {lonely or 'every layer'}",
            f"缺少 {lonely or '所有层'} 的 {' 或 '.join(letters)}",
        )
    return parts


def _check_shapes(folder: Path, name: str, tensors: dict[str, torch.Tensor], shapes: dict[str, list[int]]) -> None:
    found = ", ".join(f"{letter} {list(tensor.shape)}" for letter, tensor in sorted(tensors.items()))
    wanted = ", ".join(f"{letter} {shapes[letter]}" for letter in sorted(tensors))
    if found != wanted:
        raise misfit(
            folder, f"has {found} for {name}, where {wanted} fits", f"中 {name} 的形状为 {found}，应为 {wanted}"
        )


def _pattern(patterns: dict[str, Any] | None, name: str, default: float) -> float:
    """PEFT's rule: the first key that matches the end of the name as a regular expression."""
    return next((v for k, v in (patterns or {}).items() if re.match(rf"(.*\.)?({k})$", name)), default)


def misfit(folder: Path, en: str, zh: str) -> AdaptationError:
    return AdaptationError(
        f"the adapter in {folder} {en}; was it made for another base model?",
        zh=f"{folder} 中的适配器{zh}；它是否属于另一个基座模型？",
    )
