"""What may be trained on top of a frozen model. One method = one file = one line of :data:`ADAPTERS`.

handle = attach(hf, LoraConfig(rank=8), seed=0)    # fresh
save(handle, folder, base="sprout")                # PEFT's own format
with attached(hf, folder): ...                     # any method: the folder says which
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn
from transformers import PreTrainedModel

from rung.adapters import lora, peft_format
from rung.adapters.lora import LoraConfig, LoraHandle
from rung.types import AdaptationError


class Handle(Protocol):
    """An adapter that hangs on a model, whatever its method."""

    method: str
    hf: PreTrainedModel

    @property
    def parameters(self) -> dict[str, nn.Parameter]: ...
    def train(self, training: bool = True) -> None: ...
    def merge(self) -> None: ...
    def unmerge(self) -> None: ...
    def detach(self) -> None: ...


@dataclass(frozen=True)
class Method:
    """How a kind of adapter is begun, written and read; ``peft_type`` is its name in PEFT's configuration."""

    peft_type: str
    config: type
    attach: Callable[..., Any]
    save: Callable[..., None]
    load: Callable[[PreTrainedModel, Path], Any]


ADAPTERS: dict[str, Method] = {
    "lora": Method("LORA", LoraConfig, lora.attach, peft_format.save_lora, peft_format.load_lora),
}


def attach(hf: PreTrainedModel, config: LoraConfig, seed: int = 0) -> LoraHandle:
    """A fresh adapter on ``hf``, of the method that ``config`` belongs to."""
    method = next(m for m in ADAPTERS.values() if m.config is type(config))
    return method.attach(hf, config, seed)


def save(handle: Handle, folder: Path, *, base: str = "") -> None:
    """Write an adapter in PEFT's format, whole or not at all; ``base`` is the base model's name or path."""
    ADAPTERS[handle.method].save(handle, Path(folder), base=base)


def attach_folder(hf: PreTrainedModel, folder: Path) -> Handle:
    """The adapter of ``folder`` on ``hf``, whatever its method; :class:`AdaptationError` where it does not fit."""
    kind = peft_format.read_config(Path(folder))["peft_type"]
    for method in ADAPTERS.values():
        if method.peft_type == kind:
            return method.load(hf, Path(folder))
    known = ", ".join(m.peft_type for m in ADAPTERS.values())
    raise AdaptationError(
        f"the adapter in {folder} is of the type {kind!r}; known are {known}",
        zh=f"{folder} 中的适配器类型为 {kind!r}；支持的类型有 {known}",
    )


@contextmanager
def attached(hf: PreTrainedModel, folder: Path | None, *, merge: bool = True) -> Iterator[Handle | None]:
    """``hf`` with the adapter of ``folder`` for the duration (None: with none), merged into a copy of the weights."""
    if folder is None:
        yield None
        return
    handle = attach_folder(hf, folder)
    try:
        if merge:
            handle.merge()
        yield handle
    finally:
        handle.detach()


__all__ = ["ADAPTERS", "Handle", "LoraConfig", "LoraHandle", "attach", "attach_folder", "attached", "save"]
