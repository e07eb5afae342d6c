"""Tiny models of four architectures, random weights from a fixed seed, and a plain forward to compare with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    PreTrainedModel,
    Qwen2Config,
)

from rung.engine import Model, fake_model, load_model

VOCABULARY = 97
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES, num_key_value_heads=2),
    "qwen2": Qwen2Config(**SIZES, num_key_value_heads=2),
    "gpt2": GPT2Config(
        vocab_size=VOCABULARY,
        n_embd=32,
        n_layer=3,
        n_head=4,
        n_positions=256,
        initializer_range=0.2,
        bos_token_id=1,
        eos_token_id=2,
    ),
    "gpt_neox": GPTNeoXConfig(**SIZES),
}


def _build(kind: str) -> PreTrainedModel:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(CONFIGS[kind]).eval()


def _plain_logprobs(hf: PreTrainedModel, context: Sequence[int], options: Sequence[Sequence[int]]) -> list[float]:
    scores = []
    for option in options:
        with torch.no_grad():
            row = hf(input_ids=torch.tensor([[*context, *option]])).logits[0].float().log_softmax(-1)
        scores.append(sum(float(row[len(context) - 1 + i, token]) for i, token in enumerate(option)))
    return scores


@pytest.fixture(scope="session")
def build() -> Callable[[str], PreTrainedModel]:
    """A model of a kind (llama, qwen2, gpt2, gpt_neox) with 97 tokens, its weights the same in every run."""
    return _build


@pytest.fixture(scope="session")
def plain_logprobs() -> Callable[..., list[float]]:
    """The reference: transformers' own forward, one option at a time, full log-softmax, no sharing of anything."""
    return _plain_logprobs


@pytest.fixture(scope="session")
def stories() -> Model:
    """A pre-trained model of 260K parameters (Llama, its tokenizer puts BOS in front)."""
    shared = Path(os.environ.get("RUNG_SHARED", Path(__file__).parents[3] / "shared"))
    folder = shared / "data" / "models" / "stories260K"
    if not folder.is_dir():
        pytest.skip(f"no model in {folder}; set RUNG_SHARED")
    return load_model(str(folder), device="cpu")


@pytest.fixture(scope="session")
def fake() -> Model:
    return fake_model()
