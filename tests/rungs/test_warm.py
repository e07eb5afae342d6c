"""Where a trained rung may begin: the words that carry the task, what stands before an input, a stage trained before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from decoders import every_decoder, gpt2

from rung.adapters import LoraConfig
from rung.adapters.soft import first_embeddings, first_keys, joined
from rung.engine.flat import forward_flat, run_kept
from rung.incontext import balanced
from rung.rungs import Context
from rung.rungs.trained import RECIPES
from rung.rungs.warm import before_input, start_of, task_context, task_words


@pytest.fixture
def context(orders: SimpleNamespace, tmp_path: Path) -> Context:
    return Context(orders.task(train=16, dev=12), orders.able(), tmp_path, 0, rung="prompt-tuning")


def test_the_words_of_the_task_are_its_labels_and_the_end_of_what_is_said(context: Context) -> None:
    said = before_input(context, context.prompt)
    assert said and "order" not in said.rsplit("\n", 1)[-1]
    letters = "".join(dict.fromkeys(x for pair in zip(" left ", " right", strict=True) for x in pair))
    words = context.weights.decode(task_words(context, 20))
    assert words.startswith(letters[:6].rstrip()) and words.endswith(said[-8:])
    assert len(task_words(context, 20)) == 20
    assert len(task_words(context, 4)) == 4  # of both labels, in turn
    assert task_words(context, 4) == task_words(context, 20)[:4]
    assert task_words(context, 20)[0] != context.weights.tokenizer.bos_token_id
    assert start_of(context, "labels", 4) == task_words(context, 4)
    assert start_of(context, "words", 9) == tuple(context.weights.encode(said))[:9]
    assert start_of(context, "context", 9) == task_context(context)
    written = replace(context, task=replace(context.task, kind="generate", labels=()))
    assert said.endswith(written.weights.decode(task_words(written, 5))) or len(task_words(written, 5)) == 5


def test_what_stands_before_an_input_ends_where_the_input_begins(context: Context) -> None:
    bare = task_context(context)
    shown = balanced(context.pool, 4, 0, context.task.labels)
    context.standing["few-shot"] = context.adaptation("b", prompt=context.templates[1], demonstrations=shown)
    whole = context.weights.decode(task_context(context))
    assert all(d.input in whole for d in shown) and len(task_context(context)) > len(bare)
    assert whole.endswith(before_input(context, context.templates[1])[-4:])
    assert before_input(
        context, replace(context.prompt, role="", instruction="", question="{{ input }}", lead="Says:")
    ) == ("\nSays:")  # what begins with the input says what it says of an empty one


@every_decoder
def test_a_long_beginning_keeps_its_last_keys_which_have_read_the_rest(build) -> None:
    hf = build()
    start = (7, 3, 9, 4, 11, 5, 30, 2)
    kept = first_keys(hf, 3, start, 0)
    assert kept.shape[0] == 3
    with torch.no_grad():
        whole = joined(run_kept(hf, first_embeddings(hf, 8, start, 0)))
        torch.testing.assert_close(kept[:, 1::2], whole[-3:, 1::2], atol=1e-6, rtol=1e-5)  # values know no positions
        if build is gpt2:  # learned positions cannot be moved
            torch.testing.assert_close(kept, whole[-3:], atol=1e-6, rtol=1e-5)
            return
        moved = run_kept(hf, first_embeddings(hf, 8, start, 0), -5)
        assert moved.position == 3
        found, wanted = (
            forward_flat(hf, [[1, 2]], past=p) for p in (moved, run_kept(hf, first_embeddings(hf, 8, start, 0)))
        )
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)  # rotary positions know distances only
        torch.testing.assert_close(kept, joined(moved)[-3:], atol=1e-6, rtol=1e-5)


def test_a_lora_may_begin_where_a_prompt_has_taught_it(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPES["lora"], rates=(1e-3,), stages={"distilled": LoraConfig()})
    monkeypatch.setattr("rung.rungs.trained.RECIPES", {**RECIPES, "lora": recipe})
    result = orders.climb(tmp_path, "few-shot,lora", task=orders.task(train=16, dev=24, test=8))
    begun = [c for c in result["candidates"] if c["rung"] == "lora" and c["name"].endswith("-distilled-quarter")]
    assert len(begun) == 1 and begun[0]["notes"]["begins"] == "distilled"
    own = sum(c["cost"]["build_flops"] for c in result["candidates"] if c["rung"] == "lora")
    assert result["rungs"][1]["cost"]["build_flops"] > own  # the teaching is paid for


def test_with_inputs_enough_one_candidate_has_read_them_first(
    orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPES["lora"], rates=(1e-3,))
    monkeypatch.setattr("rung.rungs.trained.RECIPES", {**RECIPES, "lora": recipe})
    results = {}
    for least in (16, 17):
        monkeypatch.setattr("rung.rungs.trained.READ", least)
        results[least] = orders.climb(tmp_path / str(least), "lora", task=orders.task(train=16, dev=24, test=8))
    read, plain = ([c for c in results[least]["candidates"] if "-inputs" in c["name"]] for least in (16, 17))
    assert not plain
    monkeypatch.setattr("rung.rungs.trained.READ", 16)
    task, limited = orders.task(train=16, dev=24, test=8), replace(orders.general, most=9.0)
    kept = orders.climb(tmp_path / "limited", "lora", task=task, general=limited)
    assert not any("-inputs" in c["name"] for c in kept["candidates"])
    first = read[0]
    assert first["name"] == "lora/bare-r32-lr0.001-inputs-quarter"
    assert first["notes"]["begins"] == "inputs"
    own = sum(c["cost"]["build_flops"] for c in results[16]["candidates"])
    assert results[16]["rungs"][0]["cost"]["build_flops"] > own  # the reading is paid for
    stage = tmp_path / "16" / "candidates" / "lora" / "inputs" / "adapter"
    assert (stage / "adapter_config.json").exists()


def test_the_inputs_are_read_without_prompt_or_answer(context: Context) -> None:
    read = [context.weights.decode(d.tokens[d.start :]) for d in context.input_documents]
    assert read[0].startswith(context.task.train[0].input)
    assert len(read) == 16
    assert not any(label in text for text in read for label in context.task.labels)
