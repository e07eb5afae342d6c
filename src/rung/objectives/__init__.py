"""What is wanted, as pure functions of log-probabilities: nothing here has ever seen a model."""

from rung.objectives.distill import distill
from rung.objectives.logprobs import option_logprobs, token_logprobs
from rung.objectives.options import options
from rung.objectives.sft import sft

__all__ = ["distill", "option_logprobs", "options", "sft", "token_logprobs"]
