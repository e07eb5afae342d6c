"""The shape of a base model from one dial: the number of parameters.

Wider models are deeper too, depth = 3 (width / 64) ^ 0.55: 3 x 64 at the smallest, 12 x 832 near 100M, 21 x 2176 near
1.2B. The feed-forward is 8/3 of the width (SwiGLU has three matrices where others have two of 4 x: Shazeer 2020),
heads are of 64. The named size decides the width; which of depth and width grows matters little over a wide range
(Kaplan et al. 2020, figure 5).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

from rung.types import UserError

UNITS = {"K": 1e3, "M": 1e6, "B": 1e9}
SMALLEST, LARGEST = 0.5e6, 20e9
EMBEDDED = 8192  # sizes are told with the embedding of this vocabulary, so that a shape does not change with it


def parameters_named(size: str) -> float:
    """``7M``, ``0.5M``, ``350m`` or ``1.2B`` as a number; raises UserError on anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMB])", size.strip().upper())
    value = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not SMALLEST <= value <= LARGEST:
        raise UserError(
            f"no size {size!r}: type a number of parameters from 0.5M to 20B, such as 2M, 7M, 350M or 1.2B",
            zh=f"没有 {size!r} 这个规模：请写 0.5M 到 20B 之间的参数量，例如 2M、7M、350M、1.2B",
        )
    return value


def dimensions(size: str) -> tuple[int, int, int, int]:
    """(depth, width, feed-forward, heads) of the shape whose parameters come closest to ``size`` as a ratio."""
    wanted = parameters_named(size)
    # Parameters grow at least with the width squared: no width of interest is above their root.
    shapes = [of_width(width) for width in (*range(64, 256, 32), *range(256, 512 + int(wanted**0.5), 64))]
    return min(shapes, key=lambda found: abs(math.log(parameters(*found[:3]) / wanted)))


def of_width(width: int) -> tuple[int, int, int, int]:
    """The shape of a width; widths below 256 that 64 does not divide have heads of 32."""
    depth = round(3 * (width / 64) ** 0.55)
    inner = math.ceil(width * 8 / 3 / 32) * 32
    head = 64 if width % 64 == 0 and width > 64 else 32
    return depth, width, inner, width // head


def parameters(depth: int, width: int, inner: int) -> int:
    """Parameters with tied embeddings of ``EMBEDDED`` tokens; the norms, a ten-thousandth, are left out."""
    return EMBEDDED * width + depth * (4 * width**2 + 3 * width * inner)


def shape(size: str, vocabulary: int, context: int, end_of_text: int, pad: int) -> LlamaConfig:
    """A Llama configuration with tied embeddings for a size such as ``7M``; raises UserError on what is no size."""
    depth, width, inner, heads = dimensions(size)
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=end_of_text,
        eos_token_id=end_of_text,
        pad_token_id=pad,
        initializer_range=0.02,
        rms_norm_eps=1e-5,
    )


def save_bfloat16(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    weights: Mapping[str, Tensor] | None = None,
) -> None:
    """A Hugging Face folder in bfloat16, the tokenizer too; the model itself keeps its precision.

    weights: its state whole, where the model holds but a part of it.
    """
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    state = (model.state_dict() if weights is None else weights).items()
    kept = {name: p.detach().to(torch.bfloat16) for name, p in state if name not in tied}
    model.save_pretrained(folder, state_dict=kept)
    config = deepcopy(model.config)
    config.dtype = torch.bfloat16
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
