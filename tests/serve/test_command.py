"""The command: what it refuses, and a process of its own that answers and ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import httpx
import pytest
from typer.testing import CliRunner

from rung.adaptation import load, save
from rung.cli import app
from rung.serve import named_folders
from rung.types import AdaptationError, UserError


def refusal(*words: str) -> str:
    done = CliRunner().invoke(app, ["serve", *words, "--lang", "en"])
    assert isinstance(done.exception, UserError), done.output
    return str(done.exception)


def test_what_cannot_be_served_is_said(saved, tmp_path) -> None:
    assert "could use this server: give --api-key" in refusal("--host", "0.0.0.0")
    assert "served already" in refusal("--model", "openai:some")
    assert "is no adaptation" in refusal(str(tmp_path))
    assert "was made for fake" in refusal(str(saved["texts"]), "--model", "sprout")
    save(load(saved["texts"]), tmp_path / "more" / "labels")
    twice = refusal(str(saved["labels"]), str(tmp_path / "more" / "labels"))
    assert "two adaptations are called 'labels'" in twice
    assert "called 'fake' already" in refusal(f"fake={saved['labels']}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert f"cannot listen on 127.0.0.1, port {port}" in refusal(str(saved["labels"]), "--port", str(port))
    assert "cannot listen on a..b" in refusal(str(saved["labels"]), "--host", "a..b", "--api-key", "k", "--port", "0")


def test_names_of_folders(tmp_path) -> None:
    strange = tmp_path / "a=b"
    strange.mkdir()
    assert named_folders([f"={tmp_path}"]) == {tmp_path.name: tmp_path}
    found = named_folders([str(tmp_path), f"x={tmp_path}", str(strange)])
    assert found == {tmp_path.name: tmp_path, "x": tmp_path, "a=b": strange}
    with pytest.raises(AdaptationError, match="two adaptations are called"):
        named_folders([str(tmp_path), str(tmp_path)])


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_process_answers_what_is_open_when_it_is_told_to_end(saved, told) -> None:
    command = [sys.executable, "-m", "rung", "serve", str(saved["texts"]), "--port", "0", "--json", "--lang", "en"]
    environment = {**os.environ, "RUNG_API_KEYS": "good"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["models"] == ["fake", "texts"]
        found: list[httpx.Response] = []
        head = {"Authorization": "Bearer good"}
        ask = {"model": "fake", "prompt": "x", "max_tokens": 300, "temperature": 0}
        thread = threading.Thread(
            target=lambda: found.append(httpx.post(f"{ready['url']}/completions", json=ask, headers=head, timeout=120))
        )
        thread.start()
        page = ready["url"].replace("/v1", "/metrics")
        while "rung_sequences_running 1.0" not in httpx.get(page, headers=head).text:
            pass
        process.send_signal(told)
        thread.join()
        assert found[0].json()["usage"]["completion_tokens"] == 300
        assert process.wait(60) in (0, -told, 128 + told)
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")
