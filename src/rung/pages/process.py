"""Climbs as processes of their own: the command ``rung climb``, started, stopped and gone on with.

The command is kept in ``RUN/climb.json``. A stopped or killed climb goes on by the same command: the ledger knows the rest.
"""

from __future__ import annotations

import json
import platform
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from rung.ladder import alive
from rung.pages.runs import Run
from rung.types import UserError

COMMAND = (sys.executable, "-m", "rung", "climb")


@dataclass
class Climbs:
    """Starts climbs in ``root``, and remembers its children so that one that ended does not linger."""

    root: Path
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, name: str, arguments: Sequence[str]) -> Run:
        """A new run folder with a climb in it. ``arguments`` are those of ``rung climb``, without ``--run``."""
        stem = re.sub(r"[^\w-]+", "_", name).strip("_-")[:60] or "task"
        folder = self.root / f"{stem}-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return self._launch(folder, [*arguments, "--run", str(folder)])

    def go_on(self, run: Run, budget: str = "") -> Run:
        """The same command once more; with another ``budget`` where one is given."""
        if run.launch is None:
            raise UserError(
                "this climb was started in a terminal: type its command again there",
                zh="这次攀登是在终端里启动的：请在终端里再次运行同一条命令",
            )
        if run.process is not None:
            raise UserError("it is climbing already", zh="它正在运行")
        arguments = list(run.launch["arguments"])
        if "--budget" in arguments:
            at = arguments.index("--budget")
            del arguments[at : at + 2]
        if budget:
            arguments += ["--budget", budget]
        return self._launch(run.folder, arguments)

    def stop(self, run: Run) -> None:
        """Interrupt it as Ctrl-C would: what was measured is kept."""
        self.reap()
        process = run.launch and run.launch.get("process")
        if process is None:
            raise UserError(
                "this climb was started in a terminal: press Ctrl-C there",
                zh="这次攀登是在终端里启动的：请在终端里按 Ctrl-C",
            )
        if alive(process):
            psutil.Process(process["pid"]).send_signal(signal.SIGINT)

    def reap(self) -> None:
        """Take leave of children that ended."""
        self.children = [child for child in self.children if child.poll() is None]

    def _launch(self, folder: Path, arguments: list[str]) -> Run:
        self.reap()
        with (folder / "climb.log").open("ab") as log:
            child = subprocess.Popen(
                [*COMMAND, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.children.append(child)
        process = {"pid": child.pid, "born": psutil.Process(child.pid).create_time(), "host": platform.node()}
        body = {"arguments": arguments, "process": process}
        partial = folder / "climb.json.new"
        partial.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        partial.replace(folder / "climb.json")
        return Run(folder)
