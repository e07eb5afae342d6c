"""What may be trained on top of a frozen model. One method = one file = one line of :data:`ADAPTERS`.

handle = attach(hf, LoraConfig(rank=8), seed=0)    # fresh
save(handle, folder, base="sprout")                # PEFT's own format
with attached(hf, folder): ...                     # any method: the folder says which
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from rung.adapters import (
    bottleneck,
    bottleneck_format,
    full,
    lora,
    p_tuning,
    p_tuning_v2,
    peft_format,
    prefix_tuning,
    prompt_tuning,
    quantised,
    soft_format,
    stack,
)
from rung.adapters.bottleneck import BottleneckConfig, BottleneckHandle
from rung.adapters.full import FullConfig, FullHandle
from rung.adapters.handle import Handle
from rung.adapters.lora import LoraConfig, LoraHandle, refuse_second
from rung.adapters.p_tuning import PTuningConfig
from rung.adapters.p_tuning_v2 import PTuningV2Config
from rung.adapters.prefix_tuning import PrefixTuningConfig
from rung.adapters.prompt_tuning import PromptTuningConfig
from rung.adapters.quantised import QloraConfig, QloraHandle
from rung.adapters.soft import SoftHandle
from rung.adapters.stack import Frozen, StackConfig, StackHandle
from rung.types import AdaptationError


@dataclass(frozen=True)
class Method:
    """How a kind of adapter is begun, written and read.

    ``mine``: whether a folder with this PEFT configuration holds one. Two methods may share a ``peft_type``; the field
    ``quantisation`` says how the base is packed (None: it is not), and is no field of PEFT's.
    """

    config: type
    attach: Callable[..., Any]
    save: Callable[..., None]
    load: Callable[[PreTrainedModel, Path], Any]
    mine: Callable[[Mapping[str, Any]], bool]


KNOWN = (
    "LORA",
    "PROMPT_TUNING",
    "P_TUNING",
    "PREFIX_TUNING",
    full.TYPE,
    bottleneck_format.TYPE,
    stack.TYPE,
)  # RUNG_: not PEFT's
ADAPTERS: dict[str, Method] = {
    "prompt-tuning": Method(
        PromptTuningConfig, prompt_tuning.attach, soft_format.save, soft_format.load,
        lambda config: config["peft_type"] == "PROMPT_TUNING",
    ),
    "p-tuning": Method(
        PTuningConfig, p_tuning.attach, soft_format.save, soft_format.load,
        lambda config: config["peft_type"] == "P_TUNING",
    ),
    "prefix-tuning": Method(
        PrefixTuningConfig, prefix_tuning.attach, soft_format.save, soft_format.load,
        lambda config: config["peft_type"] == "PREFIX_TUNING" and bool(config.get("prefix_projection")),
    ),
    "p-tuning-v2": Method(
        PTuningV2Config, p_tuning_v2.attach, soft_format.save, soft_format.load,
        lambda config: config["peft_type"] == "PREFIX_TUNING" and not config.get("prefix_projection"),
    ),
    "adapter": Method(
        BottleneckConfig, bottleneck.attach, bottleneck_format.save, bottleneck_format.load,
        lambda config: config["peft_type"] == bottleneck_format.TYPE,
    ),
    "qlora": Method(
        QloraConfig, quantised.attach, quantised.save, quantised.load,
        lambda config: config["peft_type"] == "LORA" and config["quantisation"] is not None,
    ),
    "lora": Method(
        LoraConfig, lora.attach, peft_format.save_lora, peft_format.load_lora,
        lambda config: config["peft_type"] == "LORA" and config["quantisation"] is None,
    ),
    "full": Method(
        FullConfig, full.attach, full.save, full.load,
        lambda config: config["peft_type"] == full.TYPE,
    ),
    "stack": Method(  # of two of the others
        StackConfig, lambda hf, config, seed: stack.attach(hf, config, seed, _attach_part, _load_part),
        lambda handle, folder, *, base="": stack.save(handle, folder, save, base=base),
        lambda hf, folder: stack.load(hf, folder, _load_part),
        lambda config: config["peft_type"] == stack.TYPE,
    ),
}  # fmt: skip


def attach(hf: PreTrainedModel, config: Any, seed: int = 0) -> Handle:
    """A fresh adapter on ``hf``, of the method that ``config`` belongs to.

    Raises :class:`AdaptationError` for what is no configuration, and where ``hf`` carries an adapter already.
    """
    method = next((m for m in ADAPTERS.values() if m.config is type(config)), None)
    if method is None:
        known = ", ".join(m.config.__name__ for m in ADAPTERS.values())
        raise AdaptationError(
            f"{config!r} is no configuration of an adapter; give one of {known}, such as LoraConfig(rank=8)",
            zh=f"{config!r} 不是适配器的配置；请使用 {known} 之一，例如 LoraConfig(rank=8)",
        )
    refuse_second(hf)
    return method.attach(hf, config, seed)


def save(handle: Handle, folder: Path, *, base: str = "") -> None:
    """Write an adapter in PEFT's format, whole or not at all; ``base`` is the base model's name or path."""
    ADAPTERS[handle.method].save(handle, Path(folder), base=base)


def attach_folder(hf: PreTrainedModel, folder: Path) -> Handle:
    """The adapter of ``folder`` on ``hf``, whatever its method; :class:`AdaptationError` where it does not fit.

    Nor where ``hf`` carries an adapter already.
    """
    method = ADAPTERS[method_of(folder)]
    refuse_second(hf)
    return method.load(hf, Path(folder))


def _attach_part(hf: PreTrainedModel, config: Any, seed: int) -> Handle:
    """One part of a stack, beside the other."""
    return next(m for m in ADAPTERS.values() if m.config is type(config)).attach(hf, config, seed)


def _load_part(hf: PreTrainedModel, folder: Path) -> Handle:
    return ADAPTERS[method_of(folder)].load(hf, folder)


def method_of(folder: Path) -> str:
    """Which method of :data:`ADAPTERS` the adapter in ``folder`` is of; :class:`AdaptationError` where it is of none."""
    config = {**peft_format.read_config(Path(folder)), "quantisation": quantised.read_form(Path(folder))}
    for name, method in ADAPTERS.items():
        if method.mine(config):
            return name
    kind, known = config["peft_type"], ", ".join(KNOWN)
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


__all__ = [
    "ADAPTERS", "BottleneckConfig", "BottleneckHandle", "Frozen", "FullConfig", "FullHandle", "Handle", "LoraConfig", "LoraHandle",
    "PTuningConfig", "PTuningV2Config", "PrefixTuningConfig", "PromptTuningConfig", "QloraConfig", "QloraHandle", "SoftHandle",
    "StackConfig", "StackHandle", "attach", "attach_folder", "attached", "method_of", "save",
]  # fmt: skip
