"""States against transformers' ``output_hidden_states``, one text at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import OPTConfig, OPTForCausalLM

from rung.engine import Model, install
from rung.engine.hidden import hidden
from rung.engine.trunk import Trunk
from rung.types import ModelError

TEXTS = ["short", "a much longer text than the others 很长", "x", "short"]


@pytest.mark.parametrize("pool", ["last", "mean"])
def test_states_equal_those_of_lone_texts(fake: Model, pool) -> None:
    for batch_size in (1, 2, None):
        fake.batch_size = batch_size
        found = fake.hidden(TEXTS, [0, 1, -1], pool)
        assert found.shape == (4, 3, 32)
        assert found.dtype == np.float32
        for text, states in zip(TEXTS, found, strict=True):
            with torch.no_grad():
                whole = fake.hf(input_ids=torch.tensor([fake.encode(text)]), output_hidden_states=True).hidden_states
            for layer, state in zip((0, 1, -1), states, strict=True):
                expected = whole[layer][0, -1] if pool == "last" else whole[layer][0].mean(0)
                assert np.allclose(state, expected.numpy(), atol=1e-5)


def test_equal_texts_are_computed_once(fake: Model) -> None:
    before = fake.meter.tokens
    fake.hidden(["abc"] * 10, [1], "last")
    assert fake.meter.tokens - before == 4  # BOS and three bytes


def test_both_pools_come_out_of_one_forward(fake: Model) -> None:
    last, mean = fake.hidden(TEXTS, [0, -1], "last"), fake.hidden(TEXTS, [0, -1], "mean")
    before = fake.meter.forwards
    both = fake.hidden_pools(TEXTS, [0, -1], ["mean", "last"])
    assert fake.meter.forwards - before == 1
    assert both.shape == (4, 2, 2, 32)
    assert np.array_equal(both[:, 0], mean)
    assert np.array_equal(both[:, 1], last)


def test_a_layer_that_does_not_exist(fake: Model) -> None:
    assert np.array_equal(fake.hidden(["a"], [2, -3]), fake.hidden(["a"], [-1, 0]))
    for layer in (3, -4):
        with pytest.raises(ModelError, match="the model has 2"):
            fake.hidden(["a"], [layer])
    with pytest.raises(ValueError, match="pool"):
        fake.hidden(["a"], [0], "max")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="needs 9001"):
        fake.hidden(["a" * 9000], [0])
    assert fake.hidden([], [0, 1]).shape == (0, 2, 32)


def test_a_last_state_that_is_narrower_is_told() -> None:
    """OPT-350m projects from 1,024 down to the 512 of its embeddings."""
    sizes = {
        "hidden_size": 32,
        "word_embed_proj_dim": 16,
        "ffn_dim": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    hf = OPTForCausalLM(
        OPTConfig(vocab_size=97, max_position_embeddings=64, do_layer_norm_before=False, **sizes)
    ).eval()
    install(hf)
    with pytest.raises(ModelError, match="different widths, {1: 32, -1: 16}"):
        hidden(Trunk(hf), [[5, 6, 7]], [1, -1], ["mean"])
    assert hidden(Trunk(hf), [[5, 6, 7]], [0, 1], ["mean"]).shape == (1, 1, 2, 32)
