"""The pages that people follow, followed to the letter in an empty folder: every shell and Python block, in order.

``make docs-run`` does so, and so does continuous integration. A block that starts a server runs beside the rest of its page
and is ended with it, on a free port in place of the one that the page names. Lines that only prepare a machine
(``make venv``, the virtual environment, pip) are left out: the tests run in what they leave. A page that begins where
``make demo`` ended finds what it left. ``docs/guides/add-a-rung.md`` is in tests/ladder/test_add_a_rung.py.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.S | re.M)
PREPARE = re.compile(r"^(make (?:venv|test)|\. \.venv/bin/activate|pip install .*)\n", re.M)
SERVER = re.compile(r"^(?:\w+=\S+ )*rung (serve|ui)\b.*$", re.M)
PORTS = {"serve": "8000", "ui": "8321"}  # where nothing else is typed
PAGES = {  # page -> its part (a heading), or all of it
    "README.md": "## Run it",
    "docs/start.md": "",
    **{f"docs/guides/{name}.md": "" for name in (
        "library", "production", "bring-your-own-csv", "use-an-adaptation", "serve", "endpoints", "pages", "synthesize",
        "your-own-base-model",
    )},
}  # fmt: skip
READER = """import json, sys
names = {"__name__": "page"}
for line in sys.stdin:
    exec(compile(json.loads(line), "page", "exec"), names)
    print("done", flush=True)
"""
PATIENCE = 3600  # seconds of a block, on a busy machine
pytestmark = [pytest.mark.slow]


def blocks_of(page: str) -> list[tuple[str, str]]:
    """(language, code) of the blocks of a page, or of one part of it."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if PAGES[page]:
        text = text.split(PAGES[page] + "\n")[1].split("\n## ")[0]
    found = [(language, PREPARE.sub("", body)) for language, body in BLOCK.findall(text)]
    return [(language, body) for language, body in found if body.strip()]


def stands_on_the_demo(page: str) -> bool:
    return any(re.search(r"runs/demo|^make demo", code, re.M) for _, code in blocks_of(page))


def free_port() -> str:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return str(door.getsockname()[1])


class Follower:
    """Somebody who types what a page says, in ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.servers: dict[str, subprocess.Popen[bytes]] = {}  # by port
        self.reader: subprocess.Popen[str] | None = None
        self.ports: dict[str, str] = {}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "HF_HUB_OFFLINE": "1"}

    def follow(self, page: str) -> None:
        for language, code in blocks_of(page):
            for port in re.findall(r"(?:--port |127\.0\.0\.1:)(\d+)", code):
                self.ports.setdefault(port, free_port())
            here = re.sub(r"(--port |127\.0\.0\.1:)(\d+)", lambda found: found[1] + self.ports[found[2]], code)
            if language == "python":
                self.python(here)
            else:
                self.shell(here)

    def shell(self, code: str) -> None:
        code = re.sub(r"^make demo$", f"make -C {ROOT} demo RUN={self.folder}/runs/demo", code, flags=re.M)
        at = 0
        for line in SERVER.finditer(code):
            self.run(code[at : line.start()])
            self.serve(line[0], PORTS[line[1]])
            at = line.end()
        self.run(code[at:])

    def run(self, code: str) -> None:
        if not code.strip():
            return
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        print(f"$ {code.strip()}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, f"{code}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"

    def serve(self, line: str, usual: str) -> None:
        typed = re.search(r"--port (\d+)", line)
        port = typed[1] if typed else self.ports.setdefault(usual, free_port())
        log = self.folder / f"server-{port}.log"
        if port in self.servers:  # one after the other in the same place
            self.end(port)
        with log.open("w") as into:
            server = subprocess.Popen(
                ["bash", "-c", f"exec env {line}" + ("" if typed else f" --port {port}")],
                cwd=self.folder, env=self.environment, stdout=into, stderr=into,
            )  # fmt: skip
        self.servers[port] = server
        for _ in range(PATIENCE):
            assert server.poll() is None, f"{line}\n{log.read_text()}"
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
            except urllib.error.HTTPError:  # it answers
                return
            except OSError:
                time.sleep(1)
            else:
                return
        raise AssertionError(f"{line} is not ready")

    def python(self, code: str) -> None:
        """In one process for all the blocks of a page: they go on from each other."""
        if self.reader is None:
            self.reader = subprocess.Popen(
                [sys.executable, "-c", READER], cwd=self.folder, env=self.environment, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
        assert self.reader.stdin is not None and self.reader.stdout is not None
        self.reader.stdin.write(json.dumps(code) + "\n")
        self.reader.stdin.flush()
        said = []
        for line in self.reader.stdout:
            if line == "done\n":
                print(f">>> {code.strip()}\n{''.join(said)}")
                return
            said.append(line)
        raise AssertionError(f"{code}\n{''.join(said)[-5000:]}")

    def leave(self) -> None:
        if self.reader is not None:
            self.reader.communicate()
        for port in list(self.servers):
            self.end(port)

    def end(self, port: str) -> None:
        server = self.servers.pop(port)
        server.send_signal(signal.SIGTERM)
        log = self.folder / f"server-{port}.log"
        assert server.wait(PATIENCE) in (0, -signal.SIGTERM), log.read_text()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make demo`` leaves, made once."""
    folder = tmp_path_factory.mktemp("clone")
    Follower(folder).shell("make demo")
    return folder / "runs" / "demo"


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[Follower]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    follower = Follower(tmp_path)
    yield follower
    follower.leave()


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=[pytest.mark.xdist_group("demo")] * stands_on_the_demo(p), id=Path(p).stem) for p in PAGES],
)
def test_a_page_does_what_it_says(page: str, follower: Follower, request: pytest.FixtureRequest) -> None:
    if stands_on_the_demo(page):
        (follower.folder / "runs").mkdir()
        (follower.folder / "runs" / "demo").symlink_to(request.getfixturevalue("demo"))
    follower.follow(page)


def test_the_pages_have_blocks() -> None:
    assert all(blocks_of(page) for page in PAGES)
    assert stands_on_the_demo("README.md")
