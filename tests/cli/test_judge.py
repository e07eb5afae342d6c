"""``rung judge`` as it is typed: over a real climb, with judges whose rule is known."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

from rung import cli
from rung.adaptation import save
from rung.cli import judge as command
from rung.engine import FakeModel
from rung.prompts import TEMPLATES
from rung.report.pairs import Sheet, sheet
from rung.report.run import read_result
from rung.task import inspect_task
from rung.types import Adaptation

Rung = Callable[..., SimpleNamespace]
PAIR = ("few-shot", "zero-shot")


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> Path:
    folder = tmp_path_factory.mktemp("judged") / "run"
    orders.climb(folder, "majority,zero-shot,few-shot", task=orders.task(dev=130, test=40), all=True)
    return folder


@pytest.fixture
def run(climbed: Path, tmp_path: Path) -> Path:
    shutil.copytree(climbed, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def answers(run: Path) -> Sheet:
    return sheet(run, read_result(run), "dev")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rung:
    """rung(run, a, b, ..., rule=...): the command, the model that judges replaced by one that follows ``rule``."""

    def typed(*words: Any, rule: Callable[[str], str] | None = None, lang: str = "en") -> SimpleNamespace:
        capsys.readouterr()
        if rule is not None:
            monkeypatch.setattr(command, "open_model", lambda *a, **k: FakeModel(rule))
        monkeypatch.setattr(sys, "argv", ["rung", "judge", *map(str, words), "--lang", lang])
        monkeypatch.delenv("RUNG_LANG", raising=False)
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return typed


@pytest.fixture
def knows(orders: SimpleNamespace) -> Callable[[str], str]:
    """A judge that knows the right label and prefers the answer that has it."""

    def knows(prompt: str) -> str:
        number = int(re.findall(r"order (\d+) please", prompt)[-1])
        return re.findall(rf"^Answer ([12]): {orders.label_of(number)}$", prompt, re.M)[-1]

    return knows


def first(prompt: str) -> str:
    return "1"


def lines_in(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "judgements.jsonl").read_text(encoding="utf-8").splitlines()]


def rate(run: Path, answers: Sheet, said: dict[str, str]) -> None:
    """Ratings of few-shot (on the left) against zero-shot, as the page keeps them."""
    side = {
        key: {"rung": name, "adaptation": answers.hashes[name], "output": ""}
        for key, name in zip(("left", "right"), PAIR, strict=True)
    }
    rows = [
        {"split": "dev", "rater": "", "example": i, "input": "", **side, "choice": c, "seconds": 1}
        for i, c in said.items()
    ]
    (run / "ratings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_a_judge_that_knows_agrees_with_the_metric(rung: Rung, run: Path, answers: Sheet, knows: Any) -> None:
    told = json.loads(rung(run, *PAIR, "--json", rule=knows).out)
    differ = answers.differ(*PAIR)
    assert (told["pairs"], told["judged"], told["ties"]) == (len(differ), len(differ), 0)
    assert (told["metric"]["value"], told["metric"]["n"]) == (1.0, len(differ))
    assert told["wins"] == sum(answers.answers["few-shot"][e.id].right for e in differ)
    assert told["consistency"]["value"] == 1.0
    assert not told["by_position"]
    assert [note["en"][:6] for note in told["notes"]] == ["Nobody"]
    kept = lines_in(run)
    assert {line["example"] for line in kept} == {e.id for e in differ}
    for line in kept:
        assert line["choice"] == ("a" if answers.answers["few-shot"][line["example"]].right else "b")
        assert (line["a"]["rung"], line["a"]["adaptation"]) == ("few-shot", answers.hashes["few-shot"])
        assert line["a"]["output"] == answers.answers["few-shot"][line["example"]].prediction.output
        (a1, b1), (b2, a2) = (order["scores"] for order in line["orders"])
        assert line["margin"] == pytest.approx((a1 - b1 + a2 - b2) / 2)
        assert line["judge"] == told["judge"]


@pytest.mark.parametrize(("lang", "words"), [("en", ("answers by position", "better than chance", "0 / {n} / 0")),
                                             ("zh", ("按位置作答", "比碰运气好", "0 / {n} / 0"))])  # fmt: skip
def test_a_judge_that_always_says_1_is_called_so(
    rung: Rung, run: Path, answers: Sheet, lang: str, words: tuple[str, ...]
) -> None:
    done = rung(run, *PAIR, rule=first, lang=lang)
    assert done.status == 0
    assert all(word.format(n=len(answers.differ(*PAIR))) in done.out for word in words)
    assert {line["choice"] for line in lines_in(run)} == {"tie"}


def test_a_kill_repeats_nothing_and_loses_nothing(rung: Rung, run: Path, answers: Sheet, knows: Any) -> None:
    asked: list[str] = []

    def judge(prompt: str) -> str:
        if len(asked) == 70 and not killed:
            killed.append(True)
            raise KeyboardInterrupt
        asked.append(prompt)
        return knows(prompt)

    killed: list[bool] = []
    n = len(answers.differ(*PAIR))
    assert n > 35
    assert rung(run, *PAIR, rule=judge).status == 130
    before = lines_in(run)
    assert 0 < len(before) < n
    with (run / "judgements.jsonl").open("a", encoding="utf-8") as out:
        out.write('{"at": "2026-')  # a kill in the middle of a line
    assert rung(run, *PAIR, rule=judge).status == 0
    after = lines_in(run)
    assert after[: len(before)] == before
    assert len({line["example"] for line in after}) == len(after) == n
    # Of the block that the kill fell into, nothing had been answered yet; all that was answered is asked once.
    finished = asked[: 2 * len(before)] + asked[70:]
    assert len(set(finished)) == len(finished) == 2 * n


def test_the_same_and_the_exchanged_command_ask_nothing(rung: Rung, run: Path, knows: Any) -> None:
    there = json.loads(rung(run, *PAIR, "--json", rule=knows).out)
    kept = (run / "judgements.jsonl").read_bytes()

    def knows_not(prompt: str) -> str:
        raise AssertionError("this was asked before")

    knows_not.__qualname__ = knows.__qualname__  # the same judge, as far as its hash goes
    assert json.loads(rung(run, *PAIR, "--json", rule=knows_not).out) == there
    back = json.loads(rung(run, *reversed(PAIR), "--json", rule=knows_not).out)
    assert (back["wins"], back["losses"]) == (there["losses"], there["wins"])
    assert back["rate"]["value"] == pytest.approx(1 - there["rate"]["value"])
    assert (run / "judgements.jsonl").read_bytes() == kept


def test_the_climbs_own_ledger_is_left_alone(rung: Rung, run: Path) -> None:
    before = (run / "ledger.sqlite").read_bytes()
    rung(run, *PAIR, "--limit", 4, rule=first)
    assert (run / "ledger.sqlite").read_bytes() == before


def test_people_are_asked_first_and_held_against_the_judge(rung: Rung, run: Path, answers: Sheet, knows: Any) -> None:
    differ = answers.differ(*PAIR)
    rated = {e.id: "left" if answers.answers["few-shot"][e.id].right else "right" for e in differ[-24:]}
    wrong = list(rated)[:6]
    rated |= {i: "right" if rated[i] == "left" else "left" for i in wrong}
    rated |= {i: "tie" for i in list(rated)[6:8]}
    rate(run, answers, rated)
    told = json.loads(rung(run, *PAIR, "--json", "--limit", 24, rule=knows).out)
    assert {line["example"] for line in lines_in(run)} == set(rated)
    assert (told["rated"], told["people"]["n"]) == (24, 22)
    assert told["people"]["value"] == pytest.approx(16 / 22)
    assert told["kappa"]["n"] == 24
    assert told["threshold"] is not None
    assert told["kappa_out_of_fold"]["n"] == 24
    assert told["notes"] == []
    shown = rung(run, *PAIR, "--limit", 24, rule=knows).out
    assert "agrees with people" in shown
    assert ".727" in shown
    assert "out of fold" in shown


def test_ratings_of_another_adaptation_say_nothing(rung: Rung, run: Path, answers: Sheet, knows: Any) -> None:
    rate(run, answers, {e.id: "left" for e in answers.differ(*PAIR)[:5]})
    path = run / "ratings.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8").replace(answers.hashes["few-shot"], "climbed-before"), encoding="utf-8"
    )
    told = json.loads(rung(run, *PAIR, "--json", "--limit", 8, rule=knows).out)
    assert told["rated"] == 0
    assert told["people"]["value"] is None
    assert told["people"]["why"]["zh"]


def test_decided_pairs_are_preference_data(rung: Rung, run: Path, tmp_path: Path, answers: Sheet, knows: Any) -> None:
    path = tmp_path / "preferences.jsonl"
    done = rung(run, *PAIR, "--preferences", path, rule=knows)
    assert f"{len(answers.differ(*PAIR))} decided pairs" in done.err
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    targets = {e.input: e.target for e in answers.examples}
    assert len(rows) == len(answers.differ(*PAIR))
    for row in rows:
        assert set(row) == {"input", "chosen", "rejected", "source"}
        assert row["chosen"] == targets[row["input"]] != row["rejected"]
        assert row["source"] == "judge"
    found = inspect_task(path)
    assert (found.kind, found.used) == ("prefer", len(rows))
    assert rung(run, *PAIR, "--preferences", path, rule=first).status == 0
    assert path.read_text(encoding="utf-8") == ""  # nothing but ties


def test_an_adaptation_may_judge(rung: Rung, run: Path, tmp_path: Path) -> None:
    made = Adaptation(
        "mine/bare", "zero-shot", "classify", "en", labels=("1", "2"), prompt=TEMPLATES["en"]["classify"][0]
    )
    save(made, tmp_path / "mine")
    told = json.loads(rung(run, *PAIR, "--judge", tmp_path / "mine", "--by", "fake", "--limit", 3, "--json").out)
    assert (told["judge"]["name"], told["judged"]) == ("mine/bare", 3)
    assert told["consistency"]["n"] == 3
    other = rung(run, *PAIR, "--judge", run / "adaptations" / "zero-shot", "--by", "fake")
    assert other.status == 2


@pytest.fixture
def wrong(run: Path, tmp_path: Path) -> Iterator[dict[str, tuple[Any, ...]]]:
    labels = Adaptation("x/y", "x", "classify", "en", labels=("left", "right"), prompt=TEMPLATES["en"]["classify"][0])
    save(labels, tmp_path / "labels")
    yield {
        "type two of majority, zero-shot, few-shot": (run, "few-shot", "lora"),
        "'few-shot' and 'few-shot' are not two": (run, "few-shot", "few-shot"),
        "only dev, test": (run, *PAIR, "--split", "train"),
        "rung climb FILE --run": (tmp_path, *PAIR),
        "type --by openai:NAME --base-url URL": (run, *PAIR, "--base-url", "http://localhost:1/v1"),
        "labels 1 and 2": (run, *PAIR, "--judge", tmp_path / "labels", "--by", "fake"),
    }


@pytest.mark.parametrize("number", range(6))
def test_mistakes_say_what_to_type(rung: Rung, wrong: dict[str, tuple[Any, ...]], number: int) -> None:
    message, words = list(wrong.items())[number]
    done = rung(*words)
    assert done.status == 2
    assert message in done.err
    chinese = rung(*words, lang="zh")
    assert re.search(r"[\u4e00-\u9fff]", chinese.err)


def test_test_is_judged_only_if_open_and_answered_by_both(rung: Rung, run: Path) -> None:
    done = rung(run, *PAIR, "--split", "test", rule=first)
    assert (done.status, "only few-shot has" in done.err, "--split dev" in done.err) == (2, True, True)
    path = run / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "test": None}), encoding="utf-8")
    done = rung(run, *PAIR, "--split", "test", rule=first)
    assert (done.status, "sealed" in done.err) == (2, True)
    assert not (run / "judgements.jsonl").exists()


def test_two_at_once_are_refused(rung: Rung, run: Path) -> None:
    with FileLock(str(run / ".judge.lock")):
        done = rung(run, *PAIR, rule=first)
    assert (done.status, "another process is judging" in done.err) == (2, True)


def test_a_model_behind_an_endpoint_judges_and_is_paid_once(rung: Rung, run: Path, knows: Any) -> None:
    pytest.importorskip("openai", reason="openai is in the endpoint extra")
    from chaos_server import ChaosServer

    asked: list[str] = []

    def judge(prompt: str) -> str:
        if "Answer 2:" not in prompt:  # what the endpoint is asked to learn what it can do
            return "1"
        asked.append(prompt)
        return knows(prompt)

    with ChaosServer(judge) as server:
        words = (run, *PAIR, "--by", "openai:orders", "--base-url", server.url, "--limit", 6, "--json")
        done = rung(*words)
        assert done.status == 0, done.err + done.out
        told = json.loads(done.out)
        assert (told["judged"], told["metric"]["value"]) == (6, 1.0)
        paid = len(asked)
        assert paid >= 12
        assert json.loads(rung(*words).out) == told
        assert len(asked) == paid


def test_a_file_of_preferences_that_cannot_be_is_told_before_anything_is_judged(
    rung: Rung, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for path, en, zh in (
        (tmp_path, "is a folder", "是文件夹"),
        (tmp_path / "file" / "p", "a file stands there", "已有同名文件"),
    ):
        for lang, message in (("en", en), ("zh", zh)):
            done = rung(run, *PAIR, "--preferences", path, rule=first, lang=lang)
            assert done.status == 2 and message in done.err and not (run / "judgements.jsonl").exists()
    assert rung(run, *PAIR, "--preferences", tmp_path / "new" / "p.jsonl", rule=first).status == 0
    assert (tmp_path / "new" / "p.jsonl").is_file()
