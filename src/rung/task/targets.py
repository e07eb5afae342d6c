"""Items to examples: the answer as the target text, and the structure that the answers of a task share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.task.answers import canonical, entity_lists, entity_types, infer_schema, ordered
from rung.task.rows import Item
from rung.types import Example, Kind, digest


def structure(train: Sequence[Item]) -> tuple[list[str], dict[str, Any]]:
    """The keys of the answers in order, and their JSON Schema, from the train split alone."""
    answers = [item.answer for item in train]
    types = entity_types(answers)
    order = types or list(dict.fromkeys(key for answer in answers if isinstance(answer, dict) for key in answer))
    return order, infer_schema([arranged(answer, order) for answer in answers])


def arranged(answer: Any, order: Sequence[str]) -> dict[str, Any]:
    """An object with its keys in order; a list of entities as {type: [texts]}."""
    return entity_lists(answer, order) if isinstance(answer, list) else ordered(answer, order)


def example(item: Item, kind: Kind, order: Sequence[str]) -> Example:
    """An item as an example. Preference pairs may share an input, so that their id covers the pair too."""
    target = canonical(arranged(item.answer, order)) if kind == "extract" else item.answer
    name = digest(item.key, target) if kind == "prefer" else digest(item.key)
    return Example(name, item.input, target, item.place)
