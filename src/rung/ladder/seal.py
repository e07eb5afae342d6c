"""The sealed test split: opened once in a run, for one adaptation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rung.ledger import Ledger
from rung.types import DataError, Example, Task


def open_seal(task: Task, ledger: Ledger, hash: str, folder: Path) -> tuple[Sequence[Example], str]:
    """The test examples and when they were first opened (ISO 8601, UTC); the ledger remembers for whom.

    Raises DataError when the run in ``folder`` opened them before for another adaptation than ``hash``.
    """
    if not (opened := ledger.events("test opened")):
        ledger.event("test opened", {"adaptation": hash})
        opened = ledger.events("test opened")
    if opened[0]["adaptation"] != hash:
        raise DataError(
            f"the test split of {folder} was opened before, for another adaptation; a second look would make its "
            "figure too good. Start a climb in a new folder with fresh test examples",
            zh=f"{folder} 的测试集此前已为另一个适配打开过；再看一次会使分数虚高。请换新的测试数据另起一次攀登",
        )
    examples = task.test.open()
    ledger.keep_examples("test", examples)
    return examples, datetime.fromtimestamp(opened[0]["at"], UTC).isoformat(timespec="seconds")
