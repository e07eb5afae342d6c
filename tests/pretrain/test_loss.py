"""The loss of rows: torch's own on a row, and with boundaries that of each document alone."""

import pytest
import torch
from transformers import LlamaForCausalLM

from rung.pretrain.loss import NextTokens, same_document
from rung.pretrain.model import shape

MARK = 0
ROW = [MARK, 5, 6, 7, MARK, 8, 9, MARK, 10, 11, 12, 13, MARK]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return LlamaForCausalLM(shape("0.5M", 50, 64, MARK, 1))


def of(model, row, mark=None):
    with torch.no_grad():
        return float(NextTokens(model, mark=mark, precision="float32")(torch.tensor([row])))


def test_the_loss_is_that_of_transformers(model):
    with torch.no_grad():
        mean = float(model(torch.tensor([ROW[:-1]]), labels=torch.tensor([ROW[:-1]])).loss)
    assert of(model, ROW[:-1]) == pytest.approx(mean * (len(ROW) - 2), rel=1e-5)


def test_with_boundaries_a_row_is_its_documents_alone(model):
    """Each document in a row of its own starts at position 0: rotary attention does not know the difference."""
    alone = of(model, [MARK, 5, 6, 7, MARK]) + of(model, [MARK, 8, 9, MARK]) + of(model, [MARK, 10, 11, 12, 13, MARK])
    assert of(model, ROW, MARK) == pytest.approx(alone, rel=1e-6)
    assert abs(of(model, ROW) - alone) > 1e-4  # without them the second looks at the first


def test_a_row_may_begin_inside_a_document(model):
    assert of(model, ROW[2:], MARK) == pytest.approx(of(model, ROW[2:5]) + of(model, ROW[4:], MARK), rel=1e-6)


def test_the_mask_by_hand():
    mask = same_document(torch.tensor([[5, MARK, 6, MARK], [7, 8, 9, 10]]), MARK)
    assert mask.shape == (2, 1, 4, 4)
    assert mask[0, 0].int().tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]
    assert torch.equal(mask[1, 0], torch.ones(4, 4, dtype=torch.bool).tril())
