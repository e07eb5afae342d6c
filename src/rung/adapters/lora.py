"""LoRA (Hu et al. 2021, arXiv 2106.09685): y = W x + b + s B A x with W frozen, A [r, in] and B [out, r] trained.

The base model keeps its modules, names and weights: attaching only puts another ``forward`` on each wrapped layer, and
detaching takes it away, so the base is bit for bit what it was. The layer is one autograd node of our own: it keeps
x and A x (the plain way keeps more), adds in place, and skips the gradient of x where nobody asks for it.
DoRA is an option of it: :mod:`rung.adapters.dora`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rung.adapters import dora
from rung.adapters.handle import TRAINED, Handle
from rung.adapters.values import COUNTS, FLAG, SHARE, check_values, is_count, is_number, is_share
from rung.engine.flops import Shape
from rung.engine.trunk import ADDED, PREFIX
from rung.types import AdaptationError


@dataclass(frozen=True)
class LoraConfig:
    """What LoRA trains, and how strongly it weighs; raises :class:`AdaptationError` for a value that cannot be."""

    rank: int = 8  # 4-16 is plenty for a thousand examples; more when there is more to learn
    alpha: float = 16.0  # scale = alpha / rank; usually twice the rank, and then left alone: tune the learning rate
    rslora: bool = False  # scale = alpha / sqrt(rank) (Kalajdzievski 2023): keeps high ranks from learning too slowly
    dropout: float = 0.0  # on x, before A; helps little below a few thousand examples
    targets: str | tuple[str, ...] = "all-linear"  # or names such as ("q_proj", "v_proj")
    dora: bool = False  # a length per row beside it (Liu et al. 2024): helps low ranks; slower to train, same to serve

    def __post_init__(self) -> None:
        named = isinstance(self.targets, str) or (
            isinstance(self.targets, tuple | list) and all(isinstance(name, str) for name in self.targets)
        )
        wanted = {
            "rank": (is_count(self.rank), COUNTS),
            "alpha": (is_number(self.alpha) and self.alpha != 0, "alpha < 0, alpha > 0"),
            "rslora": (isinstance(self.rslora, bool), FLAG),
            "dropout": (is_share(self.dropout), SHARE),
            "targets": (named, 'all-linear / ("q_proj", "v_proj")'),
            "dora": (isinstance(self.dora, bool), FLAG),
        }
        check_values(self, "LoRA", "LoRA ", wanted)


class LoraLayer:
    """One wrapped layer: its A and B in float32, its scale, and the forward that stands in for the module's own.

    magnitude: DoRA's m [out]; None: plain LoRA.
    """

    def __init__(
        self,
        module: Any,
        a: Tensor,
        b: Tensor,
        alpha: float,
        rslora: bool,
        dropout: float,
        magnitude: Tensor | None = None,
    ):
        self.module, self.alpha = module, alpha
        place = next(module.parameters()).device
        self.a, self.b = nn.Parameter(a.float().to(place)), nn.Parameter(b.float().to(place))
        self.magnitude = None if magnitude is None else nn.Parameter(magnitude.float().to(place))
        self.scale = alpha / (math.sqrt(self.rank) if rslora else self.rank)
        self.dropout, self.training = dropout, False
        self._merged: Tensor | None = None

    @property
    def rank(self) -> int:
        return self.a.shape[0]

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in] -> [..., out], in the type of x."""
        if self._merged is not None:
            return _linear(x, self._merged, self.module.bias, isinstance(self.module, Conv1D))
        y = self._lora(x)
        if self.magnitude is None:
            return y
        return dora.stretch(y, self.module.bias, self.magnitude, dora.norms(self.whole()))

    def _lora(self, x: Tensor) -> Tensor:
        """W x + b + s B A x."""
        weight, bias, transposed = self.module.weight, self.module.bias, isinstance(self.module, Conv1D)
        if self.training and self.dropout > 0:
            inner = F.linear(F.dropout(x, self.dropout), self.a.to(x.dtype))
            return _linear(x, weight, bias, transposed) + self.scale * F.linear(inner, self.b.to(x.dtype))
        return _Lora.apply(x, weight, bias, self.a, self.b, self.scale, transposed)

    def whole(self) -> Tensor:
        """W + s B A [out, in] in float32, without gradients."""
        return torch.addmm(rows(self.module).detach().float(), self.b.detach(), self.a.detach(), alpha=self.scale)

    def folded(self) -> Tensor:
        """The one weight that answers as W with A and B beside it, laid out and rounded as W is."""
        whole = self.whole()
        if self.magnitude is not None:
            whole = dora.scaled(whole, self.magnitude)
        return (whole.T if isinstance(self.module, Conv1D) else whole).to(self.module.weight.dtype)

    def merge(self) -> None:
        self._merged = self.folded()

    def unmerge(self) -> None:
        self._merged = None


def _linear(x: Tensor, weight: Any, bias: Any, transposed: bool) -> Tensor:
    return F.linear(x, weight.T if transposed else weight, bias)


class _Lora(torch.autograd.Function):
    """y = W x + b + s B A x, with gradients for x, A and B only."""

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, scale, transposed):
        flat = x.reshape(-1, x.shape[-1])
        low_a, low_b = a.to(x.dtype), b.to(x.dtype)
        inner = flat @ low_a.T
        y = _linear(flat, weight, bias, transposed).addmm_(inner, low_b.T, alpha=scale)
        ctx.save_for_backward(flat, inner, low_a, low_b, weight)
        ctx.scale, ctx.transposed, ctx.shape = scale, transposed, x.shape
        return y.view(*x.shape[:-1], y.shape[-1])

    @staticmethod
    def backward(ctx, grad):
        flat, inner, a, b, weight = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])
        back = (grad @ b).mul_(ctx.scale)  # [T, r]
        gx = None
        if ctx.needs_input_grad[0]:
            gx = (grad @ (weight.T if ctx.transposed else weight)).addmm_(back, a).view(ctx.shape)
        # grad.T @ inner has r columns; (inner.T @ grad).T is the same numbers, row by row through memory.
        ga = (back.T @ flat).float()
        gb = (inner.T @ grad).T.float().mul_(ctx.scale)
        return gx, None, None, ga, gb, None, None


class LoraHandle(Handle):
    """A LoRA that hangs on ``hf`` until :meth:`detach`."""

    method = "lora"

    def __init__(self, hf: PreTrainedModel, layers: dict[str, LoraLayer], config: LoraConfig):
        super().__init__(hf)
        self.layers, self.config = layers, config
        for layer in layers.values():
            layer.module.forward = layer.forward
        hf.__dict__[ADDED] = self.kept

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Name -> parameter, by PEFT's names without its ``base_model.model.`` in front."""
        named = {}
        for name, layer in self.layers.items():
            named[f"{name}.lora_A.weight"], named[f"{name}.lora_B.weight"] = layer.a, layer.b
            if layer.magnitude is not None:
                named[f"{name}.lora_magnitude_vector"] = layer.magnitude
        return named

    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` beyond the base's: 2 forward, 2 for the activations, 2 for A and B.

        DoRA's lengths are computed once, whatever the tokens: 2 r + 3 for each number of W.
        """
        sized = [
            (layer.rank, layer.module.weight.numel()) for layer in self.layers.values() if layer.magnitude is not None
        ]
        return 6.0 * self.kept * tokens + sum((2.0 * rank + 3) * numbers for rank, numbers in sized)

    def train(self, training: bool = True) -> None:
        """Dropout on or off; the frozen base stays in evaluation mode either way."""
        for layer in self.layers.values():
            layer.training = training

    def merge(self) -> None:
        """Answers as before but at the base's speed: one product per layer, with s B A inside a copy of W."""
        for layer in self.layers.values():
            layer.merge()
        self.hf.__dict__[ADDED] = 0

    def unmerge(self) -> None:
        """Back to W and B A apart; needed before training on. W itself was never touched."""
        for layer in self.layers.values():
            layer.unmerge()
        self.hf.__dict__[ADDED] = self.kept

    def fold(self) -> None:
        """W becomes W + s B A (of a DoRA: scaled) for good, and the adapter is gone."""
        for layer in self.layers.values():
            layer.module.weight.data = layer.folded()
        self.detach()

    def detach(self) -> None:
        for layer in self.layers.values():
            if layer.module.__dict__.pop("forward", None) is not None:
                self.hf.__dict__.pop(ADDED, None)
        super().detach()


def attach(hf: PreTrainedModel, config: LoraConfig = LoraConfig(), seed: int = 0) -> LoraHandle:
    """Puts a fresh LoRA on ``hf``: A uniform as in loralib (Kaiming, a = sqrt 5), B zero, so that nothing changes yet.

    Raises :class:`AdaptationError` when the targets name no layer, or when ``hf`` carries an adapter already.
    """
    generator = torch.Generator().manual_seed(seed)
    layers = {}
    for name, module in find_targets(hf, config.targets).items():
        outputs, inputs = sizes(module)
        limit = 1 / math.sqrt(inputs)
        a = torch.empty(config.rank, inputs).uniform_(-limit, limit, generator=generator)
        b = torch.zeros(outputs, config.rank)
        magnitude = dora.norms(rows(module)) if config.dora else None
        layers[name] = LoraLayer(module, a, b, config.alpha, config.rslora, config.dropout, magnitude)
    return LoraHandle(hf, layers, config)


def find_targets(hf: PreTrainedModel, targets: str | tuple[str, ...]) -> dict[str, nn.Module]:
    """Name -> layer for every linear layer of the blocks, or for those whose name ends in one of ``targets``."""
    refuse_second(hf)
    head = hf.get_output_embeddings()
    linear = {n: m for n, m in hf.named_modules() if isinstance(m, (nn.Linear, Conv1D)) and m is not head}
    if targets == "all-linear":
        return linear
    wanted = (targets,) if isinstance(targets, str) else targets
    absent = [t for t in wanted if not any(n == t or n.endswith("." + t) for n in linear)]
    if absent or not wanted:
        known = ", ".join(sorted({n.rsplit(".", 1)[-1] for n in linear}))
        raise AdaptationError(
            f"no linear layer is called {', '.join(absent) or '(nothing given)'}; this model has {known}, "
            "or type all-linear",
            zh=f"没有名为 {'、'.join(absent) or '（未给出）'} 的线性层；该模型有 {known}，也可用 all-linear",
        )
    return {n: m for n, m in linear.items() if any(n == t or n.endswith("." + t) for t in wanted)}


def refuse_second(hf: PreTrainedModel) -> None:
    """Raises :class:`AdaptationError` where ``hf`` carries an adapter of any kind: one at a time, or a stack of two."""
    if PREFIX in hf.__dict__:
        raise AdaptationError(
            "the model carries a soft prompt already; detach it first (two at once: StackConfig)",
            zh="该模型已挂有软提示；请先将其卸下（两者并用请用 StackConfig）",
        )
    if TRAINED in hf.__dict__:
        raise AdaptationError(
            "the model's weights are being trained already; detach that first",
            zh="该模型的权重已处于全量微调之中；请先将其卸下",
        )
    if any("forward" in m.__dict__ for m in hf.modules()):
        raise AdaptationError(
            "the model carries an adapter already; detach it first (two at once: StackConfig)",
            zh="该模型已挂有适配器；请先将其卸下（两者并用请用 StackConfig）",
        )


def rows(module: Any) -> Tensor:
    """The weight with one row per output [out, in]; GPT-2's Conv1D stores it the other way round."""
    return module.weight.T if isinstance(module, Conv1D) else module.weight


def sizes(module: Any) -> tuple[int, int]:
    """(out, in) of a linear layer."""
    outputs, inputs = rows(module).shape
    return int(outputs), int(inputs)
