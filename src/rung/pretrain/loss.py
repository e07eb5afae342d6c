"""What pre-training minimises: the cross-entropy of each next token of a batch of rows.

Rows are cut from one long stream of documents, so a row may hold the end of one document and the beginning of the next.
Plain causal attention lets the second look at the first. With ``mark`` it cannot: the mask is block-diagonal. Positions
need not begin anew, as rotary attention knows only differences of positions (Su et al. 2021, section 3.2).

Ways to keep documents apart, tokens a second on one thread in float32, 7M, forward and backward, documents of 300 tokens:

    rows of                    256, eager   compiled   1,024, eager   compiled
    plain causal attention            998      1,296            938        859
    this mask                       1,021      1,262            900        940
    the engine's flat layout        1,178          –          1,072          –

The machine's noise is some 5 %: the mask is free. The flat layout saves attention, but its shapes change with every
batch and cannot be compiled; flex attention has no backward on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaForCausalLM


class TokenLosses(nn.Module):
    """Rows of tokens [rows, length + 1] -> the loss in nats of all but each row's first token [rows, length].

    mark: the token that stands before each document, where attention is to end; None lets it cross.
    precision: of the products, by autocast; the softmax over the vocabulary is always in float32.
    """

    def __init__(self, model: LlamaForCausalLM, *, mark: int | None, precision: str):
        super().__init__()
        assert precision in ("float32", "bfloat16"), f"{precision}: recipe.settled decides what auto is"
        self.model, self.mark, self.precision = model, mark, precision

    def forward(self, tokens: Tensor, starts: Tensor | None = None) -> Tensor:
        """``starts`` [rows, length], bool: where documents begin besides at a mark."""
        inputs, wanted = tokens[:, :-1], tokens[:, 1:]
        mask = None if self.mark is None and starts is None else same_document(inputs, self.mark, starts)
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            states = self.model.model(input_ids=inputs, attention_mask=mask, use_cache=False).last_hidden_state
            logits = self.model.lm_head(states)
        losses = F.cross_entropy(logits.float().flatten(0, 1), wanted.flatten(), reduction="none")
        return losses.view(wanted.shape)


class NextTokens(TokenLosses):
    """Rows of tokens [rows, length + 1] -> the sum of their losses in nats."""

    def forward(self, tokens: Tensor, starts: Tensor | None = None) -> Tensor:
        return super().forward(tokens, starts).sum()


def same_document(tokens: Tensor, mark: int | None, starts: Tensor | None = None) -> Tensor:
    """Who may look at whom in rows [rows, length]: bool [rows, 1, length, length], causal, never across a mark or a start."""
    begins = torch.zeros_like(tokens, dtype=torch.bool) if mark is None else tokens == mark
    document = (begins if starts is None else begins | starts).cumsum(1)
    return (document[:, None, :, None] == document[:, None, None, :]).tril()
