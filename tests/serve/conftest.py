"""A live server on loopback over the tiny random model, with adaptations of several kinds; and clients for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from live import running
from methods import folders

from rung.adaptation import hash_folder, save
from rung.engine import Model, fake_model
from rung.serve import Limits, Service
from rung.types import Adaptation, Decoding, Demonstration, ModelRef, Prompt

ASK = Prompt("ask", "en", instruction="say", question="q {{ input }}", lead="a", separator=" ")
LABELS = ("down", "up")
SHOWN = tuple(Demonstration(text, label) for text, label in [("one", "up"), ("two", "down"), ("six", "up")] * 6)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "a": {"enum": ["x", "y"]}}, "required": ["n", "a"],
          "additionalProperties": False}  # fmt: skip


def made_adaptations(where: Path) -> dict[str, Adaptation]:
    """Of every kind of answer, over several methods."""
    model = fake_model()
    ref = ModelRef(model.name, model.sha256)
    adapters = folders(model.hf, where / "adapters", ["lora", "adapter", "v2", "dora"])

    def made(name: str, kind: str, adapter: str = "", **more) -> Adaptation:
        found = {"adapter": str(adapters[adapter]), "adapter_sha256": hash_folder(adapters[adapter])} if adapter else {}
        fields = {"prompt": ASK, "decoding": Decoding(max_tokens=8), **found, **more}
        return Adaptation(name, "rung", kind, "en", model=ref, **fields)  # type: ignore[arg-type]

    return {
        "labels": made("labels", "classify", "lora", labels=LABELS, calibration=(0.3, 0.0)),
        "few": made("few", "classify", labels=LABELS, demonstrations=SHOWN),
        "texts": made("texts", "generate", "adapter"),
        "drawn": made("drawn", "generate", "v2", decoding=Decoding(max_tokens=8, temperature=1.0, seed=3)),
        "json": made("json", "extract", "dora", schema=SCHEMA, decoding=Decoding(max_tokens=40)),
        "same": made("same", "classify", labels=LABELS, program="majority", parameters={"answer": "up"}),
    }


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Adaptation folders by name."""
    where = tmp_path_factory.mktemp("saved")
    return {name: save(made, where / name) for name, made in made_adaptations(where).items()}


@pytest.fixture(scope="module")
def service(saved: dict[str, Path]) -> Service:
    made = Service(fake_model(), limits=Limits(waiting=200))
    for name, folder in saved.items():
        made.add(name, folder)
    return made


@pytest.fixture(scope="module")
def url(service: Service) -> Iterator[str]:
    with running(service) as found:
        yield found


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60) as found:
        yield found


@pytest.fixture(scope="module")
def alone() -> Model:
    """The same model in this process, to compare with."""
    return fake_model()
