"""Bottleneck adapters: a small network of two layers, narrow in the middle, on a sub-layer of every block.

    a(h) = h + s W_up f(W_down h + b1) + b2        W_down [m, d], b1 [m], W_up [d, m], b2 [d] trained; m is the bottleneck

Where it stands is the placement. A block of a decoder is x + attention(x) and then x + feed_forward(x) (GPT-NeoX adds both
to one x), a norm before each:

    houlsby     two in a block, a(attention(x)) and a(feed_forward(x))        (Houlsby et al. 2019, arXiv 1902.00751)
    pfeiffer    one in a block, a(feed_forward(x)): half the numbers        (Pfeiffer et al. 2021, arXiv 2005.00247)
    parallel    one in a block beside the feed-forward, which reads what that reads:
                feed_forward(x) + s W_up f(W_down x + b1) + b2                (He et al. 2022, arXiv 2110.04366)

W_up, b1 and b2 begin at zero, so that a fresh adapter changes nothing: one that begins far from the identity may fail to train
(Houlsby et al., section 2). What makes it more than one matrix, f, is also why it cannot be merged into the base: unlike LoRA
it makes every answer slower, by 4 m d operations a token and two small products in a row for each adapter. Houlsby et al. train
the norms as well; here the base is frozen, and a folder holds adapters alone.

The base model keeps its modules, names and weights: attaching only puts another ``forward`` on each sub-layer.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from rung.adapters.handle import Handle
from rung.adapters.lora import refuse_second
from rung.adapters.values import COUNTS, SHARE, check_values, is_count, is_number, is_share
from rung.engine.flops import Shape
from rung.engine.trunk import ADDED
from rung.types import AdaptationError

Placement = Literal["houlsby", "pfeiffer", "parallel"]
Activation = Literal["relu", "gelu", "silu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu}
PARTS = ("down.weight", "down.bias", "up.weight", "up.bias")  # W_down, b1, W_up, b2


@dataclass(frozen=True)
class BottleneckConfig:
    """How wide the adapters are, and where they stand; raises :class:`AdaptationError` for a value that cannot be."""

    bottleneck: int = 16  # m; 8 to 64 for a thousand examples, a sixteenth of the width is a usual choice
    placement: Placement = "pfeiffer"  # houlsby costs twice as much for a little more
    activation: Activation = "relu"
    scale: float = 1.0  # s; 4 did best for parallel (He et al. 2022); else leave it and tune the learning rate
    dropout: float = 0.0  # on f(...); helps little below a few thousand examples

    def __post_init__(self) -> None:
        wanted = {
            "bottleneck": (is_count(self.bottleneck), COUNTS),
            "placement": (self.placement in get_args(Placement), " / ".join(get_args(Placement))),
            "activation": (self.activation in list(ACTIVATIONS), " / ".join(ACTIVATIONS)),
            "scale": (is_number(self.scale) and self.scale != 0, "scale < 0, scale > 0"),
            "dropout": (is_share(self.dropout), SHARE),
        }
        check_values(self, "a bottleneck adapter", "瓶颈适配器", wanted)


class BottleneckLayer:
    """One adapter: its numbers in float32, and the forward that stands in for the sub-layer's own.

    numbers: W_down [m, d], b1 [m], W_up [d, m], b2 [d].
    """

    def __init__(self, module: nn.Module, numbers: tuple[Tensor, Tensor, Tensor, Tensor], config: BottleneckConfig):
        self.module, self.inner, self.config = module, module.forward, config
        place = next(module.parameters()).device
        self.numbers = tuple(nn.Parameter(x.float().to(place)) for x in numbers)
        self.training = False

    def forward(self, *args: Any, **options: Any) -> Any:
        """What the sub-layer gives, with the adapter in it; of a tuple (attention gives its weights too) the first is meant."""
        out = self.inner(*args, **options)
        plain = out[0] if isinstance(out, tuple) else out
        parallel = self.config.placement == "parallel"
        adapted = plain + self.change((*args, *options.values())[0] if parallel else plain)
        return (adapted, *out[1:]) if isinstance(out, tuple) else adapted

    def change(self, h: Tensor) -> Tensor:
        """s W_up f(W_down h + b1) + b2 of h [..., d], in the type of h."""
        down, b1, up, b2 = (p.to(h.dtype) for p in self.numbers)
        inner = ACTIVATIONS[self.config.activation](F.linear(h, down, b1))
        inner = F.dropout(inner, self.config.dropout, self.training)
        return self.config.scale * F.linear(inner, up) + b2


class BottleneckHandle(Handle):
    """Bottleneck adapters that hang on ``hf`` until :meth:`detach`; ``layers`` by the names of their sub-layers."""

    method = "adapter"

    def __init__(self, hf: PreTrainedModel, layers: dict[str, BottleneckLayer], config: BottleneckConfig):
        super().__init__(hf)
        self.layers, self.config = layers, config
        for layer in layers.values():
            layer.module.__dict__["forward"] = layer.forward
        hf.__dict__[ADDED] = self.matrices

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Name -> parameter, such as ``model.layers.0.mlp.adapter.down.weight``."""
        return {
            f"{name}.adapter.{part}": p
            for name, layer in self.layers.items()
            for part, p in zip(PARTS, layer.numbers, strict=True)
        }

    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` beyond the base's: 2 forward, 2 for the activations, 2 for the weights."""
        return 6.0 * self.matrices * tokens

    @property
    def matrices(self) -> int:
        return sum(p.numel() for p in self.parameters.values() if p.ndim > 1)

    def train(self, training: bool = True) -> None:
        """Dropout on or off; the frozen base stays in evaluation mode either way."""
        for layer in self.layers.values():
            layer.training = training

    def merge(self) -> None:
        """Does nothing: with an activation in its middle, an adapter is no matrix that could be added to the base's."""

    def detach(self) -> None:
        for layer in self.layers.values():
            if layer.module.__dict__.get("forward") == layer.forward:
                del layer.module.__dict__["forward"]
                self.hf.__dict__.pop(ADDED, None)
        super().detach()


def attach(hf: PreTrainedModel, config: BottleneckConfig = BottleneckConfig(), seed: int = 0) -> BottleneckHandle:
    """Puts fresh adapters on ``hf``: W_down as He et al. begin it (Kaiming, a = sqrt 5, as LoRA's A), all else zero.

    Raises :class:`AdaptationError` where the sub-layers cannot be told apart, or when ``hf`` carries an adapter already.
    """
    generator = torch.Generator().manual_seed(seed)
    width, m = width_of(hf), config.bottleneck
    layers = {}
    for name, module in find_sublayers(hf, config.placement).items():
        limit = 1 / math.sqrt(width)
        down = torch.empty(m, width).uniform_(-limit, limit, generator=generator)
        numbers = (down, torch.zeros(m), torch.zeros(width, m), torch.zeros(width))
        layers[name] = BottleneckLayer(module, numbers, config)
    return BottleneckHandle(hf, layers, config)


def width_of(hf: PreTrainedModel) -> int:
    """d: what flows from block to block."""
    return int(hf.config.get_text_config().hidden_size)


def find_sublayers(hf: PreTrainedModel, placement: Placement) -> dict[str, nn.Module]:
    """Name -> sub-layer that gets an adapter, block by block.

    Raises :class:`AdaptationError` when ``hf`` carries an adapter already, or when its blocks are built another way.
    """
    refuse_second(hf)
    for name, blocks in _lists_of_blocks(hf):
        pairs = [_attention_and_feed_forward(f"{name}.{i}", block) for i, block in enumerate(blocks)]
        if all(pairs):
            wanted = slice(0, 2) if placement == "houlsby" else slice(1, 2)
            return dict(sublayer for pair in pairs for sublayer in pair[wanted])
    kind = type(hf).__name__
    raise AdaptationError(
        f"bottleneck adapters do not fit {kind}: each of its blocks should hold one attention and one feed-forward module, and "
        "add their outputs itself, as those of Llama, Qwen, GPT-2 and GPT-NeoX do; LoRA fits every model",
        zh=f"瓶颈适配器不适用于 {kind}：它的每个块应恰有一个注意力模块和一个前馈模块，并由块自身做残差相加"
        "（如 Llama、Qwen、GPT-2、GPT-NeoX）；LoRA 适用于所有模型",
    )


def _lists_of_blocks(hf: PreTrainedModel) -> list[tuple[str, nn.ModuleList]]:
    depth = int(hf.config.get_text_config().num_hidden_layers)
    return [(n, m) for n, m in hf.named_modules() if isinstance(m, nn.ModuleList) and len(m) == depth]


def _attention_and_feed_forward(name: str, block: nn.Module) -> list[tuple[str, nn.Module]]:
    """The two children that hold matrices, with their names; nothing where they are not one of each.

    transformers numbers what keeps keys and values (``layer_idx``): that is the attention. A child that takes the
    ``residual`` adds it itself (BLOOM), and what comes out of it is the sum.
    """
    heavy = {f"{name}.{n}": m for n, m in block.named_children() if any(p.ndim > 1 for p in m.parameters())}
    attends = [(n, m) for n, m in heavy.items() if any(hasattr(part, "layer_idx") for part in m.modules())]
    feeds = [(n, m) for n, m in heavy.items() if (n, m) not in attends]
    adds = any("residual" in inspect.signature(m.forward).parameters for m in heavy.values())
    return [*attends, *feeds] if len(attends) == len(feeds) == 1 and not adds else []
