"""The loss over options, by hand and against torch's cross-entropy, and the sums that it is given."""

import math

import torch
from torch.nn import functional as F

from rung.objectives import option_logprobs, options


def test_by_hand():
    # Two options of probability 1/8 and 3/8: the other half of the probability is no answer and costs nothing.
    logprobs = torch.tensor([[math.log(1 / 8), math.log(3 / 8)]] * 2)
    torch.testing.assert_close(options(logprobs, torch.tensor([0, 1])), torch.tensor(math.log(4) + math.log(4 / 3)))


def test_against_cross_entropy_and_a_constant_per_example_changes_nothing():
    torch.manual_seed(0)
    logprobs, right = torch.randn(5, 7) - 20, torch.randint(7, (5,))
    torch.testing.assert_close(options(logprobs, right), F.cross_entropy(logprobs, right, reduction="sum"))
    torch.testing.assert_close(options(logprobs - torch.randn(5, 1), right), options(logprobs, right))


def test_an_option_that_is_not_there_has_no_gradient():
    logprobs = torch.tensor([[-1.0, -2.0, -math.inf], [-1.0, -2.0, -3.0]], requires_grad=True)
    loss = options(logprobs, torch.tensor([1, 2]))
    alone = options(logprobs[:1, :2], torch.tensor([1])) + options(logprobs[1:], torch.tensor([2]))
    torch.testing.assert_close(loss, alone)
    (gradient,) = torch.autograd.grad(loss, logprobs)
    assert gradient[0, 2] == 0 and gradient.isfinite().all()
    torch.testing.assert_close(gradient.sum(1), torch.zeros(2))  # what one option wins the others lose


def test_options_are_sums_of_their_tokens_and_share_rows():
    """Two examples in a table of two: options (3) and (3, 1) of the first share row 0; the second has one option, (2)."""
    torch.manual_seed(0)
    logits = torch.randn(3, 5).bfloat16()
    logs = logits.float().log_softmax(-1)
    rows, tokens, places = torch.tensor([[0, 0, 1, 2], [3, 3, 1, 2], [0, 1, 1, 2]])
    got = option_logprobs(logits, rows, tokens, places, (2, 2))
    wanted = torch.tensor([[logs[0, 3], logs[0, 3] + logs[1, 1]], [logs[2, 2], -math.inf]])
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, wanted)
