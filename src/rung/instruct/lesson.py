"""An item as tokens: rendered by `rung.prompts` as every later prompt is, with the loss on what an assistant would write.

The answers of demonstrations are learned like the last one: behind k demonstrations the next answer is an episode with k
shots. The words of questions and instructions are never learned here; plain text is mixed in for that.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.documents import Document
from rung.engine import Model
from rung.instruct.item import Dialogue, Exercise, Item
from rung.prompts import TEMPLATES, Words, answer_text, chat_variant, render, render_reasoning
from rung.types import Prompt

CHAT = 0.35  # share of the exercises in the chat template
LINES = 0.5  # share of the episodes with labels under their texts: where looking back is learned first
Span = tuple[int, int]  # characters, the end excluded


@dataclass(frozen=True)
class Lesson(Document):
    """A document whose learned tokens lie in several places."""

    places: tuple[int, ...] = ()
    label: bool = False  # what is learned are labels: few tokens, and all of what an episode teaches

    @property
    def learned(self) -> Sequence[int]:
        return self.places


def lesson(model: Model, item: Item, rng: random.Random) -> Lesson | None:
    """The item as tokens; None where it is longer than the model's context. ``rng`` draws the template and the style."""
    text, spans = dialogue_text(model, item) if isinstance(item, Dialogue) else exercise_text(model, item, rng)
    encoded = model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    start = model.text.prefix
    tokens = [*start, *encoded["input_ids"]]
    if len(tokens) + 1 > model.context:
        return None
    places = [
        len(start) + i
        for i, (low, high) in enumerate(encoded["offset_mapping"])
        if any(low < end and high > begin for begin, end in spans)
    ]
    if closes(item, text, spans):
        tokens.append(model.tokenizer.eos_token_id)
        places.append(len(tokens) - 1)
    label = isinstance(item, Exercise) and item.kind == "classify"
    return Lesson(tuple(tokens), 0, item.family, tuple(places), label)


def closes(item: Item, text: str, spans: Sequence[Span]) -> bool:
    """Whether an end-of-text mark is learned behind it: a written answer in plain style ends there."""
    return isinstance(item, Exercise) and item.kind != "classify" and spans[-1][1] == len(text)


def exercise_text(model: Model, item: Exercise, rng: random.Random) -> tuple[str, list[Span]]:
    """The prompt with its demonstrations and the answer behind it, and where the answers stand."""
    words = Words(item.language, item.description, item.labels, item.fields)
    prompt = dressed(item, words, rng)
    chat, style = model.chat, prompt.style
    asked = [*item.demonstrations, None]
    text, spans = "", []
    for count, shown in enumerate(asked):
        given = item.demonstrations[:count]
        if shown is None and item.reasoning is not None:
            opened = render_reasoning(prompt, words, item.input, given, reasoning=None, chat=chat)
            text = render_reasoning(prompt, words, item.input, given, reasoning=item.reasoning, chat=chat)
            answer = answer_text(prompt, words, item.target)
            spans.append((len(opened), len(text) + len(answer)))
        else:
            # Everything up to an answer is the prompt that asks for it.
            question, target = (item.input, item.target) if shown is None else (shown.input, shown.target)
            text = render(plain(prompt), words, question, given, chat=chat)
            answer = answer_text(prompt, words, target)
            spans.append((len(text), len(text) + len(answer)))
        text += answer
    if style == "chat":
        end = turn_end(model)
        text += end
        spans = [(a, b + len(end)) for a, b in spans]
    return text, spans


def plain(prompt: Prompt) -> Prompt:
    """The prompt without its reasoning: demonstrations carry none."""
    return replace(prompt, reasoning=None)


def dressed(item: Exercise, words: Words, rng: random.Random) -> Prompt:
    """The item's own prompt, or one of the templates of its language and kind, in plain or chat style.

    A template that needs a description is not drawn for an item that has none.
    """
    if item.prompt is not None:
        found = item.prompt
    else:
        templates = TEMPLATES[item.language][item.kind]
        if item.kind == "classify" and item.demonstrations and rng.random() < LINES:
            return next(t for t in templates if t.name == "lines")
        found = rng.choice(templates)
    return chat_variant(found) if found.style == "plain" and rng.random() < CHAT else found


def turn_end(model: Model) -> str:
    """What the chat template writes behind an assistant's turn, line breaks aside: "<|end|>"."""
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
    return str(model.tokenizer.apply_chat_template(turns, tokenize=False)).rsplit("!", 1)[1].strip()


def dialogue_text(model: Model, item: Dialogue) -> tuple[str, list[Span]]:
    """The turns in the chat template, and where the learned ones stand, each with the mark that ends it."""
    messages = [{"role": turn.role, "content": turn.content} for turn in item.turns]
    spans: list[Span] = []
    end = turn_end(model)
    for count, turn in enumerate(item.turns):
        if turn.learned:
            opened = model.chat(messages[:count])
            spans.append((len(opened), len(opened) + len(turn.content.strip()) + len(end)))
    return model.chat(messages[:-1]) + item.turns[-1].content.strip() + end, spans
