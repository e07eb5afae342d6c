"""The one dial: any size gives a shape whose parameters are close to it, and the shipped shapes stay."""

import pytest
from transformers import LlamaForCausalLM

from rung.pretrain.model import dimensions, parameters, shape
from rung.types import UserError


@pytest.mark.parametrize(
    "size, known",
    [
        ("0.5M", (3, 64, 192, 2)),
        ("2M", (4, 128, 352, 2)),
        ("7M", (6, 256, 704, 4)),  # sprout
        ("16M", (8, 384, 1024, 6)),
        ("40M", (10, 576, 1536, 9)),
    ],
)
def test_shapes_that_models_were_made_with(size, known):
    assert dimensions(size) == known


@pytest.mark.parametrize("size", ["1M", "3M", "5M", "12M", "25M", "100M", "350M", "1.2B", "13B"])
def test_the_parameters_are_within_a_quarter_of_the_size(size):
    depth, width, inner, heads = dimensions(size)
    named = float(size[:-1]) * {"M": 1e6, "B": 1e9}[size[-1]]
    assert parameters(depth, width, inner) == pytest.approx(named, rel=0.25)
    assert width % heads == 0 and width // heads in (32, 64)


def test_larger_is_larger_everywhere():
    found = [dimensions(size) for size in ("0.5M", "2M", "7M", "40M", "350M", "1.2B")]
    for values in zip(*found, strict=True):
        assert list(values) == sorted(values)


def test_the_count_is_that_of_the_model():
    model = LlamaForCausalLM(shape("1M", 8192, 128, 0, 1))
    depth, width, inner, _ = dimensions("1M")
    norms = (2 * depth + 1) * width
    assert sum(p.numel() for p in model.parameters()) == parameters(depth, width, inner) + norms


def test_spelling_is_free():
    assert dimensions("7m") == dimensions(" 7M ") == dimensions("7000K") == dimensions("0.007B")


@pytest.mark.parametrize("size", ["7", "", "big", "-7M", "0.1M", "100B", "7 M", "1e6"])
def test_what_is_no_size_is_refused_with_what_to_type(size):
    with pytest.raises(UserError, match=r"from 0.5M to 20B, such as 2M, 7M") as error:
        dimensions(size)
    assert "0.5M 到 20B" in error.value.zh
