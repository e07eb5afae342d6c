"""Lines of many documents and lines with a site's phrases."""

import pytest

from rung.pretrain.clean.lines import boilerplate, line_keys, needed

FOOT = "Harbour Gazette, the paper of the coast since 1902"


def stage(*common):
    return boilerplate(lambda document: frozenset().union(*map(line_keys, common)))


def test_a_common_line_goes_and_the_text_stays(document, english):
    found = document(f"{FOOT}\n{english}\n  {FOOT} ")
    assert stage(FOOT)(found) is None
    assert found.text == english
    assert (found.changes[0].rule, found.changes[0].value) == ("line of many documents", 2)


def test_a_page_of_little_else_goes(document):
    assert stage(FOOT)(document(f"{FOOT}\nOne sentence.")).rule == "little else"


def test_short_lines_are_not_counted():
    assert line_keys("唐·李白\n附则\nChapter 1\nThe end") == set()
    assert len(line_keys("一二三四五六七八\nfour words of English text")) == 2


@pytest.mark.parametrize("line", ["上一篇：没有了 下一篇：春天", "© 2020 Acme. All rights reserved.", "扫一扫关注我们"])
def test_a_line_of_phrases_goes(document, chinese, line):
    found = document(f"{chinese}\n{line}")
    assert stage()(found) is None
    assert found.text == chinese


@pytest.mark.parametrize(
    "line", ["他后来在一家报社做责任编辑，负责副刊的文章，一做就是二十年，直到退休才回到家乡。", "She read the privacy policy of the "
             "company twice, and then wrote a long letter to the editor about it."]
)  # fmt: skip
def test_a_sentence_with_a_phrase_in_it_stays(document, line):
    found = document(line)
    assert stage()(found) is None
    assert found.text == line


def test_how_many_is_many():
    assert (needed(100), needed(100_000)) == (20, 200)
