"""A chaos server whose orders have answers that only a rule knows, and models that ask it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chaos_server import EVERYTHING, ChaosServer

from rung.engine import EndpointModel, EndpointOptions
from rung.engine.endpoint import endpoint_model

pytest.importorskip("openai", reason="openai is in the endpoint extra")


def side(number: int) -> str:
    return ("left", "right")[hashlib.sha256(b"order %d" % number).digest()[0] % 2]


def rule(prompt: str) -> str:
    """The side of the last order in the prompt; "neither" where there is none."""
    numbers = re.findall(r"order (\d+) please", prompt)
    return side(int(numbers[-1])) if numbers else "neither"


QUICK = EndpointOptions(timeout=10.0, first_wait=0.001, longest_wait=0.01)


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[ChaosServer, EndpointModel]]]:
    """``served(trouble=0.3)``: a server, and a model behind it."""
    servers: list[ChaosServer] = []
    models: list[EndpointModel] = []

    def serve(options: EndpointOptions = QUICK, **how: Any) -> tuple[ChaosServer, EndpointModel]:
        server = ChaosServer(how.pop("rule", rule), **{"offers": EVERYTHING, **how}).__enter__()
        servers.append(server)
        model = endpoint_model("openai:orders", server.url, options)
        models.append(model)
        return server, model

    yield serve
    for model in models:
        model.client.close()
    for server in servers:
        server.__exit__()


@pytest.fixture(scope="session")
def sides() -> Callable[[int], str]:
    return side
