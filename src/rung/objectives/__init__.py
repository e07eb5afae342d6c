"""What is wanted, as pure functions of log-probabilities: nothing here has ever seen a model."""

from rung.objectives.logprobs import token_logprobs
from rung.objectives.sft import sft

__all__ = ["sft", "token_logprobs"]
