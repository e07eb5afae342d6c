"""Server-sent events, and clients that leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any, TypeVar

from fastapi import Request, Response

from rung.serve.asked import Ended, Piece
from rung.serve.errors import ApiError, as_api_error
from rung.serve.service import Dialogue
from rung.serve.telling import Telling, event
from rung.serve.tokens import Offsets

T = TypeVar("T")
DONE = b"data: [DONE]\n\n"


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
        self._offsets: dict[int, Offsets] = {}
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
            ended = [self._ended[i] for i in range(len(self._ended))]
            if self.telling.counts:
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
            offsets = self._offsets.setdefault(index, Offsets(telling.service.shown))
            # A label's log-probabilities come with its end.
            yield telling.chunk(index, found.text, None, telling.logprobs(None, found.tokens or None, offsets))
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
