"""Responses as the OpenAI API writes them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rung.engine.jobs import Token
from rung.serve.asked import Answer, Ended
from rung.serve.tokens import Offsets, Shown

LEAST = -9999.0  # what the API writes for a probability of nothing: JSON has no infinity


def finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else LEAST


def usage(ended: Sequence[Ended]) -> dict[str, Any]:
    """Tokens of a response; the prompt's once, whatever ``n``. Tokens that were read before are told as cached."""
    read, cached = sum(e.tokens_in for e in ended), sum(e.cached for e in ended)
    written = sum(answer.tokens_out for e in ended for answer in e.answers)
    return {
        "prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }  # fmt: skip


def choice(index: int, answer: Answer, logprobs: dict[str, Any] | None, *, chat: bool) -> dict[str, Any]:
    """One choice; ``rung`` (not of the API) says when an answer could not be read as one."""
    told: dict[str, Any] = {"index": index, "logprobs": logprobs, "finish_reason": answer.finish}
    if chat:
        told["message"] = {"role": "assistant", "content": answer.text, "refusal": None}
    else:
        told["text"] = answer.text
    if not answer.valid:
        told["rung"] = {"valid": False}
    return told


def chat_logprobs(shown: Shown, tokens: Sequence[Token]) -> dict[str, Any]:
    """Of written tokens."""
    return {
        "content": [
            _entry(shown, t.id, t.logprob) | {"top_logprobs": [_entry(shown, i, v) for i, v in t.tops]} for t in tokens
        ]
    }


def _entry(shown: Shown, token: int, logprob: float) -> dict[str, Any]:
    return {"token": shown.text(token), "logprob": finite(logprob), "bytes": list(shown.bytes(token))}


def plain_logprobs(shown: Shown, tokens: Sequence[Token | int], offsets: Offsets | None = None) -> dict[str, Any]:
    """Of a completion's tokens; one given as a bare number (the first of an echo) has none. ``offsets``: of those before."""
    offsets = Offsets(shown) if offsets is None else offsets
    told: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token in tokens:
        bare = isinstance(token, int)
        number = token if isinstance(token, int) else token.id
        told["tokens"].append(shown.text(number))
        told["token_logprobs"].append(None if bare else finite(token.logprob))  # type: ignore[union-attr]
        told["top_logprobs"].append(None if bare else {shown.text(i): finite(v) for i, v in token.tops})  # type: ignore[union-attr]
        told["text_offset"].append(offsets.next(number))
    return told


def label_logprobs(answer: Answer, tops: int, *, chat: bool) -> dict[str, Any]:
    """Of a label: it counts as one token, and the other labels are what could have stood in its place."""
    assert answer.scores is not None
    ranked = sorted(answer.scores.items(), key=lambda pair: -pair[1])[:tops]
    own = answer.scores[answer.text]
    if not chat:
        likeliest = {label: finite(v) for label, v in ranked}
        return {
            "tokens": [answer.text],
            "token_logprobs": [finite(own)],
            "top_logprobs": [likeliest],
            "text_offset": [0],
        }

    def entry(label: str, logprob: float) -> dict[str, Any]:
        return {"token": label, "logprob": finite(logprob), "bytes": list(label.encode(errors="replace"))}

    return {"content": [entry(answer.text, own) | {"top_logprobs": [entry(*pair) for pair in ranked]}]}
