"""The objective by hand and against torch's cross-entropy."""

import math

import torch
from torch.nn import functional as F

from rung.objectives import sft, token_logprobs


def test_by_hand():
    # Two tokens in three: logits (0, ln 2, 0) -> probabilities 1/4, 1/2, 1/4.
    logits = torch.tensor([[0.0, math.log(2), 0.0]] * 2)
    logprobs = token_logprobs(logits, torch.tensor([1, 2]))
    torch.testing.assert_close(logprobs, torch.tensor([math.log(0.5), math.log(0.25)]))
    torch.testing.assert_close(sft(logprobs), torch.tensor(math.log(8)))  # a sum: -ln(1/2) - ln(1/4)


def test_against_log_softmax_in_float64_with_bfloat16_logits():
    torch.manual_seed(0)
    logits, tokens = (4 * torch.randn(6, 1000)).bfloat16(), torch.randint(1000, (6,))
    wanted = F.log_softmax(logits.double(), -1).gather(1, tokens[:, None])[:, 0].float()
    got = token_logprobs(logits, tokens)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=0)
