"""Adapters of every method that can share a base, random and strong enough to change answers, saved as folders."""

from pathlib import Path

import torch

from rung.adapters import (
    BottleneckConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    StackConfig,
    attach,
    save,
)

METHODS = {
    "lora": LoraConfig(rank=2), "lora-8": LoraConfig(rank=8, rslora=True), "dora": LoraConfig(rank=4, dora=True),
    "adapter": BottleneckConfig(4), "parallel": BottleneckConfig(4, placement="parallel", scale=2.0),
    "houlsby": BottleneckConfig(4, placement="houlsby"), "prompt": PromptTuningConfig(3), "p-tuning": PTuningConfig(4),
    "prefix": PrefixTuningConfig(5), "v2": PTuningV2Config(2), "v2-long": PTuningV2Config(70),
    "prompt + dora": StackConfig(PromptTuningConfig(3), LoraConfig(rank=2, dora=True)),
    "v2 + adapter": StackConfig(PTuningV2Config(2), BottleneckConfig(4)),
}  # fmt: skip


def folders(hf, where: Path, methods=METHODS) -> dict[str, Path]:
    """One random adapter of each method for ``hf``; the model is left as it was."""
    made = {}
    for number, name in enumerate(methods):
        handle = attach(hf, METHODS[name], seed=number)
        generator = torch.Generator().manual_seed(number)
        for key, p in handle.parameters.items():
            spread = 0.3 if p.ndim > 1 else 0.1
            p.data.add_(torch.empty(p.shape).normal_(0, spread, generator=generator) if "magnitude" not in key else 0.3)
        save(handle, where / name, base="tiny")
        handle.detach()
        made[name] = where / name
    return made
