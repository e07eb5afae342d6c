"""Two tiny models with random weights (one of them with Conv1D layers), and an adapter that does something."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from rung.engine.fake import tiny_llama as build_llama


def build_gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=61, n_positions=32, n_embd=16, n_layer=2, n_head=2)).eval()


@pytest.fixture
def tiny_gpt2():
    return build_gpt2


@pytest.fixture(params=[build_llama, build_gpt2], ids=["llama", "gpt2"])
def build(request):
    """A function that gives the same fresh model each time."""
    return request.param


@pytest.fixture
def hf(build):
    return build()


@pytest.fixture
def stir():
    """Random B (and lengths of DoRA), so that the adapter does something."""

    def change(handle, seed=1):
        generator = torch.Generator().manual_seed(seed)
        for name, p in handle.parameters.items():
            if "lora_B" in name:
                p.data.normal_(0, 0.03, generator=generator)
            if "magnitude" in name:
                p.data.mul_(torch.empty(p.shape).uniform_(0.7, 1.3, generator=generator))

    return change
