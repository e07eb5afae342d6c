"""Splits by content hash: stable, disjoint, and honest about leaks and near-duplicates."""

from __future__ import annotations

import time

import numpy as np
import pytest

from rung.task import detectable_gap, inspect_task, load_task, mixed
from rung.task.near import grams, near_duplicates
from rung.types import DataError, digest


def targets(examples):
    return [e.target for e in examples]


def csv(rows):
    return "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows)


def by_split(task):
    return {"train": task.train, "dev": task.dev, "test": task.test.open()}


def where(task):
    return {one.input: name for name, examples in by_split(task).items() for one in examples}


def test_shares_are_about_what_was_asked_for(write):
    rows = [(f"row number {i}", "ab"[i % 2]) for i in range(3000)]
    path = write("a.csv", csv(rows))
    for split, shares in ((None, (0.6, 0.2, 0.2)), ("70/15/15", (0.7, 0.15, 0.15))):
        sizes = inspect_task(path, split=split).splits
        for name, share in zip(("train", "dev", "test"), shares, strict=True):
            # four standard deviations of a binomial of 3000
            assert abs(sizes[name] - 3000 * share) < 4 * (3000 * share * (1 - share)) ** 0.5


def test_a_file_that_grows_keeps_its_old_splits_whatever_the_order(write, rows):
    before = where(load_task(write("a.csv", csv(rows(40)))))
    after = where(load_task(write("b.csv", csv(list(reversed(rows(60)))))))
    assert before.items() <= after.items()


def test_the_seed_moves_rows_and_one_seed_gives_one_split(write, rows):
    path = write("a.csv", csv(rows()))
    assert where(load_task(path, seed=1)) == where(load_task(path, seed=1)) != where(load_task(path, seed=2))


def test_ids_name_the_normalised_input(write, rows):
    task = load_task(write("a.csv", csv([*rows(), ("  cafe\u0301 ", "good")])))
    ids = {one.input: one.id for examples in by_split(task).values() for one in examples}
    assert len(set(ids.values())) == 61
    assert ids["cafe\u0301"] == digest("caf\u00e9")


def test_the_fingerprint_covers_every_split_and_label(write, rows, tmp_path):
    base = rows(60)
    same = load_task(write("a.csv", csv(base))).fingerprint
    assert load_task(write("b.csv", csv(base))).fingerprint == same
    for i in (0, 20, 59):
        other = [*base[:i], (base[i][0], "good" if base[i][1] == "bad" else "bad"), *base[i + 1 :]]
        assert load_task(write("c.csv", csv(other))).fingerprint != same
    # Labels that no example has stand in the prompts, and a climb without them is another one.
    assert load_task(tmp_path / "a.csv", labels=["good", "bad"]).fingerprint == same
    assert load_task(tmp_path / "a.csv", labels=["good", "bad", "mixed"]).fingerprint != same


def test_the_test_split_is_sealed(write, rows):
    task = load_task(write("a.csv", csv(rows())))
    assert len(task.test) > 0
    with pytest.raises(RuntimeError, match="sealed"):
        list(task.test)


def test_given_splits_are_kept_and_leaks_leave_the_training_side(write, rows):
    base = rows(60)
    write("task/train.csv", csv([*base[:30], base[40], base[50]]))
    write("task/valid.csv", csv([*base[40:50], base[51]]))
    folder = write("task/test.csv", csv(base[50:])).parent
    inspection = inspect_task(folder)
    assert inspection.splits == {"train": 30, "dev": 10, "test": 10}
    assert [(leak.removed, leak.kept, leak.splits) for leak in inspection.leaks] == [
        ("valid.csv:12", "test.csv:3", ("dev", "test")),
        ("train.csv:32", "valid.csv:2", ("train", "dev")),
        ("train.csv:33", "test.csv:2", ("train", "test")),
    ]
    assert [(row.place, row.code) for row in inspection.bad] == [
        ("train.csv:32", "leak"),
        ("train.csv:33", "leak"),
        ("valid.csv:12", "leak"),
    ]
    assert inspection.task.name == "task"


def test_what_is_not_given_is_cut_from_train(write, rows):
    base = rows(60)
    train, held = write("train.csv", csv(base[:50])), write("held.csv", csv(base[50:]))
    with_dev, with_test = inspect_task(train, dev=held), inspect_task(train, test=held)
    assert with_dev.splits["dev"] == with_test.splits["test"] == 10
    assert with_dev.splits["train"] + with_dev.splits["test"] == 50
    assert with_dev.split_rule.en == "cut by content hash from the train file: train 80 % / test 20 % (seed 0)"
    assert with_test.split_rule.en == "cut by content hash from the train file: train 80 % / dev 20 % (seed 0)"


def test_labels_missing_from_train_are_told(write, rows):
    base = rows(60)
    train, dev = write("train.csv", csv(base[:40])), write("dev.csv", csv([*base[40:50], ("a new thing", "mixed")]))
    test = write("test.csv", csv([*base[50:], ("another thing", "mixed")]))
    inspection = inspect_task(train, dev=dev, test=test)
    assert [note.en for note in inspection.warnings] == ["not in train: mixed"]
    assert inspection.task.labels == ("bad", "good", "mixed")


def test_dev_of_a_file_that_goes_label_by_label_begins_with_all_labels(write, rows):
    """The first block of a race, and the looks of a training, are a beginning of dev."""
    labelled = [(f"{text}, again", f"label {i % 3}") for i, (text, _) in enumerate(rows(60))]
    sorted_rows = sorted(labelled, key=lambda row: row[1])
    train, test = write("train.csv", csv(rows(40))), write("test.csv", csv(rows(60)[40:]))
    tasks = [
        load_task(train, dev=write(f"{name}.csv", csv(own)), test=test)
        for name, own in (("turns", labelled), ("sorted", sorted_rows))
    ]
    assert [e.id for e in tasks[0].dev] == [e.id for e in tasks[1].dev] == [e.id for e in mixed(tasks[0].dev)]
    assert sorted(targets(tasks[0].dev)) == sorted(label for _, label in labelled)
    assert len(set(targets(tasks[0].dev)[:12])) == 3
    assert targets(tasks[0].dev) != sorted(targets(tasks[0].dev))


def test_labels_that_dev_and_test_lack_are_told(write, rows):
    base = rows(60)
    many = [(f"thing {i}", f"kind {i:02}") for i in range(12)]
    files = [write(f"{name}.csv", csv(part)) for name, part in (("t", base[:40] + many), ("d", base[40:50]))]
    inspection = inspect_task(
        files[0],
        dev=files[1],
        test=write("e.csv", csv([*base[50:], *((f"another {text}", label) for text, label in many[:11])])),
    )
    blind = " (how they are answered is not measured there)"
    listed = ", ".join(f"kind {i:02}" for i in range(10))
    assert [note.en for note in inspection.warnings] == [
        f"not in dev: {listed} and 2 more{blind}",
        f"not in test: kind 11{blind}",
    ]
    assert "等 12 个" in inspection.warnings[0].zh


def test_a_label_that_is_nearly_all_of_the_rows_is_told(write, rows):
    path = write("a.csv", csv([(text, "good" if i % 6 else "bad") for i, (text, _) in enumerate(rows(60))]))
    found = [note.en for note in inspect_task(path).warnings]
    assert found == ["83 % of the rows are 'good': answering so every time is that accurate"]
    assert inspect_task(path, metric="macro-f1").warnings == ()


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (("Good", "good"), "'Good', 'good'"),
        (("坏", "坏 "), None),  # outer blanks are no part of a label
        (("A级", "Ａ级"), "'A级', 'Ａ级'"),
        (("caf\u00e9", "cafe\u0301"), r"'cafe\u0301', 'caf\xe9'"),  # written alike: told by their characters
    ],
)
def test_labels_that_look_alike_are_told(write, rows, labels, shown):
    path = write("a.csv", csv([(text, labels[i % 2] if i % 3 else "other") for i, (text, _) in enumerate(rows(60))]))
    found = [note.en for note in inspect_task(path).warnings]
    assert found == (
        [f"labels that differ only in case, blanks or how their characters are coded: {shown}"] if shown else []
    )


def test_an_empty_split_is_an_error(write, rows):
    train, test = write("train.csv", csv(rows(12))), write("test.csv", csv(rows(12)))
    with pytest.raises(DataError, match="no usable row falls into"):
        inspect_task(train, dev=write("dev.csv", csv(rows(12))), test=test)


def jaccard(one, two):
    """Similarity by the definition, with Python's own sets."""
    a, b = (set(grams(text).tolist()) for text in (one, two))
    return len(a & b) / len(a | b)


def test_near_duplicates_are_those_of_comparing_every_pair():
    draw = np.random.default_rng(0)
    words = ["river", "stone", "银行", "market", "street", "天气", "blue", "house"]
    texts = [" ".join(draw.choice(words, draw.integers(3, 12))) for _ in range(150)]
    texts += [text[:-1] + "!" for text in texts[:60]] + ["ab", "AB.", ""]
    splits = [int(x) for x in draw.integers(0, 3, len(texts))]
    best = {}
    for i, one in enumerate(texts):
        earlier = [(jaccard(one, two), -j) for j, two in enumerate(texts) if splits[j] < splits[i]]
        if earlier and max(earlier)[0] >= 0.8:
            best[i] = (-max(earlier)[1], max(earlier)[0])
    assert len(best) > 15
    assert near_duplicates(texts, splits) == [(i, j, pytest.approx(s)) for i, (j, s) in sorted(best.items())]


def test_near_duplicates_are_reported_and_kept(write, rows):
    base = rows(60)
    train = write("train.csv", csv([*base[:40], ("The  quick brown fox jumps over the lazy dog", "good")]))
    dev = write("dev.csv", csv([*base[40:50], ("the quick brown fox jumps over the lazy dogs!", "good")]))
    inspection = inspect_task(train, dev=dev, test=write("test.csv", csv(base[50:])))
    (pair,) = [near for near in inspection.near_duplicates if "fox" in near.text]
    assert (pair.later, pair.earlier, pair.splits) == ("dev.csv:12", "train.csv:42", ("dev", "train"))
    # 35 letters have 31 grams; one letter more adds one: 31 / 32
    assert pair.similarity == pytest.approx(31 / 32)
    assert inspection.splits["dev"] == 11


def test_near_duplicates_of_10k_rows_take_less_than_5_seconds():
    draw = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz "))
    texts = ["".join(draw.choice(letters, 120)) for _ in range(10_000)]
    splits = [i % 3 for i in range(len(texts))]
    texts[1] = texts[0][:-1] + "#"
    start = time.process_time()
    found = near_duplicates(texts, splits)
    assert time.process_time() - start < 5
    assert [pair[:2] for pair in found] == [(1, 0)]


def test_thousands_of_rows_that_differ_in_signs_alone_are_no_million_pairs():
    texts = ["!" * (i % 7) + "Order received" + "." * (i // 7) for i in range(4000)]
    start = time.process_time()
    found = near_duplicates(texts, [i * 3 // len(texts) for i in range(len(texts))])
    assert time.process_time() - start < 2
    assert len(found) == len(texts) - 1334 and {pair[1:] for pair in found} == {(0, 1.0)}


def test_thousands_of_rows_of_one_template_take_seconds():
    line = "Customer wrote on the {day} of May that order {i} was not received and asks for a refund of the price"
    texts = [line.format(day=i % 28, i=i) for i in range(3000)]
    splits = [i * 3 // len(texts) for i in range(len(texts))]
    start = time.process_time()
    found = near_duplicates(texts, splits)
    assert time.process_time() - start < 10
    assert [later for later, _, _ in found] == list(range(1000, 3000))
    for later, earlier, similarity in found[::500]:
        assert splits[earlier] < splits[later]
        every = [jaccard(texts[later], text) for text in texts[: 1000 * splits[later]]]
        assert (max(every), every.index(max(every))) == (pytest.approx(similarity), earlier)


@pytest.mark.parametrize(("points", "correlation", "n"), [(3, 0.7, 1098), (3, 0.5, 1830), (5, 0.7, 396), (5, 0.5, 659)])
def test_detectable_gap_is_that_of_the_published_table(points, correlation, n):
    """PEERS.md section 6: items for 80 % power at accuracy .7."""
    assert 100 * detectable_gap(n, correlation=correlation) == pytest.approx(points, rel=2e-3)


def test_no_dev_examples_detect_nothing():
    assert detectable_gap(0) is None
