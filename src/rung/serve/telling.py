"""What comes back from the engine, in the API's words: whole, or chunk by chunk."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any

from rung.engine.jobs import Token
from rung.serve import answers
from rung.serve.asked import Answer, Ended
from rung.serve.bodies import Common
from rung.serve.service import Service
from rung.serve.tokens import Offsets
from rung.types import JSON_LINE_ENDS


class Telling:
    """Answers in the API's words."""

    def __init__(self, service: Service, body: Common, chat: bool):
        self.service, self.body, self.chat = service, body, chat
        self.n = body.n or 1
        self.began = time.perf_counter()
        self.id = f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}"
        self.created = int(time.time())

    def head(self, object: str) -> dict[str, Any]:
        return {"id": self.id, "object": object, "created": self.created, "model": self.body.model}

    def whole(self, ended: Sequence[Ended]) -> dict[str, Any]:
        choices = [a for each in ended for a in each.answers]
        told = [answers.choice(i, a, self.logprobs(a, a.tokens), chat=self.chat) for i, a in enumerate(choices)]
        return {
            **self.head("chat.completion" if self.chat else "text_completion"),
            "choices": told,
            "usage": answers.usage(ended),
        }

    def logprobs(
        self, answer: Answer | None, tokens: Sequence[Token] | None, offsets: Offsets | None = None
    ) -> dict[str, Any] | None:
        wanted = self.body.logprobs if self.chat else self.body.logprobs is not None  # type: ignore[attr-defined]
        if not wanted:
            return None
        if answer is not None and answer.scores is not None:
            return answers.label_logprobs(answer, self.tops, chat=self.chat)
        if tokens is None:
            return None
        if self.chat:
            return answers.chat_logprobs(self.service.shown, tokens)
        return answers.plain_logprobs(self.service.shown, tokens, offsets)

    @property
    def tops(self) -> int:
        return (self.body.top_logprobs if self.chat else self.body.logprobs) or 0  # type: ignore[attr-defined]

    def chunk(self, index: int, text: str | None, finish: str | None, logprobs: dict[str, Any] | None) -> bytes:
        choice: dict[str, Any] = {"index": index, "logprobs": logprobs, "finish_reason": finish}
        if self.chat:
            choice["delta"] = {} if text is None else {"content": text}
        else:
            choice["text"] = text or ""
        return event({**self._chunk_head(), "choices": [choice]})

    def opening(self, index: int) -> bytes:
        choice = {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        return event({**self._chunk_head(), "choices": [choice]})

    def closing(self, ended: Sequence[Ended]) -> bytes:
        return event({**self._chunk_head(), "choices": [], "usage": answers.usage(ended)})

    @property
    def counts(self) -> bool:
        """Whether a stream ends with its usage; its other chunks then say that they have none, as the API's do."""
        return self.body.stream_options is not None and self.body.stream_options.include_usage

    def _chunk_head(self) -> dict[str, Any]:
        head = self.head("chat.completion.chunk" if self.chat else "text_completion")
        return {**head, "usage": None} if self.counts else head

    def first(self) -> None:
        self.service.metrics.first.labels(self.body.model).observe(time.perf_counter() - self.began)

    def count(self, ended: Sequence[Ended]) -> None:
        metrics, used = self.service.metrics, answers.usage(ended)
        metrics.seconds.labels(self.body.model).observe(time.perf_counter() - self.began)
        cached = used["prompt_tokens_details"]["cached_tokens"]
        for kind, number in (
            ("read", used["prompt_tokens"] - cached),
            ("cached", cached),
            ("written", used["completion_tokens"]),
        ):
            metrics.tokens.labels(self.body.model, kind).inc(number)
        metrics.requests.labels(self.body.model, "chat" if self.chat else "completions").inc()


def event(told: dict[str, Any]) -> bytes:
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":")).translate(JSON_LINE_ENDS)
    return b"data: " + text.encode(errors="replace") + b"\n\n"
