"""``--help`` in either language: whole, and with nothing cut off."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer

from rung import cli
from rung.cli.chinese import ZH, asked_language
from rung.cli.options import app

Help = Callable[..., str]


def commands(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that name it."""
    command = command or typer.main.get_command(app)
    yield words, command
    for name, part in getattr(command, "commands", {}).items():
        yield from commands(part, (*words, name))


@pytest.fixture
def help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Help:
    """What ``rung WORDS --help`` prints on a terminal of that width, by RUNG_LANG."""

    def help(*words: str, lang: str = "zh", width: int = 80) -> str:
        monkeypatch.setenv("RUNG_LANG", lang)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "argv", ["rung", *words, "--help"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert not end.value.code
        return capsys.readouterr().out

    return help


def said(command: Any) -> list[str | None]:
    return [command.help, *(param.help for param in command.params)]


def test_every_command_and_option_has_its_sentence_and_its_chinese():
    for words, command in commands():
        for sentence in said(command):
            assert sentence, f"rung {' '.join(words)}: an option without help"
            assert sentence in ZH, f"rung {' '.join(words)}: no Chinese for {sentence!r} in cli/chinese.py"


def test_no_chinese_stands_for_what_is_no_longer_said():
    assert set(ZH) == {sentence for _, command in commands() for sentence in said(command)}


@pytest.mark.parametrize("words", [words for words, _ in commands()], ids=" ".join)
def test_help_in_chinese_is_whole(words: tuple[str, ...], help: Help):
    text = help(*words, width=300)
    for sentence in said(dict(commands())[words]):
        assert ZH[str(sentence)] in text
    assert not re.search(r"Usage|Options|Arguments|Commands|default|required|Show this", text)
    assert "…" not in help(*words, width=80)


def test_english_stays_as_it_was(help: Help):
    chinese, english = help("climb", width=200), help("climb", width=200, lang="en")
    assert "达到目标后也继续试完所有方法" in chinese
    assert "climb every rung, also after the target is met" in english
    assert not re.search("[一-鿿]", english)


def test_the_option_wins_over_the_variable(help: Help):
    assert "用法：" in help("climb", "--lang", "zh", lang="en")
    assert "Usage:" in help("climb", "--lang=en", lang="zh")
    assert asked_language(["climb", "--lang"]) in ("zh", "en")
