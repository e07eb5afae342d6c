"""The rung of probes: every place once, one forward per text, and nothing fitted twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung.adaptation import hash_of
from rung.adapters.linear_probe import LinearProbe
from rung.engine import Model
from rung.programs.probe import _SHARED
from rung.rungs import Context, Wave
from rung.rungs.linear_probe import LAYERS, linear_probe, spread
from rung.types import BudgetSpent

PLACES = ["last-l1", "last-l2", "mean-l0", "mean-l1", "mean-l2"]  # the fake model has two layers


@pytest.fixture
def context(tmp_path: Path, orders: SimpleNamespace) -> Context:
    made = Context(orders.task(dev=12), orders.able(), tmp_path / "candidates", 0, rung="linear-probe")
    made.keep_built = lambda adaptation, built: made.built.update({(made.rung, adaptation.name): built})
    return made


def names(wave: Wave) -> list[str]:
    return [candidate.name.removeprefix("linear-probe/") for candidate in wave.candidates]


def test_every_layer_and_pool_under_the_bare_template_and_the_best_prompt(context: Context) -> None:
    bare, found = linear_probe(context)
    first, second = context.templates[:2]
    assert names(bare) == [f"{first.name}-{place}" for place in PLACES]
    assert names(found) == [f"{second.name}-{place}" for place in PLACES]
    for candidate in bare.candidates:
        assert candidate.adapter is not None
        probe = LinearProbe.load(Path(candidate.adapter))
        assert candidate.name.endswith(f"-{probe.pool}-l{probe.layer}")
        assert (candidate.program, candidate.prompt, probe.weight.shape) == ("probe", first, (2, 32))
    assert context.task.test.opened is False


def test_where_the_best_prompt_is_the_bare_one_there_is_one_wave(context: Context) -> None:
    context.standing["zero-shot"] = context.adaptation("bare", prompt=context.templates[0])
    assert len(list(linear_probe(context))) == 1


def test_what_was_built_is_kept_with_its_cost(context: Context) -> None:
    before = context.model.meter.flops
    wave = next(linear_probe(context))
    assert [name for _, name in context.built] == [candidate.name for candidate in wave.candidates]
    for (_, name), built in context.built.items():
        cost = built.cost
        assert (cost.labels, cost.trainable_parameters, built.looks) == (40, 2 * 33, 1)
        assert cost.build_seconds > 0
        assert name.endswith(f"{built.notes['pool']}-l{built.notes['layer']}")
        assert 0 <= built.notes["cross_validated"] <= 1
        assert built.notes["l2"] > 0
    forwards = context.model.meter.flops - before  # of the training split, once for all places
    assert forwards < sum(built.cost.build_flops for built in context.built.values()) < 40 * forwards


def test_one_forward_per_text_serves_all_places(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    whole = Model.hidden_pools

    def watched(self, texts, layers, pools):
        read.extend(texts)
        return whole(self, texts, layers, pools)

    monkeypatch.setattr(Model, "hidden_pools", watched)
    next(linear_probe(context))
    assert len(read) == len(set(read)) == len(context.task.train)


def test_a_climb_that_goes_on_fits_nothing_twice(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [hash_of(candidate) for wave in linear_probe(context) for candidate in wave.candidates]
    kept = dict(context.built)
    monkeypatch.setattr(Model, "hidden_pools", lambda *_: pytest.fail("it was read before"))
    assert [hash_of(c) for wave in linear_probe(context) for c in wave.candidates] == whole
    assert context.built == kept


def test_a_budget_that_ends_in_the_middle_keeps_what_is_done(context: Context) -> None:
    def stop() -> None:
        if len(context.built) == 2:
            raise BudgetSpent("spent")

    context.check = stop
    with pytest.raises(BudgetSpent):
        next(linear_probe(context))
    assert len(context.built) == 2
    fitted: list[str] = []
    context.check = lambda: None
    context.training = lambda name, step, steps, loss: fitted.append(name)
    wave = next(linear_probe(context))
    assert fitted == [candidate.name for candidate in wave.candidates[2:]]


@pytest.mark.parametrize(
    ("depth", "layers"),
    [(2, [0, 1, 2]), (7, [*range(8)]), (12, [0, 2, 3, 5, 7, 9, 10, 12]), (80, [0, 11, 23, 34, 46, 57, 69, 80])],
)
def test_deep_models_are_probed_at_evenly_spread_layers(depth: int, layers: list[int]) -> None:
    assert spread(depth) == layers
    assert len(layers) <= LAYERS


def test_it_climbs_and_its_candidates_tell_accuracy_by_layer(tmp_path: Path, orders: SimpleNamespace) -> None:
    result = orders.climb(tmp_path, "majority,linear-probe", task=orders.task(dev=70))
    (row,) = [r for r in result["rungs"] if r["name"] == "linear-probe"]
    assert row["status"] == "measured"
    assert row["candidates"] == 2 * len(PLACES)
    told = {c["name"]: (c["notes"]["layer"], c["dev"]["value"]) for c in result["candidates"] if c["notes"].get("pool")}
    assert len(told) == 2 * len(PLACES)
    assert abs(row["dev"]["value"] - 0.5) < 0.25  # the hash that decides the label is in no state


def test_it_is_for_labels_alone(tmp_path: Path, orders: SimpleNamespace) -> None:
    result = orders.climb(tmp_path, "linear-probe", task=orders.task(kind="generate", metric="chrf", labels=(), dev=12))
    assert result["rungs"][0]["reason"]["en"] == "not for generate tasks"


def test_the_states_are_shared_only_while_the_wave_races(context: Context) -> None:
    waves: Iterator[Wave] = linear_probe(context)
    next(waves)
    assert context.model in _SHARED
    list(waves)
    assert context.model not in _SHARED
    waves = linear_probe(context)
    next(waves)
    del waves  # a race that raised
    assert context.model not in _SHARED
