"""``rung ui``: where it listens, and when it makes a token."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from rung.cli import app
from rung.pages import Settings
from rung.types import UserError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """``started(*options) -> (address, settings)`` of a server that does not run."""
    seen: list[Settings] = []

    class Server:
        def __init__(self, app: Any):
            seen.append(app.state.settings)

        def run(self, sockets: list[socket.socket]) -> None:
            for one in sockets:
                one.close()

    monkeypatch.setattr(uvicorn, "Config", lambda app, **_: app)  # the real one sets up logging for the whole process
    monkeypatch.setattr(uvicorn, "Server", Server)

    def start(*options: str) -> tuple[str, Settings]:
        app(["ui", str(tmp_path / "runs"), "--port", "0", "--json", *options], standalone_mode=False)
        return json.loads(capsys.readouterr().out)["address"], seen[-1]

    return start


def test_on_this_machine_nobody_is_asked(started: Any):
    address, settings = started()
    assert address == f"http://127.0.0.1:{settings.port}/"
    assert (settings.token, settings.models, settings.language) == (None, ("sprout",), None)
    assert started("--model", "fake", "--model", "sprout", "--lang", "zh")[1].models == ("fake", "sprout")


def test_elsewhere_a_token_is_made_or_taken(started: Any):
    address, settings = started("--host", "0.0.0.0")
    assert settings.token is not None
    assert len(settings.token) >= 24
    assert address == f"http://127.0.0.1:{settings.port}/login?token={settings.token}"
    assert started("--host", "0.0.0.0")[1].token != settings.token
    assert started("--host", "0.0.0.0", "--token", "correct-horse-battery")[1].token == "correct-horse-battery"
    assert (
        started("--token", "令牌 a&b=c+d#%41")[0].partition("?token=")[2]
        == "%E4%BB%A4%E7%89%8C%20a%26b%3Dc%2Bd%23%2541"
    )
    with pytest.raises(UserError, match="guessed"):
        started("--host", "0.0.0.0", "--token", "short")


def test_the_runs_are_a_folder(started: Any, tmp_path: Path):
    (tmp_path / "runs").write_text("text,label")
    with pytest.raises(UserError, match="a file stands there"):
        started()


def test_a_port_that_is_taken_is_told(tmp_path: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UserError, match="type --port 0"):
            app(["ui", str(tmp_path), "--port", str(other.getsockname()[1])], standalone_mode=False)
