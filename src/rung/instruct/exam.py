"""Exams: fresh items that training never sees, asked as lessons are written, and the answers read back.

    items = draw_items(family("arithmetic"), 300, sources)           # distinct keys, all of the held-out tenth
    asked = [question(model, item) for item in items]
    answers = Answers(model, path)                                   # what was answered is kept in a file
    texts = answers.write(asked, Decoding(max_tokens=room(model, asked)))
    outputs = [read(q, t) for q, (t,) in zip(asked, texts)]

Items are asked with one template, not with one at random as in training: the figures of two models can then be compared.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rung.engine import Model
from rung.instruct.family import Family
from rung.instruct.item import Dialogue, Exercise, Item
from rung.instruct.mixture import draw, key
from rung.instruct.sources import Sources
from rung.prompts import (
    TEMPLATES,
    Words,
    answer_text,
    chat_variant,
    choice_texts,
    fit,
    read_answer,
    render,
    render_reasoning,
    stop_strings,
)
from rung.types import DataError, Decoding, Demonstration, Kind, Prompt, UserError, digest

BLOCK = 64  # questions that are asked together; a kill loses the answers to as many
TRIES = 200  # draws for each item that is wanted
RESERVE = 256  # tokens that are kept free for an answer


@dataclass(frozen=True)
class Question:
    """What the model is asked. ``choices`` are texts to be scored (classify); without them the answer is written."""

    text: str  # the model continues it
    target: str
    lesson: str  # what a lesson has behind the text: the answer, with its reasoning where there is one
    kind: Kind = "generate"
    prompt: Prompt | None = None  # None: a turn of a dialogue
    words: Words | None = None
    choices: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()


def draw_items(
    family: Family, n: int, sources: Sources, *, seed: int = 0, accept: Callable[[Any], bool] = lambda item: True
) -> list[Any]:
    """``n`` items for an exam, accepted ones with distinct keys; DataError where the family has not so many.

    ``sources.exam`` must be set: the texts and keys are then those that training never reads.
    """
    if not sources.exam:
        raise ValueError("an exam needs Sources(..., exam=True)")
    rng = random.Random(f"exam {family.name} {seed}")
    found: dict[str, Item] = {}
    for _ in range(n * TRIES):
        if len(found) == n:
            break
        item = draw(family, rng, sources)
        if accept(item):
            found.setdefault(key(item), item)
    if len(found) < n:
        raise DataError(
            f"{family.name}: {n * TRIES} draws gave {len(found)} different questions, and {n} are asked for; ask for fewer",
            zh=f"{family.name}：抽取 {n * TRIES} 次只得到 {len(found)} 道不同的题，而要求 {n} 道；请减少题数",
        )
    return list(found.values())


def question(
    model: Model, item: Exercise, *, template: str = "instruct", shown: Sequence[Demonstration] | None = None
) -> Question:
    """An exercise in its own prompt, else in the template of that name ("instruct", "pairs/chat").

    ``shown`` replaces its demonstrations; the first ones are left out where not all fit beside ``RESERVE`` tokens. A prompt
    that reasons asks for the reasoning, and the model goes on to the answer.
    """
    words = Words(item.language, item.description, item.labels, item.fields)
    prompt = item.prompt or named(item, template)
    (demonstrations,) = fit(
        prompt, words, [item.input], [item.demonstrations if shown is None else shown],
        count=lambda texts: [len(model.encode(t)) for t in texts], context=model.context, reserve=RESERVE, chat=model.chat,
    )  # fmt: skip
    text = render(prompt, words, item.input, demonstrations, chat=model.chat)
    whole = render_reasoning(
        prompt, words, item.input, demonstrations, reasoning=item.reasoning, chat=model.chat
    ) + answer_text(prompt, words, item.target)
    choices = tuple(choice_texts(prompt, words)) if item.kind == "classify" else ()
    stops = stop_strings(prompt)
    return Question(text, item.target, whole.removeprefix(text), item.kind, prompt, words, choices, stops)


def named(item: Exercise, template: str) -> Prompt:
    """The template of that name for the item's language and kind; ``/chat`` makes it a chat. UserError for another name."""
    plain = template.removesuffix("/chat")
    templates = {prompt.name: prompt for prompt in TEMPLATES[item.language][item.kind]}
    if plain not in templates:
        raise UserError(
            f"no template is called {plain!r}; there are {', '.join(templates)}",
            zh=f"没有名为 {plain!r} 的模板；可用的有 {'、'.join(templates)}",
        )
    return chat_variant(templates[plain]) if template != plain else templates[plain]


def turns(model: Model, item: Dialogue) -> list[Question]:
    """One question for each turn that the assistant learned, the true turns before it given."""
    messages = [{"role": turn.role, "content": turn.content} for turn in item.turns]
    return [
        Question(model.chat(messages[:count]), turn.content.strip(), turn.content.strip())
        for count, turn in enumerate(item.turns)
        if turn.learned
    ]


def read(asked: Question, text: str) -> str:
    """The answer in what the model wrote; empty where there is none that can be read."""
    if asked.prompt is None or asked.words is None:
        return text.strip()
    return read_answer(asked.prompt, asked.kind, text, asked.words)[0]


def same(asked: Question, output: str) -> bool:
    """Whether the output is the target: the same JSON value (extract), else the same text."""
    if asked.kind == "extract":
        return bool(output) and json.loads(output) == json.loads(asked.target)
    return output == asked.target.strip()


def room(model: Model, asked: Sequence[Question]) -> int:
    """Tokens for an answer: those of the longest lesson and a quarter more, ``RESERVE`` at most."""
    longest = max(len(model.encode(q.lesson)) for q in asked)
    assert longest <= RESERVE, f"an answer has {longest} tokens: RESERVE is too small"
    return min(longest + longest // 4 + 4, RESERVE)


class Answers:
    """Answers of a model, each kept in a JSON-lines file as soon as it is known: a killed exam goes on."""

    def __init__(self, model: Model, path: Path):
        self.model, self.path = model, path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = path.read_bytes()
        if not whole.endswith(b"\n"):  # a kill can cut the last line in two
            path.write_bytes(whole[: whole.rfind(b"\n") + 1])
        lines = path.read_text(encoding="utf-8").split("\n")
        self.known: dict[str, Any] = {row["key"]: row["answer"] for row in map(json.loads, filter(None, lines))}

    def write(self, asked: Sequence[Question], decoding: Decoding, *, samples: int = 1) -> list[list[str]]:
        """``samples`` texts for each question; its own stop strings are added to those of ``decoding``."""
        keys = [digest(self.model.sha256, q.text, q.stops, asdict(decoding), samples) for q in asked]
        todo = [i for i, name in enumerate(keys) if name not in self.known]
        for stops in dict.fromkeys(asked[i].stops for i in todo):
            alike = [i for i in todo if asked[i].stops == stops]
            said = replace(decoding, stop=(*decoding.stop, *stops))
            for block in _blocks(alike):
                written = self.model.generate([asked[i].text for i in block], said, samples=samples)
                self._keep({keys[i]: [g.text for g in many] for i, many in zip(block, written, strict=True)})
        return [self.known[name] for name in keys]

    def choose(self, asked: Sequence[Question]) -> list[str]:
        """The label of each question whose text the model finds likeliest, by the mean over its tokens."""
        keys = [digest(self.model.sha256, q.text, q.choices) for q in asked]
        for block in _blocks([i for i, name in enumerate(keys) if name not in self.known]):
            found = self.model.score(
                [asked[i].text for i in block], [asked[i].choices for i in block], normalise="mean"
            )
            fresh = {}
            for i, scores in zip(block, found, strict=True):
                means = [p / n for p, n in zip(scores.logprobs, scores.tokens, strict=True)]
                words = asked[i].words
                assert words is not None
                fresh[keys[i]] = words.labels[means.index(max(means))]
            self._keep(fresh)
        return [self.known[name] for name in keys]

    def _keep(self, fresh: dict[str, Any]) -> None:
        lines = [json.dumps({"key": name, "answer": a}, ensure_ascii=False) + "\n" for name, a in fresh.items()]
        with self.path.open("a", encoding="utf-8") as out:
            out.write("".join(lines))
        self.known.update(fresh)


def _blocks(indices: Sequence[int]) -> list[Sequence[int]]:
    return [indices[at : at + BLOCK] for at in range(0, len(indices), BLOCK)]
