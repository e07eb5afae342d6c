"""Soft prompts on disk, in PEFT's own format: one tensor ``prompt_embeddings``, and which method it is in the configuration.

    prompt tuning, P-tuning         [P, d]
    prefix tuning, P-tuning v2      [P, 2 L H d_head]: of each token, layer by layer, its key and then its value, head by head

Beside it, where PEFT does not look, ``past.safetensors`` keeps the keys and values that embeddings became: nobody computes them again
for the same base in the same precision.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from rung.adapters.p_tuning import PTuningConfig
from rung.adapters.p_tuning_v2 import PTuningV2Config
from rung.adapters.peft_format import (
    CONFIG,
    WEIGHTS,
    meaningless,
    misfit,
    read_config,
    read_tensors,
    read_weights,
)
from rung.adapters.prefix_tuning import PrefixTuningConfig
from rung.adapters.prompt_tuning import PromptTuningConfig
from rung.adapters.soft import SoftHandle, Table, joined, split
from rung.adapters.values import is_count
from rung.folders import replacing

KEY, PAST = "prompt_embeddings", "past.safetensors"
TYPES = {
    "prompt-tuning": "PROMPT_TUNING", "p-tuning": "P_TUNING", "prefix-tuning": "PREFIX_TUNING", "p-tuning-v2": "PREFIX_TUNING",
}  # fmt: skip
CONFIGS: dict[str, Any] = {
    "prompt-tuning": PromptTuningConfig, "p-tuning": PTuningConfig, "prefix-tuning": PrefixTuningConfig,
    "p-tuning-v2": PTuningV2Config,
}  # fmt: skip


def save(handle: SoftHandle, folder: Path, *, base: str = "", past: bool = True) -> None:
    """Write ``handle`` to ``folder``, whole or not at all; ``base`` is the base model's name or path.

    past: whether to keep the keys and values of embeddings too; not where they are not those of the bare base.
    """
    with torch.no_grad():
        numbers = handle.source.numbers().cpu()
    shape, deep = sizes(handle.hf), handle.source.deep
    fields: dict[str, Any] = {
        "peft_type": TYPES[handle.method],
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "inference_mode": True,
        "num_virtual_tokens": handle.length,
        "num_transformer_submodules": 1,
        "num_layers": shape["layers"],
        # For PEFT a prefix is of one vector per head that is kept, and a soft prompt of the model's width.
        "num_attention_heads": shape["kept_heads"] if deep else shape["heads"],
        "token_dim": shape["kept_heads"] * shape["head"] if deep else shape["width"],
    }
    if handle.method == "prompt-tuning":
        fields["prompt_tuning_init"] = "RANDOM"
    if deep:
        fields |= {"prefix_projection": handle.method == "prefix-tuning", "encoder_hidden_size": shape["width"]}
    if handle.method == "p-tuning":
        fields |= {
            "encoder_reparameterization_type": handle.config.encoder.upper(),
            "encoder_hidden_size": handle.config.hidden or shape["width"],
        }
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file({KEY: numbers.reshape(handle.length, -1).contiguous()}, fresh / WEIGHTS, metadata={"format": "pt"})
        if past and not deep:
            of = {"of": _digest(numbers)}
            save_file({"past": joined(handle.served()).cpu().contiguous()}, fresh / PAST, metadata=of)


def load(hf: PreTrainedModel, folder: Path) -> SoftHandle:
    """The soft prompt of ``folder``, before every text of ``hf``; raises :class:`AdaptationError` where it does not fit."""
    fields = read_config(folder)
    method = next(m for m, kind in TYPES.items() if kind == fields["peft_type"])
    deep = fields["peft_type"] == "PREFIX_TUNING"
    if deep:
        method = "prefix-tuning" if fields.get("prefix_projection") else "p-tuning-v2"
    if fields.get("num_transformer_submodules", 1) not in (1, None):
        raise misfit(folder, "belongs to an encoder with a decoder", "属于编码器—解码器模型")
    if not is_count(fields.get("num_virtual_tokens")):
        raise meaningless(folder, "num_virtual_tokens", fields.get("num_virtual_tokens"))
    tensors = read_weights(folder)
    numbers = tensors.get(KEY)
    if numbers is None or numbers.ndim != 2 or len(tensors) > 1:
        raise misfit(folder, f"holds no single tensor {KEY} [P, d]", f"中没有唯一的张量 {KEY} [P, d]")
    if len(numbers) != fields["num_virtual_tokens"]:
        told = fields["num_virtual_tokens"]
        raise misfit(
            folder, f"has {len(numbers)} tokens and says {told}", f"有 {len(numbers)} 个词元，却写着 {told} 个"
        )
    shape = sizes(hf)
    wanted = 2 * shape["layers"] * shape["kept_heads"] * shape["head"] if deep else shape["width"]
    if numbers.shape[1] != wanted:
        raise misfit(
            folder,
            f"has {numbers.shape[1]} numbers a token, where {wanted} fit",
            f"每个词元有 {numbers.shape[1]} 个数，应为 {wanted}",
        )
    if deep:
        numbers = numbers.view(len(numbers), 2 * shape["layers"], shape["kept_heads"], shape["head"])
    kept = _kept(folder, hf, numbers, shape)
    handle = SoftHandle(hf, method, Table(numbers, deep=deep), CONFIGS[method](length=len(numbers)))
    if kept is not None:
        handle.keep(split(kept))
    return handle


def _kept(folder: Path, hf: PreTrainedModel, numbers: Tensor, shape: dict[str, int]) -> Tensor | None:
    """The keys and values that were kept, where they are in the precision of ``hf`` and of these very numbers [P, d]."""
    path = folder / PAST
    if not path.exists():
        return None
    found = read_tensors(path).get("past")
    wanted = (len(numbers), 2 * shape["layers"], shape["kept_heads"], shape["head"])
    if found is None or tuple(found.shape) != wanted:
        raise misfit(folder, f"has other keys and values in {PAST}", f"中 {PAST} 的键值形状不符")
    with safe_open(path, "pt") as file:
        of = (file.metadata() or {}).get("of")
    fits = found.dtype == hf.dtype and of == _digest(
        numbers
    )  # PEFT may have trained on, and knows nothing of this file
    return found.to(hf.device) if fits else None


def _digest(numbers: Tensor) -> str:
    return hashlib.sha256(numbers.detach().float().contiguous().numpy().tobytes()).hexdigest()


def sizes(hf: PreTrainedModel) -> dict[str, int]:
    """Layers, heads, heads whose keys are kept, numbers of a head, and the width of the embeddings."""
    config = hf.config.get_text_config()
    heads = int(config.num_attention_heads)
    head = int(getattr(config, "head_dim", None) or config.hidden_size // heads)
    return {
        "layers": int(config.num_hidden_layers), "heads": heads, "head": head,
        "kept_heads": int(getattr(config, "num_key_value_heads", None) or heads),
        "width": int(hf.get_input_embeddings().weight.shape[1]),
    }  # fmt: skip
