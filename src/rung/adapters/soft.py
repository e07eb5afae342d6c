"""What the four soft prompts share: numbers in place of words that stand before every text, the model itself unchanged.

    prompt tuning    embeddings [P, d], trained directly                            (prompt_tuning.py)
    P-tuning         embeddings [P, d], written by a small network                  (p_tuning.py)
    prefix tuning    keys and values [P, 2 L, H, d_head], written by a small network    (prefix_tuning.py)
    P-tuning v2      keys and values [P, 2 L, H, d_head], trained directly              (p_tuning_v2.py)

All four end as keys and values of every layer. Those of embeddings do not depend on the text behind them, so they are computed
once for all the documents of a forward, and once in a lifetime when the training is over: to a request every soft prompt costs
what a prefix costs, attention over P keys. A text's positions begin at P, as PEFT has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from rung.adapters.handle import Handle
from rung.adapters.lora import refuse_second
from rung.adapters.values import COUNTS, TOKENS, Wanted, are_tokens, check_values, is_count
from rung.engine.flat import run_kept
from rung.engine.flops import Shape
from rung.engine.layout import Past
from rung.engine.trunk import PREFIX
from rung.types import AdaptationError


class Soft(nn.Module, ABC):
    """The trained numbers. ``deep``: they are keys and values [P, 2 L, H, d_head], else embeddings [P, d]."""

    deep: bool

    @abstractmethod
    def numbers(self) -> Tensor:
        """What is kept when the training is over, float32, with gradients."""

    @property
    def network(self) -> int:
        """Numbers that each of the P rows is multiplied by on its way, in training alone."""
        return 0


class Table(Soft):
    """Numbers that are trained directly, or that were read from a file."""

    def __init__(self, numbers: Tensor, *, deep: bool):
        super().__init__()
        self.deep = deep
        self.table = nn.Parameter(numbers.detach().float().clone(memory_format=torch.contiguous_format))

    def numbers(self) -> Tensor:
        return self.table


class SoftHandle(Handle):
    """A soft prompt that hangs on ``hf`` until :meth:`detach`; the base is bit for bit what it was all the while."""

    def __init__(self, hf: PreTrainedModel, method: str, source: Soft, config: Any):
        if PREFIX in hf.__dict__:
            refuse_second(hf)
        source = source.to(
            hf.device
        )  # it begins at the model's own numbers: the network that adds to them has to be there too
        with torch.no_grad():
            self.length = self.position = source.numbers().shape[0]
        check_room(hf, self.length)
        super().__init__(hf)
        self.method, self.source, self.config = method, source, config
        self._served: Past | None = None
        hf.__dict__[PREFIX] = self

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """What is trained, the network that writes the numbers included."""
        return dict(self.source.named_parameters())

    @property
    def kept(self) -> int:
        """Numbers that are left when the training is over."""
        with torch.no_grad():
            return self.source.numbers().numel()

    def past(self) -> Past:
        """Keys and values in the model's precision, with gradients."""
        numbers = self.source.numbers().to(self.hf.dtype)
        return split(numbers) if self.source.deep else run_kept(self.hf, numbers)

    def served(self) -> Past:
        """Keys and values without gradients: those of :meth:`merge`, else computed anew."""
        if self._served is not None:
            return self._served
        with torch.no_grad():
            return self.past().detached()

    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` of text beyond those of the base.

        Embeddings go through the frozen layers, whose weights have no gradients: 2 forward, 2 for the activations.
        """
        size = self.length
        inside = 0.0 if self.source.deep else 2 * shape.forward(size, 0, 0)
        pairs = tokens * size + (0.0 if self.source.deep else size * (size + 1) / 2)
        return inside + 3 * (2.0 * self.source.network * size + shape.forward(0, pairs, 0))

    def train(self, training: bool = True) -> None:
        """Dropout of the network that writes the numbers, where it has some."""
        self.source.train(training)

    def merge(self) -> None:
        """Keeps the keys and values as they are now."""
        self.keep(self.served())

    def keep(self, past: Past) -> None:
        """Takes these as its keys and values until :meth:`unmerge`: they were computed before."""
        self._served = past

    def unmerge(self) -> None:
        self._served = None

    def detach(self) -> None:
        if self.hf.__dict__.get(PREFIX) is self:
            del self.hf.__dict__[PREFIX]
        super().detach()


def check_soft(config: Any, what: str, wanted: Wanted | None = None) -> None:
    """Raises :class:`AdaptationError` for a ``length`` or ``start`` that cannot be, or a field of ``wanted``."""
    shared = {"length": (is_count(config.length), COUNTS), "start": (are_tokens(config.start), TOKENS)}
    check_values(config, what, f"{what} ", {**shared, **(wanted or {})})


def check_room(hf: PreTrainedModel, length: int) -> None:
    """Raises :class:`AdaptationError` where a soft prompt of ``length`` would leave no position for a text."""
    longest = getattr(hf.config.get_text_config(), "max_position_embeddings", None)
    if longest is not None and length >= longest:
        raise AdaptationError(
            f"a soft prompt of {length} tokens leaves no room for a text: the model has {longest} positions; take a smaller length",
            zh=f"{length} 个词元的软提示没有给文本留下位置：该模型只有 {longest} 个位置；请减小 length",
        )


def split(numbers: Tensor) -> Past:
    """[P, 2 L, H, d_head] -> keys (even) and values (odd) of each layer [1, H, P, d_head]."""
    layers = numbers.permute(1, 2, 0, 3).unsqueeze(1)
    return Past(list(layers[0::2]), list(layers[1::2]), numbers.shape[0])


def joined(past: Past) -> Tensor:
    """The inverse of :func:`split`."""
    pairs = [x[0] for pair in zip(past.keys, past.values, strict=True) for x in pair]
    return torch.stack(pairs).permute(2, 0, 1, 3)


def first_embeddings(hf: PreTrainedModel, length: int, start: tuple[int, ...], seed: int) -> Tensor:
    """Embeddings [length, d] of the tokens of ``start`` (repeated or cut to ``length``), else of tokens drawn at random.

    Raises :class:`AdaptationError` for a token that the model does not know.
    Vectors that the model knows are where to begin: random ones cost tens of points (Lester et al. 2021, figure 3b).
    """
    table = hf.get_input_embeddings().weight.detach()
    if start:
        if max(start) >= table.shape[0]:
            raise AdaptationError(
                f"start holds the token {max(start)}, and the model knows 0 to {table.shape[0] - 1}; "
                "take the tokens of its own tokenizer, as model.encode gives them",
                zh=f"start 中有词元 {max(start)}，而该模型只有 0 到 {table.shape[0] - 1}；请使用它自己的分词器（model.encode）给出的词元",
            )
        ids = torch.tensor([start[i % len(start)] for i in range(length)])
    else:
        generator = torch.Generator().manual_seed(seed)
        # The most frequent of a byte-pair vocabulary come first, behind special tokens and bytes.
        least = min(260, table.shape[0] // 2)
        ids = torch.randint(least, min(5000, table.shape[0]), (length,), generator=generator)
    return table[ids.to(table.device)].float()


def first_keys(hf: PreTrainedModel, length: int, start: tuple[int, ...], seed: int) -> Tensor:
    """Keys and values [length, 2 L, H, d_head] that the model computes for :func:`first_embeddings`.

    Of a longer ``start`` those of its last ``length`` tokens, which have read all that stands before them.
    """
    check_room(hf, length)
    longest = int(getattr(hf.config.get_text_config(), "max_position_embeddings", None) or len(start))
    start = start[-max(longest, length) :]
    whole = max(length, len(start))
    # Rotary positions are relative: the last of the kept ones stands right before a text, wherever the first began.
    learned = sum(isinstance(module, nn.Embedding) for module in hf.modules()) > 1
    first = 0 if learned else length - whole
    with torch.no_grad():
        embeddings = first_embeddings(hf, whole, start, seed).to(hf.dtype)
        return joined(run_kept(hf, embeddings, first))[-length:].float().contiguous()
