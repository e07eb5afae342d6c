"""A runs folder with one real climb of the able fake model, and a browser's requests to the pages over it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from rung.pages import Settings, create_app

ADDRESS = "http://127.0.0.1:8321"


class Browser(TestClient):
    """Sends what a browser sends: the origin with each form, and the form's token."""

    def __init__(self, settings: Settings, address: str = ADDRESS):
        self.app_of = create_app(settings)
        super().__init__(self.app_of, base_url=address, headers={"accept": "text/html"}, follow_redirects=False)

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="(\w+)"', self.get("/").text)
        assert found
        return found[1]

    def submit(self, path: str, files: Any = None, **fields: Any) -> Any:
        return self.post(
            path, data={"csrf": self.csrf(), **fields}, files=files, headers={"origin": str(self.base_url).rstrip("/")}
        )


def words(html: str) -> str:
    """The text of a page."""
    return " ".join(re.sub("<[^>]+>", " ", html).split())


@pytest.fixture(scope="session")
def climbed(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> Path:
    """A finished climb: majority, zero-shot and few-shot on the orders."""
    folder = tmp_path_factory.mktemp("climbed") / "orders-1"
    task = orders.task(dev=70, test=40)
    orders.climb(folder, "majority,zero-shot,few-shot", task=task, all=True)
    return folder


@pytest.fixture
def runs(tmp_path: Path, climbed: Path) -> Path:
    """The runs folder; what a test writes into the climb is its own."""
    shutil.copytree(climbed, tmp_path / "runs" / "orders-1")
    return tmp_path / "runs"


@pytest.fixture
def browser(runs: Path) -> Iterator[Browser]:
    yield Browser(Settings(runs, ("fake",)))


@pytest.fixture
def open_browser(runs: Path) -> Callable[..., Browser]:
    """``open_browser(address, **settings)``: pages that were started in another way."""

    def opened(address: str = ADDRESS, **settings: Any) -> Browser:
        return Browser(Settings(runs, ("fake",), **settings), address)

    return opened


@pytest.fixture
def text_of() -> Callable[[str], str]:
    return words
