"""To vLLM: the LoRA folder that PEFT loads, where vLLM takes it too.

What vLLM refuses, or would silently read otherwise, is refused here (vllm/lora/peft_helper.py, vllm/config/lora.py and the table of
supported models, as of vLLM 0.12): DoRA; ranks or alphas that differ from layer to layer, of which it reads one for all; ranks above
512; architectures whose LoRA column is empty. Soft prompts it has dropped with its first engine (vllm-project/vllm#20588).
"""

from __future__ import annotations

import json
from pathlib import Path

from rung.adapters.peft_format import CONFIG
from rung.engine import Model
from rung.export import base, peft
from rung.types import Adaptation, AdaptationError

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what --max-lora-rank may be
WITHOUT_LORA = {
    "BloomForCausalLM", "FalconForCausalLM", "GPT2LMHeadModel", "GPTJForCausalLM", "GPTNeoXForCausalLM", "MPTForCausalLM",
    "OlmoeForCausalLM", "StableLmForCausalLM",
}  # fmt: skip


def refuse(made: Adaptation) -> None:
    """AdaptationError for an adapter that vLLM does not take as it is."""
    assert made.adapter is not None
    config = json.loads((Path(made.adapter) / CONFIG).read_text(encoding="utf-8"))
    if config.get("use_dora"):
        raise _unfit(made, "vLLM does not take DoRA", "vLLM 不支持 DoRA")
    if config.get("rank_pattern") or config.get("alpha_pattern"):
        raise _unfit(
            made,
            "its ranks differ from layer to layer, and vLLM reads one for all",
            "它各层的秩不同，而 vLLM 只读取一个",
        )
    if config["r"] > RANKS[-1]:
        raise _unfit(
            made,
            f"its rank {config['r']} is above vLLM's {RANKS[-1]}",
            f"其秩 {config['r']} 超过 vLLM 的上限 {RANKS[-1]}",
        )


def write(made: Adaptation, model: Model, folder: Path) -> None:
    """``adapter/``; AdaptationError for a base on which vLLM has no LoRA."""
    found = model.hf.config.architectures or [type(model.hf).__name__]
    if found[0] in WITHOUT_LORA:
        raise _unfit(made, f"vLLM has no LoRA on {found[0]}", f"vLLM 在 {found[0]} 上不支持 LoRA")
    peft.write(made, model, folder)
    base.folder_of(model)


def max_rank(adapter: Path) -> int:
    """The smallest ``--max-lora-rank`` that holds the adapter."""
    rank = json.loads((adapter / CONFIG).read_text(encoding="utf-8"))["r"]
    return next(most for most in RANKS if most >= rank)


def _unfit(made: Adaptation, en: str, zh: str) -> AdaptationError:
    return AdaptationError(
        f"{made.name} cannot be exported to vllm: {en}; type --to merged, which vLLM serves as a model of its own",
        zh=f"{made.name} 不能导出为 vllm：{zh}；请用 --to merged，vLLM 可把它当作独立模型来提供服务",
    )
