"""Rung finds the cheapest way to make a language model do your task, and proves it.

    import rung

    task = rung.load_task("reviews.csv", target=0.85)
    model = rung.load_model("sprout")
    climb = rung.climb(task, model)
    climb.best.predict(["Where is my parcel?"])
    climb.report()

``import rung`` is light: a name brings its room with it when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rung.engine import load_model
    from rung.ladder import LADDER
    from rung.library import Answering, Climbed, climb, open, open_climb
    from rung.task import inspect_task, load_task
    from rung.types import Adaptation, Example, Prediction, Result, Task, UserError

__all__ = [
    "LADDER", "Adaptation", "Answering", "Climbed", "Example", "Prediction", "Result", "Task", "UserError", "climb",
    "inspect_task", "load_model", "load_task", "open", "open_climb",
]  # fmt: skip
ROOMS = {  # where a name comes from
    "LADDER": "rung.ladder", "load_model": "rung.engine", "load_task": "rung.task", "inspect_task": "rung.task",
    **dict.fromkeys(("Answering", "Climbed", "climb", "open", "open_climb"), "rung.library"),
    **dict.fromkeys(("Adaptation", "Example", "Prediction", "Result", "Task", "UserError"), "rung.types"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in ROOMS:
        raise AttributeError(f"module 'rung' has no attribute {name!r}; it has {', '.join(__all__)}")
    found = globals()[name] = getattr(import_module(ROOMS[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
