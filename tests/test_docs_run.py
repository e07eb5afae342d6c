"""The pages that people follow first, followed to the letter in an empty folder: every shell and Python block, in order.

A block that starts a server runs beside the rest of its page and is ended with it. Lines that only prepare a machine
(``make``, the virtual environment, pip) are left out: the tests run in what they leave.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(bash|python)\n(.*?)^```$", re.S | re.M)
PREPARE = re.compile(r"^(make .*|\. \.venv/bin/activate|pip install .*|brew .*)\n", re.M)
PAGES = {  # page -> its part (a heading), or all of it
    "README.md": "## Run it",
    "docs/start.md": "",
    "docs/guides/library.md": "",
    "docs/guides/production.md": "",
}
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


class Follower:
    """Somebody who types what a page says, in ``folder``."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.servers: list[subprocess.Popen[bytes]] = []
        self.reader: subprocess.Popen[str] | None = None
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "HF_HUB_OFFLINE": "1"}

    def shell(self, code: str) -> None:
        serving = re.search(r"^rung (?:serve|ui)\b.*--port (\d+).*$", code, re.M)
        before, line = (code[: serving.start()], serving[0]) if serving else (code, "")
        if before.strip():
            self.run(["bash", "-euo", "pipefail", "-c", before], code)
        if serving:
            with (self.folder / "server.log").open("w") as log:
                server = subprocess.Popen(
                    ["bash", "-c", f"exec {line}"], cwd=self.folder, env=self.environment, stderr=log
                )
            self.servers.append(server)
            self.wait(f"http://127.0.0.1:{serving[1]}", server)

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
                return
            said.append(line)
        raise AssertionError(f"{code}\n{''.join(said)[-5000:]}")

    def run(self, command: list[str], code: str) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=PATIENCE
        )
        assert done.returncode == 0, f"{code}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"

    def wait(self, url: str, server: subprocess.Popen[bytes]) -> None:
        for _ in range(PATIENCE):
            assert server.poll() is None, (self.folder / "server.log").read_text()
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5)
                return
            except OSError:
                time.sleep(1)
        raise AssertionError(f"{url} is not ready")

    def leave(self) -> None:
        if self.reader is not None:
            self.reader.communicate()
        for server in self.servers:
            server.send_signal(signal.SIGTERM)
        for server in self.servers:
            assert server.wait(PATIENCE) in (0, -signal.SIGTERM), (self.folder / "server.log").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    follower = Follower(tmp_path)
    try:
        for language, code in blocks_of(page):
            getattr(follower, "shell" if language == "bash" else "python")(code)
    finally:
        follower.leave()


def test_the_pages_have_blocks() -> None:
    assert all(blocks_of(page) for page in PAGES)
    text = (ROOT / "docs/guides/production.md").read_text(encoding="utf-8")
    assert re.search(r"^rung serve .*--port \d+", text, re.M)
