"""What the pages show and do: over a real climb, without a browser."""

from __future__ import annotations

import io
import json
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.datastructures import FormData

from rung.engine import fake_model
from rung.evaluate import Judged, Marked, Order
from rung.ladder import alive
from rung.pages import compare, process, ratings, trial
from rung.pages.climb import arguments_of
from rung.pages.compare import common
from rung.pages.examples import Asked, select
from rung.pages.process import Climbs
from rung.pages.ratings import Pair, following, order, summaries
from rung.pages.runs import Run
from rung.pages.trial import Trial
from rung.pages.uploads import keep
from rung.report.pairs import alike, sheet
from rung.report.preferences import contests, keep_judgement, line_of, preferences, read_ratings
from rung.task import inspect_task
from rung.types import Adaptation, Example, ModelRef, Prediction, Prompt, Sealed, Task, UserError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(runs: Path) -> Run:
    return Run(runs / "orders-1")


# --- home, languages ----------------------------------------------------------------------------------------------


def test_home_lists_climbs_and_nothing_else(browser: Any, runs: Path, text_of: Any):
    (runs / "not-a-run").mkdir()
    (runs / "not-a-run" / "ledger.sqlite").write_bytes(b"")
    said = text_of(browser.get("/").text)
    assert "orders-1" in said
    assert "few-shot" in said
    assert "not-a-run" not in said
    assert "complete" in said


def test_the_language_is_the_browsers_until_one_is_chosen_and_then_remembered(browser: Any, open_browser: Any):
    zh = {"accept-language": "zh-CN,zh;q=0.9"}
    assert '<html lang="en">' in browser.get("/").text
    assert '<html lang="zh-Hans">' in browser.get("/", headers=zh).text
    assert '<html lang="zh-Hans">' in open_browser(language="zh").get("/").text
    answer = browser.submit("/language", to="zh", back="/runs/orders-1/examples?show=wrong")
    assert answer.headers["location"] == "/runs/orders-1/examples?show=wrong"
    assert "Max-Age=31536000" in answer.headers["set-cookie"]
    assert '<html lang="zh-Hans">' in browser.get("/").text


@pytest.mark.parametrize(
    "path",
    [
        "/", "/data", "/runs/orders-1/examples?b=zero-shot", "/runs/orders-1/rate", "/runs/none", "/nowhere", "/climb",
        "/runs/orders-1?power=much",
    ],
)  # fmt: skip
def test_each_language_is_whole(browser: Any, path: str, text_of: Any):
    english = text_of(browser.get(path).text).replace("中文", "")
    assert not re.search("[一-鿿]", english)
    browser.submit("/language", to="zh")
    chinese = text_of(re.sub("<code>.*?</code>", "", browser.get(path).text))
    assert not re.search(r"\b(the|of|and|is|are|to)\b", chinese)


# --- files --------------------------------------------------------------------------------------------------------


def bring(browser: Any, *names: str) -> str:
    files = [("files", (Path(name).name, (EXAMPLES / name).read_bytes())) for name in names]
    return browser.submit("/data", files).headers["location"]


def test_a_file_is_understood_as_the_command_understands_it(browser: Any, text_of: Any):
    at = bring(browser, "customer_service.csv")
    found = inspect_task(EXAMPLES / "customer_service.csv")
    said = text_of(browser.get(at).text)
    assert f"{found.used} of {found.rows} rows can be used, for classification" in said
    assert f"{100 * (found.detectable_gap or 0):.1f} points of accuracy" in said
    for name, n in found.splits.items():
        assert f"{n} {name}" in said
    for label, counts in found.labels.items():
        assert f"{label} {counts['n']} " in said


def test_what_is_corrected_is_kept_and_climbed_on(browser: Any, runs: Path, text_of: Any):
    at = bring(browser, "customer_service.csv")
    fields = {
        "input": ["text", "language"],
        "output": "sentiment",
        "target": "0.7",
        "split": "50/25/25",
        "metric": "macro-f1",
    }
    assert browser.submit(at, **fields).status_code == 303
    said = text_of(browser.get(at).text)
    assert "macro F1, target .7" in said
    assert "negative" in said
    found = inspect_task(runs / "uploads" / at.rpartition("/")[2] / "task.yaml")
    assert (found.columns.input, found.columns.output, found.task.target) == (("text", "language"), "sentiment", 0.7)
    assert found.task.name == "customer_service"
    browser.submit(at, input=["text"], output="intent")  # what is not said again is unsaid
    assert inspect_task(runs / "uploads" / at.rpartition("/")[2] / "task.yaml").task.target is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"output": "no such"}, "no column"),
        ({"target": "much"}, "a number from 0 to 1"),
        ({"split": "1/2"}, "three numbers"),
        ({"kind": "classify", "metric": "bleu"}, "is for generate"),
    ],
)
def test_a_wrong_correction_is_told_and_not_kept(browser: Any, fields: dict[str, str], said: str, text_of: Any):
    at = bring(browser, "customer_service.csv")
    answer = browser.submit(at, **fields)
    assert answer.status_code in (200, 400)
    assert said in text_of(answer.text)
    assert "rows can be used" in text_of(browser.get(at).text)


def test_bad_rows_are_shown_with_line_and_reason(browser: Any, text_of: Any):
    rows = [f"message number {i},{'ab'[i % 2]}" for i in range(40)]
    body = "text,label\n" + "\n".join([*rows[:3], "only one cell", ",a", *rows[3:]]) + "\n"
    at = browser.submit("/data", [("files", ("mail.csv", body.encode()))]).headers["location"]
    said = text_of(browser.get(at).text)
    assert "mail.csv:5 1 cell where the header has 2" in said
    assert "mail.csv:6" in said


def test_a_file_without_a_task_can_still_be_corrected(browser: Any, text_of: Any):
    body = "one,two\n" + "".join(f"message {i},{'ab'[i % 2]}\n" for i in range(40))
    at = browser.submit("/data", [("files", ("odd.csv", body.encode()))]).headers["location"]
    said = text_of(browser.get(at).text)
    assert "no column is named as the" in said
    assert browser.submit(at, input=["one"], output="two").status_code == 303
    assert "40 of 40 rows" in text_of(browser.get(at).text)


def test_three_files_are_the_splits_and_others_are_refused(tmp_path: Path):
    def file(name: str, first: int) -> Any:
        rows = "".join(f"row {i},{'ab'[i % 2]}\n" for i in range(first, first + 20))
        return name, io.BytesIO(f"text,label\n{rows}".encode())

    found = keep(tmp_path / "runs", [file("train.csv", 0), file("valid.csv", 20), file("test.csv", 40)]).inspect()
    assert dict(found.splits) == {"train": 20, "dev": 20, "test": 20}
    for names in (["a.csv", "b.csv"], ["train.csv", "Train.csv"], ["dev.csv", "test.csv"], []):
        with pytest.raises(UserError):
            keep(tmp_path / "runs", [file(name, 0) for name in names])


# --- climbs -------------------------------------------------------------------------------------------------------


def form(**fields: Any) -> FormData:
    return FormData(
        [(key, v) for key, values in fields.items() for v in (values if isinstance(values, list) else [values])]
    )


def test_the_form_becomes_the_command(browser: Any, runs: Path):
    bring(browser, "customer_service.csv")
    (folder,) = (runs / "uploads").iterdir()
    upload = SimpleNamespace(yaml=folder / "task.yaml")
    asked = form(model="fake", rungs=["tfidf", "majority"], target="0.80", budget="10m", all="1", race="1")
    assert arguments_of(asked, upload, ("fake",), "zh") == [  # type: ignore[arg-type]
        str(folder / "task.yaml"), "--model", "fake", "--rungs", "majority,tfidf", "--target", "0.8", "--budget", "10m",
        "--all", "--race", "--lang", "zh",
    ]  # fmt: skip
    for wrong in ({"target": "80"}, {"target": "x"}, {"budget": "soon"}, {"rungs": "lorra"}, {"rungs": []}):
        with pytest.raises(UserError):
            arguments_of(form(**{"model": "fake", "rungs": "tfidf", **wrong}), upload, ("fake",), "en")  # type: ignore[arg-type]


def test_a_budget_in_money_is_for_a_model_with_a_price(browser: Any, runs: Path):
    bring(browser, "customer_service.csv")
    (folder,) = (runs / "uploads").iterdir()
    upload = SimpleNamespace(yaml=folder / "task.yaml")
    priced = "openai:gpt-4o-mini@https://api.openai.com/v1"
    models = (priced, "fake", "openai:other@https://api.example.com/v1")
    words = arguments_of(form(model=priced, rungs="zero-shot", budget="$3"), upload, models, "en")  # type: ignore[arg-type]
    assert words[words.index("--budget") + 1] == "$3"
    for model in models[1:]:
        with pytest.raises(UserError, match="needs a price"):
            arguments_of(form(model=model, rungs="zero-shot", budget="$3"), upload, models, "en")  # type: ignore[arg-type]


def wait_for(what: Any) -> None:
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_climb_is_a_process_that_can_be_stopped_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A stand-in for the command: it says its words, and ends as `rung climb` does when it is interrupted."""
    stand_in = (
        "import sys, time\nprint(sys.argv[1:], flush=True)\n"
        "try: time.sleep(60)\nexcept KeyboardInterrupt: print('interrupted', flush=True); sys.exit(130)"
    )
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", stand_in))
    climbs = Climbs(tmp_path)
    started = climbs.start("../my task", ["data.csv", "--budget", "10m"])
    assert re.fullmatch(r"my_task-[0-9a-f]{8}", started.name)
    assert started.folder.parent == tmp_path
    wait_for(lambda: started.log)
    assert Run(started.folder).state == "running"
    with pytest.raises(UserError, match="already"):
        climbs.go_on(Run(started.folder))
    climbs.stop(Run(started.folder))
    wait_for(lambda: climbs.reap() or not climbs.children)
    stopped = Run(started.folder)
    assert stopped.state == "failed"  # it has left nothing: no progress, no result
    assert stopped.log.endswith("interrupted")
    again = climbs.go_on(stopped, "20m")
    wait_for(lambda: again.log.count("data.csv") == 2)
    assert "'--budget', '20m'" in again.log
    assert again.log.count("'10m'") == 1
    climbs.stop(Run(again.folder))
    wait_for(lambda: climbs.reap() or not climbs.children)


def test_a_climb_of_the_terminal_is_not_ours_to_stop(browser: Any, text_of: Any):
    for path in ("/runs/orders-1/stop", "/runs/orders-1/continue"):
        answer = browser.submit(path)
        assert answer.status_code == 400
        assert "in a terminal" in text_of(answer.text)


def test_a_climb_is_seen_while_it_grows(browser: Any, run: Run, text_of: Any):
    body = json.loads((run.folder / "progress.json").read_text())
    judged = body["rows"].pop("few-shot")
    now = {"rung": "few-shot", "candidate": "few-shot/balanced-2-s0", "verb": "scoring", "began": 1, "first": 0}
    body |= {"ended": None, "at": "few-shot", "now": {**now, "done": 64, "total": 70, "loss": None}}
    (run.folder / "result.json").unlink()
    (run.folder / "progress.json").write_text(json.dumps(body))
    assert alive(body["process"])  # this one
    page = text_of(browser.get("/runs/orders-1").text)
    assert "few-shot/balanced-2-s0 64/70 examples" in page
    assert "climbing" in page
    assert "Ctrl-C" in page
    seen = browser.get("/runs/orders-1/live").json()
    assert seen["running"]
    assert "zero-shot" in seen["said"]
    assert text_of(seen["html"]).count("measured") >= 2
    assert browser.get(f"/runs/orders-1/live?version={seen['version']}").json()["html"] is None
    body["rows"]["few-shot"] = judged
    (run.folder / "progress.json").write_text(json.dumps(body))
    assert browser.get(f"/runs/orders-1/live?version={seen['version']}").json()["html"]
    body["process"]["born"] -= 100  # killed: another process has its number
    (run.folder / "progress.json").write_text(json.dumps(body))
    assert not browser.get("/runs/orders-1/live").json()["running"]
    assert "has stopped before its end" in text_of(browser.get("/runs/orders-1").text)


# --- a run --------------------------------------------------------------------------------------------------------


def test_the_page_of_a_run_says_what_the_report_says(browser: Any, run: Run, text_of: Any):
    from rung.report import three_sentences

    source = browser.get("/runs/orders-1").text
    said = text_of(source)
    for sentence in three_sentences(run.finished(), "en"):
        assert sentence in said
    tips = re.findall(r'data-tip="([^"]+)"', source)
    assert {tip.split(":")[0] for tip in tips} >= {"majority", "zero-shot", "few-shot"}
    value = next(row["dev"]["value"] for row in run.finished()["rungs"] if row["name"] == "few-shot")
    assert any(tip.startswith("few-shot:") and f"{value:.3f}".lstrip("0") in tip for tip in tips)


def test_totals_are_build_and_requests_cheapest_first(browser: Any, run: Run):
    rows = {row["name"]: row["cost"] for row in run.finished()["rungs"]}
    source = browser.get("/runs/orders-1?power=30").text  # a thousand requests
    found = re.findall(r'data-build="([\d.e+]+)" data-each="([\d.e+]+)"><th scope="row">([\w-]+)', source)
    assert {name for _, _, name in found} == set(rows)
    each = [float(build) + 1000 * float(one) for build, one, _ in found]
    assert each == sorted(each)
    for build, one, name in found:
        assert float(build) == rows[name]["build_flops"]
        assert float(one) == (rows[name]["flops_per_request"] or 0)


def test_where_operations_are_not_known_the_page_says_so(browser: Any, run: Run, text_of: Any):
    result = json.loads((run.folder / "result.json").read_text(encoding="utf-8"))
    for row in result["rungs"]:
        if row["cost"]:
            row["cost"] |= {"build_flops": None, "flops_per_request": None}  # as behind an endpoint
    (run.folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    said = text_of(browser.get("/runs/orders-1").text)
    assert "Operations are not known behind an endpoint" in said
    assert "Nothing was measured" not in said


def test_the_report_is_kept_as_a_file(browser: Any):
    answer = browser.get("/runs/orders-1/report.html")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "<style>" in answer.text


# --- examples -----------------------------------------------------------------------------------------------------


def asked(**changes: Any) -> Asked:
    fields = {"split": "dev", "a": "few-shot", "b": "zero-shot", "show": "", "find": "", "all": False, "page": 1}
    return Asked(**{**fields, **changes})  # type: ignore[arg-type]


def test_examples_are_filtered_by_what_the_answers_are(run: Run):
    answers = sheet(run.folder, run.finished(), "dev")
    one, two = answers.answers["few-shot"], answers.answers["zero-shot"]
    ids = [e.id for e in answers.examples]
    wanted = {
        "": ids,
        "wrong": [i for i in ids if one[i].prediction.output != one[i].example.target],
        "differ": [i for i in ids if one[i].prediction.output != two[i].prediction.output],
        "gained": [i for i in ids if one[i].right and not two[i].right],
        "lost": [i for i in ids if two[i].right and not one[i].right],
    }
    assert wanted["gained"]  # else this says little
    for show, fitting in wanted.items():
        found = select(answers, asked(show=show))
        assert (found.total, found.whole) == (len(fitting), 70)
        assert [row.example.id for row in found.rows] == fitting[:50]
    assert [row.example.id for row in select(answers, asked(page=2)).rows] == ids[50:]
    assert select(answers, asked(find=answers.examples[7].input.upper())).rows[0].example == answers.examples[7]
    assert select(answers, asked(find="no such text")).total == 0
    assert select(answers, asked(all=True)).columns == ["majority", "zero-shot", "few-shot"]


def test_answers_side_by_side(browser: Any, run: Run, text_of: Any):
    answers = sheet(run.folder, run.finished(), "dev")
    differ = len(answers.differ("few-shot", "zero-shot"))
    said = text_of(browser.get("/runs/orders-1/examples?a=few-shot&b=zero-shot&show=differ").text)
    assert f"{differ} of 70 examples" in said
    assert answers.differ("few-shot", "zero-shot")[0].input in said
    assert "fresh test split" not in said
    assert "fresh test split" in text_of(browser.get("/runs/orders-1/examples?split=test").text)


def test_unreadable_answers_are_alike_when_written_alike():
    from rung.report.run import Answer

    def answer(output: str, text: str, valid: bool) -> Answer:
        return Answer(Example("1", "x", "a"), Prediction("1", output, text, valid), 0.0)

    assert alike(answer("a", "a", True), answer("a", "A.", True))
    assert not alike(answer("a", "a", True), answer("a", "a", False))
    assert alike(answer("", "hm", False), answer("", "hm", False))
    assert not alike(answer("", "hm", False), answer("", "ah", False))


# --- playground ---------------------------------------------------------------------------------------------------


def adaptation(**changes: Any) -> Adaptation:
    prompt = Prompt("asked", "en", question="Text: {{ input }}", lead="Label:", answer=" {{ target }}")
    model = ModelRef("fake", fake_model().sha256)
    fields = {"kind": "classify", "language": "en", "labels": ("left", "right"), "prompt": prompt, "model": model}
    return Adaptation("few-shot/x", "few-shot", **{**fields, **changes})  # type: ignore[arg-type]


def test_an_adaptation_answers_beside_the_bare_base(monkeypatch: pytest.MonkeyPatch):
    loaded: list[str] = []
    monkeypatch.setattr(trial, "load_model", lambda name: (loaded.append(name), fake_model())[1])
    desk = Trial(("fake",))
    for text in ("order 7 please", "你好"):
        mine, bare = desk.answer(adaptation(), text)
        for side in (mine, bare):
            assert side.prediction.output in ("left", "right")
            assert side.prompt is not None
            whole = "".join(turn.before + turn.input + turn.after for turn in side.prompt.turns)
            assert text in whole
            assert "".join(side.tokens) == whole
            assert sum(share for _, share, _ in side.scores) == pytest.approx(1)
            assert side.scores[0][0] == side.prediction.output
        assert mine.prompt != bare.prompt
    assert loaded == ["fake"]  # once


def test_only_models_that_were_named_are_loaded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(trial, "load_model", lambda name: pytest.fail(name))
    with pytest.raises(UserError, match="rung ui --model owner/name"):
        Trial(("fake",)).answer(adaptation(model=ModelRef("owner/name", "1")), "x")
    monkeypatch.setattr(trial, "load_model", lambda name: fake_model())
    with pytest.raises(UserError, match="another hash"):
        Trial(("fake",)).answer(adaptation(model=ModelRef("fake", "1")), "x")


def test_the_playground_page(
    browser: Any, run: Run, monkeypatch: pytest.MonkeyPatch, orders: SimpleNamespace, text_of: Any
):
    able = orders.able()
    name = json.loads((run.folder / "adaptations" / "few-shot" / "adaptation.json").read_text())["model"]["name"]
    browser.app_of.state.trial = Trial((name,))
    able.name = name
    monkeypatch.setattr(trial, "load_model", lambda _: able)
    said = text_of(browser.submit("/runs/orders-1/play", rung="few-shot", text="order 12 please").text)
    assert "The bare base" in said
    assert "The whole prompt" in said
    assert said.count("order 12 please") >= 3
    assert "No prompt" in text_of(browser.submit("/runs/orders-1/play", rung="majority", text="order 1").text)
    assert browser.submit("/runs/orders-1/play", rung="few-shot", text="").status_code == 400
    long = browser.submit("/runs/orders-1/play", rung="few-shot", text="x" * 20_001)  # never cut without a word
    assert long.status_code == 400
    assert "20,001 characters" in text_of(long.text)


# --- compare ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def others(tmp_path_factory: pytest.TempPathFactory, orders: SimpleNamespace) -> dict[str, Path]:
    """The same task climbed with majority alone, and another task of which some examples are the same."""
    root = tmp_path_factory.mktemp("others")
    orders.climb(root / "plain", "majority", task=orders.task(dev=70, test=40))
    orders.climb(root / "other", "majority", task=orders.task(dev=60, test=30))
    return {name: root / name for name in ("plain", "other")}


def test_runs_are_held_against_each_other_where_they_can_be(
    browser: Any, runs: Path, run: Run, others: dict[str, Path], text_of: Any
):
    import shutil

    for name, folder in others.items():
        shutil.copytree(folder, runs / name)
    marks = common(run, Run(runs / "plain"), "test")
    assert marks is not None
    gap = marks[0].result().value - marks[1].result().value  # type: ignore[operator]
    said = text_of(browser.get("/compare?run=orders-1&run=plain").text)
    assert "Yes: the same examples in the same splits" in said
    assert f"on the 40 examples of the sealed test in common, accuracy differs by {gap:+.3f} [" in said
    for part in (run.finished()["test"], Run(runs / "plain").finished()["test"]):
        assert f"{part['value']:.3f}".lstrip("0") in said
    said = text_of(browser.get("/compare?run=orders-1&run=other").text)
    assert "Not the same data" in said
    assert "on the 30 examples of the sealed test in common" in said
    assert "Mark two runs" in text_of(browser.get("/compare?run=orders-1&run=orders-1").text)
    assert browser.get("/compare?run=orders-1&run=none").status_code == 404


def test_runs_that_give_other_fields_are_compared(monkeypatch: pytest.MonkeyPatch):
    """The counts of field F1 have a column for each field that was wanted or given, and one of the two gave one more."""
    task = Task("t", "extract", "field-f1", "en", (), (), Sealed(()))
    examples = tuple(Example(str(i), "x", '{"a":"1"}') for i in range(30))
    marks = tuple(
        Marked(task, examples, tuple(Prediction(e.id, output) for e in examples))
        for output in ('{"a":"1"}', '{"a":"2","b":"3"}')
    )
    monkeypatch.setattr(compare, "common", lambda one, two, split: marks)
    told = {"chosen": {"rung": "r"}, "test": {}, "task": {"metric": "field-f1"}}
    one, two = (SimpleNamespace(name=name, finished=lambda: told) for name in ("one", "two"))
    assert "differs by +1.000 [+1.000, +1.000]" in compare.paired(one, two, "en")  # type: ignore[arg-type]


# --- rating -------------------------------------------------------------------------------------------------------

PAIR = Pair("few-shot", "zero-shot", "dev", "")


def rate(browser: Any, choice: str, **fields: str) -> Any:
    page = browser.get("/runs/orders-1/rate?a=few-shot&b=zero-shot").text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    shown = {key: hidden.get(key, "") for key in ("a", "b", "split", "rater", "example", "shown")}
    return browser.submit("/runs/orders-1/rate", choice=choice, **{**shown, **fields})


def test_a_rating_is_blind_random_and_the_same_after_a_reload(browser: Any, run: Run):
    answers = sheet(run.folder, run.finished(), "dev")
    wanted = order(answers, PAIR)
    assert {e.id for e in wanted} == {e.id for e in answers.differ("few-shot", "zero-shot")}
    assert [e.id for e in wanted] != [e.id for e in answers.differ("few-shot", "zero-shot")]
    from rung.pages.ratings import item

    lefts = [item(answers, PAIR, e).left_rung for e in wanted]
    assert 0.2 < lefts.count("few-shot") / len(lefts) < 0.8
    swapped = Pair("zero-shot", "few-shot", "dev", "")
    assert [item(answers, swapped, e).left_rung for e in wanted] == lefts
    other = Pair("few-shot", "zero-shot", "dev", "ada")
    assert [item(answers, other, e).left_rung for e in wanted] != lefts
    first = browser.get("/runs/orders-1/rate?a=few-shot&b=zero-shot").text
    visible = re.sub(r"<input[^>]*>|<select.*?</select>|<a [^>]*>", "", first, flags=re.S)
    assert "few-shot" not in visible.split("<main")[1]
    assert wanted[0].input in first


def test_choices_are_kept_taken_back_and_counted(browser: Any, run: Run, text_of: Any):
    answers = sheet(run.folder, run.finished(), "dev")
    n = len(order(answers, PAIR))
    rate(browser, "left")
    rate(browser, "tie")
    rate(browser, "right", shown="nan")  # is no time, and would be no JSON
    kept = read_ratings(run.folder)
    assert [r["choice"] for r in kept] == ["left", "tie", "right"]
    for r, example in zip(kept, order(answers, PAIR), strict=False):
        assert r["example"] == example.id
        assert {r["left"]["rung"], r["right"]["rung"]} == {"few-shot", "zero-shot"}
        for side in ("left", "right"):
            assert r[side]["output"] == answers.answers[r[side]["rung"]][example.id].prediction.output
            assert r[side]["adaptation"] == answers.hashes[r[side]["rung"]]
        assert 0 <= r["seconds"] < 60
    assert following(answers, PAIR, kept)[1:] == (3, n)
    rate(browser, "left", example=kept[0]["example"])  # sent twice: the first stands
    rate(browser, "undo")
    assert read_ratings(run.folder) == kept[:2]
    for wrong in ({"choice": "both"}, {"choice": "left", "example": "none"}):
        assert rate(browser, **wrong).status_code == 404
    (summary,) = summaries(read_ratings(run.folder), {"dev": answers})
    winner = kept[0]["left"]["rung"]
    assert (summary["wins"], summary["ties"], summary["losses"]) == ((1, 1, 0) if winner == "few-shot" else (0, 1, 1))
    assert summary["rate"]["value"] == (0.75 if winner == "few-shot" else 0.25)
    assert summary["rate"]["low"] < summary["rate"]["value"] < summary["rate"]["high"]
    right = answers.answers[winner][kept[0]["example"]].right
    assert summary["agreement"]["value"] == float(right)
    assert "1 equal" in text_of(browser.get("/runs/orders-1/rate").text)


def test_a_rating_after_a_kill_amid_a_line_is_kept(browser: Any, run: Run):
    answers = sheet(run.folder, run.finished(), "dev")
    first, second, third = order(answers, PAIR)[:3]
    ratings.rate(run.folder, answers, PAIR, first.id, "left", 1.0)
    with (run.folder / "ratings.jsonl").open("ab") as out:
        out.write('{"example": "二'.encode()[:-1])
    assert [r["example"] for r in read_ratings(run.folder)] == [first.id]
    ratings.rate(run.folder, answers, PAIR, second.id, "right", 1.0)
    ratings.rate(run.folder, answers, PAIR, third.id, "tie", 1.0)
    assert [r["example"] for r in read_ratings(run.folder)] == [first.id, second.id, third.id]


def test_ratings_are_preference_data(browser: Any, run: Run, tmp_path: Path):
    answers = sheet(run.folder, run.finished(), "dev")
    for choice, example in zip(["left", "right", "tie"] * 5, order(answers, PAIR), strict=False):
        ratings.rate(run.folder, answers, PAIR, example.id, choice, 1.0)
    lines = browser.get("/runs/orders-1/preferences.jsonl").text
    pairs = [json.loads(line) for line in lines.splitlines()]
    assert pairs == preferences(read_ratings(run.folder))
    assert all(pair["chosen"] != pair["rejected"] for pair in pairs)
    (tmp_path / "preferences.jsonl").write_text(lines, encoding="utf-8")
    found = inspect_task(tmp_path / "preferences.jsonl")
    assert (found.kind, found.used) == ("prefer", len(pairs))
    assert len(browser.get("/runs/orders-1/ratings.jsonl").text.splitlines()) == len(read_ratings(run.folder))


def judge_them(run: Run, ids: list[str], rule: str, name: str = "model") -> None:
    """Judgements of few-shot (a) against zero-shot: "left" or "right" as the ratings say, or "1": the first place each time."""
    answers = sheet(run.folder, run.finished(), "dev")
    chosen = {r["example"]: r[r["choice"]]["rung"] for r in read_ratings(run.folder)}
    for contest in contests(answers, "few-shot", "zero-shot", ids):
        if contest.example in ids:
            wins = chosen[contest.example] == "few-shot"
            said = ("1", "1") if rule == "1" else ("1", "2") if wins else ("2", "1")
            judged = Judged(contest.example, Order(said[0], None), Order(said[1], None))
            judge = {"name": name, "hash": name, "dtype": "float32"}
            keep_judgement(run.folder, line_of(judged, contest, answers, "few-shot", "zero-shot", judge))


def test_a_judge_is_held_against_the_person_beside_the_metric(browser: Any, run: Run, text_of: Any):
    answers = sheet(run.folder, run.finished(), "dev")
    rated = order(answers, PAIR)[:12]
    for choice, example in zip(["left", "right"] * 6, rated, strict=True):
        ratings.rate(run.folder, answers, PAIR, example.id, choice, 1.0)
    assert "judge" not in text_of(browser.get("/runs/orders-1/rate").text)
    ids = [e.id for e in rated]
    judge_them(run, ids, "as rated", "able")
    judge_them(run, ids, "1", "bound")
    said = text_of(browser.get("/runs/orders-1/rate").text)
    able, bound = said.split("The judge able")[1].split("The judge bound")
    assert "chose on 12 of these pairs" in able
    assert "1.000 [.758, 1.000], n = 12" in able  # Wilson's interval begins at 12 / (12 + 1.96 ** 2)
    assert "by position" not in able
    assert "better than chance" not in able
    assert ".500" in bound
    assert "better than chance" in bound
    assert "It answers by position" in bound
    zh = text_of(browser.get("/runs/orders-1/rate", headers={"accept-language": "zh"}).text)
    assert "评审 bound" in zh
    assert "按位置作答" in zh


def test_a_judgement_of_other_pairs_is_not_shown(browser: Any, run: Run, text_of: Any):
    answers = sheet(run.folder, run.finished(), "dev")
    first, second = order(answers, PAIR)[:2]
    ratings.rate(run.folder, answers, PAIR, second.id, "left", 1.0)
    judge_them(run, [second.id], "1")
    ratings.undo(run.folder, PAIR)
    ratings.rate(run.folder, answers, PAIR, first.id, "left", 1.0)
    assert "The judge" not in text_of(browser.get("/runs/orders-1/rate").text)


def test_names_that_the_file_system_does_not_hold(browser) -> None:
    for path in ("/runs/" + "a" * 300, "/compare?run=" + "a" * 300):
        assert browser.get(path).status_code == 404
    csv = "text,label\n" + "".join(f"row {i},{'ab'[i % 2]}\n" for i in range(40))
    brought = browser.submit("/data", files={"files": ("\U00020000" * 100 + ".csv", csv.encode())})
    assert brought.status_code == 303
    page = browser.submit(brought.headers["location"], encoding="undefined")
    assert "there is no encoding" in page.text
