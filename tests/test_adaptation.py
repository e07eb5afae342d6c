"""The joint of the house: a folder that comes back as it was, or is refused with what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rung.adaptation import from_dict, hash_folder, hash_of, load, save, to_dict
from rung.types import Adaptation, AdaptationError, Decoding, Demonstration, ModelRef, Prompt, Selector

MODEL = ModelRef("sprout", "5f" * 32)
FULL = Adaptation(
    "few-shot/balanced-2", "few-shot", "classify", "zh", labels=("好", "坏"), description="评价",
    prompt=Prompt("instruct", "zh", role="客服", instruction="判断。", lead="答：", style="chat"),
    demonstrations=(Demonstration("好吃\n\"真\"", "好"), Demonstration("难吃\u2028", "坏")),
    selector=Selector("bm25", 2, 7),
    decoding=Decoding(max_tokens=9, stop=("\n",), constrain=False), calibration=(0.1 + 0.2, -1e-17),
    parameters={"normalise": "mean", "votes": 5}, model=MODEL,
)  # fmt: skip
SCHEMA = {"type": "object", "properties": {"place": {"type": "array", "items": {"type": "string"}}}}


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "somewhere" / "weights"
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}")
    (folder / "adapter_model.safetensors").write_bytes(b"\x00\x01")
    return folder


@pytest.fixture
def trained(adapter: Path) -> Adaptation:
    return replace(FULL, adapter=str(adapter), adapter_sha256=hash_folder(adapter))


@pytest.mark.parametrize(
    "made", [FULL, replace(FULL, kind="extract", labels=(), schema=SCHEMA, selector=None, prompt=None)]
)
def test_a_folder_comes_back_as_it_was(tmp_path: Path, made: Adaptation) -> None:
    back = load(save(made, tmp_path / "a"), MODEL)
    assert back == made
    assert hash_of(back) == hash_of(made)


def test_the_adapter_travels_with_the_folder(tmp_path: Path, trained: Adaptation, adapter: Path) -> None:
    folder = save(trained, tmp_path / "a")
    (adapter / "adapter_model.safetensors").unlink()  # the run's candidates may be deleted
    folder = folder.rename(tmp_path / "moved")
    back = load(folder)
    assert back.adapter == str((folder / "adapter").resolve())
    assert hash_of(back) == hash_of(trained)
    assert str(tmp_path) not in (folder / "adaptation.json").read_text()


def test_a_folder_can_be_saved_onto_itself(tmp_path: Path, trained: Adaptation) -> None:
    folder = save(trained, tmp_path / "a")
    save(replace(load(folder), description="new"), folder)
    assert load(folder).description == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "somewhere"]  # nothing left beside it


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "generate"}, {"language": "en"}, {"program": "vote"}, {"labels": ("坏", "好")}, {"schema": SCHEMA},
        {"description": "x"}, {"prompt": replace(FULL.prompt, lead="")}, {"demonstrations": FULL.demonstrations[::-1]},
        {"selector": Selector("bm25", 2, 8)}, {"decoding": replace(FULL.decoding, seed=1)}, {"calibration": None},
        {"parameters": {"normalise": "sum"}}, {"adapter_sha256": "0"}, {"model": ModelRef("sprout", "00")},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_the_hash_sees_whatever_decides_an_answer(change: dict[str, Any]) -> None:
    assert hash_of(replace(FULL, **change)) != hash_of(FULL)


def test_the_hash_sees_no_names_and_no_paths() -> None:
    same = replace(
        FULL, name="other/name", rung="other", adapter="/elsewhere", model=ModelRef("copy-of-sprout", MODEL.sha256)
    )
    assert hash_of(same) == hash_of(FULL)


def body(folder: Path, **changes: Any) -> None:
    path = folder / "adaptation.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "adaptation.json").unlink(), "is no adaptation"),
        (lambda f: (f / "adaptation.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "adaptation.json").write_text("[1]"), "version None"),
        (lambda f: (f / "adaptation.json").write_bytes(b"\xff\xfe"), "cannot be read"),
        (lambda f: (f / "adaptation.json").write_text("[" * 100_000), "cannot be read"),
        (lambda f: body(f, description="\ud800"), "cannot be read"),
        (lambda f: body(f, version=99), "version 99, this Rung reads version 1"),
        (lambda f: body(f, temperature=1), "temperature"),
        (lambda f: body(f, decoding={"max_tokens": 4, "temprature": 1}), "decoding.temprature"),
        (lambda f: body(f, kind="guess"), "kind"),
        (lambda f: body(f, labels="abc"), "labels"),
        (lambda f: (f / "demonstrations.jsonl").unlink(), "cannot be read"),
        (lambda f: (f / "demonstrations.jsonl").write_text('{"input": "a"'), "cannot be read"),
        (lambda f: (f / "demonstrations.jsonl").write_text('{"input": "a"}\n'), r"demonstrations.0.target"),
        (lambda f: (f / "demonstrations.jsonl").write_text('{"input": 5, "target": "b"}\n'), r"demonstrations.0.input"),
        (lambda f: (f / "demonstrations.jsonl").write_text('{"input": "a", "target": "b", "x": 1}'), "0.x"),
        (lambda f: (f / "demonstrations.jsonl").write_text("7\n"), "demonstrations.0"),
    ],
)  # fmt: skip
def test_a_broken_folder_is_refused_with_what_is_wrong(
    tmp_path: Path, spoil: Callable[[Path], Any], message: str
) -> None:
    folder = save(FULL, tmp_path / "a")
    spoil(folder)
    with pytest.raises(AdaptationError, match=message) as error:
        load(folder)
    assert error.value.zh != str(error.value)


@pytest.mark.parametrize(
    "tamper",
    [
        lambda f: (f / "adapter_model.safetensors").write_bytes(b"\x00\x02"),
        lambda f: (f / "adapter_model.safetensors").rename(f / "renamed"),
        lambda f: (f / "added").write_text(""),
        lambda f: [p.unlink() for p in f.iterdir()] and f.rmdir(),
    ],
    ids=["changed", "renamed", "added", "missing"],
)
def test_a_tampered_adapter_is_refused(tmp_path: Path, trained: Adaptation, tamper: Callable[[Path], Any]) -> None:
    folder = save(trained, tmp_path / "a")
    tamper(folder / "adapter")
    with pytest.raises(AdaptationError, match="missing or was changed"):
        load(folder)


def test_another_base_model_is_refused(tmp_path: Path) -> None:
    folder = save(FULL, tmp_path / "a")
    with pytest.raises(AdaptationError, match=r"was made for sprout .*this model is other"):
        load(folder, ModelRef("other", "00" * 32))
    load(folder, ModelRef("the same under another name", MODEL.sha256))
    load(save(replace(FULL, model=None), tmp_path / "b"), ModelRef("any", "00"))  # a control needs none


def test_a_kill_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    folder = save(FULL, tmp_path / "a")
    folder.rename(tmp_path / "a.old")  # as `rung.folders.replacing` leaves it at that moment
    (tmp_path / "a.new").mkdir()
    assert load(folder) == FULL
    assert load(save(replace(FULL, description="new"), folder)).description == "new"


def test_an_error_while_writing_leaves_the_older_folder(tmp_path: Path) -> None:
    folder = save(FULL, tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        save(replace(FULL, adapter=str(tmp_path / "nowhere")), folder)
    assert load(folder) == FULL
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a"]


def test_a_dictionary_is_plain_json() -> None:
    again = json.loads(json.dumps(to_dict(FULL)))
    assert from_dict(again) == FULL


def test_a_run_in_place_of_an_adaptation_names_those_that_it_has(tmp_path: Path) -> None:
    places = [save(FULL, tmp_path / "run" / "adaptations" / name) for name in ("lora", "tfidf")]
    for wrong in (tmp_path / "run", tmp_path / "run" / "adaptations" / "loar"):
        with pytest.raises(AdaptationError) as error:
            load(wrong)
        assert str(error.value).endswith(f"; there are {places[0]}, {places[1]}.")
        assert error.value.zh.endswith(f"；现有 {places[0]}、{places[1]}。")


@pytest.mark.parametrize("name", [".", "..", "/", "a" * 300])
def test_a_folder_without_a_name_or_with_too_long_a_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AdaptationError, match="is no adaptation"):
        load(Path(name))


def test_it_loads_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(save(FULL, tmp_path / "a"))
    assert load(Path(".")) == FULL
