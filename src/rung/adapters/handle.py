"""What every method gives back when it is attached: something that hangs on a model until it is detached."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from transformers import PreTrainedModel

from rung.engine.flops import Shape
from rung.engine.layout import Past
from rung.types import AdaptationError

TRAINED = "rung_full"  # on a model whose own weights are not the base's


class Handle(ABC):
    """An adapter that hangs on ``hf``, whatever its method. While it does, no weight of the base asks for gradients."""

    method: str

    def __init__(self, hf: PreTrainedModel):
        self.hf = hf
        self._required = [p for p in hf.parameters() if p.requires_grad]
        for p in self._required:
            p.requires_grad_(False)

    @property
    @abstractmethod
    def parameters(self) -> dict[str, nn.Parameter]:
        """Name -> what is trained."""

    @property
    def kept(self) -> int:
        """Numbers that are left when the training is over: all that were trained, unless a method drops some."""
        return sum(p.numel() for p in self.parameters.values())

    def past(self) -> Past | None:
        """Keys and values before every text, with gradients; None: nothing stands there."""
        return None

    @abstractmethod
    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` beyond those of a frozen base."""

    @abstractmethod
    def train(self, training: bool = True) -> None:
        """The adapter's own training mode; the frozen base stays in evaluation mode either way."""

    def merge(self) -> None:  # noqa: B027 - where a method cannot, nothing is done
        """Answers as before at less cost, where the method can; else nothing is done."""

    def unmerge(self) -> None:  # noqa: B027
        """Undoes :meth:`merge`; needed before training on."""

    @contextmanager
    def merged(self) -> Iterator[None]:
        """:meth:`merge` for the duration."""
        self.merge()
        try:
            yield
        finally:
            self.unmerge()

    def fold(self) -> None:
        """Writes what was trained into the weights of ``hf`` for good, and detaches; AdaptationError where it is no weight."""
        raise AdaptationError(
            f"what {self.method} trains is no change of the model's weights and cannot be merged into them; "
            "lora (DoRA too), qlora and full can",
            zh=f"{self.method} 训练的并不是模型权重的改变量，无法并入权重；可以并入的有 lora（含 DoRA）、qlora 和 full",
        )

    def detach(self) -> None:
        """Takes the adapter off; the base is bit for bit what it was. Twice is no harm."""
        for p in self._required:
            p.requires_grad_(True)
        self._required = []
