"""To PEFT: the adapter's two files, and the base model that they stand on, by the name or the path where PEFT finds it."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from rung.adapters.peft_format import CONFIG, WEIGHTS
from rung.adapters.quantised import QUANTISATION, bitsandbytes, pass_over_notice
from rung.engine import Model
from rung.export import base
from rung.types import Adaptation, UserError

ADAPTER = "adapter"
FAST = "support_avx512bf16_for_cpu"  # of bitsandbytes' Linear4bit


def write(made: Adaptation, model: Model, folder: Path) -> None:
    """``adapter/``, with the base named as it will be found from inside the export."""
    assert made.adapter is not None
    source, target = Path(made.adapter), folder / ADAPTER
    target.mkdir()
    config = json.loads((source / CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base.named(model, folder)
    (target / CONFIG).write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name in (WEIGHTS, QUANTISATION):
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def load(folder: Path, made: Adaptation, model: Model) -> tuple[PreTrainedModel, Any]:
    """PEFT's model around the base, which is packed in 4 bits where the adapter was trained so."""
    theirs = _peft()
    hf = base.load(base.folder_of(model), model, **_packed(folder / ADAPTER))
    for module in hf.modules():  # on a CPU with AVX-512 BF16 bitsandbytes rounds the scales to bfloat16, for speed
        if hasattr(module, FAST):
            setattr(module, FAST, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between PEFT and transformers
        return hf, theirs.PeftModel.from_pretrained(hf, folder / ADAPTER)


def _packed(adapter: Path) -> dict[str, Any]:
    if not (adapter / QUANTISATION).exists():
        return {}
    bitsandbytes()
    form = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}
    return {"quantization_config": BitsAndBytesConfig(**form, bnb_4bit_compute_dtype=torch.float32)}


def _peft() -> Any:
    pass_over_notice()  # PEFT imports bitsandbytes where it is there
    try:
        import peft
    except ImportError as error:
        raise UserError(
            'checking an adapter through PEFT needs peft: type pip install -e ".[export]" in the folder of Rung, or --no-check',
            zh='通过 PEFT 检查适配器需要 peft：请在 Rung 的文件夹里运行 pip install -e ".[export]"，或加 --no-check',
        ) from error
    return peft
