"""What the frozen model is asked besides answers: to compute its blocks again while something is trained on it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rung.cli.options import recomputing
from rung.engine import load_model
from rung.finetune import checkpointed
from rung.types import ModelError


def test_blocks_are_computed_again_once_it_is_asked() -> None:
    model = load_model("fake")
    assert checkpointed(model.hf) == []
    assert recomputing(model) is model
    assert len(checkpointed(model.hf)) == model.shape.layers


def test_a_model_that_cannot_says_what_to_leave_out() -> None:
    model = load_model("fake")
    model.hf.supports_gradient_checkpointing = False
    with pytest.raises(ModelError, match="leave out --recompute"):
        model.recompute()


def test_what_is_no_model_of_this_process_is_refused() -> None:
    with pytest.raises(ModelError, match="endpoint"):
        recomputing(SimpleNamespace(name="gpt"))
