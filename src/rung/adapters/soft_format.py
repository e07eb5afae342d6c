"""Soft prompts on disk, in PEFT's own format: one tensor ``prompt_embeddings``, and which method it is in the configuration.

    prompt tuning, P-tuning         [P, d]
    prefix tuning, P-tuning v2      [P, 2 L H d_head]: of each token, layer by layer, its key and then its value, head by head

Beside it, where PEFT does not look, ``past.safetensors`` keeps the keys and values that embeddings became: nobody computes them again
for the same base in the same precision.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from rung.adapters.p_tuning import PTuningConfig
from rung.adapters.p_tuning_v2 import PTuningV2Config
from rung.adapters.peft_format import CONFIG, WEIGHTS, misfit, read_config, read_weights
from rung.adapters.prefix_tuning import PrefixTuningConfig
from rung.adapters.prompt_tuning import PromptTuningConfig
from rung.adapters.soft import SoftHandle, Table, joined, split
from rung.folders import replacing
from rung.types import AdaptationError

KEY, PAST = "prompt_embeddings", "past.safetensors"
TYPES = {
    "prompt-tuning": "PROMPT_TUNING", "p-tuning": "P_TUNING", "prefix-tuning": "PREFIX_TUNING", "p-tuning-v2": "PREFIX_TUNING",
}  # fmt: skip
CONFIGS: dict[str, Any] = {
    "prompt-tuning": PromptTuningConfig, "p-tuning": PTuningConfig, "prefix-tuning": PrefixTuningConfig,
    "p-tuning-v2": PTuningV2Config,
}  # fmt: skip


def save(handle: SoftHandle, folder: Path, *, base: str = "") -> None:
    """Write ``handle`` to ``folder``, whole or not at all; ``base`` is the base model's name or path."""
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
    past = handle.served()
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file({KEY: numbers.reshape(handle.length, -1).contiguous()}, fresh / WEIGHTS, metadata={"format": "pt"})
        if not deep:
            save_file({"past": joined(past).cpu().contiguous()}, fresh / PAST)


def load(hf: PreTrainedModel, folder: Path) -> SoftHandle:
    """The soft prompt of ``folder``, before every text of ``hf``; raises :class:`AdaptationError` where it does not fit."""
    fields = read_config(folder)
    method = next(m for m, kind in TYPES.items() if kind == fields["peft_type"])
    deep = fields["peft_type"] == "PREFIX_TUNING"
    if deep:
        method = "prefix-tuning" if fields.get("prefix_projection") else "p-tuning-v2"
    if int(fields.get("num_transformer_submodules") or 1) != 1:
        raise misfit(folder, "belongs to an encoder with a decoder", "属于编码器—解码器模型")
    tensors = read_weights(folder)
    numbers = tensors.get(KEY)
    if numbers is None or numbers.ndim != 2 or len(tensors) > 1:
        raise misfit(folder, f"holds no single tensor {KEY} [P, d]", f"中没有唯一的张量 {KEY} [P, d]")
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
    length = int(numbers.shape[0])
    handle = SoftHandle(hf, method, Table(numbers, deep=deep), CONFIGS[method](length=length))
    kept = _kept(folder / PAST, hf, length, shape)
    if kept is not None:
        handle.keep(split(kept))
    return handle


def _kept(path: Path, hf: PreTrainedModel, length: int, shape: dict[str, int]) -> Tensor | None:
    """The keys and values that were kept, where they are in the precision of ``hf``."""
    if not path.exists():
        return None
    found = load_file(path)["past"]
    if tuple(found.shape) != (length, 2 * shape["layers"], shape["kept_heads"], shape["head"]):
        raise AdaptationError(f"{path} does not belong to this adapter", zh=f"{path} 不属于这个适配器")
    return found.to(hf.device) if found.dtype == hf.dtype else None


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
