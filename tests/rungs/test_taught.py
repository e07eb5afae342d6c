"""What a label knows when it is trained on, and what a teacher says of an example whose label nobody looks at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung.choice import Choice, plain
from rung.documents import answer_documents
from rung.incontext import balanced
from rung.programs import opened
from rung.prompts import Words, answer_text, choice_texts, render
from rung.rungs import Context
from rung.rungs.supervised import documents, taught
from rung.rungs.trained import RECIPES


@pytest.fixture
def context(orders: SimpleNamespace, tmp_path: Path) -> Context:
    return Context(orders.task(train=16, dev=12), orders.able(), tmp_path, 0, rung="lora")


def test_labels_are_trained_on_as_choices_cut_as_scoring_cuts(context: Context) -> None:
    prompt, words = context.templates[0], Words.of(context.task)
    options = choice_texts(prompt, words)
    made = documents(context, prompt, context.task.train)
    assert all(isinstance(d, Choice) and len(d.options) == len(options) for d in made)
    assert [plain(d) for d in made] == answer_documents(
        context.model,
        [render(prompt, words, e.input) for e in context.task.train],
        [answer_text(prompt, words, e.target) for e in context.task.train],
        choices=[options] * 16,
        sources=[e.source for e in context.task.train],
    )


def test_written_answers_have_no_options_and_an_end(context: Context) -> None:
    written = replace(context, task=replace(context.task, kind="generate", labels=()))
    made = documents(written, written.templates[0], written.task.train)
    assert not any(isinstance(d, Choice) for d in made)
    assert all(d.tokens[-1] == context.model.tokenizer.eos_token_id for d in made)


def test_a_teacher_is_asked_with_its_prompt_and_the_labels_are_not_looked_at(context: Context, orders) -> None:
    shown = balanced(context.pool, 4, 0, context.task.labels)
    teacher = context.adaptation(
        "teacher", prompt=context.templates[1], demonstrations=shown, calibration=(0.25, -0.25)
    )
    examples = orders.examples(5000, 20)
    bare = context.templates[0]
    made = taught(context, teacher, bare, examples)
    with opened(teacher, context.model) as answer:
        said = answer(examples)
    assert [d.teacher for d in made] == [p.scores for p in said]
    assert [context.task.labels[d.right] for d in made] == [p.output for p in said]
    assert [d.tokens[: d.start] for d in made] == [
        d.tokens[: d.start] for d in documents(context, bare, examples)
    ]  # the student has the bare template
    wrong = [replace(e, target=context.task.labels[0]) for e in examples]
    assert taught(context, teacher, bare, wrong) == made


def test_the_recipe_says_the_objective() -> None:
    recipe = RECIPES["lora"]
    assert recipe.hyperparameters(100, 1e-3).objective == recipe.objective
    assert replace(recipe, objective="answers").hyperparameters(100, 1e-3).objective == "answers"
