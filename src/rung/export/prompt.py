"""What the model reads, without Rung: the text with a place for the input, the same as chat messages, and how the answer is read.

    prompt.txt      the text that is continued; SLOT stands where the input goes
    messages.json   the same for a server that takes chat messages only
    answer.json     the slot, the options or the length and ends of an answer, what is added to scores (see ask.py)

A prompt is exported only if putting an input into its slot gives, character by character, what Rung would have rendered.
"""

from __future__ import annotations

import importlib.resources
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.engine import Model
from rung.incontext import make_selector
from rung.programs.direct import REASONING, embedder
from rung.prompts import Words, choice_texts, render, stop_strings
from rung.prompts.render import part_text
from rung.types import Adaptation, AdaptationError

SLOT = "{input}"
PROBES = ("Quite short.", "两行\n{{ 输入 }} <b>")  # a template that changes its input (to lower case, say) has no slot


@dataclass(frozen=True)
class Written:
    """A prompt as text, as messages, and how its answer is read."""

    text: str
    messages: list[dict[str, str]]
    answer: dict[str, Any]

    def filled(self, input: str) -> str:
        """What the model reads for ``input``."""
        return self.text.replace(self.answer["slot"], input)


def settled(made: Adaptation, model: Model) -> Adaptation:
    """``made`` with the demonstrations that every request shows; AdaptationError where each input has its own."""
    if made.selector is None:
        return made
    if made.selector.kind != "diverse":
        raise AdaptationError(
            f"{made.name} picks its demonstrations for each input ({made.selector.kind}), so that it has no prompt to export; "
            "serve it with rung serve, or export few-shot, whose demonstrations are fixed",
            zh=f"{made.name} 为每条输入单独挑选示例（{made.selector.kind}），没有可导出的固定提示；"
            "请用 rung serve 提供服务，或导出示例固定的 few-shot",
        )
    picker = make_selector(made.selector, made.demonstrations, embedder(model, made.adapter_sha256))
    (picked,) = picker.pick([PROBES[0]])
    return replace(made, selector=None, demonstrations=tuple(made.demonstrations[i] for i in picked))


def written(made: Adaptation, model: Model) -> Written:
    """The prompt of an adaptation whose demonstrations are :func:`settled`."""
    slot, around = SLOT, _rendered(made, model, "")
    while slot in around:  # the words of the task hold it already
        slot = "{" + slot + "}"
    text = _rendered(made, model, slot)
    if any(text.replace(slot, probe) != _rendered(made, model, probe) for probe in PROBES):
        raise AdaptationError(
            f"the prompt of {made.name} changes its input, so that no text with a place for it says the same; "
            "serve it with rung serve",
            zh=f"{made.name} 的提示会改动输入，无法写成留有输入位置的文本；请用 rung serve 提供服务",
        )
    return Written(text, _messages(made, slot), _answer(made, model, slot, text))


def save(prompt: Written, folder: Path) -> None:
    """Write the files of the module's head, and ``ask.py`` beside them."""
    (folder / "prompt.txt").write_bytes(prompt.text.encode())
    for name, body in (("messages.json", prompt.messages), ("answer.json", prompt.answer)):
        (folder / name).write_text(json.dumps(body, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    (folder / "ask.py").write_bytes((importlib.resources.files("rung.export") / "ask.py").read_bytes())


def _rendered(made: Adaptation, model: Model, input: str) -> str:
    assert made.prompt is not None
    chat = model.chat if made.prompt.style == "chat" else None
    return render(made.prompt, Words.of(made), input, made.demonstrations, chat=chat)


def _messages(made: Adaptation, slot: str) -> list[dict[str, str]]:
    """Chat messages that say the same: without demonstrations the lead closes the question, else the answers show it."""
    assert made.prompt is not None
    found: list[dict[str, str]] = []
    opening: list[str] = []

    def keep(messages: list[dict[str, str]], lead: str) -> str:
        found.extend(messages)
        opening.append(lead)
        return ""

    render(replace(made.prompt, style="chat"), Words.of(made), slot, made.demonstrations, chat=keep)
    if opening[0] and (not made.demonstrations or made.prompt.reasoning is not None):
        found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n{opening[0]}"}
    return found


def _answer(made: Adaptation, model: Model, slot: str, text: str) -> dict[str, Any]:
    """How an answer is asked for and read: what ``ask.py`` goes by."""
    assert made.prompt is not None
    prompt, words, decoding = made.prompt, Words.of(made), made.decoding
    schema = dict(made.schema) if made.kind == "extract" and decoding.constrain and made.schema is not None else None
    stops = [] if schema else list(decoding.stop or stop_strings(prompt, paragraphs=False))
    thinking = {"max_tokens": REASONING.max_tokens, "stop": ["\n\n", *stop_strings(prompt)]}
    return {
        "name": made.name,
        "kind": made.kind,
        "slot": slot,
        "special_tokens": not _begins(model, text),  # whether the server puts the beginning-of-text token
        "reasoning": thinking if prompt.reasoning is not None else None,
        "lead": part_text(prompt, "lead", words),
        "labels": list(made.labels) if made.kind == "classify" else [],
        "options": choice_texts(prompt, words) if made.kind == "classify" else [],
        "offsets": list(made.calibration) if made.calibration is not None else None,
        "per_token": made.parameters.get("normalise", "sum") == "mean",
        "max_tokens": decoding.max_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "seed": decoding.seed,
        "stop": stops,
        "schema": schema,
    }


def _begins(model: Model, text: str) -> bool:
    """Whether a text brings its own beginning-of-text token, as chat templates do."""
    first = model.text.prefix
    own: list[int] = model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return bool(first) and own[: len(first)] == first
