"""Tiny decoders with random weights, of the architectures that adapters are tried on besides the engine's own tiny Llama."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, Qwen2Config, Qwen2ForCausalLM

from rung.engine import install
from rung.engine.fake import tiny_llama


def qwen2(width=16, spread=0.02, vocabulary=61):
    """Grouped-query attention, biases in it; ``spread`` of the weights."""
    return _made(
        Qwen2ForCausalLM,
        Qwen2Config(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=width * 3 // 2, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=spread,
        ),
    )  # fmt: skip


def gpt2(width=16, spread=0.02, vocabulary=61):
    """Conv1D layers, learned positions."""
    return _made(
        GPT2LMHeadModel,
        GPT2Config(
            vocab_size=vocabulary, n_positions=64, n_embd=width, n_layer=2, n_head=2, initializer_range=spread, resid_pdrop=0.0,
            embd_pdrop=0.0, attn_pdrop=0.0,
        ),
    )  # fmt: skip


def neox(width=16, spread=0.02, parallel=True, vocabulary=61):
    """Attention and feed-forward side by side, or one behind the other."""
    return _made(
        GPTNeoXForCausalLM,
        GPTNeoXConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=width * 3 // 2, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, initializer_range=spread, use_parallel_residual=parallel,
        ),
    )  # fmt: skip


def _made(kind, config):
    torch.manual_seed(0)
    hf = kind(config).eval()
    install(hf)
    return hf


DECODERS = (tiny_llama, qwen2, gpt2, neox)
every_decoder = pytest.mark.parametrize("build", DECODERS, ids=lambda build: build.__name__)
