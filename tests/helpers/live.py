"""A server of adaptations that runs in a thread, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rung.serve import Server, Service


@contextmanager
def running(service: Service, **options) -> Iterator[str]:
    """The URL of a server that runs meanwhile."""
    ports: list[int] = []
    there = threading.Event()
    server = Server(service, ready=lambda port: (ports.append(port), there.set()), **options)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert there.wait(30)
    try:
        yield f"http://127.0.0.1:{ports[0]}/v1"
    finally:
        server.end()
        thread.join(30)
        assert not thread.is_alive()
