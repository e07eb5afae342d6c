"""Word lists by density; personal data by form and by check digit."""

import pytest

from rung.pretrain.clean.harm import LIMITS, harm, lists, spam
from rung.pretrain.clean.personal import address, card, identity, personal


def test_a_density_of_several_terms_makes_harm(document, chinese):
    assert harm(document("真人百家乐、老虎机、六合彩，首存送彩金，赌场信誉，投注返水。")).rule == "gambling"
    assert harm(document("Hardcore porn, xxx milf and hentai videos, fucking all day.")).rule == "sexual"
    for good in (
        "走私、贩卖、运输、制造毒品，无论数量多少，都应当追究刑事责任，予以刑事处罚。走私海洛因或者冰毒五十克以上的，处十五年有期徒刑。",
        "He swore at the horse, a fucking stubborn beast, and walked home alone through the rain, thinking of his brother.",
        chinese,
    ):
        assert harm(document(good)) is None


def test_advertising(document, english):
    assert (
        spam(document("Limited time offer! Order now and get free shipping, money back guarantee.")).rule
        == "advertising"
    )
    assert spam(document("厂家直销，价格优惠，质量保证，欢迎咨询，加微信领优惠券。")).rule == "advertising"
    assert spam(document("I want a refund: the lamp that I ordered last week came broken, and nobody answers.")) is None
    assert spam(document(english)) is None


def test_every_kind_has_its_limit_and_no_term_stands_twice():
    assert set(lists("spam")) == set(LIMITS) - {"harm"}
    for name in ("spam", "harm"):
        for kind in lists(name).values():
            assert kind.words or kind.chinese
            assert len(set(kind.chinese)) == len(kind.chinese)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Write to a.b-c+d@mail.example.co.uk, please.", "Write to [EMAIL], please."),
        ("邮箱是zhang_san@example.com。", "邮箱是[EMAIL]。"),
        ("手机13812345678，或138-1234-5678。", "手机[PHONE]，或[PHONE]。"),
        ("座机010-12345678转3", "座机[PHONE]转3"),
        ("Call (212) 555-0123 or 212-555-0123 today", "Call [PHONE] or [PHONE] today"),
        ("Ring +44 20 7946 0958.", "Ring [PHONE]."),
        ("身份证11010519491231002X。", "身份证[ID]。"),  # the example of GB 11643
        ("Visa 4111 1111 1111 1111 was used", "Visa [CARD] was used"),  # the test number that card companies publish
        ("来自93.184.216.34的网友", "来自[IP]的网友"),
        ("加QQ：123456789聊", "加[ACCOUNT]聊"),
        ("微信号 abc_12345 常在线", "[ACCOUNT] 常在线"),
    ],
)
def test_personal_data_is_replaced(document, text, expected):
    found = document(text)
    assert personal(found) is None
    assert found.text == expected
    assert all(secret not in change.excerpt for change in found.changes for secret in text.split() if secret.isdigit())


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-7-302-12345-6，定价39.80元", "in the years 1939-1945 and 2010-2019", "version 10.4.2 of 2024-01-31",
        "圆周率3.14159265358979323846", "订单110105194912310021", "The census counted 12,345,678 people",
        "section 1.2.3.4 and 192.168.1.1", "Ittoqqortoormiit is a town", "2023年10月11日12时", "4111 1111 1111 1112", "@home",
    ],
)  # fmt: skip
def test_other_numbers_stay(document, text):
    found = document(text)
    assert personal(found) is None
    assert found.text == text


def test_a_list_of_people_goes(document):
    rows = "\n".join(f"张三{i} 1381234{i:04} user{i}@example.com" for i in range(10))
    assert personal(document(rows)).rule == "a list of people"


def test_check_digits_by_hand():
    assert identity("11010519491231002X") and not identity("110105194912310021")
    assert not identity("110105194913310026")  # no thirteenth month
    assert card("6011000990139424") is False  # passes Luhn, begins as none that is known here
    assert card("4111111111111111") and not card("4111111111111112")
    assert address("8.8.8.8") is False  # below 11: as like a section of a book
    assert address("93.184.216.34") and not address("10.1.2.3") and not address("300.1.2.3")
