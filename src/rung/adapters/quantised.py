"""QLoRA (Dettmers et al. 2023, arXiv 2305.14314): LoRA over a base that is kept in 4 bits.

    y = W' x + b + s B A x        W' = open(pack(W)), frozen; A and B trained in float32, as in :mod:`rung.adapters.lora`

NF4 writes a weight as its block's largest absolute value (64 weights to a block) times one of 16 levels: the quantiles of
a normal distribution, with 0 and +-1 among them. Double quantisation writes those largest values, less their mean, in 8
bits with one float32 for each 256 of them: 4 + 8/64 + 32/(64 * 256) = 4.127 bits for each weight, where bfloat16 has 16.

What is saved is memory, not time: each product opens the weights anew, once forward and once backward, because the graph
keeps the 4 bits only. The arithmetic of packing and opening is bitsandbytes' (``pip install -e ".[quant]"`` in the folder of Rung).

On disk: PEFT's own LoRA, and beside it ``quantisation.json``, which says over what base it was trained. PEFT does not read
that file: give its base the same quantisation, or it answers a little differently.
"""

from __future__ import annotations

import ctypes
import json
import logging
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rung.adapters import lora, peft_format
from rung.adapters.lora import LoraConfig, LoraHandle, LoraLayer, find_targets, rows
from rung.adapters.values import FLAG, check_values
from rung.folders import replacing
from rung.types import AdaptationError, UserError

QUANTISATION = "quantisation.json"
NOTICE = "Failed to load CPU gemm_4bit_forward from kernels-community"
BLOCK = 64  # weights that share a largest value
FORM = {"kind": "nf4", "double": True, "blocksize": BLOCK}


@dataclass(frozen=True)
class QloraConfig(LoraConfig):
    """What LoRA trains over the 4-bit base. The paper: rank 64, alpha 16, every linear layer, dropout 0.1 up to 13B."""

    keep_base: bool = True  # False: the float weights are given up for good; detached, the model has none

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, "QLoRA", "QLoRA ", {"keep_base": (isinstance(self.keep_base, bool), FLAG)})


@dataclass(frozen=True)
class Packed:
    """A weight matrix [out, in] in NF4 with double quantisation."""

    codes: Tensor  # uint8, two weights a byte
    state: Any  # bitsandbytes' own: absmax [blocks] in 8 bits, offset (their mean), state2.absmax [blocks / 256] in float32

    @property
    def bytes(self) -> int:
        """What is held for this matrix alone: the tables of levels are shared by all."""
        state = self.state
        return sum(t.numel() * t.element_size() for t in (self.codes, state.absmax, state.offset, state.state2.absmax))

    def open(self, dtype: torch.dtype) -> Tensor:
        """The weights [out, in] that the 4 bits stand for, made anew at each call."""
        state = copy(self.state)
        state.dtype = dtype
        return bitsandbytes().dequantize_4bit(self.codes, state)


def pack(weight: Tensor) -> Packed:
    """``weight`` [out, in] in 4 bits; rows lie one behind the other, so a block may end one row and begin the next."""
    told: dict[str, Any] = {"quant_type": "nf4", "blocksize": BLOCK, "compress_statistics": True}
    return Packed(*bitsandbytes().quantize_4bit(weight.detach().contiguous(), **told))


class _Product(torch.autograd.Function):
    """x [..., in] -> W' x + b [..., out]. For the backward only the 4 bits are kept, and W' is opened again."""

    @staticmethod
    def forward(ctx, x, packed, bias):
        ctx.packed = packed
        return F.linear(x, packed.open(x.dtype), bias)

    @staticmethod
    def backward(ctx, grad):
        return grad @ ctx.packed.open(grad.dtype), None, None


class FourBit:
    """A linear layer whose weight is in 4 bits; the module keeps an empty one of its shape, on torch's meta device."""

    def __init__(self, module: Any, *, keep: bool):
        self.module = module
        self.packed = pack(rows(module))
        self._original: nn.Parameter | None = module.weight if keep else None
        module.weight = nn.Parameter(torch.empty_like(module.weight, device="meta"), requires_grad=False)
        module.forward = self.forward

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out], in the type of x."""
        return _Product.apply(x, self.packed, self.module.bias)

    def settle(self, weight: Tensor) -> None:
        """The layer is a plain one with this ``weight`` [out, in] in the type of the base's; what it had is gone."""
        self.module.__dict__.pop("forward", None)
        laid = weight.T.contiguous() if isinstance(self.module, Conv1D) else weight
        self.module.weight = nn.Parameter(laid.to(self.module.weight.dtype), requires_grad=False)

    def release(self) -> None:
        """The float weight is back; a layer whose weight was given up says so when it is asked."""
        self.module.__dict__.pop("forward", None)
        if self._original is None:
            self.module.forward = _given_up
        else:
            self.module.weight = self._original


def _given_up(*_: Any) -> Tensor:
    raise AdaptationError(
        "this model's float weights were given up for a 4-bit base (keep_base=False); load the model again",
        zh="该模型的浮点权重已为 4 位基座释放（keep_base=False）；请重新加载模型",
    )


class QloraLayer(LoraLayer):
    """LoRA's A and B over a 4-bit layer."""

    def __init__(self, base: FourBit, a: Tensor, b: Tensor, alpha: float, rslora: bool, dropout: float):
        super().__init__(base.module, a, b, alpha, rslora, dropout)
        place = base.packed.codes.device  # the module's own weight is on no device
        self.a, self.b = nn.Parameter(a.float().to(place)), nn.Parameter(b.float().to(place))
        self.base = base

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out], in the type of x."""
        y = self.base.forward(x)
        dropped = F.dropout(x, self.dropout) if self.training and self.dropout > 0 else x
        inner = F.linear(dropped, self.a.to(x.dtype)).flatten(0, -2)  # [T, r]
        return torch.addmm(y.flatten(0, -2), inner, self.b.to(x.dtype).T, alpha=self.scale).view_as(y)


class QloraHandle(LoraHandle):
    """A LoRA on ``hf`` in 4 bits, until :meth:`detach`."""

    method = "qlora"

    def __init__(
        self, hf: PreTrainedModel, base: dict[str, FourBit], layers: dict[str, LoraLayer], config: QloraConfig
    ):
        super().__init__(hf, layers, config)
        self.base = base

    @property
    def base_bytes(self) -> int:
        """What the packed weights take, without embeddings, norms, biases and head, which stay as they are."""
        return sum(layer.packed.bytes for layer in self.base.values())

    def merge(self) -> None:
        """Nothing: W' + s B A is not among the numbers that 4 bits can write, and rounding it would change the answers."""

    def unmerge(self) -> None:
        """Nothing to do."""

    def fold(self) -> None:
        """The base becomes the float numbers that its 4 bits stand for, with s B A inside; the adapter is gone."""
        for name, base in self.base.items():
            weight = base.packed.open(torch.float32)
            if name in self.layers:
                layer = self.layers[name]
                weight = torch.addmm(weight, layer.b.detach(), layer.a.detach(), alpha=layer.scale)
            base.settle(weight)
        super().detach()
        self.base = {}

    def detach(self) -> None:
        """The base has its own float tensors again, bit for bit; without ``keep_base`` it has none, and says so when asked."""
        super().detach()
        for layer in self.base.values():
            layer.release()
        self.base = {}


def attach(hf: PreTrainedModel, config: QloraConfig = QloraConfig(), seed: int = 0) -> QloraHandle:
    """Packs every linear layer of the blocks, and puts a fresh LoRA (that of :func:`rung.adapters.lora.attach`) over them.

    ``keep_base`` keeps the float tensors beside the packed ones, for a base that others will use again; without it each is
    freed as soon as it is packed. Raises :class:`AdaptationError` when the targets name no layer or ``hf`` carries an
    adapter already, and UserError without bitsandbytes.
    """
    bitsandbytes()  # before anything is changed
    fresh = lora.attach(hf, config, seed)
    fresh.detach()
    return _over_four_bits(hf, fresh, config)


def _over_four_bits(hf: PreTrainedModel, plain: LoraHandle, config: QloraConfig) -> QloraHandle:
    """The A and B of ``plain``, which is detached, over a base in 4 bits."""
    if config.dora:
        raise AdaptationError(
            "DoRA over a 4-bit base is not possible here: leave out dora, or train it over the float base",
            zh="此处不支持在 4 位基座上使用 DoRA：请去掉 dora，或在浮点基座上训练",
        )
    base = {name: FourBit(m, keep=config.keep_base) for name, m in find_targets(hf, "all-linear").items()}
    if not config.keep_base:
        _hand_back()
    layers: dict[str, LoraLayer] = {
        name: QloraLayer(base[name], layer.a.detach(), layer.b.detach(), layer.alpha, config.rslora, config.dropout)
        for name, layer in plain.layers.items()
    }
    return QloraHandle(hf, base, layers, config)


def _hand_back() -> None:
    """What was freed goes to the system: glibc would keep it, 140 of 180 MiB at 100M parameters."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other libraries of C have none
        if trim is not None:
            trim(0)


def save(handle: QloraHandle, folder: Path, *, base: str = "") -> None:
    """Write A and B as PEFT does, and how the base was packed, whole or not at all."""
    with replacing(folder) as fresh:
        peft_format.save_lora(handle, fresh, base=base)
        (fresh / QUANTISATION).write_text(json.dumps(FORM) + "\n", encoding="utf-8")


def load(hf: PreTrainedModel, folder: Path) -> QloraHandle:
    """The LoRA of ``folder`` over ``hf`` in 4 bits; raises :class:`AdaptationError` where it does not fit."""
    form = read_form(folder)
    if form != FORM:
        raise AdaptationError(
            f"{folder / QUANTISATION} asks for the base as {form}; Rung knows {FORM}",
            zh=f"{folder / QUANTISATION} 要求基座为 {form}；Rung 只支持 {FORM}",
        )
    bitsandbytes()
    plain = peft_format.load_lora(hf, folder)
    plain.detach()
    return _over_four_bits(hf, plain, QloraConfig(**vars(plain.config)))


def read_form(folder: Path) -> Mapping[str, Any] | None:
    """How the base under the adapter of ``folder`` is packed; None: it is not."""
    path = folder / QUANTISATION
    if not path.exists():
        return None
    try:
        form = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AdaptationError(f"{path} is not valid JSON: {error}", zh=f"{path} 不是有效的 JSON：{error}") from error
    if not isinstance(form, dict):
        raise AdaptationError(f"{path} holds no JSON object", zh=f"{path} 中不是 JSON 对象")
    return form


def pass_over_notice() -> None:
    """Keep back one line that bitsandbytes says while it is imported, whoever imports it: nothing else of what it says.

    On a CPU with bfloat16 it looks for another package, for products that are not used here, and warns where that is missing.
    """
    logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(_no_notice)


def _no_notice(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(NOTICE)


def bitsandbytes() -> ModuleType:
    """``bitsandbytes.functional``; UserError with what to type where it is not installed."""
    pass_over_notice()
    try:
        import bitsandbytes.functional as functional
    except ImportError as error:
        raise UserError(
            'a 4-bit base needs bitsandbytes: type pip install -e ".[quant]" in the folder of Rung',
            zh='4 位基座需要 bitsandbytes：请在 Rung 的文件夹里运行 pip install -e ".[quant]"',
        ) from error
    return functional
