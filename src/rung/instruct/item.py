"""What a lesson says before it is tokens: an exercise or a dialogue, with the parts that are learned told from the rest.

An exercise is made of the nouns that `rung.prompts` renders, so that the model learns the very formats that every later prompt,
demonstration and training target is written in. A dialogue is turns of the chat template.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.types import Demonstration, Kind, Language, Prompt


@dataclass(frozen=True)
class Exercise:
    """One question with its answer, and demonstrations of the same kind before it (0 to 16)."""

    family: str  # kebab case: "few-shot-episodes", "arithmetic-steps"
    kind: Kind  # classify: the answer is one of labels; extract: canonical JSON; generate: a text
    language: Language
    input: str
    target: str
    description: str = ""  # the task in words, as a user would describe it
    labels: tuple[str, ...] = ()  # classify: all the labels
    fields: tuple[str, ...] = ()  # extract: the fields in their order
    demonstrations: tuple[Demonstration, ...] = ()
    reasoning: str | None = None  # what is written before the answer
    prompt: Prompt | None = None  # its own prompt; None: one of the templates of its language and kind
    key: str = ""  # what is held out for exams by its hash; empty: the input


@dataclass(frozen=True)
class Turn:
    """One message; ``learned``: the loss is on it (assistant turns only)."""

    role: str  # system, user, assistant
    content: str
    learned: bool = False


@dataclass(frozen=True)
class Dialogue:
    """Turns in the chat template, from a system message or a user's on; ends with the assistant."""

    family: str
    language: Language
    turns: tuple[Turn, ...]
    key: str = ""  # as in Exercise; empty: all the user turns


Item = Exercise | Dialogue
