"""Many adapters on one frozen base at once, each over its own rows: the answers of one forward belong to different tasks.

    y = W x + b of the whole row, once;      y[own rows] += s B A x[own rows]      for each LoRA (DoRA stretches them too)
    h = the sub-layer of the whole row;      h[own rows] += s W_up f(W_down h[own rows] + b1) + b2      for each adapter

A soft prompt has no part in this: its keys and values stand before its own texts, and attention goes lane by lane
(:mod:`rung.engine.lanes`). What cannot share a base is refused: weights of their own (``full``), a base in 4 bits (``qlora``).

Over a row of one lane (:meth:`Mixed.alone`) a LoRA answers by W + s B A, folded for that forward: bit for bit what the same
adapter answers when it is attached alone and merged. So an answer that rounding could decide is the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from rung.adapters import attach_folder, dora, method_of, stack
from rung.adapters.bottleneck import BottleneckHandle, BottleneckLayer
from rung.adapters.lora import LoraHandle, LoraLayer, refuse_second
from rung.adapters.soft import SoftHandle
from rung.adapters.stack import StackHandle
from rung.engine.trunk import ADDED, PREFIX
from rung.types import AdaptationError

WHY_ALONE = {"full": ("weights of its own", "自己的一整套权重"), "qlora": ("its base in 4 bits", "4 位的基座")}
PATIENCE = 16  # forwards


@dataclass
class Worn:
    """What one lane has on: by the names of modules, and before every text."""

    loras: dict[str, LoraLayer] = field(default_factory=dict)
    kept: dict[str, Tensor] = field(default_factory=dict)  # W + s B A, where the lane is much alone
    lengths: dict[str, Tensor] = field(default_factory=dict)  # DoRA's n, which is the same for every text
    networks: dict[str, BottleneckLayer] = field(default_factory=dict)
    soft: SoftHandle | None = None
    added: int = 0  # numbers that each token is multiplied by besides the base's, when the lane is not alone

    def beside(self, name: str, x: Tensor, y: Tensor) -> None:
        """Makes y [T, out] = W x + b of x [T, in] the answer of the LoRA on the module ``name``, in place."""
        layer = self.loras[name]
        y.addmm_(x @ layer.a.to(x.dtype).T, layer.b.to(x.dtype).T, alpha=layer.scale)
        if layer.magnitude is not None:
            y.copy_(dora.stretch(y, layer.module.bias, layer.magnitude, self.lengths[name]))


class Mixed:
    """Adapters by the names of their lanes, on ``hf`` until :meth:`detach`; a lane that has none is the base itself."""

    def __init__(self, hf: PreTrainedModel):
        refuse_second(hf)
        self.hf = hf
        self.worn: dict[str, Worn] = {}
        self._hooked: list[nn.Module] = []
        self._whole: Worn | None = None
        self._rows: list[tuple[int, int, Worn]] = []
        self._total = 0
        self._solo: tuple[Worn | None, int] = (None, 0)  # who has had whole rows, and how many in a row

    def add(self, name: str, folder: Path | None) -> None:
        """The lane ``name`` has the adapter of ``folder`` (None: none) from now on.

        Raises :class:`AdaptationError` for one that does not fit the base, or that cannot share it.
        """
        self._unhook()
        try:
            self.worn[name] = Worn() if folder is None else _worn(self.hf, Path(folder))
        finally:
            self._hook()

    def remove(self, name: str) -> None:
        self._unhook()
        del self.worn[name]
        self._hook()

    def detach(self) -> None:
        """Everything comes off; the base is bit for bit what it was. Twice is no harm."""
        self._unhook()
        self.worn = {}

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """The model is this lane's for the duration, as if its adapter alone were attached and merged."""
        before = self._whole
        self._wear(self.worn[name])
        try:
            yield
        finally:
            self._wear(before)

    @contextmanager
    def rows(self, stretches: Sequence[tuple[str, int]]) -> Iterator[None]:
        """The rows of the next forwards belong to these lanes, so many tokens each."""
        assert self._whole is None and not self._rows
        at = 0
        for name, size in stretches:
            self._rows.append((at, at + size, self.worn[name]))
            at += size
        self._total = at
        self._notice()
        try:
            yield
        finally:
            self._rows, self._total = [], 0

    def _wear(self, worn: Worn | None) -> None:
        self._whole = worn
        for mark in (PREFIX, ADDED):
            self.hf.__dict__.pop(mark, None)
        if worn is not None and worn.soft is not None:
            self.hf.__dict__[PREFIX] = worn.soft
        if worn is not None and worn.networks:
            self.hf.__dict__[ADDED] = worn.added

    def _hook(self) -> None:
        """Another forward on each module that some lane changes."""
        for name in dict.fromkeys(name for worn in self.worn.values() for name in (*worn.loras, *worn.networks)):
            module = self.hf.get_submodule(name)
            linear = isinstance(module, nn.Linear | Conv1D)
            module.__dict__["forward"] = (self._linear if linear else self._sublayer)(name, module, module.forward)
            self._hooked.append(module)

    def _unhook(self) -> None:
        for module in self._hooked:
            module.__dict__.pop("forward", None)
        self._hooked = []

    def _linear(self, name: str, module: Any, inner: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def forward(x: Tensor) -> Tensor:
            if self._whole is not None:
                layer = self._whole.loras.get(name)
                if layer is None:
                    return inner(x)
                kept = self._whole.kept.get(name)
                return self._folded(module, x, layer.folded() if kept is None else kept)
            if len(self._rows) == 1 and name in self._rows[0][2].kept:
                return self._folded(module, x, self._rows[0][2].kept[name])
            y = inner(x)
            for start, stop, worn in self._rows:
                if name in worn.loras:
                    self._check(x)
                    worn.beside(name, x[0, start:stop], y[0, start:stop])
            return y

        return forward

    @staticmethod
    def _folded(module: Any, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight.T if isinstance(module, Conv1D) else weight, module.bias)

    def _notice(self) -> None:
        """A LoRA that has had whole rows for a while is folded, and kept so until another one has: alone it costs nothing."""
        worn = self._rows[0][2] if len(self._rows) == 1 else None
        if worn is None or not worn.loras:
            self._solo = (None, 0)
            return
        self._solo = (worn, self._solo[1] + 1 if self._solo[0] is worn else 1)
        if self._solo[1] == PATIENCE and not worn.kept:
            for other in self.worn.values():
                other.kept = {}
            worn.kept = {name: layer.folded() for name, layer in worn.loras.items()}

    def _sublayer(self, name: str, module: nn.Module, inner: Callable[..., Any]) -> Callable[..., Any]:
        def forward(*args: Any, **options: Any) -> Any:
            out = inner(*args, **options)
            plain = out[0] if isinstance(out, tuple) else out
            given = (*args, *options.values())[0]
            for start, stop, worn in [(0, plain.shape[1], self._whole)] if self._whole is not None else self._rows:
                layer = worn.networks.get(name)
                if layer is not None:
                    self._check(plain)
                    source = given if layer.config.placement == "parallel" else plain
                    plain[:, start:stop] += layer.change(source[:, start:stop])
            return out

        return forward

    def _check(self, row: Tensor) -> None:
        """A module that reads fewer tokens than the row has (an expert) does not know whose they are."""
        if self._whole is None and tuple(row.shape[:2]) != (1, self._total):
            raise AdaptationError(
                f"adapters cannot share this base: one of its modules reads {list(row.shape[:2])} tokens of a row of "
                f"{self._total} (a mixture of experts?); answer by one adaptation at a time",
                zh=f"这个基座不能由多个适配器共用：其中一个模块只读取了一行 {self._total} 个词元中的 {list(row.shape[:2])}"
                "（混合专家？）；请一次只用一个适配",
            )


def _worn(hf: PreTrainedModel, folder: Path) -> Worn:
    """The adapter of ``folder``, taken off again: only its numbers are wanted."""
    _check_shares(folder)
    handle = attach_folder(hf, folder)
    handle.merge()  # a soft prompt's keys and values are those of the layers that it is stacked with
    worn = Worn()
    for part in (handle.layers, handle.soft) if isinstance(handle, StackHandle) else (handle,):
        if isinstance(part, SoftHandle):
            worn.soft = part
        elif isinstance(part, BottleneckHandle):
            worn.networks, worn.added = part.layers, part.matrices
        else:
            assert isinstance(part, LoraHandle)
            part.unmerge()
            worn.loras = part.layers
    handle.detach()
    worn.lengths = {n: dora.norms(x.whole()) for n, x in worn.loras.items() if x.magnitude is not None}
    return worn


def _check_shares(folder: Path) -> None:
    method = method_of(folder)
    if method == "stack":
        _check_shares(folder / stack.LAYERS)
    if method in ("full", "qlora"):
        why, why_zh = WHY_ALONE[method]
        raise AdaptationError(
            f"the adapter in {folder} ({method}) needs {why}, so it cannot share a base with others; "
            "answer by it alone (rung predict), or train lora instead",
            zh=f"{folder} 中的适配器（{method}）需要{why_zh}，不能与其他适配共用基座；请单独使用它（rung predict），或改训 lora",
        )


__all__ = ["Mixed", "Worn"]
