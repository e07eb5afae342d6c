"""Full fine-tuning: every weight W is trained, W <- W - rate * Adam(dL/dW), and nothing is added to the model.

What it costs beside LoRA: 2 N operations more for each token (the gradients of the weights), 16 bytes for each trained
number while it trains (weight, gradient, two moments of Adam, in float32), and a folder as large as the model.

Weights are trained in float32 whatever the base's precision: bfloat16 has 8 significant bits, so that a step below a
512th of a weight is rounded away, and most steps at the usual learning rates (1e-5 to 5e-5 for a large model) are. The
products may still be in bfloat16, by autocast (:mod:`rung.finetune`). Outside training the weights are in the base's
own precision: that is what is measured, saved and served.

On disk: ``adapter_config.json`` with the ``peft_type`` RUNG_FULL, which PEFT does not know and refuses, and
``adapter_model.safetensors`` with the trained tensors by their names in the model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from rung.adapters.handle import TRAINED, Handle
from rung.adapters.lora import refuse_second
from rung.adapters.peft_format import CONFIG, WEIGHTS, misfit, read_config, read_weights
from rung.adapters.values import FLAG, check_values
from rung.engine.flops import Shape
from rung.folders import replacing
from rung.types import AdaptationError

TYPE = "RUNG_FULL"


@dataclass(frozen=True)
class FullConfig:
    """Which weights are trained. The learning rate wants to be below LoRA's: a third of it on a model of 7M parameters, a tenth on large ones."""

    embeddings: bool = False  # tables and head too: 1.36x the time at 152,000 tokens, more is forgotten; for new words

    def __post_init__(self) -> None:
        check_values(self, "full fine-tuning", "全量微调", {"embeddings": (isinstance(self.embeddings, bool), FLAG)})


class FullHandle(Handle):
    """A model whose own weights are being trained, until :meth:`detach` puts the base's tensors back.

    tensors: the weights to begin with, by the names of :func:`trainable`; what is not named begins as it is.
    """

    method = "full"

    def __init__(self, hf: PreTrainedModel, config: FullConfig, tensors: Mapping[str, Tensor] | None = None):
        refuse_second(hf)
        super().__init__(hf)
        self.config = config
        self._trained = trainable(hf, config)
        self._base = {name: p.data for name, p in self._trained.items()}
        self.dtypes = {name: p.dtype for name, p in self._trained.items()}  # the base's
        self._masters: dict[str, Tensor] = {}
        self._training = False
        for name, p in self._trained.items():
            found = (tensors or {}).get(name, p.data)
            p.data = found.to(device=p.device, dtype=p.dtype, copy=True)
            p.requires_grad_(True)
        hf.__dict__[TRAINED] = self

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Name -> the model's own parameter, tied ones once; in float32 while it trains."""
        return self._trained

    def flops(self, shape: Shape, tokens: int) -> float:
        """Operations of a training step over ``tokens`` beyond those of a frozen base: the gradients of the weights, 2 N.

        A trained head's are counted where its positions are known (:func:`rung.finetune.training_flops`); a table's
        gradient is a copy.
        """
        return 2.0 * shape.nonembedding * tokens

    def train(self, training: bool = True) -> None:
        """The weights in float32 to be trained, or in the base's precision to be used.

        The float32 numbers are kept: what is below the base's precision goes on adding up. Dropout stays off.
        """
        if training == self._training:
            return
        self._training = training
        for name, p in self._trained.items():
            if training:
                p.data = self._masters.pop(name, p.data).float()
            else:
                self._masters[name] = p.data
                p.data = p.data.to(self.dtypes[name])

    def fold(self) -> None:
        """The trained weights stay, and the base's are forgotten."""
        self.train(False)
        self._base = {name: p.data for name, p in self._trained.items()}
        self.detach()

    def detach(self) -> None:
        """The base's own tensors are back, bit for bit. Twice is no harm."""
        if self.hf.__dict__.get(TRAINED) is not self:
            return
        del self.hf.__dict__[TRAINED]
        self.train(False)
        for name, p in self._trained.items():
            p.data, p.grad = self._base[name], None
            p.requires_grad_(False)
        super().detach()


def attach(hf: PreTrainedModel, config: FullConfig = FullConfig(), seed: int = 0) -> FullHandle:
    """Makes the weights of ``hf`` trainable. ``seed`` decides nothing here: training begins where the base is.

    The base's tensors are kept beside the trained ones. Raises :class:`AdaptationError` where ``hf`` carries an adapter.
    """
    return FullHandle(hf, config)


def trainable(hf: PreTrainedModel, config: FullConfig) -> dict[str, nn.Parameter]:
    """Name -> parameter of what is trained, tied ones once: the blocks and norms, and with ``embeddings`` all the rest."""
    head = hf.get_output_embeddings()
    outside = [m for m in hf.modules() if isinstance(m, nn.Embedding) or m is head]
    left_out = set() if config.embeddings else {id(p) for m in outside for p in m.parameters()}
    return {name: p for name, p in hf.named_parameters() if id(p) not in left_out}


def save(handle: FullHandle, folder: Path, *, base: str = "") -> None:
    """Write the trained tensors to ``folder``, whole or not at all, in the base's precision."""
    fields = {
        "peft_type": TYPE,
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base or None,
        "embeddings": handle.config.embeddings,
        "dtype": str(next(iter(handle.dtypes.values()))).removeprefix("torch."),
    }
    tensors = {n: p.detach().to(handle.dtypes[n]).cpu().contiguous() for n, p in handle.parameters.items()}
    with replacing(folder) as fresh:
        (fresh / CONFIG).write_text(json.dumps(fields, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        save_file(tensors, fresh / WEIGHTS, metadata={"format": "pt"})


def load(hf: PreTrainedModel, folder: Path) -> FullHandle:
    """``hf`` with the weights of ``folder``, in the precision of ``hf``; :class:`AdaptationError` where they do not fit."""
    config = FullConfig(_embeddings(read_config(folder), folder))
    tensors, wanted = read_weights(folder), trainable(hf, config)
    absent, unknown = sorted(wanted.keys() - tensors.keys()), sorted(tensors.keys() - wanted.keys())
    if absent:
        raise misfit(folder, f"lacks the weights {absent[0]}", f"缺少权重 {absent[0]}")
    if unknown:
        raise misfit(
            folder,
            f"has weights for {unknown[0]}, which are not trained in this model",
            f"含有 {unknown[0]} 的权重，而该模型不训练它",
        )
    for name, p in wanted.items():
        found = tensors[name]
        if found.shape != p.shape or not found.is_floating_point():
            told, fits = f"{found.dtype} {list(found.shape)}", f"{list(p.shape)}"
            raise misfit(folder, f"has {told} for {name}, where {fits} fits", f"中 {name} 的形状为 {told}，应为 {fits}")
    return FullHandle(hf, config, tensors)


def _embeddings(fields: Mapping[str, Any], folder: Path) -> bool:
    found = fields.get("embeddings")
    if not isinstance(found, bool):
        raise AdaptationError(
            f"{folder / CONFIG} does not say whether embeddings were trained: embeddings is {found!r}",
            zh=f"{folder / CONFIG} 没有说明是否训练了嵌入：embeddings 为 {found!r}",
        )
    return found


__all__ = ["FullConfig", "FullHandle", "attach", "load", "save", "trainable"]
