"""A person at a form is told which field to fill, by its label, in the language of the page; who types a command, which flag."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.ladder import Budget
from rung.ladder.arrange import fits_one
from rung.ladder.rungs import choose
from rung.pages.fields import FIELDS, FILES, at_fields, label, message_of
from rung.report import three_sentences
from rung.task import inspect_task
from rung.types import DataError, Language, UserError, Way, typed

ROWS = [(f"message number {i}", "ab"[i % 2]) for i in range(40)]


def csv(head: str, rows: list[tuple[str, str]], encoding: str = "utf-8") -> bytes:
    return (head + "\n" + "".join(f"{a},{b}\n" for a, b in rows)).encode(encoding)


FAULTY: dict[str, tuple[bytes, dict[str, Any], str, str, str]] = {  # file, said of it, the flag, the field in English and in Chinese
    "no column of the usual name": (
        csv("one,two", ROWS), {}, "type --output COLUMN", "choose the right column at “Answer column”",
        "请在“答案列”处选择正确的列",
    ),
    "no input of the usual name": (
        csv("one,label", ROWS), {}, "type --input COLUMN", "mark the right column at “Input columns”",
        "请在“输入列”处选中正确的列",
    ),
    "the answer in the input": (
        csv("text,label", ROWS), {"input": "text,label", "output": "label"}, "type --input ANOTHER or --output ANOTHER",
        "mark the right column at “Input columns”, or choose the right column at “Answer column”",
        "请在“输入列”处选中正确的列，或在“答案列”处选择正确的列",
    ),
    "numbers": (
        csv("text,answer", [(text, str(i * 1.5)) for i, (text, _) in enumerate(ROWS * 5)]), {},
        "type --kind classify if each number is a label or --kind generate to have it written as text",
        "choose “classification” at “Kind” if each number is a label, or choose “generation” at “Kind” to have it written as text",
        "请在“类型”处选择“分类”（如果每个数字是一个标签），或在“类型”处选择“文本生成”（如果要把数字当文本写出来）",
    ),
    "another encoding": (
        csv("文本,标签", [("这家餐厅的服务很好，下次还来" + text, "好坏"[i % 2]) for i, (text, _) in enumerate(ROWS)], "gb18030"),
        {}, "type --encoding gb18030", "write “gb18030” at “Encoding”", "请在“编码”处填写“gb18030”",
    ),
    "pairs": (
        csv("text,chosen,rejected", [(text, f"good {a},bad") for text, a in ROWS]), {"kind": "generate"}, "type --output chosen",
        "choose “chosen” at “Answer column”", "请在“答案列”处选择“chosen”",
    ),
    "shares": (
        csv("text,label", ROWS), {"split": "1/2"}, "split: give train/dev/test as three numbers",
        "“Shares of train/dev/test”: give train/dev/test as three numbers", "“训练/开发/测试的比例”的值 '1/2' 不可用",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTY)
def test_a_file_that_cannot_be_used_names_the_flag_or_the_field(name: str, tmp_path: Path):
    body, said, flag, en, zh = FAULTY[name]
    (tmp_path / "mail.csv").write_bytes(body)
    with pytest.raises(DataError) as found:
        inspect_task(tmp_path / "mail.csv", **said)
    assert flag in str(found.value)
    assert en in message_of(found.value, "en")
    assert zh in message_of(found.value, "zh")
    for language in ("en", "zh"):
        assert "--" not in message_of(found.value, language)


def test_a_warning_about_the_data_names_the_flag_or_the_field(tmp_path: Path):
    rows = [(f"message number {i}", "good" if i % 12 else "bad") for i in range(200)]
    (tmp_path / "mail.csv").write_bytes(csv("text,label", rows))
    (note,) = [note for note in inspect_task(tmp_path / "mail.csv").warnings if note.ways]
    assert note.text("en").endswith("; type --metric macro-f1 to count every label alike")
    assert note.text("zh").endswith("；请加 --metric macro-f1（对各标签一视同仁）")
    assert note.text("en", at_fields).endswith("; choose “macro F1” at “Metric” to count every label alike")
    assert note.text("zh", at_fields).endswith("；请在“指标”处选择“宏平均 F1”（对各标签一视同仁）")


def test_a_setting_that_no_form_has_is_passed_over():
    with pytest.raises(UserError) as found:
        Budget.parse("$3")
    assert str(found.value).endswith("; type --price MONEY, --prices FILE, --budget 10m or --budget 500ktokens")
    assert message_of(found.value, "en").endswith("; write “10m” or “500ktokens” at “Budget”")
    assert message_of(found.value, "zh").endswith("；请在“预算”处填写“10m” 或 “500ktokens”")
    assert at_fields([Way("price")], "en") == ""


def test_a_climb_that_no_marked_rung_can_make_is_refused_at_the_form(browser: Any, text_of: Callable[[str], str]):
    rows = [(text, f"good {a},bad {a}") for text, a in ROWS]
    at = browser.submit("/data", [("files", ("pairs.csv", csv("prompt,chosen,rejected", rows)))]).headers["location"]
    answer = browser.submit("/climb", data=at.rpartition("/")[2], model="fake", rungs=["majority"])
    assert answer.status_code == 400
    assert "to climb on the chosen answers alone" in text_of(answer.text)
    assert "choose “chosen” at “Answer column”" in text_of(answer.text)
    assert f'href="{at}"' in answer.text  # where that field is


def test_rungs_that_do_not_fit_are_left_out_by_flag_or_by_field(tmp_path: Path):
    (tmp_path / "mail.csv").write_bytes(csv("text,answer", [(text, f"{text} indeed") for text, _ in ROWS]))
    with pytest.raises(UserError) as found:
        fits_one(inspect_task(tmp_path / "mail.csv").task, choose("linear-probe"))
    assert str(found.value).endswith("; type the command without --rungs to climb those that are")
    assert message_of(found.value, "en").endswith("; mark others at “Rungs, cheap to costly” to climb those that are")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_has_the_labels_that_messages_name(browser: Any, language: Language):
    browser.submit("/language", to=language, back="/")
    at = browser.submit("/data", [("files", ("mail.csv", csv("text,label", ROWS)))]).headers["location"]
    pages = browser.get(at).text + browser.get(f"/climb?data={at.rpartition('/')[2]}").text
    for name in FIELDS:
        assert f'name="{name}"' in pages
        assert label(name, language) in pages


def test_the_last_sentence_names_what_there_is_where_it_is_read():
    result = {
        "chosen": None,
        "target": None,
        "complete": False,
        "rungs": [],
        "test": None,
        "task": {"metric": "accuracy"},
    }
    assert three_sentences(result, "en")[2].endswith("; type --budget MORE.")
    assert three_sentences(result, "en", at_fields)[2].endswith("; write a larger one at “Budget”.")


def test_a_flag_stands_for_every_way_of_the_command():
    ways = [Way("rungs", out=True), Way("recipe", out=True)]
    assert typed(ways, "en") == "type the command without --rungs or --recipe"
    assert typed(ways, "zh") == "请在命令中去掉 --rungs 或 --recipe"
    assert (
        at_fields([Way(name, any=("FILE", "文件")) for name in FILES[:1]], "en") == "bring a file named train beside it"
    )
