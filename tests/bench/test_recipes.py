"""The study on a corpus of a few sentences, with a clock that a test can know."""

import json
import sys

import pytest
import recipes
import torch
from recipes import SETTINGS, Part, Setting, main, make, optimizers_of, reshaped

from rung.pretrain import model as sizes
from rung.pretrain.recipe import Recipe


@pytest.fixture
def texts(tmp_path):
    lines = [f'{{"text": "the {a} of the {b} is in the garden and it costs {i} pence"}}\n'
             for i in range(40) for a, b in (("cat", "king"), ("dog", "queen"))]  # fmt: skip
    folder = tmp_path / "texts" / "tales"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text("".join(lines * 3))
    (folder / "valid.jsonl").write_text("".join(lines[:6]))
    return folder.parent


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["recipes.py", *words])
    main()


def test_each_setting_is_measured_once(texts, tmp_path, monkeypatch, capsys):
    torch.set_num_threads(1)
    ticks = iter(range(10**6))
    monkeypatch.setitem(recipes.CLOCKS, "wall", lambda: float(next(ticks)))  # every step takes a second
    small = Recipe(size="0.5M", vocabulary=400, context=64, short=32, batch=256, compile=False)
    monkeypatch.setattr(recipes, "Recipe", lambda **given: small)
    options = ("--minutes", "0.05", "--texts", str(texts), "--out", str(tmp_path / "out"), "--only")
    run(monkeypatch, *options, "base,no-boundaries")
    rows = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(row["setting"], row["steps"], row["seconds"]) for row in rows] == [
        ("base", 3, 3.0),
        ("no-boundaries", 3, 3.0),
    ]
    assert [row["tokens"] for row in rows] == [3 * 256] * 2
    assert all(0.5 < row["held_out"]["bits_per_byte"] < 8 and row["sources"].keys() == {"tales"} for row in rows)
    assert "| base |" in capsys.readouterr().out
    run(monkeypatch, *options, "base,no-boundaries")  # nothing is left to do
    assert len((tmp_path / "out" / "results.jsonl").read_text().splitlines()) == 2
    with pytest.raises(SystemExit):
        run(monkeypatch, *options, "base", "--size", "7M")
    assert "results of other options" in capsys.readouterr().err


def test_an_unknown_setting_is_named(monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--only", "base,nosuch")
    assert "no setting nosuch; there are base," in capsys.readouterr().err


@pytest.mark.parametrize("deeper", [0.5, 2.0])
def test_another_shape_has_the_same_parameters(deeper):
    found = reshaped("7M", deeper)
    assert found["num_hidden_layers"] == 6 * deeper
    count = sizes.parameters(found["num_hidden_layers"], found["hidden_size"], found["intermediate_size"])
    assert count == pytest.approx(sizes.parameters(6, 256, 704), rel=0.1)
    assert found["hidden_size"] == found["num_attention_heads"] * found["head_dim"]


def test_a_part_ends_with_a_whole_document(texts):
    whole = Part("tales", texts / "tales")
    size = len(next(whole.documents("train")).encode())
    part = Part("tales", texts / "tales", (1.5 * size, 1.0))
    assert len(list(part.documents("train"))) == 2 and len(list(part.documents("valid"))) == 1


def test_adamw_steps_every_parameter(texts, tmp_path):
    class Words:
        def convert_tokens_to_ids(self, name):
            return 0

        def __len__(self):
            return 50

    recipe = Recipe(size="0.5M", context=64)
    model = make(Setting("deep", deeper=2.0), Words(), recipe)
    assert len(model.model.layers) == 6
    for setting in (*SETTINGS[:2], Setting("deep", deeper=2.0)):
        stepped = [p for o in optimizers_of(setting, model, recipe) for g in o.param_groups for p in g["params"]]
        assert {id(p) for p in stepped} == {id(p) for p in model.parameters()} and len(stepped) == len(set(stepped))
