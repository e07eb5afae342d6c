"""``rung export``: where it writes, what it says, and how it ends."""

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
from rung.adapters import LoraConfig
from rung.cli.export import _default as default_place
from rung.engine import Model
from rung.export import targets
from rung.types import Adaptation, ModelRef

Make = Callable[..., Adaptation]


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    def run(*words: Any, lang: str = "en") -> SimpleNamespace:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["rung", "export", *map(str, words), "--lang", lang])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return run


def test_it_checks_on_what_the_run_keeps(rung: Any, model: Model, made: Make, tmp_path: Path) -> None:
    made(model)
    folder = tmp_path / "run" / "adaptations" / "thing"
    done = rung(folder, "--to", "prompt")
    assert (done.status, done.out.strip()) == (0, str(tmp_path / "run" / "exports" / "thing-prompt"))
    assert "checked on 6 examples (dev): every answer is the same, log-probabilities within" in done.err
    told = json.loads(rung(folder, "--to", "prompt", "--json").out)
    assert (
        told["check"]["equal"]
        and told["check"] == json.loads((Path(told["folder"]) / "export.json").read_text())["check"]
    )
    rung(folder, "--to", "prompt", "--no-check", lang="zh")
    page = (Path(told["folder"]) / "README.md").read_text(encoding="utf-8")
    assert "## 提供服务" in page and "没有检查" in page


def test_a_file_to_check_on_and_a_form_that_differs(
    rung: Any, model: Model, made: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(model)
    file = tmp_path / "more.csv"
    file.write_text("text,label\nturn here,left\nthere,right\nnowhere,nothing\n")
    folder = tmp_path / "run" / "adaptations" / "thing"
    done = rung(folder, "--to", "prompt", "--check", file, "--out", tmp_path / "out")
    assert done.status == 0 and "1 rows of" in done.err and "checked on 2 examples (more.csv)" in done.err
    other = targets.TARGETS["prompt"].load

    def shifted(*given: Any) -> Any:
        hf, answering = other(*given)
        answering.get_input_embeddings().weight.data.mul_(-1)
        return hf, answering

    monkeypatch.setitem(targets.TARGETS, "prompt", replace(targets.TARGETS["prompt"], load=shifted))
    done = rung(folder, "--to", "prompt", "--out", tmp_path / "out")
    assert done.status == 1 and "answers and 0 prompts differ" in done.err and (tmp_path / "out" / "README.md").exists()


def test_words_without_their_weights_are_not_told_to_be_checked(
    rung: Any, model: Model, made: Make, tmp_path: Path
) -> None:
    made(model, LoraConfig(rank=4))
    file = tmp_path / "more.csv"
    file.write_text("text,label\nturn here,left\nthere,right\n")
    done = rung(tmp_path / "run" / "adaptations" / "thing", "--to", "prompt", "--check", file)
    assert done.status == 0
    assert "not checked: these are its words alone" in done.err
    assert "no examples" not in done.err


def test_mistakes_are_told_before_a_model_is_loaded(rung: Any, model: Model, made: Make, tmp_path: Path) -> None:
    folder = tmp_path / "run" / "adaptations" / "thing"
    made(model, model=ModelRef("nowhere/that-is-loaded", "0" * 64))
    for words, said in (
        (("--to", "gguf"), "--to is one of peft, vllm, merged, prompt, not 'gguf'"),
        (("--to", "peft"), "it has no weights of its own; type --to prompt"),
    ):
        done = rung(folder, *words)
        assert done.status == 2 and said in done.err
    made(model, model=ModelRef("openai:far-away", "0" * 64))
    assert "was made for openai:far-away" in rung(folder, "--to", "prompt").err


@pytest.mark.parametrize(
    ("at", "typed"), [("run/adaptations/thing", "."), ("run/adaptations", "thing"), ("run", "adaptations/thing")]
)
def test_the_run_is_found_from_wherever_it_is_typed(
    at: str, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run" / "adaptations" / "thing").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / at)
    assert default_place(Path(typed), "peft").resolve() == tmp_path / "run" / "exports" / "thing-peft"
