"""In which language a command speaks: --lang, else RUNG_LANG, else the locale; an error too, and one that comes before anything was read."""

from __future__ import annotations

import sys

import pytest

from rung import cli
from rung.language import language_of, own_language


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """The sentence that ends ``rung data missing.csv`` with these options and this environment."""

    def told(*options: str, **environment: str) -> str:
        for name in ("RUNG_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["rung", "data", "missing.csv", *options])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code == 2
        return capsys.readouterr().err

    return told


def test_the_option_wins_then_the_variable_then_the_locale(told) -> None:
    english, chinese = told("--lang", "en"), told("--lang", "zh")
    assert "missing.csv" in english and "missing.csv" in chinese and english != chinese
    assert told(RUNG_LANG="zh", LANG="en_US.UTF-8") == chinese
    assert told("--lang", "en", RUNG_LANG="zh") == english
    assert told(RUNG_LANG="en", LC_ALL="zh_CN.UTF-8") == english
    assert told(LC_ALL="zh_CN.UTF-8", LANG="en_US.UTF-8") == chinese
    assert told(LANG="zh_TW.UTF-8") == chinese
    assert told(LC_MESSAGES="C", LANG="zh_CN.UTF-8") == english  # Chinese dates and sums, but English messages
    assert told(LC_ALL="zh_CN.UTF-8", LC_MESSAGES="C") == chinese
    assert told(LANG="C.UTF-8") == english


def test_one_command_does_not_set_the_language_of_the_next(told) -> None:
    chinese = told("--lang", "zh")
    assert told(LANG="C.UTF-8") != chinese


def test_own_language_for_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_LANG", "zh")
    assert own_language() == "zh"
    assert [language_of(name) for name in ("zh", "zh_CN.UTF-8", "Chinese_China.936", "en_GB", "C")] == [
        "zh",
        "zh",
        "zh",
        "en",
        "en",
    ]
