"""The door for people: every command, in both languages and as JSON, and what a mistake looks like."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rung import cli
from rung import climb as rung_climb
from rung.adaptation import hash_of, load, save
from rung.ledger import Ledger
from rung.types import Adaptation, UserError

Run = Callable[..., SimpleNamespace]
PLAN = "majority,tfidf,zero-shot"


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """rung("climb", path, ..., stdin="...") -> status, out, err, as the console script gives them."""

    def run(*words: Any, stdin: str | bytes = "", lang: str | None = "en") -> SimpleNamespace:
        capsys.readouterr()
        own = [str(w) for w in words] + (["--lang", lang] if lang else [])
        monkeypatch.setattr(sys, "argv", ["rung", *own])
        given = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), newline="\n"))
        monkeypatch.delenv("RUNG_LANG", raising=False)
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        return SimpleNamespace(status=end.value.code or 0, out=out, err=err)

    return run


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> tuple[Path, Path]:
    """(the file, the run folder) of a climb that the command made."""
    folder = tmp_path_factory.mktemp("cli")
    path = folder / "orders.csv"
    lines = [f"{e.input},{e.target}" for e in orders.examples(0, 120)]
    path.write_text("text,label\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as end:
        patch.setattr(
            sys, "argv",
            ["rung", "climb", str(path), "--model", "fake", "--rungs", PLAN, "--run", str(folder / "run"), "--json"],
        )  # fmt: skip
        cli.main()
    assert not end.value.code
    return path, folder / "run"


def test_climb_speaks_json_and_finds_its_run_again(rung: Run, climbed: tuple[Path, Path]) -> None:
    path, run = climbed
    done = rung("climb", path, "--model", "fake", "--rungs", PLAN, "--run", run, "--json")
    assert done.status == 0
    result = json.loads(done.out)
    assert (result["run"], result["report"]) == (str(run), str(run / "report.html"))
    saved = json.loads((run / "result.json").read_text())
    assert {k: v for k, v in result.items() if k not in ("run", "report")} == saved
    assert [row["name"] for row in result["rungs"]] == PLAN.split(",")


@pytest.mark.parametrize(("lang", "words"), [("en", ("report:", "Use ")), ("zh", ("报告：", "建议"))])
def test_climb_in_words(rung: Run, climbed: tuple[Path, Path], lang: str, words: tuple[str, ...]) -> None:
    path, run = climbed
    done = rung("climb", path, "--model", "fake", "--rungs", PLAN, "--run", run, lang=lang)
    assert done.status == 0
    assert all(word in done.out + done.err for word in words)


def test_the_default_folder_is_found_again(rung: Run, orders_csv: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("climb", orders_csv, "--model", "fake", "--rungs", "majority", "--json")
    first, second = (json.loads(rung(*words).out) for _ in range(2))
    assert first == second
    assert [p.name for p in (tmp_path / "runs").iterdir()] == [Path(first["run"]).name]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_data(rung: Run, orders_csv: Path, lang: str) -> None:
    done = rung("data", orders_csv, lang=lang)
    assert done.status == 0
    assert "left" in done.out
    assert ("行数" in done.out) == (lang == "zh")
    found = json.loads(rung("data", orders_csv, "--model", "fake", "--json", lang=lang).out)
    assert (found["kind"], found["rows"], found["used"]) == ("classify", 120, 120)
    assert found["tokens"]


@pytest.mark.parametrize("name", PLAN.split(","))
def test_predict_answers_as_the_climb_did(rung: Run, climbed: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    run = climbed[1]
    folder = run / "adaptations" / name
    ledger = Ledger(run / "ledger.sqlite")
    dev = ledger.examples("dev")[:7]
    known = ledger.known(hash_of(load(folder)), [e.id for e in dev])
    expected, texts = [known[e.id][0].output for e in dev], [e.input for e in dev]
    ledger.close()
    model = ("--model", "fake")
    assert rung("predict", folder, *texts, *model).out.splitlines() == expected
    assert rung("predict", folder, *model, stdin="\n".join(texts) + "\n").out.splitlines() == expected
    file = tmp_path / "inputs.csv"
    file.write_text("text\n" + "\n".join(texts) + "\n")
    assert rung("predict", folder, "--file", file, *model).out.splitlines() == expected
    rows = [json.loads(line) for line in rung("predict", folder, *texts, *model, "--json").out.splitlines()]
    assert [(row["input"], row["output"]) for row in rows] == list(zip(texts, expected, strict=True))
    assert all(row["valid"] for row in rows)


def test_predict_without_input_answers_nothing(rung: Run, climbed: tuple[Path, Path]) -> None:
    done = rung("predict", climbed[1] / "adaptations" / "majority", "--model", "fake", stdin="")
    assert (done.status, done.out) == (0, "")


def test_blanks_between_columns_are_none_of_their_names(rung: Run, climbed: tuple[Path, Path], tmp_path: Path) -> None:
    folder, file = climbed[1] / "adaptations" / "majority", tmp_path / "two.csv"
    file.write_text("title,body,label\norder 1,please,left\norder 2,please,right\n", encoding="utf-8")
    columns = ("--input", "title, body", "--model", "fake")
    assert json.loads(rung("evaluate", folder, file, *columns, "--json").out)["n"] == 2
    assert len(rung("predict", folder, "--file", file, *columns).out.splitlines()) == 2


def test_a_percentage_is_no_target(rung: Run, orders_csv: Path) -> None:
    told = {lang: rung("climb", orders_csv, "--target", "85", lang=lang) for lang in ("en", "zh")}
    assert [done.status for done in told.values()] == [2, 2]
    assert told["en"].err.startswith("the settings: target: write 0.85 for 85 %")
    assert told["zh"].err.startswith("设置：target 的值 85.0 不可用：85 % 请写成 0.85")


def test_evaluate(rung: Run, climbed: tuple[Path, Path]) -> None:
    path, run = climbed
    folder = run / "adaptations" / "majority"
    found = json.loads(rung("evaluate", folder, path, "--model", "fake", "--json").out)
    assert (found["metric"], found["n"], found["invalid"], found["bad_rows"]) == ("accuracy", 120, 0, [])
    answer = rung("predict", folder, "any", "--model", "fake").out.strip()
    share = path.read_text().count(f",{answer}\n") / 120
    assert found["value"] == pytest.approx(share)
    assert found["low"] < share < found["high"]
    assert rung("evaluate", folder, path, "--model", "fake").out.startswith(f"accuracy {share:.3f} [")
    assert "不可用" in rung("evaluate", folder, path, "--model", "fake", lang="zh").err


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_report(rung: Run, climbed: tuple[Path, Path], lang: str) -> None:
    run = climbed[1]
    (run / "report.html").unlink(missing_ok=True)
    done = rung("report", run, lang=lang)
    assert done.status == 0
    assert (run / "report.html").stat().st_size > 10_000
    assert f'lang="{lang}' in (run / "report.html").read_text(encoding="utf-8")
    found = json.loads(rung("report", run, "--json").out)
    assert found["report"] == str(run / "report.html")
    assert found["chosen"]


# --- mistakes -----------------------------------------------------------------------------------------------------

MISTAKES = [
    (("climb", "{csv}", "--rungs", "zero-shoot"), "Did you mean zero-shot?", "是否想写 zero-shot"),
    (("climb", "{csv}", "--metric", "acuracy"), "accuracy", "accuracy"),
    (("climb", "{csv}", "--budget", "soon"), "type 90s, 10m, 2h, 500ktokens or", "看不懂预算"),
    (("climb", "{csv}", "--model", "./nowhere"), "no model folder", "没有模型文件夹"),
    (("climb", "{yaml}"), "metric", "metric"),
    (("climb",), "give a file of examples", "请给出数据文件"),
    (("climb", "nowhere.csv"), "nowhere.csv", "nowhere.csv"),
    (("data", "nowhere.csv"), "nowhere.csv", "nowhere.csv"),
    (("predict", "{here}", "text"), "is no adaptation", "不是适配"),
    (("evaluate", "{here}", "{csv}"), "is no adaptation", "不是适配"),
    (("report", "{here}"), "is no run folder", "不是运行文件夹"),
]


@pytest.mark.parametrize(("words", "en", "zh"), MISTAKES, ids=[" ".join(m[0]) for m in MISTAKES])
def test_a_mistake_is_one_sentence_and_status_2(
    rung: Run, orders_csv: Path, tmp_path: Path, monkeypatch: Any, words: tuple[str, ...], en: str, zh: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.yaml").write_text("train: orders.csv\nmetrik: accuracy\n")
    places = {"csv": orders_csv, "yaml": tmp_path / "task.yaml", "here": tmp_path}
    own = [word.format(**places) for word in words]
    if words[0] == "climb" and "--model" not in own:
        own += ["--model", "fake"]
    for lang, message in (("en", en), ("zh", zh)):
        done = rung(*own, lang=lang)
        assert done.status == 2
        assert message in done.err
        assert "Traceback" not in done.err
        assert done.out == ""
        found = json.loads(rung(*own, "--json", lang=lang).out)
        assert message in found["error"]
        assert found["kind"].endswith("Error")
    assert not list(tmp_path.glob("runs/*"))  # nothing was begun


def test_texts_and_a_file_are_too_much(rung: Run, climbed: tuple[Path, Path]) -> None:
    path, run = climbed
    done = rung("predict", run / "adaptations" / "majority", "text", "--file", path)
    assert (done.status, "not both" in done.err) == (2, True)


def test_another_base_model_is_refused(rung: Run, climbed: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("adaptation.json", "demonstrations.jsonl"):
        text = (climbed[1] / "adaptations" / "zero-shot" / name).read_text()
        (folder / name).write_text(text.replace(json.loads(text)["model"]["sha256"], "0" * 64) if text else "")
    done = rung("predict", folder, "text")
    assert done.status == 2
    assert "was made for fake" in done.err


def test_an_unknown_option_is_refused_with_the_nearest_name(rung: Run, orders_csv: Path) -> None:
    done = rung("climb", orders_csv, "--targett", "0.8")
    assert done.status == 2
    assert "--target" in done.err.replace("--targett", "")


def test_the_language_follows_the_locale(rung: Run, orders_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for locale, chinese in (("zh_CN.UTF-8", True), ("en_GB.UTF-8", False)):
        monkeypatch.setenv("LC_ALL", locale)
        done = rung("climb", orders_csv, "--budget", "soon", lang=None)
        assert ("看不懂" in done.err) is chinese
    assert rung("data", orders_csv, lang="fr").status == 2


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(orders_csv: Path, tmp_path: Path) -> None:
    words = [
        sys.executable, "-m", "rung", "climb", str(orders_csv), "--model", "fake", "--rungs", "zero-shot,lora",
        "--run", str(tmp_path / "run"), "--lang", "en",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    for _ in range(600):
        time.sleep(0.1)
        if list(tmp_path.glob("run/candidates/lora/*")) or process.poll() is not None:
            break
    else:
        time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "the same command goes on" in out
    assert "Traceback" not in err
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert "report:" in done.stderr
    assert json.loads((tmp_path / "run" / "result.json").read_text())["complete"] is True


def test_climb_takes_general_text_and_a_guard(rung: Run, climbed: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = climbed
    general = tmp_path / "general.jsonl"
    general.write_text("".join(json.dumps({"text": f"A rose is rose {i}."}) + "\n" for i in range(6)), encoding="utf-8")
    own = ("climb", path, "--model", "fake", "--rungs", "majority", "--run", tmp_path / "run", "--json")
    done = rung(*own, "--general-text", general, "--max-forgetting", "0.1", "--mix-general", "0.2")
    assert done.status == 0, done.err
    assert json.loads(done.out)["max_forgetting"] == 0.1
    refused = rung(*own, "--mix-general", "0.2")
    assert refused.status == 2
    assert "type --general-text" in json.loads(refused.out)["error"]


def test_lines_of_standard_input_are_text(rung: Run, climbed: tuple[Path, Path]) -> None:
    words = ("predict", climbed[1] / "adaptations" / "majority", "--model", "fake", "--json")

    def inputs(stdin: bytes, *more: str) -> list[str]:
        return [json.loads(line)["input"] for line in rung(*words, *more, stdin=stdin).out.splitlines()]

    assert inputs("\ufeff一\r\n二\x85\u2028三\n".encode()) == ["一", "二\x85\u2028三"]
    assert inputs("你好".encode("gb18030"), "--encoding", "gb18030") == ["你好"]
    wrong = rung(*words, stdin="你好\n".encode("gb18030"))
    assert wrong.status == 2
    assert "standard input line 1: byte 0xC4 is not utf-8; it looks like gb18030; type --encoding gb18030" in wrong.out
    assert "an input is not UTF-8" in rung(*words, "\udcff").out


def test_a_seed_that_no_generator_takes_is_refused(rung: Run, climbed: tuple[Path, Path]) -> None:
    for seed in (-1, 2**32):
        done = rung("climb", climbed[0], "--model", "fake", "--seed", seed)
        assert (done.status, "--seed" in done.err) == (2, True)
    with pytest.raises(UserError, match="seed of -1"):
        rung_climb(str(climbed[0]), model="fake", seed=-1)


def test_one_answer_is_one_line(rung: Run, tmp_path: Path) -> None:
    made = Adaptation("two", "majority", "generate", "en", program="majority", parameters={"answer": "first\nsecond"})
    words = ("predict", save(made, tmp_path / "a"), "--model", "fake")
    assert rung(*words, "x", "y").out == "first\\nsecond\n" * 2
    assert rung(*words, "x").out == "first\nsecond\n"


def test_a_file_of_inputs_is_read_by_the_columns_of_the_task(rung: Run, tmp_path: Path) -> None:
    made = Adaptation("one", "majority", "generate", "en", program="majority", parameters={"answer": "a"})
    folder = save(replace(made, input_columns=("head", "body"), output_column="verdict"), tmp_path / "a")
    file = tmp_path / "new.csv"
    file.write_text("text,head,body,verdict\n1,2,3,a\n", encoding="utf-8")
    found = rung("predict", folder, "--model", "fake", "--file", file, "--json").out
    assert json.loads(found)["input"] == "head: 2\nbody: 3"
    assert json.loads(rung("evaluate", folder, file, "--model", "fake", "--json").out)["value"] == 1.0
    typed = rung("predict", folder, "2\n3", "--model", "fake", lang="en")
    assert (typed.out, "written $'head: ...\\nbody: ...'" in typed.err) == ("a\n", True)
    assert rung("predict", folder, "head: 2\nbody: 3", "--model", "fake", lang="en").err == ""
    file.write_text("text\n1\n", encoding="utf-8")
    assert "no column head, body" in rung("predict", folder, "--model", "fake", "--file", file, lang="en").err


def test_climb_tells_what_may_spoil_the_result(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text,label\n" + "".join(f"t{i},{'no' if i % 9 else 'yes'}\n" for i in range(60)), encoding="utf-8")
    done = rung("climb", file, "--model", "fake", "--rungs", "majority", "--run", tmp_path / "run", lang="en")
    assert "warning: 88 % of the rows are 'no'" in done.err


def test_data_takes_given_splits_alone(rung: Run, climbed: tuple[Path, Path]) -> None:
    assert json.loads(rung("data", "--train", climbed[0], "--json").out)["rows"] == 120
    assert "give a file of examples" in rung("data", "show", "--lang", "en").err


def test_nothing_to_measure_is_told_in_the_language_that_is_spoken(rung: Run, tmp_path: Path) -> None:
    made = Adaptation("nothing", "majority", "extract", "zh", program="majority", parameters={"answer": "{}"})
    file = tmp_path / "a.jsonl"
    file.write_text('{"text": "一", "output": {}}\n', encoding="utf-8")
    done = rung("evaluate", save(made, tmp_path / "a"), file, "--model", "fake", lang="zh")
    assert "无可测量（entity-f1：标准答案与回答中都没有可计数的内容）" in done.err
