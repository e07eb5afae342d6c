"""Prompts with the log-probabilities of their own tokens, and embeddings."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from fastapi import Request, Response
from starlette.responses import JSONResponse

from rung.engine.echo import families, read_tokens
from rung.engine.jobs import Token
from rung.programs.together import BASE
from rung.serve import answers
from rung.serve.asked import Answer, Asked, Ended
from rung.serve.asking import prompts_of
from rung.serve.bodies import CompletionBody, EmbeddingBody
from rung.serve.errors import ApiError
from rung.serve.service import Service
from rung.serve.stream import until_gone
from rung.serve.telling import Telling

TOGETHER = 16  # texts to embed between two steps of everybody else's


async def echoed(service: Service, body: CompletionBody, asked: Sequence[Asked], request: Request) -> Response:
    """The prompts with the log-probabilities of their own tokens, and what is written behind them, if anything."""
    telling = Telling(service, body, chat=False)
    model, tops = service.model, body.logprobs
    ids = [(model.encode(a.input) or model.text.start()) if isinstance(a.input, str) else a.input for a in asked]
    longest = max(len(each) for each in ids)
    if longest + (body.max_tokens or 0) > model.context or min(len(each) for each in ids) < 1:
        raise ApiError(
            400,
            f"a prompt of {longest} tokens; the context holds {model.context}",
            param="prompt",
            code="context_length_exceeded",
        )
    read: list[list[Token]] = [[] for _ in ids]
    if tops is not None:

        def look(texts: list[list[int]]) -> list[list[Token]]:
            with service.worker.many.mixed.alone(BASE):
                return read_tokens(model, texts, tops or 0)

        together = families(ids)
        with service.reading():
            found = [service.worker.order(lambda own=own: look([ids[i] for i in own])) for own in together]  # type: ignore[misc]
            for own, future in zip(together, found, strict=True):
                for i, tokens in zip(own, await asyncio.wrap_future(future), strict=True):
                    read[i] = tokens
    if body.max_tokens == 0:
        ended = [Ended([Answer("", "length", [])] * telling.n, len(each)) for each in ids]
    else:
        with service.ask(asked) as dialogue:
            ended = await until_gone(request, dialogue.ended(), dialogue)
    choices: list[dict[str, Any]] = []
    for own, before, each, a in zip(ids, read, ended, asked, strict=True):
        text = a.input if isinstance(a.input, str) else model.decode(a.input)
        for answer in each.answers:
            logprobs = (
                None
                if tops is None
                else answers.plain_logprobs(service.shown, [own[0], *before, *(answer.tokens or [])])
            )
            choices.append(answers.choice(len(choices), replace(answer, text=text + answer.text), logprobs, chat=False))
    telling.count(ended)
    return JSONResponse({**telling.head("text_completion"), "choices": choices, "usage": answers.usage(ended)})


async def embedded(service: Service, body: EmbeddingBody, lane: str) -> Response:
    """Embeddings of texts (or, of the base, of tokens)."""
    model, many = service.model, service.worker.many
    inputs = prompts_of(service, body.input, lane, "input")
    width = model.shape.hidden
    if body.dimensions not in (None, width):
        raise ApiError(
            400, f"this model's embeddings have {width} dimensions", param="dimensions", code="invalid_value"
        )
    if any(each == [] for each in inputs):
        raise ApiError(400, "input is empty; give a text, or a list of them", param="input", code="invalid_value")
    texts = [each if isinstance(each, str) else model.decode(each) for each in inputs]
    sizes = await asyncio.to_thread(lambda: [len(model.encode(text)) for text in texts])
    if max(sizes) > model.context:
        raise ApiError(
            400,
            f"text {sizes.index(max(sizes)) + 1} of {len(sizes)} has {max(sizes)} tokens; the context holds {model.context}",
            param="input",
            code="context_length_exceeded",
        )
    layer = (model.shape.layers + 1) // 2  # as demonstrations are compared

    def states(some: Sequence[str]) -> np.ndarray:
        with many.mixed.alone(many.lane(lane) if lane != BASE else BASE):
            return model.hidden(some, [layer], "mean")[:, 0]

    found: list[np.ndarray] = []
    with service.reading():
        for first in range(0, len(texts), TOGETHER):  # between two orders everybody else's next token is made
            service.lane(body.model)  # which may have been taken away meanwhile
            some = texts[first : first + TOGETHER]
            found.append(await asyncio.wrap_future(service.worker.order(partial(states, some))))
    rows, tokens = np.concatenate(found), sum(sizes)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    data = [
        {"object": "embedding", "index": i, "embedding": _written(row, body.encoding_format)}
        for i, row in enumerate(rows)
    ]
    service.metrics.tokens.labels(body.model, "read").inc(tokens)
    used = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": body.model, "usage": used})


def _written(row: np.ndarray, form: str) -> Any:
    return row.tolist() if form == "float" else base64.b64encode(row.astype("<f4").tobytes()).decode()
