"""What a page was written in goes, what it says stays."""

import pytest

from rung.pretrain.clean.markup import markup
from rung.pretrain.clean.symbols import symbols


@pytest.mark.parametrize(
    "page, text",
    [
        ("<p class='a'>One.</p><p>Two &amp; three.</p>", "One.\nTwo & three."),
        ("<script>var a = 1 < 2;</script>正文<br/>第二行", "正文\n第二行"),
        ("''Bold'' [[Link|word]] and {{box|x={{y}}}}[[plain]].", "Bold word and plain."),
        ("[b]重要[/b]：[url=http://a.b]这里[/url]", "重要：这里"),
        ("=== 历史 ===\n建于[[1998年]]。{{来源}}", "历史\n建于1998年。"),
    ],
)
def test_markup_goes(document, page, text):
    found = document(page)
    assert markup(found) is None
    assert found.text == text
    assert found.changes[0].reason == "markup"


@pytest.mark.parametrize(
    "text", ["if a < b and c > d: return List<String>", "x & y; AT&T; a[i][j]", "他说[笑]：好", "<3"]
)
def test_what_only_looks_like_markup_stays(document, text):
    found = document(text)
    assert markup(found) is None
    assert (found.text, found.changes) == (text, [])


def test_a_page_of_code_goes(document):
    page = "<html><head><style>p{color:red}</style></head><body>" + "<div></div>" * 40 + "<p>ok</p></body></html>"
    assert markup(document(page)).rule == "nothing but markup"


def test_meaningless_signs_go(document, english):
    found = document("=====*****=====\n" + english.replace("mill", "mi\u200bll") + "！！！！！！！\n★☆★☆★☆")
    assert symbols(found) is None
    assert found.text == "\n" + english + "！！！\n"
    assert {change.rule for change in found.changes} == {"drawn lines", "invisible", "runs"}


def test_a_text_of_signs_goes_and_verse_stays(document):
    assert symbols(document("(*^▽^*) →_→ ╮(╯▽╰)╭ ~~~ !!! a b")).rule == "letters and digits"
    assert symbols(document("床前明月光，\n疑是地上霜。\n举头望明月，\n低头思故乡。")) is None
    assert symbols(document("…… — … —— … a, b.")).value < 0.3
