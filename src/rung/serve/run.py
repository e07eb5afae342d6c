"""The server: listens until it is told to end, then answers what is open and lets nobody in."""

from __future__ import annotations

from collections.abc import Callable
from types import FrameType

import uvicorn

from rung.serve.app import create_app
from rung.serve.service import Service


class Server(uvicorn.Server):
    """``ready`` is called with the port when it listens. A second signal ends it at once."""

    def __init__(
        self, service: Service, *, host: str = "127.0.0.1", port: int = 0, drain: float = 30.0,
        ready: Callable[[int], None] = lambda port: None,
    ):  # fmt: skip
        self.service, self._ready = service, ready
        config = uvicorn.Config(
            create_app(service), host=host, port=port, log_level="warning", access_log=False, server_header=False,
            timeout_graceful_shutdown=max(1, round(drain)), timeout_keep_alive=30, lifespan="on",
        )  # fmt: skip
        super().__init__(config)

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready(self.servers[0].sockets[0].getsockname()[1])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.service.draining = True
        super().handle_exit(sig, frame)

    def end(self) -> None:
        """As a first signal does; from any thread."""
        self.service.draining = True
        self.should_exit = True
