"""Where a trained rung may begin: at what the rungs below it have found. Each is a candidate against a cold start.

words      the first words of the best hard prompt
labels     the tokens that carry the task: label words, then the end of what that prompt says
context    all that stands before an input in the best prompt, demonstrations included: of a prefix the keys and values of its end

What each is worth: bench/warm_starts.py, docs/LOG.md.
"""

from __future__ import annotations

from itertools import chain, takewhile
from typing import Literal

from rung.prompts import Words, choice_texts, render
from rung.rungs.context import Context
from rung.types import Adaptation, Demonstration, Prompt

Start = Literal["words", "labels", "context"]


def start_of(context: Context, start: Start, length: int) -> tuple[int, ...]:
    """The tokens that a soft prompt of ``length`` begins with."""
    if start == "context":
        return task_context(context)
    if start == "labels":
        return task_words(context, length)
    return tuple(context.weights.encode(before_input(context, context.prompt)))[:length]


def task_words(context: Context, length: int) -> tuple[int, ...]:
    """``length`` tokens that carry the task (fewer where it says fewer): of the labels, then the last ones of the instruction.

    Of more label tokens than there is room for, as many of each label in turn. The beginning of a prompt is what every task's
    prompts have in common; the labels and the question stand at its end.
    """
    tokenizer, prompt = context.weights.tokenizer, context.prompt
    texts = choice_texts(prompt, Words.of(context.task)) if context.task.kind == "classify" else []
    labels = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    most = max(map(len, labels), default=0)
    turns = chain.from_iterable([ids[i] for ids in labels if i < len(ids)] for i in range(most))
    tokens = list(dict.fromkeys(turns))[:length]
    said = tokenizer(before_input(context, prompt), add_special_tokens=False)["input_ids"]
    room = length - len(tokens)
    return (*tokens, *(said[-room:] if room else ()))


def task_context(context: Context) -> tuple[int, ...]:
    """All tokens that stand before an input in the best prompt found so far, its demonstrations included."""
    shown = best_shown(context)
    prompt = context.prompt if shown is None or shown.prompt is None else shown.prompt
    return tuple(context.weights.encode(before_input(context, prompt, () if shown is None else shown.demonstrations)))


def best_shown(context: Context) -> Adaptation | None:
    """The best adaptation with fixed demonstrations, where the climb has passed one."""
    found = context.best("few-shot")
    return found if found is not None and found.demonstrations and found.selector is None else None


def before_input(context: Context, prompt: Prompt, shown: tuple[Demonstration, ...] = ()) -> str:
    """What a prompt says before any input; of one that begins with the input, what it says of an empty one."""
    chat = context.weights.chat if prompt.style == "chat" else None
    one, other, none = (render(prompt, Words.of(context.task), text, shown, chat=chat) for text in ("A", "一", ""))
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(letter for letter, _ in same) or none
