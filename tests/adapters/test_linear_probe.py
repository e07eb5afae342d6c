"""The probe against plain scikit-learn, on what it can and cannot know, and on folders that are not one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from rung.adapters.linear_probe import CONFIG, STRENGTHS, UNSEEN, WEIGHTS, Fitted, LinearProbe, fit
from rung.engine import fake_model
from rung.types import AdaptationError

N, D, LABELS = 120, 12, 4


def drawn(seed: int = 0, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """States [n, D], far from the origin and unevenly wide, and labels that a noisy linear map gives them."""
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(n, D))
    map_ = np.random.default_rng(99).normal(size=(D, LABELS))
    labels = (plain @ map_ + rng.gumbel(size=(n, LABELS))).argmax(1)
    return (plain * np.logspace(-2, 2, D) + 7).astype(np.float32), labels


def fitted(states: np.ndarray, labels: np.ndarray, **options) -> Fitted:
    return fit(states, labels, options.pop("count", LABELS), layer=1, pool="last", **options)


@pytest.mark.parametrize("count", [LABELS, 2])
def test_it_is_scikit_learns_own_on_standardised_states(count: int) -> None:
    states, labels = drawn()
    labels = labels % count
    fresh, _ = drawn(1)
    probe = fitted(states, labels, count=count, strengths=[0.05]).probe
    scaler = StandardScaler().fit(states)
    reference = LogisticRegression(C=1 / (0.05 * N), max_iter=2000).fit(scaler.transform(states), labels)
    expected = reference.predict_log_proba(scaler.transform(fresh))
    logs = probe.log_probabilities(fresh)
    assert logs == pytest.approx(expected, abs=2e-3)  # two solvers' ends, each within the same tolerance
    assert np.exp(logs).sum(1) == pytest.approx(1.0)
    assert probe.parameters == count * (D + 1)
    assert (probe.layer, probe.pool, probe.l2) == (1, "last", 0.05)


def test_the_strength_is_the_best_of_a_cross_validation_within_these_examples() -> None:
    states, labels = drawn()
    alone = [fitted(states, labels, strengths=[l2]) for l2 in STRENGTHS]
    best = max(alone, key=lambda f: (f.accuracy, -f.loss))
    found = fitted(states, labels)
    assert found.probe.l2 == best.probe.l2
    assert found.accuracy == pytest.approx(best.accuracy, abs=0.01)
    noise = np.random.default_rng(0).normal(size=(40, 200)).astype(np.float32)
    assert fitted(noise, np.arange(40) % LABELS).loss < 3.0  # strong enough not to be sure of nothing


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        fitted(*drawn(), seed=3).probe.save(tmp_path / name)
    for file in (CONFIG, WEIGHTS):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_states_and_labels_are_left_as_they_were() -> None:
    states, labels = drawn()
    before = states.copy(), labels.copy()
    fitted(states, labels)
    assert np.array_equal(states, before[0]) and np.array_equal(labels, before[1])


def test_a_feature_that_only_rounding_moves_says_nothing() -> None:
    states, labels = drawn()
    rounding = np.float32(3) + np.where(labels == 0, np.float32(3e-7), np.float32(0))
    still = np.concatenate([states, rounding[:, None]], 1)
    assert still[:, -1].std() > 0
    probe = fitted(still, labels, strengths=[0.01]).probe
    assert probe.scale[-1] == 1.0
    assert probe.weight[:, -1] == pytest.approx(0.0, abs=1e-3)


def test_a_label_that_training_never_showed_is_never_given() -> None:
    states, labels = drawn()
    some = labels != 2
    probe = fitted(states[some], labels[some]).probe
    assert probe.bias[2] == np.float32(UNSEEN)
    logs = probe.log_probabilities(states)
    assert np.isfinite(logs).all()
    assert 2 not in logs.argmax(1)


def test_one_label_alone_is_always_given() -> None:
    states, _ = drawn()
    found = fitted(states, np.full(N, 3))
    assert (found.probe.log_probabilities(states).argmax(1) == 3).all()
    assert (found.accuracy, found.flops) == (1.0, 0.0)


def test_a_label_with_one_example_is_no_obstacle() -> None:
    states, labels = drawn(n=20)
    labels = np.array([3, *np.minimum(labels[1:], 2)])
    assert fitted(states, labels).loss < 50  # the fold without it does not count its -1e9


def test_states_without_labels_are_refused() -> None:
    states, labels = drawn()
    with pytest.raises(ValueError, match="at least two states"):
        fitted(states[:1], labels[:1])
    with pytest.raises(ValueError, match="120 and 119 given"):
        fitted(states, labels[1:])


# --- what it can know, and what it cannot ---------------------------------------------------------------------------


def read(first: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean states of `fake` behind its first layer, and whether the text holds more `a` than `b`."""
    rng = np.random.default_rng(first)
    texts = ["".join(rng.choice(["a", "b", "c"], size=15)) for _ in range(n)]
    labels = np.array([int(text.count("a") > text.count("b")) for text in texts])
    return fake_model().hidden(texts, [1], "mean")[:, 0], labels


def test_it_learns_what_the_states_hold() -> None:
    (states, labels), (fresh, wanted) = read(0, 300), read(1, 300)
    found = fit(states, labels, 2, layer=1, pool="mean")
    accuracy = (found.probe.log_probabilities(fresh).argmax(1) == wanted).mean()
    assert accuracy > 0.9
    assert found.accuracy == pytest.approx(accuracy, abs=0.08)  # cross-validation foretells it


def test_on_shuffled_labels_it_stays_at_chance() -> None:
    """The control task of Hewitt & Liang: what the probe learns by heart does not carry over."""
    (states, labels), (fresh, wanted) = read(0, 300), read(1, 600)
    found = fit(states, np.random.default_rng(0).permutation(labels), 2, layer=1, pool="mean")
    hits = (found.probe.log_probabilities(fresh).argmax(1) == wanted).mean()
    assert abs(hits - 0.5) < 3 * 0.5 / 600**0.5 + abs(wanted.mean() - 0.5)
    assert found.accuracy < 0.6


# --- on disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fitted(*drawn()).probe.save(tmp_path / "probe")
    return tmp_path / "probe"


def test_what_is_saved_comes_back(folder: Path) -> None:
    states, labels = drawn()
    probe, back = fitted(states, labels).probe, LinearProbe.load(folder)
    assert (back.layer, back.pool, back.l2) == (probe.layer, probe.pool, probe.l2)
    assert np.array_equal(back.log_probabilities(states), probe.log_probabilities(states))
    assert sorted(path.name for path in folder.iterdir()) == [CONFIG, WEIGHTS]
    assert {t.dtype for t in load_file(folder / WEIGHTS).values()} == {np.dtype(np.float32)}


def write(folder: Path, **changes: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **changes}))


def rewrite(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


BROKEN = {
    "no configuration": (lambda f: (f / CONFIG).unlink(), "probe.json is missing", "缺少 probe.json"),
    "no JSON": (lambda f: (f / CONFIG).write_text("{"), "cannot be read", "读不出来"),
    "a list": (lambda f: (f / CONFIG).write_text("[]"), "must hold layer", "应当只含 layer"),
    "a field too many": (lambda f: write(f, code="x"), "nothing else", "应当只含"),
    "half a layer": (lambda f: write(f, layer=1.5), "whole number", "整数"),
    "a layer below 0": (lambda f: write(f, layer=-1), "layer -1", "第 -1 层"),
    "another pool": (lambda f: write(f, pool="max"), "'max' state", "'max' 状态"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "unpickling runs code", "反序列化会执行代码"),
    "half the weights": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:50]), "broken", "已损坏"),
    "no bias": (lambda f: rewrite(f, lambda t: t.pop("bias")), "make a probe", "组成"),
    "a narrow mean": (lambda f: rewrite(f, lambda t: t.update(mean=t["mean"][:-1])), "make a probe", "组成"),
    "flat weights": (lambda f: rewrite(f, lambda t: t.update(weight=t["weight"].ravel())), "make a probe", "组成"),
    "scale 0": (lambda f: rewrite(f, lambda t: t["scale"].fill(0)), "scale is above 0", "scale 大于 0"),
    "not a number": (lambda f: rewrite(f, lambda t: t["bias"].fill(np.nan)), "finite", "有限"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_folder_that_is_no_probe_is_refused_in_both_languages(folder: Path, how: str) -> None:
    spoil, english, chinese = BROKEN[how]
    spoil(folder)
    with pytest.raises(AdaptationError, match=english) as told:
        LinearProbe.load(folder)
    assert chinese in told.value.zh
    assert str(folder) in told.value.zh


def test_a_kill_while_it_is_replaced_loses_nothing(folder: Path) -> None:
    folder.rename(folder.with_name("probe.old"))
    assert LinearProbe.load(folder).layer == 1
