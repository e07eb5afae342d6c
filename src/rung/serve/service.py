"""What is served: a base, the adaptations by name, and the worker that answers; shared by all routes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.adaptation import load
from rung.engine import Model
from rung.programs.together import BASE, Together
from rung.serve.asked import Asked, Ended, Event, Failed, Piece
from rung.serve.errors import ApiError
from rung.serve.limits import Limits
from rung.serve.metrics import Metrics
from rung.serve.tokens import Shown
from rung.serve.visit import Visit
from rung.serve.worker import Worker
from rung.types import Adaptation, AdaptationError, ModelRef


@dataclass
class Served:
    """An adaptation, since when it is served, and from where."""

    adaptation: Adaptation
    created: int
    folder: str


class Service:
    """``tokens``: what all sequences together may hold, see :class:`rung.engine.continuous.Batch`."""

    def __init__(self, model: Model, *, limits: Limits = Limits(), tokens: int = 1 << 16):
        self.model, self.limits = model, limits
        self.name = base_name(model.name)
        self.worker = Worker(Together(model, tokens=tokens))
        self.metrics = Metrics(self.worker)
        self.served: dict[str, Served] = {}
        self.created = int(time.time())
        self.shown = Shown(model.tokenizer)
        self.draining = False
        self.open = 0  # requests that are not answered yet

    def add(self, name: str, folder: Path) -> None:
        """Serves the adaptation of ``folder`` as ``name`` from now on; blocks until it is there.

        Raises :class:`AdaptationError` for a name that is taken or a folder that cannot be served.
        """
        if name in (self.name, BASE) or name in self.served:
            raise AdaptationError(
                f"there is a model called {name!r} already; give another name (NAME=FOLDER)",
                zh=f"已有名为 {name!r} 的模型；请另取名字（NAME=FOLDER）",
            )
        made = load(folder, ModelRef(self.model.name, self.model.sha256))
        self._do(lambda: self.worker.many.add(name, made))
        self.served[name] = Served(made, int(time.time()), str(folder))

    async def remove(self, name: str) -> None:
        """Lets nobody in to it from now on, and takes it away when the last request to it is answered."""
        del self.served[name]
        await asyncio.wrap_future(self.worker.remove(name))

    def _do(self, work: Any) -> None:
        if self.worker.running:
            self.worker.order(work).result()
        else:
            work()

    def lane(self, model: str) -> str:
        """The lane of a model name; raises :class:`ApiError` (404) for one that is not served."""
        if model == self.name:
            return BASE
        if model in self.served:
            return model
        names = ", ".join([self.name, *self.served])
        raise ApiError(
            404, f"no model called {model[:100]!r} is served; there are {names}", param="model", code="model_not_found"
        )

    def ask(self, asked: Sequence[Asked]) -> Dialogue:
        """Lets requests in that belong together: the inputs of one body."""
        if len(asked) > self.limits.waiting:
            raise ApiError(
                400,
                f"{len(asked)} prompts in one request; this server takes {self.limits.waiting}",
                code="invalid_value",
            )
        self._check_room(len(asked))
        return Dialogue(self, asked)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A request that is read and not written, embeddings or an echo: it is open as any other, and let in as any other."""
        self._check_room(1)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1

    def _check_room(self, more: int) -> None:
        if self.open + more > self.limits.waiting:
            raise ApiError(
                429,
                f"{self.open} requests are open already; try again later",
                code="overloaded",
                headers={"Retry-After": "1"},
            )


class Dialogue:
    """Requests that are answered together; as a context manager it cancels them when it is left early."""

    def __init__(self, service: Service, asked: Sequence[Asked]):
        self.service, self.asked = service, asked
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self.visits = [Visit(each, self._sender(i)) for i, each in enumerate(asked)]

    def _sender(self, number: int) -> Any:
        def send(event: Event) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._events.put_nowait, (number, event))

        return send

    def __enter__(self) -> Dialogue:
        self.service.open += len(self.visits)
        for visit in self.visits:
            self.service.worker.visit(visit)
        return self

    def __exit__(self, *_: object) -> None:
        self.service.open -= len(self.visits)
        for visit in self.visits:
            if not visit.done:
                visit.cancel()

    async def events(self) -> AsyncIterator[tuple[int, Piece | Ended]]:
        """(number of the input, event) until all have ended; raises what made one fail."""
        left = len(self.visits)
        while left:
            number, event = await self._events.get()
            if isinstance(event, Failed):
                raise event.error
            yield number, event
            left -= isinstance(event, Ended)

    async def ended(self) -> list[Ended]:
        found: dict[int, Ended] = {}
        async for number, event in self.events():
            if isinstance(event, Ended):
                found[number] = event
        return [found[i] for i in range(len(self.visits))]


def base_name(model: str) -> str:
    """What the base is asked by: of a folder its last part, because where it lies on the server is nobody's business."""
    folder = Path(model).expanduser()
    return folder.resolve().name if folder.is_dir() else model


def named_folders(given: Sequence[str]) -> Mapping[str, Path]:
    """``FOLDER`` (its last part is the name) or ``NAME=FOLDER`` each; raises :class:`AdaptationError` for a name that stands twice."""
    found: dict[str, Path] = {}
    for each in given:
        name, mark, path = each.partition("=")
        folder = Path(path if mark and not Path(each).exists() else each)
        name = (name if folder != Path(each) else "") or folder.resolve().name
        if name in found:
            raise AdaptationError(
                f"two adaptations are called {name!r}: {found[name]} and {folder}; give one another name: NAME={folder}",
                zh=f"两个适配都叫 {name!r}：{found[name]} 与 {folder}；请为其中一个另取名字：NAME={folder}",
            )
        found[name] = folder
    return found
