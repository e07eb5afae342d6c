"""The exported prompt: what a server must be sent, and how its answer is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rung.engine import Model
from rung.export import ask, export
from rung.export.check import Labelled
from rung.programs import as_examples, opened
from rung.prompts import TEMPLATES, chat_variant
from rung.types import Adaptation, AdaptationError, Decoding, Demonstration, Prompt, Selector

Make = Callable[..., Adaptation]
CLASSIFY = {prompt.name: prompt for prompt in TEMPLATES["en"]["classify"]}
SHOWN = (Demonstration("first on your left", "left"), Demonstration("it's to the right", "right"))
SCHEMA = {
    "type": "object", "properties": {"way": {"enum": ["left", "right"]}}, "required": ["way"], "additionalProperties": False,
}  # fmt: skip


def exported(
    model: Model, made: Adaptation, out: Path, examples: Labelled | None = None
) -> tuple[str, dict[str, Any], Any]:
    """prompt.txt, answer.json and the check."""
    done = export(made, model, "prompt", out, examples=examples)
    how = json.loads((out / "answer.json").read_text(encoding="utf-8"))
    return (out / "prompt.txt").read_bytes().decode(), how, done.check


KINDS: dict[str, dict[str, Any]] = {
    "shown": {"demonstrations": SHOWN},
    "calibrated per token": {"calibration": (0.5, -0.5, 1.0), "parameters": {"normalise": "mean"}},
    "chat": {"prompt": chat_variant(CLASSIFY["instruct"]), "demonstrations": SHOWN},
    "reasons": {"prompt": replace(CLASSIFY["instruct"], reasoning="Let's think step by step.")},
    "diverse": {"demonstrations": SHOWN, "selector": Selector("diverse", 1)},
    "generate": {
        "kind": "generate", "labels": (), "prompt": TEMPLATES["en"]["generate"][0], "decoding": Decoding(max_tokens=8)
    },
    "extract": {
        "kind": "extract", "labels": (), "schema": SCHEMA, "prompt": TEMPLATES["en"]["extract"][0],
        "decoding": Decoding(max_tokens=24),
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_prompts_of_every_kind_read_the_same(
    kind: str, model: Model, made: Make, examples: Labelled, tmp_path: Path
) -> None:
    whole = made(model, **KINDS[kind])
    metric = "accuracy" if whole.kind == "classify" else "exact-match"
    _, how, check = exported(model, whole, tmp_path / "out", replace(examples, metric=metric))
    assert check.equal, check
    assert how["special_tokens"] == (kind != "chat")  # the chat template brings its own beginning of text
    assert bool(how["reasoning"]) == (kind == "reasons")
    assert how["schema"] == (SCHEMA if kind == "extract" else None)


def test_messages_say_the_same_as_the_text(model: Model, made: Make, tmp_path: Path) -> None:
    exported(model, made(model, prompt=CLASSIFY["role"], demonstrations=SHOWN), tmp_path / "out")
    messages = json.loads((tmp_path / "out" / "messages.json").read_text())
    assert [m["role"] for m in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "first on your left" in messages[1]["content"] and messages[2]["content"].endswith("left")
    assert "{input}" in messages[-1]["content"] and not any("{input}" in m["content"] for m in messages[:-1])


def test_a_slot_that_the_words_hold_already(model: Model, made: Make, tmp_path: Path) -> None:
    shown = (Demonstration("write {input} and {{input}} here", "left"),)
    text, how, _ = exported(model, made(model, demonstrations=shown), tmp_path / "out")
    assert how["slot"] == "{{{input}}}" and text.count(how["slot"]) == 1


def test_a_prompt_that_has_no_text_is_refused(model: Model, made: Make, tmp_path: Path) -> None:
    loud = Prompt("loud", "en", question="{{ input|upper }}", lead="Label:", answer=" {{ target }}")
    with pytest.raises(AdaptationError, match="changes its input.*rung serve"):
        exported(model, made(model, prompt=loud), tmp_path / "out")
    with pytest.raises(AdaptationError, match="picks its demonstrations for each input.*few-shot"):
        exported(model, made(model, demonstrations=SHOWN, selector=Selector("bm25", 1)), tmp_path / "out")


def test_the_prompt_of_trained_weights_says_that_they_are_missing(
    model: Model, made: Make, examples: Labelled, tmp_path: Path
) -> None:
    from rung.adapters import LoraConfig

    _, _, check = exported(model, made(model, LoraConfig(rank=4)), tmp_path / "out", examples)
    assert check is None
    said = (tmp_path / "out" / "README.md").read_text()
    assert "weights that were trained with this prompt are not here" in said
    assert "vllm serve" not in said  # the bare base answers otherwise
    assert "--check FILE" not in said  # it would check nothing


class Server:
    """The part of the openai client that ask.py needs, over a model in this process."""

    def __init__(self, model: Model):
        self.model, self.sent = model, []
        self.completions = SimpleNamespace(create=self.complete)
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=self.talk))

    def complete(self, prompt: Any, extra_body: dict[str, Any], max_tokens: int, **body: Any) -> Any:
        self.sent.append({"prompt": prompt, **extra_body, **body})
        if not body.get("echo"):
            decoding = Decoding(max_tokens=max_tokens, stop=tuple(body["stop"] or ()))
            return SimpleNamespace(choices=[SimpleNamespace(text=self.model.generate([prompt], decoding)[0][0].text)])
        return SimpleNamespace(choices=[self.echo(i, text) for i, text in reversed(list(enumerate(prompt)))])

    def echo(self, index: int, text: str) -> Any:
        ids = self.model.encode(text)
        with torch.no_grad():
            logs = self.model.hf(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        told = [None, *(float(logs[i - 1, ids[i]]) for i in range(1, len(ids))), -1.0]
        names = [*map(str, ids), "one that was written"]
        return SimpleNamespace(index=index, logprobs=SimpleNamespace(tokens=names, token_logprobs=told))

    def talk(self, messages: list[dict[str, str]], **body: Any) -> Any:
        self.sent.append({"messages": messages, **body})
        return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=" Left. "))])


@pytest.mark.parametrize("kind", ["shown", "calibrated per token", "chat", "reasons", "generate"])
def test_ask_answers_as_rung_does(
    kind: str, model: Model, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = made(model, **KINDS[kind])
    exported(model, whole, tmp_path / "out")
    monkeypatch.setattr(ask, "HERE", tmp_path / "out")
    texts = ["the street on the right", "左边 {input}"]
    with opened(whole, model) as answer:
        wanted = [p.output for p in answer(as_examples(texts))]
    assert [ask.ask(Server(model), "any", text) for text in texts] == wanted


def test_ask_by_chat(model: Model, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exported(model, made(model, demonstrations=SHOWN), tmp_path / "out")
    monkeypatch.setattr(ask, "HERE", tmp_path / "out")
    server = Server(model)
    assert ask.chat(server, "any", "to the {input}") == "left"
    assert "to the {input}" in server.sent[0]["messages"][-1]["content"]
    assert (tmp_path / "out" / "ask.py").read_text() == Path(ask.__file__).read_text()


def test_common_beginnings() -> None:
    assert ask.common([["a", "b"], ["a", "b", "c"]]) == 2
    assert ask.common([["a", "b"], ["a", "x"]]) == 1
    assert math.isclose(ask.common([["x"], ["y"]]), 0)
