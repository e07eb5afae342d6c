"""Episodes: the labels are in the demonstrations, and the demonstrations fit."""

import random

import pytest

from rung.instruct.episode import ROOM, episode, fitting
from rung.instruct.exercises.passages import FAMILIES, sentences
from rung.instruct.sources import Sources

WORDS = {"fruit": ["apple", "pear", "plum", "cherry", "grape"], "tool": ["saw", "hammer", "drill", "file", "plane"]}


def made(seed: int, **options):
    rng = random.Random(seed)
    groups = {name: (lambda ws=ws: f"the {rng.choice(ws)} number {rng.randrange(1000)}") for name, ws in WORDS.items()}
    return episode(rng, "test", "en", groups, **options)


def group(text: str) -> str:
    return next(name for name, words in WORDS.items() if text.split()[1] in words)


@pytest.mark.parametrize("seed", range(60))
def test_one_mapping_of_groups_to_labels_holds_throughout(seed):
    item = made(seed)
    mapping = {group(item.input): item.target}
    for d in item.demonstrations:
        assert mapping.setdefault(group(d.input), d.target) == d.target
    assert len(set(mapping.values())) == len(mapping)
    assert set(mapping.values()) <= set(item.labels)
    assert item.input not in {d.input for d in item.demonstrations}


def test_all_kinds_of_labels_occur_and_only_names_are_asked_without_demonstrations():
    items = [made(seed, description="What is it?") for seed in range(300)]
    named = [i for i in items if i.target == group(i.input)]
    flipped = [i for i in items if i.target in WORDS and i.target != group(i.input)]
    assert named and flipped and len(items) > len(named) + len(flipped)
    assert all(i.target == group(i.input) for i in items if not i.demonstrations)
    assert all(not i.description for i in items if i.target != group(i.input))
    assert any(not i.demonstrations for i in items) and any(len(i.demonstrations) >= 12 for i in items)


def test_demonstrations_stop_where_the_room_ends():
    long = [("x" * 900, "a"), ("y" * 900, "b"), ("z" * 900, "a"), ("short", "b")]
    kept = fitting(long, used=500)
    assert [label for _, label in kept] == ["a", "b"]
    assert 500 + sum(len(t) + 40 for t, _ in kept) <= ROOM


def test_sentences_of_both_languages():
    assert sentences("He came in. The door was open! Nobody spoke.") == (
        "He came in.",
        "The door was open!",
        "Nobody spoke.",
    )
    assert sentences("他推门走了进来。屋里一个人也没有！") == ("他推门走了进来。", "屋里一个人也没有！")
    assert sentences("短。") == ("短。",)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_passages_of_the_shared_texts(family, shared):
    sources = Sources(shared / "data" / "text", shared / "data" / "tasks", exam=True)
    items = [family.make(random.Random(seed), sources) for seed in range(15)]
    assert [family.make(random.Random(seed), sources) for seed in range(15)] == items
    for item in items:
        assert item.target in item.labels and item.family == family.name
        assert len(item.labels) == len(set(item.labels)) >= 2
