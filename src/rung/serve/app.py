"""The OpenAI API over adaptations: each is a model by its name, and so is the bare base."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from os.path import abspath
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse, PlainTextResponse

from rung.programs.together import BASE
from rung.serve.asked import Asked
from rung.serve.asking import common, input_of, prompts_of, template_text
from rung.serve.bodies import AdaptationBody, ChatBody, Common, CompletionBody, EmbeddingBody, TemplateBody
from rung.serve.errors import ApiError, install
from rung.serve.extras import echoed, embedded
from rung.serve.limits import Gate, may_administer
from rung.serve.service import Service
from rung.serve.stream import Stream, until_gone
from rung.serve.telling import Telling


def create_app(service: Service) -> FastAPI:
    """The application; the worker runs while its lifespan lasts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.worker.start()
        yield
        service.draining = True
        await asyncio.to_thread(service.worker.stop)

    app = FastAPI(
        title="Rung", description=__doc__, lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
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
        return {"object": "list", "data": [model_card(service, name) for name in (service.name, *service.served)]}

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
            "parent": service.name,
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
        name = body.name or Path(abspath(body.path)).name
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
