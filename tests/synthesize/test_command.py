"""``rung data synthesize`` as it is typed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung import cli
from rung.adaptation import save
from rung.engine import fake_model
from rung.rungs.context import Context
from rung.rungs.control import fit
from rung.types import Example, ModelRef, Sealed, Task

TEXTS = {"left": ("turn to port at the buoy", "the port lamp burns", "port engine slow"),
         "right": ("starboard anchor away", "a reef to starboard", "keep starboard of it")}  # fmt: skip


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    def run(*words: Any, lang: str = "en") -> SimpleNamespace:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["rung", "data", "synthesize", *map(str, words), "--lang", lang])
        monkeypatch.delenv("RUNG_LANG", raising=False)
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return run


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TF-IDF control that a climb could have left; it needs no language model, so the model is not looked at."""
    folder = tmp_path_factory.mktemp("teacher")
    examples = tuple(Example(text, text, label) for label, texts in TEXTS.items() for text in texts)
    task = Task("ships", "classify", "accuracy", "en", examples, (), Sealed(()), ("left", "right"))
    made = fit(Context(task, fake_model(), folder, 0, rung="tfidf"), 10.0)
    model = fake_model()
    return save(replace(made, model=ModelRef(model.name, model.sha256)), folder / "adaptation")


def texts(folder: Path, *lines: str) -> Path:
    path = folder / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines), encoding="utf-8")
    return path


def test_given_texts_are_labelled_filtered_and_told(rung: Any, teacher: Path, tmp_path: Path) -> None:
    path = texts(
        tmp_path, "the port side is wet", "starboard side is dry", "The PORT side, is wet!", "nothing to see here", ""
    )
    done = rung(tmp_path / "out", "--teacher", teacher, "--inputs", path, "--agreement", "0.6", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    rows = [json.loads(line) for line in Path(found["data"]).read_text().splitlines()]
    assert [(r["input"], r["output"]) for r in rows] == [
        ("the port side is wet", "left"),
        ("starboard side is dry", "right"),
    ]
    assert [r["provenance"]["place"] for r in rows] == ["texts.jsonl:1", "texts.jsonl:2"]
    assert all(r["agreement"] >= 0.6 for r in rows)
    counts = {name: r["candidates"] for name, r in found["reasons"].items() if r["candidates"]}
    assert counts == {"duplicate": 1, "agreement": 1}
    assert "left out: texts.jsonl:5" in done.err
    assert rung(tmp_path / "two", "--teacher", teacher, "--inputs", path, "--n", 1).out.startswith("1 of 4 candidates")


@pytest.mark.parametrize(("lang", "word"), [("en", "candidates are accepted"), ("zh", "条候选采用了")])
def test_inventing_end_to_end_with_a_model_that_knows_nothing(rung: Any, tmp_path: Path, lang: str, word: str) -> None:
    words = (
        "--teacher",
        "fake",
        "--example",
        "mind the gap => left",
        "--example",
        "a rock => right",
        "--n",
        2,
        "--tries",
        2,
    )
    done = rung(tmp_path / "out", *words, "--labels", "left,right", "--role", "You are a pilot.", lang=lang)
    assert done.status == 0, done.err
    assert word in done.out
    assert (tmp_path / "out" / "data.jsonl").exists()
    again = rung(tmp_path / "out", *words, "--labels", "left,right", "--role", "You are a pilot.", lang=lang)
    assert again.out == done.out


def test_a_labelled_set_becomes_instructions(rung: Any, tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("text,label\n" + "".join(f"{t},{label}\n" for label, own in TEXTS.items() for t in own))
    done = rung(tmp_path / "out", "--to-instructions", "--seeds", path, "--describe", "Which side is meant?", "--json")
    assert done.status == 0, done.err
    rows = [json.loads(line) for line in (tmp_path / "out" / "data.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert all(row["output"] in TEXTS and set(row) == {"instruction", "output", "provenance"} for row in rows)


MISTAKES = [
    ((), "nothing says what to write", "没有说明要写什么"),
    (("--example", "no arrow"), "write INPUT => ANSWER", "请写成"),
    (("--seeds", "nowhere.csv"), "nowhere.csv", "nowhere.csv"),
    (("--describe", "x", "--keep", "leek"), "did you mean 'leak'", "是不是 'leak'"),
    (("--describe", "x", "--held-out", "{here}/none"), "no evaluation files", "没有评测文件"),
    (("--teacher", "{teacher}", "--labels", "up,down"), "take a teacher of the same task", "请换用同一任务的教师"),
    (("--describe", "x", "--kind", "clasify"), "kind: one of classify", "kind 的值 'clasify' 不可用"),
    (("--to-instructions",), "no labelled set to turn", "没有可转换的标注集"),
    (("--to-instructions", "--inputs", "{texts}"), "leave --inputs and --writer out", "请去掉 --inputs 和 --writer"),
    (
        ("--teacher", "{teacher}", "--inputs", "{texts}", "--role", "x"),
        "--role would change nothing",
        "--role 不起作用",
    ),
]


@pytest.mark.parametrize(("words", "en", "zh"), MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_a_mistake_is_one_sentence(
    rung: Any, teacher: Path, tmp_path: Path, words: tuple[str, ...], en: str, zh: str
) -> None:
    places = {"here": tmp_path, "teacher": teacher, "texts": texts(tmp_path, "a text")}
    own = [word.format(**places) for word in words]
    own += [] if "--teacher" in own else ["--teacher", "fake"]
    for lang, message in (("en", en), ("zh", zh)):
        done = rung(tmp_path / "out", *own, lang=lang)
        assert done.status == 2
        assert message in done.err
        assert "Traceback" not in done.err


def test_a_file_where_the_folder_would_be_stays_and_is_told(rung: Any, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    for lang, message in (("en", "a file stands there"), ("zh", "已有同名文件")):
        done = rung(tmp_path / "out", "--example", "a => b", "--teacher", "fake", lang=lang)
        assert done.status == 2 and message in done.err and "Traceback" not in done.err
    assert (tmp_path / "out").read_text() == "mine"
