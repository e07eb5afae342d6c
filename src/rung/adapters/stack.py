"""Two adapters on one base: a soft prompt before every text, and a LoRA or bottleneck adapters in the layers behind it.

    [P_e ; E(x)] -> layers with W + s B A        or        K_l = [P_k,l ; K_l] of layers with W + s B A

The two are trained together, or one on top of the other, which then is frozen (:class:`Frozen`). A soft prompt of embeddings goes
through the adapted layers itself: its keys and values are those of both, and are computed again whenever the layers change.

On disk: each part in a folder of its own, in its own format, and ``adapter_config.json`` over both with the ``peft_type`` RUNG_STACK,
which PEFT does not know and refuses. PEFT takes them one after the other: ``layers/`` merged into the base, then ``soft/``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from rung.adapters import soft_format
from rung.adapters.bottleneck import BottleneckConfig, BottleneckHandle
from rung.adapters.handle import Handle
from rung.adapters.lora import LoraConfig, LoraHandle
from rung.adapters.p_tuning import PTuningConfig
from rung.adapters.p_tuning_v2 import PTuningV2Config
from rung.adapters.peft_format import CONFIG, meaningless, read_config
from rung.adapters.prefix_tuning import PrefixTuningConfig
from rung.adapters.prompt_tuning import PromptTuningConfig
from rung.adapters.soft import SoftHandle
from rung.engine.flops import Shape
from rung.engine.layout import Past
from rung.folders import hash_folder, replacing
from rung.types import AdaptationError

TYPE, SOFT, LAYERS = "RUNG_STACK", "soft", "layers"


@dataclass(frozen=True)
class Frozen:
    """An adapter that was trained before and stays as it is; the hash says that it is still the same."""

    folder: str
    sha256: str

    @classmethod
    def of(cls, folder: Path) -> Frozen:
        return cls(str(folder), hash_folder(Path(folder)))


@dataclass(frozen=True)
class StackConfig:
    """The two parts; at most one of them :class:`Frozen`. Raises :class:`AdaptationError` for parts that do not stack."""

    soft: PromptTuningConfig | PTuningConfig | PrefixTuningConfig | PTuningV2Config | Frozen = field(
        default_factory=PromptTuningConfig
    )
    layers: LoraConfig | BottleneckConfig | Frozen = field(default_factory=LoraConfig)  # QloraConfig is a LoraConfig

    def __post_init__(self) -> None:
        soft = (PromptTuningConfig, PTuningConfig, PrefixTuningConfig, PTuningV2Config, Frozen)
        layers = (LoraConfig, BottleneckConfig, Frozen)
        both = isinstance(self.soft, Frozen) and isinstance(self.layers, Frozen)
        if not isinstance(self.soft, soft) or not isinstance(self.layers, layers) or both:
            raise _no_stack(f"{type(self.soft).__name__} + {type(self.layers).__name__}")


class StackHandle(Handle):
    """Both parts on ``hf`` until :meth:`detach`. ``trained``: which of the parts, "soft" and "layers", are being trained."""

    method = "stack"

    def __init__(self, soft: SoftHandle, layers: Handle, config: StackConfig | None, trained: tuple[str, ...]):
        super().__init__(soft.hf)  # no weight asks for gradients any more: the layers came first
        self.soft, self.layers, self.config, self.trained = soft, layers, config, trained
        for name, part in self._parts:
            for p in part.parameters.values():
                p.requires_grad_(name in trained)

    @property
    def _parts(self) -> tuple[tuple[str, Handle], ...]:
        return (SOFT, self.soft), (LAYERS, self.layers)

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Name -> parameter of what is trained, such as ``soft.table`` and ``layers.model.layers.0.mlp.up_proj.lora_A.weight``."""
        parts = [(name, part) for name, part in self._parts if name in self.trained]
        return {f"{name}.{inner}": p for name, part in parts for inner, p in part.parameters.items()}

    @property
    def kept(self) -> int:
        return self.soft.kept + self.layers.kept

    def past(self) -> Past:
        """Keys and values of the soft prompt, through the layers as they are now, with gradients."""
        return self.soft.past()

    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` beyond the base's; the layers see embeddings that stand before the text too."""
        seen = 0 if self.soft.source.deep else self.soft.length
        return self.soft.flops(shape, tokens) + self.layers.flops(shape, tokens + seen)

    def train(self, training: bool = True) -> None:
        for name, part in self._parts:
            part.train(training and name in self.trained)

    def merge(self) -> None:
        """The layers into a copy of the weights, where they can be, then the soft prompt into its keys and values."""
        self.layers.merge()
        self.soft.merge()

    def unmerge(self) -> None:
        self.soft.unmerge()
        self.layers.unmerge()

    def fold_layers(self) -> SoftHandle:
        """Writes the layers into the weights of ``hf`` for good; the soft prompt is left on it, and is what comes back.

        Raises :class:`AdaptationError` where the layers are no change of the weights (bottleneck adapters).
        """
        self.soft.unmerge()
        self.layers.fold()
        return self.soft

    def detach(self) -> None:
        self.soft.detach()
        self.layers.detach()
        super().detach()


def attach(
    hf: PreTrainedModel, config: StackConfig, seed: int, one: Callable[..., Any], load_one: Callable[..., Any]
) -> StackHandle:
    """Both parts on ``hf``, a fresh one by ``one(hf, config, seed)`` and a frozen one by ``load_one(hf, folder)``.

    The layers come first, so that a prefix begins with the keys and values which they give. Raises :class:`AdaptationError` when
    ``hf`` carries an adapter already, and for a frozen part that was changed, is for another base, or does not stack.
    """

    def put(part: Any) -> Any:
        if not isinstance(part, Frozen):
            return one(hf, part, seed)
        if hash_folder(Path(part.folder)) != part.sha256:
            raise AdaptationError(
                f"the adapter in {part.folder} was changed since it was named; take Frozen.of(folder) again",
                zh=f"{part.folder} 中的适配器在指定之后被改过；请重新使用 Frozen.of(folder)",
            )
        return load_one(hf, Path(part.folder))

    trained = tuple(name for name in (SOFT, LAYERS) if not isinstance(getattr(config, name), Frozen))
    return _stacked(lambda: put(config.layers), lambda: put(config.soft), config, trained)


def _stacked(
    layers: Callable[[], Handle], soft: Callable[[], Handle], config: StackConfig | None, trained: tuple[str, ...]
) -> StackHandle:
    """The handle over two parts that are put on in this order; nothing is left on the model where that fails."""
    parts: list[Any] = []
    try:
        parts.append(layers())
        parts.append(soft())
        if not isinstance(parts[0], LoraHandle | BottleneckHandle) or not isinstance(parts[1], SoftHandle):
            raise _no_stack(f"{parts[1].method} + {parts[0].method}")
    except BaseException:
        for part in reversed(parts):
            part.detach()
        raise
    parts[1].unmerge()  # kept keys and values are those of the layers without the other part
    return StackHandle(parts[1], parts[0], config, trained)


def save(handle: StackHandle, folder: Path, save_one: Callable[..., None], *, base: str = "") -> None:
    """Write both parts, the frozen one too, whole or not at all; ``base`` is the base model's name or path."""
    fields = {
        "peft_type": TYPE,
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        SOFT: SOFT,
        LAYERS: LAYERS,
    }
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        soft_format.save(handle.soft, fresh / SOFT, base=base, past=False)
        save_one(handle.layers, fresh / LAYERS, base=base)


def load(hf: PreTrainedModel, folder: Path, load_one: Callable[..., Any]) -> StackHandle:
    """Both parts of ``folder`` on ``hf``; :class:`AdaptationError` where one of them does not fit."""
    fields = read_config(folder)
    for part in (SOFT, LAYERS):
        if fields.get(part) != part:
            raise meaningless(folder, part, fields.get(part))
    return _stacked(lambda: load_one(hf, folder / LAYERS), lambda: load_one(hf, folder / SOFT), None, (SOFT, LAYERS))


def _no_stack(found: str) -> AdaptationError:
    return AdaptationError(
        f"{found} do not stack: a stack is a soft prompt (prompt tuning, P-tuning, prefix tuning, P-tuning v2) and a LoRA, QLoRA or "
        "bottleneck adapters, at most one of the two frozen",
        zh=f"{found} 无法叠加：可叠加的是一个软提示（prompt tuning、P-tuning、prefix tuning、P-tuning v2）"
        "与一个 LoRA、QLoRA 或瓶颈适配器，且至多冻结其一",
    )
