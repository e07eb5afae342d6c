"""The page: offline, escaped, accessible, complete in both languages, and honest about what is missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from rung.ledger import Ledger
from rung.report import write_report
from rung.report.prompt import shown_prompt
from rung.report.run import Answer
from rung.types import Adaptation, DataError, Demonstration, Example, Prediction, Prompt, Selector, digest

MakeRun = Callable[..., Path]
MakeResult = Callable[..., dict[str, Any]]
VOID = {"meta", "br", "input", "link", "img", "path", "line"}


class Page(HTMLParser):
    """Checks that tags are balanced, and gathers ids, links, headings and the text outside styles and scripts."""

    def __init__(self, source: str):
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attrs)
        self.ids += [values["id"]] if values.get("id") else []
        self.links += [values["href"]] if values.get("href") else []
        self.headings += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script", "svg"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(run: Path, language: Any = "en") -> tuple[str, Page]:
    source = write_report(run, language).read_text(encoding="utf-8")
    return source, Page(source)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_file_that_opens_offline(make_run: MakeRun, language: Any):
    source, parsed = page(make_run(language), language)
    assert "http" not in source
    assert "//" not in source.replace("// The page reads", "")
    assert not re.search(r"<(link|img|iframe|object)\b|@import|url\((?!#)", source)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link.removeprefix("#") for link in parsed.links} <= set(parsed.ids)
    assert parsed.headings[0] == 1
    assert all(b - a <= 1 for a, b in zip(parsed.headings, parsed.headings[1:], strict=False))
    assert len(re.findall("<table", source)) == len(re.findall("<caption", source))
    charts = re.findall(r'<svg role="img" aria-label="([^"]*)"', source)
    assert len(charts) == 8
    assert all(len(words) > 30 for words in charts)


def test_chinese_has_no_english_left_and_english_no_chinese(make_run: MakeRun):
    _, english = page(make_run("en"), "en")
    assert not re.search("[一-鿿]", english.text)
    run = make_run("zh")
    _, chinese = page(run, "zh")
    assert not re.search(r"\b(the|of|and|is|are|score|rung)\b", chinese.text.replace(f"rung predict {run}", ""))


def test_what_it_says(make_run: MakeRun):
    run = make_run("en")
    source, parsed = page(run)
    assert "Use lora/r8: it is the cheapest rung whose score is proven" in parsed.text
    assert parsed.text.count(f'rung predict {run}/adaptations/lora "your text"') == 2
    assert "The same 8 examples in 5 orders score from .580 to .676: a spread of .096." in parsed.text
    assert "about 7,000 requests" in parsed.text
    assert "sha256 " + "5f" * 32 in parsed.text
    assert "Opened once, at 2026-03-01 14:05" in parsed.text
    wrong = {split: int(n) for split, n in re.findall(r"(Sealed test|Dev split): (\d+) of", parsed.text)}
    ledger = Ledger(run / "ledger.sqlite")
    hash = next(iter(ledger.adaptations()))
    for split, name in (("test", "Sealed test"), ("dev", "Dev split")):
        assert wrong[name] == sum(score == 0 for _, score in ledger.predictions(hash, split))
    ledger.close()
    assert len(re.findall('<tr role="row" data-split', source)) == sum(wrong.values())


def test_data_is_shown_and_never_run(make_run: MakeRun):
    """An input can hold HTML, the template language, or look like a colour: it is text."""
    run = make_run("en", n_dev=10, n_test=0, test=None, charts=False)
    evil = '</script><script>alert(1)</script> {{ 7 * 7 }} {% raw %} & "quoted"'
    ledger = Ledger(run / "ledger.sqlite")
    hash = next(iter(ledger.adaptations()))
    ledger.db.execute("INSERT INTO examples VALUES ('dev', 99, 'x', ?, 'thanks', 'a.csv:1')", (evil,))
    ledger.db.commit()
    ledger.keep_predictions(hash, [(Prediction("x", "refund", text=evil), 0.0)])
    ledger.close()
    source, parsed = page(run)
    assert evil in "".join(parsed.words)
    assert source.count("<script") == 1
    assert "49" not in re.findall(r"alert.{0,80}", source)[0]


def test_the_prompt_is_rendered_in_full_with_its_input_marked(make_run: MakeRun):
    source, _ = page(make_run("en", charts=False))
    prompt = re.search(r'<pre class="prompt">(.*?)</pre>', source, re.S)
    assert prompt is not None
    text = re.sub("<[^>]+>", "", prompt[1])
    assert text.startswith(
        "What does the customer want?\n\nMessage: I cannot log in since the update\nIntent: account\n\n"
    )
    assert text.count("Message: ") == 6
    assert re.search(r"Message: <mark>[^<]+ #dev-0</mark>\nIntent:$", prompt[1])


def test_a_chat_prompt_is_shown_by_turns_and_picked_examples_are_those_of_the_input(
    make_run: MakeRun, adaptation_of: Any
):
    prompt = Prompt("chatty", "en", role="You are kind.", question="{{ input }}", style="chat")
    pool = tuple(Demonstration(f"pool {i}", "thanks") for i in range(9))
    adaptation = adaptation_of("en", prompt=prompt, demonstrations=pool, selector=Selector("bm25", 2))
    run = make_run("en", n_dev=0, n_test=0, test=None, charts=False, adaptation=adaptation)
    ledger = Ledger(run / "ledger.sqlite")
    hash = next(iter(ledger.adaptations()))
    ledger.keep_examples("dev", [Example("1", "hello", "thanks")])
    ledger.keep_predictions(hash, [(Prediction("1", "refund", shown=("pool 7", "pool 2")), 0.0)])
    ledger.close()
    source, _ = page(run)
    turns = [re.sub("<[^>]+>", "|", t) for t in re.findall(r'<pre class="prompt">(.*?)</pre>', source, re.S)]
    assert turns[0] == "|System|You are kind."
    assert turns[1:5] == ["|User|pool 7", "|Assistant|thanks", "|User|pool 2", "|Assistant|thanks"]
    assert turns[5] == "|User||hello|"
    assert "2 examples picked for this input" in source


def test_examples_that_did_not_fit_beside_an_input_are_not_shown_in_its_prompt(adaptation_of: Any):
    adaptation = adaptation_of("en")
    one, two = (d.input for d in adaptation.demonstrations[:2])
    for told in ((one, two), (two,), ()):
        shown = shown_prompt(
            adaptation, [Answer(Example("1", "hello", "thanks"), Prediction("1", "", shown=told), 0.0)]
        )
        assert shown is not None and shown.demonstrations == len(told)


@pytest.mark.parametrize(("language", "words"), [
    ("en", ["There is no n-shot curve", "no two orders", "No two rungs cross", "Fewer than two rungs",
            "Nothing was chosen yet", "There are no answers", "This climb is not complete", "Not opened."]),
    ("zh", ["没有示例数曲线", "没有测：同一组示例", "没有交点", "不足两个",
            "还没有选出适配", "没有选定的适配", "尚未完成", "没有打开。"]),
])  # fmt: skip
def test_missing_parts_are_told_in_words(make_run: MakeRun, language: Any, words: list[str]):
    run = make_run(
        language, rungs=[], candidates=[], chosen=None, test=None, break_even=[], complete=False, budget=None
    )
    source, parsed = page(run, language)
    for sentence in words:
        assert sentence in parsed.text
    assert "<figure" not in source


def test_no_target_and_no_test(make_run: MakeRun):
    source, parsed = page(make_run("en", target=None, test=None))
    assert "None was set: no rung is called proven or missed." in parsed.text
    assert "Sealed test:" not in parsed.text
    assert "dashed line is the target" not in parsed.text
    assert 'id="split"' not in source


def test_extraction_shows_its_fields(make_run: MakeRun, result_of: MakeResult, adaptation_of: Any):
    task = result_of()["task"] | {"kind": "extract", "metric": "entity-f1", "labels": []}
    adaptation = adaptation_of("en", kind="extract", labels=())
    run = make_run("en", n_dev=0, n_test=0, test=None, task=task, charts=False, adaptation=adaptation)
    ledger = Ledger(run / "ledger.sqlite")
    hash = next(iter(ledger.adaptations()))
    ledger.keep_examples("dev", [Example("1", "Ada, 36", '{"name": "Ada", "age": 36}')])
    ledger.keep_predictions(hash, [(Prediction("1", '{"name": "Ada", "age": 35}'), 0.5)])
    ledger.close()
    _, parsed = page(run)
    assert "Score of each field" in parsed.text
    assert "name 1.000 1.000 1.000 1" in parsed.text
    assert "age .000 .000 .000 1" in parsed.text


def test_a_control_has_no_prompt(make_run: MakeRun, result_of: MakeResult):
    result = result_of()
    result["chosen"] |= {"rung": "tfidf", "candidate": "tfidf/C1", "adaptation": "adaptations/tfidf"}
    control = Adaptation(
        "tfidf/C1", "tfidf", "classify", "en", program="linear", labels=tuple(result["task"]["labels"])
    )
    rows = [c for c in result["candidates"] if c["name"] != "lora/r8"]
    rows.append(rows[0] | {"rung": "tfidf", "name": "tfidf/C1", "family": "control", "hash": digest("tfidf")})
    run = make_run("en", chosen=result["chosen"], candidates=rows, adaptation=control, charts=False)
    _, parsed = page(run)
    assert "There is none: tfidf works without a language model." in parsed.text
    assert "It needs no language model." in parsed.text


def test_who_did_not_take_part_is_named_with_the_reason(make_run: MakeRun):
    assert "Left out" not in page(make_run("en", charts=False))[1].text
    left = [{"name": "lora/lr3", "en": "its loss <blew> up", "zh": "它的损失发散了"}]
    for language, words in (
        ("en", ("Left out", "lora/lr3: its loss <blew> up")),
        ("zh", ("未参加的候选", "它的损失发散了")),
    ):
        _, parsed = page(make_run(language, charts=False, left_out=left), language)
        assert all(word in parsed.text for word in words), language


def test_a_folder_without_a_climb_says_what_to_type(tmp_path: Path, make_run: MakeRun):
    with pytest.raises(DataError, match=r"no result\.json.*rung climb") as error:
        write_report(tmp_path, "en")
    assert "请先运行" in error.value.zh
    run = make_run("en", version=2)
    with pytest.raises(DataError, match="version 2, this Rung reads version 1"):
        write_report(run, "en")
    (run / "result.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="not readable as JSON"):
        write_report(run, "en")
    run = make_run("en")
    (run / "ledger.sqlite").unlink()
    with pytest.raises(DataError, match=r"no ledger\.sqlite"):
        write_report(run, "en")
    assert not (run / "ledger.sqlite").exists()


def test_a_ledger_can_be_given(make_run: MakeRun):
    run = make_run("en", charts=False)
    (run / "ledger.sqlite").rename(run / "elsewhere.sqlite")
    ledger = Ledger(run / "elsewhere.sqlite")
    assert "Sealed test" in write_report(run, "en", ledger=ledger).read_text(encoding="utf-8")
    ledger.close()


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_contrast_of_text_is_at_least_4_5_in_light_and_in_dark(make_run: MakeRun):
    source, _ = page(make_run("en", charts=False))
    blocks = re.findall(r":root \{(.*?)\}", source, re.S)
    assert len(blocks) == 2
    for block in blocks:
        colours = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", block))
        for text in ("ink", "muted", "accent", "second", "bad"):
            for paper in ("bg", "card"):
                one, two = sorted((luminance(colours[text]), luminance(colours[paper])), reverse=True)
                assert (one + 0.05) / (two + 0.05) >= 4.5, (text, paper)


def test_the_result_file_is_not_changed(make_run: MakeRun):
    run = make_run("en")
    before = (run / "result.json").read_bytes()
    first = write_report(run, "en").read_bytes()
    assert write_report(run, "en").read_bytes() == first  # the same run, the same page
    assert (run / "result.json").read_bytes() == before
    assert json.loads(before)["version"] == 1


def test_the_gap_that_dev_can_show_is_claimed_of_a_share_of_right_answers_alone(
    make_run: MakeRun, result_of: MakeResult
) -> None:
    for metric, en, zh in (
        ("accuracy", "A true difference below .083 between two rungs", "两个方法若真实差距小于"),
        ("macro-f1", "macro F1 is no such share, and this a rough guide for it", "宏平均 F1 不是这样的比例"),
    ):
        run = make_run("en", task={**result_of()["task"], "metric": metric})
        assert en in page(run)[1].text
        assert zh in page(run, "zh")[1].text
