"""The prompt of an adaptation, rendered in full for one real input, cut so that a page can mark the input in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.prompts import render
from rung.report.run import Answer
from rung.types import Adaptation, Demonstration


@dataclass(frozen=True)
class Turn:
    """A piece of the prompt: ``role`` is "system", "user", "assistant", or "" for a plain prompt.

    ``before + input + after`` is the text; ``input`` is "" where the new input does not stand in this piece.
    """

    role: str
    before: str
    input: str = ""
    after: str = ""


@dataclass(frozen=True)
class Shown:
    """A rendered prompt, and how its demonstrations came into it."""

    turns: tuple[Turn, ...]
    demonstrations: int
    picked: bool  # by a selector, for this input


def shown_prompt(adaptation: Adaptation, answers: Sequence[Answer]) -> Shown | None:
    """The prompt of the first answered example; None where there is no prompt (a control) or no answer."""
    if adaptation.prompt is None or not answers:
        return None
    answer = answers[0]
    demonstrations = demonstrations_of(adaptation, answer)
    text = answer.example.input
    turns: list[Turn] = []

    def chat(messages: list[dict[str, str]], lead: str) -> str:
        turns.extend(Turn(m["role"], m["content"]) for m in messages)
        turns.append(Turn("assistant", lead))
        return ""

    whole = render(adaptation.prompt, adaptation, text, demonstrations, chat=chat)
    if not turns:
        turns.append(Turn("", whole))
    return Shown(_marked(turns, text), len(demonstrations), adaptation.selector is not None)


def demonstrations_of(adaptation: Adaptation, answer: Answer) -> list[Demonstration]:
    """What stood in the prompt of this answer: the fixed ones or those that the selector picked for it, as far as they fitted."""
    pool = {d.input: d for d in adaptation.demonstrations}
    return [pool[name] for name in answer.prediction.shown if name in pool]


def _marked(turns: Sequence[Turn], text: str) -> tuple[Turn, ...]:
    """Cut the last piece that holds the input around its last occurrence: the question follows the demonstrations."""
    marked = list(turns)
    for i in range(len(marked) - 1, -1, -1):
        before, found, after = marked[i].before.rpartition(text)
        if found and text:
            marked[i] = Turn(marked[i].role, before, found, after)
            break
    return tuple(marked)
