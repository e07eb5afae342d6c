"""What a prompt may say about a task: its description, its labels, its fields, its language.

A template sees these words and nothing else, so that it cannot show an example or a target by accident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.types import Adaptation, Language, Task


@dataclass(frozen=True)
class Words:
    """The words of a task. ``schema`` (JSON Schema of an ``extract`` answer) is read back, never shown."""

    language: Language
    description: str = ""
    labels: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    schema: Mapping[str, Any] | None = field(default=None, hash=False)

    @classmethod
    def of(cls, source: Task | Adaptation | Words) -> Words:
        """The words of a task or of an adaptation; ``fields`` are the schema's properties in their order."""
        if isinstance(source, Words):
            return source
        fields = tuple((source.schema or {}).get("properties", {}))
        return cls(source.language, source.description.strip(), source.labels, fields, source.schema)
