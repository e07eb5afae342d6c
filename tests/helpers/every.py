"""Every method that hangs on a model, small; and numbers that make it do something."""

import pytest
import torch

from rung.adapters import (
    BottleneckConfig,
    FullConfig,
    LoraConfig,
    PrefixTuningConfig,
    PromptTuningConfig,
    PTuningConfig,
    PTuningV2Config,
    QloraConfig,
    StackConfig,
)

EVERY = {
    "prompt-tuning": PromptTuningConfig(length=3),
    "p-tuning": PTuningConfig(length=3),
    "p-tuning-lstm": PTuningConfig(length=3, encoder="lstm", hidden=8),
    "prefix-tuning": PrefixTuningConfig(length=3),
    "p-tuning-v2": PTuningV2Config(length=3),
    "houlsby": BottleneckConfig(bottleneck=4, placement="houlsby"),
    "pfeiffer": BottleneckConfig(bottleneck=4),
    "parallel": BottleneckConfig(bottleneck=4, placement="parallel"),
    "lora": LoraConfig(rank=2, alpha=3.0),
    "dora": LoraConfig(rank=2, alpha=3.0, dora=True),
    "qlora": QloraConfig(rank=2, alpha=3.0),
    "full": FullConfig(),
    "full-embeddings": FullConfig(embeddings=True),
}
STACKS = {
    "prompt-tuning + lora": StackConfig(PromptTuningConfig(length=3), LoraConfig(rank=2, alpha=3.0)),
    "p-tuning + parallel": StackConfig(PTuningConfig(length=3), BottleneckConfig(bottleneck=4, placement="parallel")),
    "prefix-tuning + dora": StackConfig(PrefixTuningConfig(length=3), LoraConfig(rank=2, alpha=3.0, dora=True)),
    "p-tuning-v2 + houlsby": StackConfig(
        PTuningV2Config(length=3), BottleneckConfig(bottleneck=4, placement="houlsby")
    ),
    "p-tuning-v2 + qlora": StackConfig(PTuningV2Config(length=3), QloraConfig(rank=2, alpha=3.0)),
}
every_method = pytest.mark.parametrize("method", EVERY)


def config_of(method):
    """Its configuration; skips the test where what it needs is not installed."""
    if "qlora" in method:
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the quant and dev extras")
    return {**EVERY, **STACKS}[method]


def stirred(handle, seed=1, by=0.05):
    """Noise on everything that is trained, so that the adapter does something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in handle.parameters.values():
            p.add_(torch.randn(p.shape, generator=generator).to(p), alpha=by)
    return handle
