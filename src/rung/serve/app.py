"""The OpenAI API over adaptations: each is a model by its name, and so is the bare base."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse

from rung.engine import Constraint
from rung.engine.echo import read_tokens
from rung.engine.jobs import Token
from rung.programs.direct import embedder
from rung.programs.together import BASE
from rung.serve import answers
from rung.serve.asked import Answer, Asked, Ended, Piece
from rung.serve.bodies import AdaptationBody, ChatBody, Common, CompletionBody, EmbeddingBody, Message, TemplateBody
from rung.serve.errors import ApiError, as_api_error, install
from rung.serve.limits import Gate, may_administer
from rung.serve.service import Dialogue, Service

T = TypeVar("T")
DONE = b"data: [DONE]\n\n"


def create_app(service: Service) -> FastAPI:
    """The application; the worker runs while its lifespan lasts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.worker.start()
        yield
        service.draining = True
        await asyncio.to_thread(service.worker.stop)

    app = FastAPI(title="Rung", description=__doc__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = service
    app.add_middleware(Gate, service=service)
    install(app, service.metrics.refused)
    _watch(app, service)
    _ask(app, service)
    _administer(app, service)
    return app


def _watch(app: FastAPI, service: Service) -> None:
    @app.get("/health")
    async def health() -> Response:
        """200 while requests are let in; 503 when the server goes down or its engine does not run."""
        well = not service.draining and service.worker.running
        return JSONResponse({"status": "ok" if well else "draining"}, 200 if well else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        """Prometheus' text format."""
        return PlainTextResponse(service.metrics.page(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [model_card(service, name) for name in (service.model.name, *service.served)]}

    @app.get("/v1/models/{model:path}")
    async def one_model(model: str) -> dict[str, Any]:
        service.lane(model)
        return model_card(service, model)


def model_card(service: Service, name: str) -> dict[str, Any]:
    """``rung`` (not of the API): what kind of answer an adaptation gives."""
    found = service.served.get(name)
    card: dict[str, Any] = {"id": name, "object": "model", "created": found.created if found else service.created,
                            "owned_by": "rung", "max_model_len": service.model.context}  # fmt: skip
    if found is not None:
        made = found.adaptation
        card |= {
            "parent": service.model.name,
            "rung": {"kind": made.kind, "rung": made.rung, "labels": list(made.labels)},
        }
    return card


def _ask(app: FastAPI, service: Service) -> None:
    @app.post("/v1/chat/completions")
    async def chat(body: ChatBody, request: Request) -> Response:
        """The base reads the messages through its chat template; an adaptation reads the last message of the user as its input."""
        lane = service.lane(body.model)
        text = template_text(service, body.messages) if lane == BASE else input_of(body.messages)
        tops = (body.top_logprobs or 0) if body.logprobs else None
        most = body.max_completion_tokens if body.max_completion_tokens is not None else body.max_tokens
        asked = replace(common(service, body, lane), input=text, max_tokens=most, tops=tops, whole=True)
        return await respond(service, body, [asked], request, chat=True)

    @app.post("/v1/completions")
    async def completions(body: CompletionBody, request: Request) -> Response:
        """The base goes on from the prompt; an adaptation reads it as its input."""
        lane = service.lane(body.model)
        inputs = prompts_of(service, body.prompt, lane)
        asked = [replace(common(service, body, lane), input=text, tops=body.logprobs) for text in inputs]
        if not body.echo:
            if body.max_tokens == 0:
                raise ApiError(400, "max_tokens is 0, and nothing is echoed", param="max_tokens", code="invalid_value")
            return await respond(service, body, asked, request, chat=False)
        if lane != BASE or body.stream:
            raise ApiError(400, "echo is for the base, and not for streams", param="echo", code="unsupported")
        return await echoed(service, body, asked, request)

    @app.post("/v1/embeddings")
    async def embeddings(body: EmbeddingBody) -> Response:
        """Mean states of the middle layer, of length 1; under an adaptation's adapter, without its prompt."""
        lane = service.lane(body.model)
        return await embedded(service, body, lane)

    @app.post("/apply-template")
    async def apply_template(body: TemplateBody) -> dict[str, str]:
        """The prompt that the base's chat template makes of messages (as llama.cpp's server has it)."""
        if body.model is not None:
            service.lane(body.model)
        return {"prompt": template_text(service, body.messages)}


def _administer(app: FastAPI, service: Service) -> None:
    def check(request: Request) -> None:
        if not may_administer(request.scope):
            raise ApiError(
                403, "adaptations are added and removed with the admin key, or from this machine", code="not_allowed"
            )

    @app.post("/v1/adaptations", status_code=201)
    async def add(body: AdaptationBody, request: Request) -> dict[str, Any]:
        """Serves the adaptation of a folder on the server from now on."""
        check(request)
        name = body.name or Path(body.path).name
        await asyncio.to_thread(service.add, name, Path(body.path))
        return model_card(service, name)

    @app.delete("/v1/adaptations/{name:path}")
    async def remove(name: str, request: Request) -> dict[str, Any]:
        """Takes an adaptation away, after the requests to it that are open."""
        check(request)
        if name not in service.served:
            raise ApiError(404, f"no adaptation called {name[:100]!r} is served", param="name", code="model_not_found")
        await service.remove(name)
        return {"id": name, "object": "model", "deleted": True}


def template_text(service: Service, messages: Sequence[Message]) -> str:
    """Messages through the base's chat template; raises ModelError where it has none."""
    return service.model.chat([{"role": m.role.replace("developer", "system"), "content": m.text} for m in messages])


def input_of(messages: Sequence[Message]) -> str:
    """What an adaptation reads: the user's last message."""
    for message in reversed(messages):
        if message.role == "user":
            return message.text
    raise ApiError(400, "an adaptation needs a message of the user: its input", param="messages", code="invalid_value")


def common(service: Service, body: Common, lane: str) -> Asked:
    """What all bodies ask alike, without the input. Raises :class:`ApiError` for more tokens than the server gives."""
    most = service.limits.tokens
    given = getattr(body, "max_completion_tokens", None) or body.max_tokens
    if most is not None and given is not None and given > most:
        raise ApiError(
            400, f"max_tokens is {given}; this server writes at most {most}", param="max_tokens", code="invalid_value"
        )
    if body.stream_options is not None and not body.stream:
        raise ApiError(400, "stream_options is for streams", param="stream_options", code="invalid_value")
    return Asked(
        lane, "", body.max_tokens, body.temperature, body.top_p, body.seed, body.stops, body.n or 1,
        constraint=constraint(body), stream=bool(body.stream), most=most,
    )  # fmt: skip


def constraint(body: Common) -> Constraint | None:
    """What the answer has to be, by ``response_format`` or ``structured_outputs``."""
    shape, structured = body.response_format, body.structured_outputs
    if structured is not None:
        if (structured.choice is None) == (structured.json_ is None):
            raise ApiError(
                400, "structured_outputs has one of choice and json", param="structured_outputs", code="invalid_value"
            )
        return Constraint.labels(structured.choice) if structured.choice else Constraint.json(structured.json_ or {})
    if shape is None or shape.type == "text":
        return None
    return Constraint.json(shape.json_schema.schema_ if shape.json_schema is not None else {"type": "object"})


def prompts_of(service: Service, prompt: Any, lane: str) -> list[str | list[int]]:
    """The inputs of a body: one or several, texts or (for the base) tokens."""
    if isinstance(prompt, str):
        return [prompt]
    several = prompt if prompt and isinstance(prompt[0], str | list) else [prompt]
    if isinstance(several[0], list):
        if lane != BASE:
            raise ApiError(400, "an adaptation reads texts, not tokens", param="prompt", code="invalid_value")
        if any(token >= service.model.shape.vocabulary for each in several for token in each):
            most = service.model.shape.vocabulary
            raise ApiError(400, f"a token is beyond the vocabulary of {most}", param="prompt", code="invalid_value")
    return several


async def respond(service: Service, body: Common, asked: Sequence[Asked], request: Request, *, chat: bool) -> Response:
    """Answers whole, or as a stream of server-sent events."""
    telling = Telling(service, body, chat)
    if body.stream:
        dialogue = service.ask(asked)
        dialogue.__enter__()  # left by the stream's end
        stream = Stream(telling, dialogue)
        await until_gone(request, stream.first(), dialogue)
        return stream
    with service.ask(asked) as dialogue:
        ended = await until_gone(request, dialogue.ended(), dialogue)
    telling.count(ended)
    return JSONResponse(telling.whole(ended))


async def until_gone(request: Request, work: Awaitable[T], dialogue: Dialogue) -> T:
    """``work``, unless the client leaves before: then its requests are cancelled."""
    done, left = asyncio.ensure_future(work), asyncio.ensure_future(disconnected(request.receive))
    try:
        await asyncio.wait({done, left}, return_when=asyncio.FIRST_COMPLETED)
        if done.done():
            return done.result()
        dialogue.service.metrics.left.inc()
        raise ApiError(499, "the client left", code="client_left")
    finally:
        left.cancel()
        if not done.done() or done.cancelled() or done.exception() is not None:
            done.cancel()
            for visit in dialogue.visits:
                visit.cancel()


async def disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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

    def logprobs(self, answer: Answer | None, tokens: Sequence[Token] | None, offset: int = 0) -> dict[str, Any] | None:
        wanted = self.body.logprobs if self.chat else self.body.logprobs is not None  # type: ignore[attr-defined]
        if not wanted:
            return None
        if answer is not None and answer.scores is not None:
            return answers.label_logprobs(answer, self.tops, chat=self.chat)
        if tokens is None:
            return None
        if self.chat:
            return answers.chat_logprobs(self.service.shown, tokens)
        return answers.plain_logprobs(self.service.shown, tokens, offset)

    @property
    def tops(self) -> int:
        return (self.body.top_logprobs if self.chat else self.body.logprobs) or 0  # type: ignore[attr-defined]

    def chunk(self, index: int, text: str | None, finish: str | None, logprobs: dict[str, Any] | None) -> bytes:
        choice: dict[str, Any] = {"index": index, "logprobs": logprobs, "finish_reason": finish}
        if self.chat:
            choice["delta"] = {} if text is None else {"content": text}
        else:
            choice["text"] = text or ""
        return event({**self.head("chat.completion.chunk" if self.chat else "text_completion"), "choices": [choice]})

    def opening(self, index: int) -> bytes:
        choice = {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
        return event({**self.head("chat.completion.chunk"), "choices": [choice]})

    def closing(self, ended: Sequence[Ended]) -> bytes:
        told = {**self.head("chat.completion.chunk" if self.chat else "text_completion"), "choices": []}
        return event({**told, "usage": answers.usage(ended)})

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
    return b"data: " + json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n\n"


class Stream(Response):
    """Server-sent events; a client that leaves cancels what it asked for."""

    media_type = "text/event-stream"

    def __init__(self, telling: Telling, dialogue: Dialogue):
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.telling, self.dialogue = telling, dialogue
        self._events = dialogue.events()
        self._ended: dict[int, Ended] = {}
        self._opened: set[int] = set()
        self._sizes: dict[int, int] = {}
        self._waiting: tuple[int, Piece | Ended] | None = None

    async def first(self) -> None:
        """Waits for the first event: what fails before it is refused with its own status."""
        try:
            self._waiting = await anext(self._events)
        except BaseException:
            self.dialogue.__exit__()
            raise
        self.telling.first()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        left = asyncio.ensure_future(disconnected(receive))
        told = asyncio.ensure_future(self._tell(send))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await asyncio.wait({left, told}, return_when=asyncio.FIRST_COMPLETED)
            if not told.done():
                self.telling.service.metrics.left.inc()
        finally:
            left.cancel()
            told.cancel()
            self.dialogue.__exit__()

    async def _tell(self, send: Any) -> None:
        async def put(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        try:
            async for number, found in self._all():
                for data in self._chunks(number, found):
                    await put(data)
            options = self.telling.body.stream_options
            ended = [self._ended[i] for i in range(len(self._ended))]
            if options is not None and options.include_usage:
                await put(self.telling.closing(ended))
            self.telling.count(ended)
        except Exception as error:  # the status is sent already: the error is an event
            await put(event(as_api_error(error).body))
        await put(DONE)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _all(self) -> AsyncIterator[tuple[int, Piece | Ended]]:
        assert self._waiting is not None
        yield self._waiting
        async for each in self._events:
            yield each

    def _chunks(self, number: int, found: Piece | Ended) -> Iterator[bytes]:
        telling = self.telling
        if isinstance(found, Piece):
            index = number * telling.n + found.choice
            yield from self._open(index)
            offset = self._sizes.get(index, 0)
            self._sizes[index] = offset + len(found.text)
            # A label's log-probabilities come with its end.
            yield telling.chunk(index, found.text, None, telling.logprobs(None, found.tokens or None, offset))
            return
        self._ended[number] = found
        for i, answer in enumerate(found.answers):
            index = number * telling.n + i
            yield from self._open(index)
            logprobs = telling.logprobs(answer, None) if answer.scores is not None else None
            yield telling.chunk(index, None, answer.finish, logprobs)

    def _open(self, index: int) -> Iterator[bytes]:
        if self.telling.chat and index not in self._opened:
            self._opened.add(index)
            yield self.telling.opening(index)


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
            code="invalid_value",
        )
    read: list[list[Token]] = [[] for _ in ids]
    if tops is not None:

        def look(each: list[int]) -> list[Token]:
            with service.worker.many.mixed.alone(BASE):
                return next(read_tokens(model, [each], tops or 0))

        found = [service.worker.order(lambda each=each: look(each)) for each in ids]  # type: ignore[misc]
        read = [await asyncio.wrap_future(future) for future in found]
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
    inputs = prompts_of(service, body.input, lane)
    width = model.shape.hidden
    if body.dimensions not in (None, width):
        raise ApiError(
            400, f"this model's embeddings have {width} dimensions", param="dimensions", code="invalid_value"
        )
    texts = [each if isinstance(each, str) else model.decode(each) for each in inputs]
    found = many.members[lane] if lane != BASE else None
    digest = found.adaptation.adapter_sha256 if found is not None and found.direct is not None else ""

    def states() -> tuple[np.ndarray, int]:
        with many.mixed.alone(many.lane(lane) if lane != BASE else BASE):
            return embedder(model, digest)(texts), sum(len(model.encode(text)) for text in texts)

    rows, tokens = await asyncio.wrap_future(service.worker.order(states))
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
