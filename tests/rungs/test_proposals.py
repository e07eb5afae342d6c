"""What each rung proposes: the right prompts and demonstrations, the same for the same seed, without a look at test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from rung.adaptation import hash_of
from rung.ladder import LADDER
from rung.prompts import TEMPLATES
from rung.rungs import Context, Wave
from rung.rungs.supervised import Watch, watcher
from rung.rungs.trained import RECIPES
from rung.types import Adaptation, Task

UNTRAINED = [rung for rung in LADDER if rung.name not in RECIPES]
TRAINED = [rung for rung in LADDER if rung.name in RECIPES]


@pytest.fixture
def propose(tmp_path: Path, orders: SimpleNamespace):
    """propose(rung, seed, task) -> its waves; the leader is always the last candidate."""

    def propose(rung, seed: int = 0, task: Task | None = None, **context) -> list[Wave]:
        own = Context(
            task or orders.task(dev=12), orders.able(), tmp_path / "candidates", seed, rung=rung.name, **context
        )
        waves = []
        for wave in rung.propose(own):
            waves.append(wave)
            own.ranking = [wave.candidates[-1], *own.ranking]
        return waves

    return propose


def named(name: str):
    return next(rung for rung in LADDER if rung.name == name)


def flat(waves: list[Wave]) -> list[Adaptation]:
    return [a for wave in waves for a in wave.candidates]


@pytest.mark.parametrize("rung", UNTRAINED, ids=lambda rung: rung.name)
def test_the_same_seed_proposes_the_same_and_the_seal_stays_shut(propose, orders: SimpleNamespace, rung) -> None:
    task = orders.task(dev=12)
    first, second = flat(propose(rung, task=task)), flat(propose(rung, task=task))
    assert first
    assert [(a.name, hash_of(a)) for a in first] == [(a.name, hash_of(a)) for a in second]
    assert len({a.name for a in first}) == len(first)
    assert all(a.name.startswith(f"{rung.name}/") and a.rung == rung.name for a in first)
    assert all(a.labels == task.labels for a in first)
    assert task.test.opened is False


def test_the_ladder_goes_from_cheap_to_costly() -> None:
    assert [rung.step for rung in LADDER] == sorted(rung.step for rung in LADDER)
    assert len({rung.name for rung in LADDER}) == len(LADDER)
    assert all(rung.name == rung.name.lower().replace("_", "-") for rung in LADDER)


@pytest.mark.parametrize("name", ["zero-shot", "chain-of-thought", "magic-words"])
def test_hard_prompts_show_no_example(propose, name: str) -> None:
    assert all(a.demonstrations == () for a in flat(propose(named(name))))


def test_magic_words_are_measured_against_none(propose) -> None:
    made = flat(propose(named("magic-words")))
    assert made[0].name == "magic-words/none"
    assert len({hash_of(a) for a in made}) == len(made)
    assert all(a.prompt is not None and a.prompt.reasoning is None for a in made)
    assert all(
        a.prompt is not None and a.prompt.reasoning is not None for a in flat(propose(named("chain-of-thought")))
    )


def test_the_curve_of_shots(propose, orders: SimpleNamespace) -> None:
    curve, draws, orders_, *_ = propose(named("few-shot"))
    assert [len(a.demonstrations) for a in curve.candidates] == [0, 1, 2, 4, 8, 16]
    assert curve.drop is False  # a curve needs every point
    assert {len(a.demonstrations) for a in draws.candidates} == {2, 4, 8, 16}
    sets = {frozenset(a.demonstrations) for a in orders_.candidates}
    assert len(sets) == 1  # the same demonstrations
    assert len({a.demonstrations for a in orders_.candidates}) == len(orders_.candidates)  # in other orders
    pool = {(e.input, e.target) for e in orders.task().train}
    assert all({(d.input, d.target) for d in a.demonstrations} <= pool for a in curve.candidates)
    eight = curve.candidates[4].demonstrations
    assert [sum(d.target == label for d in eight) for label in orders.labels] == [4, 4]


def test_the_order_is_tried_where_showing_nothing_is_better(tmp_path: Path, orders: SimpleNamespace) -> None:
    own = Context(orders.task(dev=12), orders.able(), tmp_path, 0, rung="few-shot")
    waves = named("few-shot").propose(own)
    none, one, two, *_ = next(waves).candidates
    own.ranking = [none, one, two]
    next(waves)
    assert {frozenset(a.demonstrations) for a in next(waves).candidates} == {frozenset(two.demonstrations)}


def test_another_seed_draws_others(propose) -> None:
    first, second = propose(named("few-shot"), 0)[0], propose(named("few-shot"), 1)[0]
    assert first.candidates[0].demonstrations == second.candidates[0].demonstrations == ()
    assert first.candidates[4].demonstrations != second.candidates[4].demonstrations


def test_shots_stop_where_the_pool_or_the_context_does(propose, orders: SimpleNamespace) -> None:
    few = propose(named("few-shot"), task=orders.task(train=5, dev=12))[0]
    assert [len(a.demonstrations) for a in few.candidates] == [0, 1, 2, 4]


def test_calibration_changes_nothing_but_the_offsets(propose) -> None:
    plain, calibrated = propose(named("zero-shot"))
    leader = plain.candidates[-1]
    for made in calibrated.candidates:
        assert made.calibration is not None
        assert sum(made.calibration) == pytest.approx(0.0, abs=1e-9)
        assert hash_of(made) != hash_of(leader)
    assert [a.name.removeprefix(leader.name) for a in calibrated.candidates] == ["+contextual", "+batch"]


def test_calibration_does_not_hang_on_how_the_file_is_sorted(propose, orders: SimpleNamespace) -> None:
    """Of a file that goes label by label, the first inputs would all be of one label."""
    task = orders.task(train=96, dev=12)
    by_label = replace(task, train=tuple(sorted(task.train, key=lambda e: e.target)))
    found = [propose(named("zero-shot"), task=one)[1].candidates for one in (task, by_label)]
    assert [a.calibration for a in found[0]] == [a.calibration for a in found[1]]


def test_majority_ties_go_to_the_first_in_order(propose, orders: SimpleNamespace) -> None:
    train = orders.examples(0, 30)
    left = [e for e in train if e.target == "left"][:5]
    right = [e for e in train if e.target == "right"][:5]
    (made,) = flat(propose(named("majority"), task=orders.task(train=1, dev=5)))
    assert made.parameters["answer"] == orders.task(train=1).train[0].target

    tied = replace(orders.task(dev=5), train=(*right, *left))
    assert flat(propose(named("majority"), task=tied))[0].parameters["answer"] == "left"


def test_every_recipe_is_a_rung() -> None:
    assert {rung.name for rung in TRAINED} == set(RECIPES)
    assert all(rung.step in (4, 5) and rung.needs > 1 for rung in TRAINED)


def test_a_look_at_dev_is_paid_for(
    propose, orders: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, model, kept = orders.task(train=16, dev=12), orders.able(), {}
    watch = watcher(Context(task, model, tmp_path, 0), TEMPLATES["en"]["classify"][0])
    assert watch is not None
    assert watch.flops(model) == sum(model.request(d.length, 0, d.reads) for d in watch.documents)
    assert len(watch.documents) == 12
    monkeypatch.setattr(Watch, "flops", lambda *_: 1e18)
    flat(propose(named("lora"), task=task, keep_built=lambda adaptation, built: kept.update({adaptation.name: built})))
    assert [round(built.cost.build_flops / 1e18) for built in kept.values()] == [built.looks for built in kept.values()]


@pytest.mark.parametrize("rung", TRAINED, ids=lambda rung: rung.name)
def test_a_trained_rung_trains_once_and_counts_its_looks_at_dev(
    propose, orders: SimpleNamespace, tmp_path: Path, rung
) -> None:
    if rung.name == "qlora":
        pytest.importorskip("bitsandbytes", reason="bitsandbytes is in the dev extra")
    before = {name: p.clone() for name, p in orders.able().hf.state_dict().items()}
    task, kept = orders.task(train=16, dev=12), {}

    def keep(adaptation: Adaptation, built) -> None:
        kept[rung.name, adaptation.name] = built

    first = flat(propose(rung, task=task, built=kept, keep_built=keep))
    assert {a.name for a in first} == {name for _, name in kept}
    quarters = [built for (_, name), built in kept.items() if name.endswith("-quarter")]
    (whole,) = [built for (_, name), built in kept.items() if not name.endswith("-quarter")]
    recipe = RECIPES[rung.name]
    assert len(quarters) == len(recipe.rates) + len(recipe.others) + 1 + bool(recipe.warm)
    assert all(built.looks == 1 for built in quarters)
    assert whole.looks + 1 == len(whole.notes["evaluations"]) >= 4  # the first look was the quarter's
    assert all(whole.cost.build_flops > 2 * built.cost.build_flops for built in quarters)
    for built in kept.values():
        assert built.cost.labels == 16
        assert built.cost.build_flops > 0
        assert built.cost.trainable_parameters > 0
    assert not list((tmp_path / "candidates").rglob("checkpoint"))
    again = flat(propose(rung, task=task, built=dict(kept), training=lambda *_: pytest.fail("it was trained before")))
    assert [hash_of(a) for a in again] == [hash_of(a) for a in first]
    assert all(torch.equal(p, before[name]) for name, p in orders.able().hf.state_dict().items())


def test_a_soft_prompt_may_begin_at_the_words_of_the_best_hard_prompt(propose, orders: SimpleNamespace) -> None:
    """The leader is always the last candidate here: so the warm start is trained, and the whole follows the last quarter."""
    first, second, last = propose(named("prompt-tuning"), task=orders.task(train=16, dev=12))
    begun = [a.name.endswith("-warm-quarter") for a in (*first.candidates, *second.candidates)]
    assert begun == [False, False, True, False]
    assert f"{last.candidates[0].name}-quarter" == second.candidates[-1].name


def test_the_whole_follows_a_quarter_whose_prompt_is_a_chat(propose, orders: SimpleNamespace, tmp_path: Path) -> None:
    """The name of such a prompt has a slash in it, and its folders are one level deeper."""
    task = orders.task(train=16, dev=12)
    chat = replace(TEMPLATES[task.language][task.kind][0], name="bare/chat", style="chat")
    found = Adaptation("zero-shot/bare/chat", "zero-shot", task.kind, task.language, prompt=chat)
    *_, quarters, last = propose(named("lora"), task=task, standing={"zero-shot": found})
    assert [a.name for a in (*quarters.candidates, *last.candidates)] == [
        "lora/bare/chat-r8-lr0.003-quarter", "lora/bare/chat-r8-lr0.003",
    ]  # fmt: skip
    assert not list((tmp_path / "candidates").rglob("checkpoint"))
