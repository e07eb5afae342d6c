"""Requests that write: a completion or a chat, free, or held to labels or a JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.constrain import Constraint
from rung.engine.endpoint.abilities import Abilities, json_format, label_format
from rung.engine.endpoint.client import Request
from rung.engine.endpoint.failures import Broken
from rung.types import Decoding

STOPS = 4  # stop strings that the API takes; all of them are looked for here


class Chat(str):
    """A chat as the text that programs carry about; it knows its messages, which is what an endpoint is sent."""

    messages: tuple[dict[str, str], ...]

    @classmethod
    def of(cls, messages: Sequence[dict[str, str]], lead: str = "") -> Chat:
        """``lead`` cannot open the assistant's turn over HTTP, so it closes the user's."""
        sent = [dict(m) for m in messages]
        if lead:
            sent[-1]["content"] = f"{sent[-1]['content']}\n{lead}"
        made = cls("\n".join(f"<{m['role']}> {m['content']}" for m in sent))
        made.messages = tuple(sent)
        return made


@dataclass(frozen=True)
class Written:
    """What came back: the text, cut at stop strings, and why it ended."""

    text: str
    finished: str


def writing(
    prompt: str, route: str, model: str, abilities: Abilities, decoding: Decoding, *, sample: int = 0, length: int = 0,
    constraint: Constraint | None = None, likeliest: int = 0,
) -> Request[Written]:  # fmt: skip
    """A request over ``route`` ("completions" or "chat"); ``length``: the prompt's tokens, estimated.

    likeliest: also the log-probabilities of so many tokens at each step.
    """
    chat = route == "chat"
    body: dict[str, Any] = {"model": model}
    if chat:
        body["messages"] = (
            list(prompt.messages) if isinstance(prompt, Chat) else [{"role": "user", "content": str(prompt)}]
        )
        body[abilities.limit] = decoding.max_tokens
    else:
        body["prompt"] = str(prompt)
        body["max_tokens"] = decoding.max_tokens
    if not chat or abilities.temperature:
        body["temperature"] = decoding.temperature
        if decoding.temperature > 0:
            body |= {"top_p": decoding.top_p, "seed": decoding.seed + sample}
    elif sample or decoding.temperature > 0:
        body["seed"] = decoding.seed + sample
    if decoding.stop:
        body["stop"] = list(decoding.stop[:STOPS])
    if likeliest:
        body |= {"logprobs": True, "top_logprobs": likeliest} if chat else {"logprobs": likeliest}
    body |= held(constraint, chat, abilities)
    labels = constraint.options if constraint is not None else ()

    def read(answer: dict[str, Any]) -> Written:
        choice = answer["choices"][0]
        text = choice["message"].get("content") if chat else choice["text"]
        if text is None:  # a refusal, or a thought without an answer: no text is an answer that cannot be read
            text = ""
        if not isinstance(text, str):
            raise Broken("a text that is none")
        if labels and "response_format" in body:
            text = _label(text, labels)
        at = min((i for i in (text.find(s) for s in decoding.stop) if i >= 0), default=-1)
        finished = "length" if choice.get("finish_reason") == "length" else "eos"
        return Written(text, finished) if at < 0 else Written(text[:at], "stop")

    return Request(f"/{'chat/' * chat}completions", body, read, (length, decoding.max_tokens))


def held(constraint: Constraint | None, chat: bool, abilities: Abilities) -> dict[str, Any]:
    """The fields that hold an answer to ``constraint``; none where the endpoint has no way to."""
    if constraint is None:
        return {}
    if constraint.options:
        options = [o.strip() for o in constraint.options]
        if abilities.choice == "structured_outputs":
            return {"structured_outputs": {"choice": options}}
        if abilities.choice:
            return {"guided_choice": options}
        return {"response_format": label_format(options)} if _formats(chat, abilities) else {}
    return {"response_format": json_format(json.loads(constraint.schema))} if _formats(chat, abilities) else {}


def _formats(chat: bool, abilities: Abilities) -> bool:
    return abilities.chat_schema if chat else abilities.schema


def _label(text: str, labels: Sequence[str]) -> str:
    """The label out of its JSON; a text that is no such JSON stays as it is, and is read as any other."""
    try:
        found = json.loads(text)["label"]
    except (ValueError, KeyError, TypeError):
        return text
    return next((label for label in labels if label.strip() == found), text)
