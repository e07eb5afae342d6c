"""Prompt, demonstrations and input become the text that a model continues.

One function, :func:`answer_text`, writes an answer wherever one is written: in a demonstration, in a choice that is scored, in a
training target. They can therefore not drift apart, and the token after the lead is the same in training and in use.

Plain::

    {role}
    {instruction}

    {question(d1)}
    {lead}{answer(d1)}

    {question(x)}
    {lead}

A prompt that reasons is rendered twice (Kojima et al. 2022, arXiv 2205.11916, section 3): first up to its ``reasoning`` words,
which the model continues; then with what it wrote, and the lead behind it, where the answer is scored or generated.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from rung.prompts.template import fill, names
from rung.prompts.words import Words
from rung.types import Adaptation, Demonstration, Prompt, Task, UserError

Chat = Callable[[list[dict[str, str]], str], str]
Source = Words | Task | Adaptation


def _values(words: Words) -> dict[str, Any]:
    return {
        "description": words.description,
        "labels": list(words.labels),
        "fields": list(words.fields),
        "language": words.language,
    }


def part_text(prompt: Prompt, part: str, words: Words, **values: str) -> str:
    """One part of the prompt, filled; an absent ``reasoning`` is empty."""
    return fill(getattr(prompt, part) or "", _values(words) | values, prompt=prompt.name, part=part)


def _header(prompt: Prompt, words: Words) -> str:
    parts = (part_text(prompt, "role", words).strip(), part_text(prompt, "instruction", words).strip())
    return "\n".join(part for part in parts if part)


def _question(prompt: Prompt, words: Words, input: str) -> str:
    text = part_text(prompt, "question", words, input=input)
    _check_shows(prompt, "question", "input")
    return text


def _check_shows(prompt: Prompt, part: str, name: str) -> None:
    if name not in names(getattr(prompt, part)):
        raise UserError(
            f"prompt '{prompt.name}': its {part} never shows the {name}. Write {{{{ {name} }}}} where it belongs",
            zh=f"提示“{prompt.name}”的 {part} 部分没有用到 {name}，请在合适的位置写上 {{{{ {name} }}}}",
        )


def answer_text(prompt: Prompt, words: Source, target: str) -> str:
    """What follows the lead when the answer is ``target``: " positive" after "Label:", "正面" after "标签：".

    A chat turn that opens with the answer itself (an empty lead) does not open with a space.
    """
    words = Words.of(words)
    source = prompt.answer
    if prompt.style == "chat" and not part_text(prompt, "lead", words):
        source = source.lstrip()
    text = fill(source, _values(words) | {"target": target}, prompt=prompt.name, part="answer")
    _check_shows(prompt, "answer", "target")
    return text


def choice_texts(prompt: Prompt, words: Source) -> list[str]:
    """:func:`answer_text` of every label, in the order of ``labels``; raises ``UserError`` when two become the same text."""
    words = Words.of(words)
    texts = [answer_text(prompt, words, label) for label in words.labels]
    for i, text in enumerate(texts):
        if text in texts[:i]:
            one, two = words.labels[texts.index(text)], words.labels[i]
            raise UserError(
                f"prompt '{prompt.name}': the labels {one!r} and {two!r} are both written {text!r}. Change its answer template",
                zh=f"提示“{prompt.name}”把标签 {one!r} 和 {two!r} 都写成了 {text!r}，请修改 answer 模板",
            )
    return texts


def render(
    prompt: Prompt,
    words: Source,
    input: str,
    demonstrations: Sequence[Demonstration] = (),
    *,
    chat: Chat | None = None,
) -> str:
    """The text to be continued: with the answer, or, for a prompt that reasons, with the reasoning.

    Demonstrations stand in the given order, the last one next to the question. ``chat(messages, lead)`` is the model's chat
    template and is needed for ``style="chat"``. Raises ``UserError`` for a part that cannot be filled.
    """
    return render_reasoning(prompt, words, input, demonstrations, reasoning=None, chat=chat)


def render_reasoning(
    prompt: Prompt,
    words: Source,
    input: str,
    demonstrations: Sequence[Demonstration] = (),
    *,
    reasoning: str | None,
    chat: Chat | None = None,
) -> str:
    """The two stages of a prompt that reasons: ``reasoning=None`` asks for it, a text puts it in and asks for the answer.

    The second text begins with the first, so that a shared prefix is computed once. A prompt that does not reason has one stage,
    the same for both. Demonstrations carry no reasoning: the data have none.
    """
    words = Words.of(words)
    header = _header(prompt, words)
    lead = part_text(prompt, "lead", words)
    opening = lead
    if prompt.reasoning is not None:
        opening = part_text(prompt, "reasoning", words)
        if reasoning is not None:
            opening = f"{opening}{reasoning.rstrip()}\n{lead}"
    shown = [(_question(prompt, words, d.input), lead + answer_text(prompt, words, d.target)) for d in demonstrations]
    asked = _question(prompt, words, input)
    if prompt.style == "chat":
        return _chat_text(prompt, header, shown, asked, opening, chat)
    blocks = [header] if header else []
    blocks += [f"{question}\n{answer}" for question, answer in shown]
    return prompt.separator.join([*blocks, f"{asked}\n{opening}"])


def _chat_text(
    prompt: Prompt, header: str, shown: list[tuple[str, str]], asked: str, opening: str, chat: Chat | None
) -> str:
    if chat is None:
        raise UserError(
            f"prompt '{prompt.name}' is in chat style, and this model has no chat template. Use its plain form",
            zh=f"提示“{prompt.name}”是对话形式，而该模型没有对话模板，请改用 plain 形式",
        )
    messages = [{"role": "system", "content": header}] if header else []
    for question, answer in shown:
        messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return chat([*messages, {"role": "user", "content": asked}], opening)


def stop_strings(prompt: Prompt, *, paragraphs: bool | None = None) -> tuple[str, ...]:
    """Where a plain text that goes on by itself has left the answer: at the separator, or where the next question begins.

    ``paragraphs``: what is written here may hold separators (blank lines) itself, so that they say nothing. By default that is so
    for a prompt that reasons; pass False for its second stage. A chat turn ends by its own token and needs no stop string.
    """
    if prompt.style == "chat":
        return ()
    if paragraphs is None:
        paragraphs = prompt.reasoning is not None
    opening = re.split(r"\{[{%#]", prompt.question, maxsplit=1)[0].strip()
    stops = [prompt.separator] if prompt.separator and not paragraphs else []
    return tuple(stops + ([f"\n{opening}"] if opening else []))
