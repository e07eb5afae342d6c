"""What bench/cleaning.py plants into good texts: each kind with what should become of it.

Texts are read in place from ../shared and from bench/planted, which was written by hand: advertising, abuse, paragraphs in
sixteen languages, and the furniture of four web sites. The author of these also wrote the word lists of the cleaning, so
that the figures of advertising and abuse flatter; all else is made by rules that have nothing to do with those that find it.
"""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent / "planted"
NAMES = (
    "lin.xiaoyu",
    "m.okafor",
    "hans_petersen",
    "wangwei1988",
    "julia-ribeiro",
    "zhangsan",
    "t.nakamura",
    "priya.nair",
)
HOSTS = ("mail.example.org", "post.example.com.cn", "corp.example.net", "uni-example.edu", "vip.example.com")


@dataclass
class Planted:
    """A document: its reason, a variety of it, what it was made of, and marks that should be gone or stay."""

    reason: str  # "" for a good document
    variety: str
    text: str
    origin: str = ""  # the good text inside
    gone: list[str] = field(default_factory=list)
    stays: list[str] = field(default_factory=list)


def pieces(name: str) -> list[str]:
    """The paragraphs of bench/planted/NAME.txt."""
    return (HERE / f"{name}.txt").read_text(encoding="utf-8").strip().split("\n\n")


def chinese(text: str) -> bool:
    return len(re.findall("[\u4e00-\u9fff]", text)) > len(text) / 4


def tokens(text: str) -> list[str]:
    """Characters of Chinese, words with their spaces of English."""
    return list(text) if chinese(text) else re.findall(r"\S+\s*", text)


# --- duplicates ---------------------------------------------------------------------------------------------------------


def exact(text: str, rng: random.Random) -> Planted:
    made = rng.choice([lambda: text, lambda: text.upper() if not chinese(text) else "\u3000\u3000" + text.replace("，", ", "),
                       lambda: text.replace("\n", "\n\n") + "\n"])()  # fmt: skip
    return Planted("duplicate", "same letters", made, text)


def edited(text: str, share: float, rng: random.Random, others: list[str]) -> Planted:
    """A share of the words or characters changed, left out or put in, here and there."""
    parts = tokens(text)
    for at in sorted(rng.sample(range(len(parts)), max(1, round(share * len(parts)))), reverse=True):
        change = rng.random()
        if change < 0.5:
            parts[at] = rng.choice(others)
        elif change < 0.75:
            del parts[at]
        else:
            parts.insert(at, rng.choice(others))
    return Planted("near-duplicate", f"{share:.0%} changed", "".join(parts), text)


def shortened(text: str, rng: random.Random) -> Planted:
    parts = tokens(text)
    return Planted("near-duplicate", "last quarter cut", "".join(parts[: round(0.75 * len(parts))]), text)


# --- what is no good text -----------------------------------------------------------------------------------------------


def advert(piece: str, rng: random.Random) -> Planted:
    """An advertisement, its sentences in another order so that no two are copies."""
    sentences = re.findall(r"[^.!?。！？]+[.!?。！？]*\s*", piece)
    rng.shuffle(sentences)
    return Planted("spam", "zh" if chinese(piece) else "en", "".join(sentences[: max(3, len(sentences) - 1)]).strip())


def abuse(piece: str, rng: random.Random) -> Planted:
    planted = advert(piece, rng)
    return Planted("harm", planted.variety, planted.text)


def foreign(piece: str, rng: random.Random) -> Planted:
    sentences = re.findall(r"[^.!?。！？]+[.!?。！？]*\s*", piece)
    rng.shuffle(sentences)
    return Planted("language", "sixteen languages", "".join(sentences[: max(2, len(sentences) - 1)]).strip())


def junk(rng: random.Random) -> Planted:
    kinds: list[Callable[[], str]] = [
        lambda: "\n".join("".join(rng.choice("│┤┐└┴┬├─┼╬═║╔╗╚╝░▒▓█ ") for _ in range(50)) for _ in range(12)),
        lambda: " ".join(
            rng.choice(["(*^▽^*)", "o(╥﹏╥)o", "★☆★☆", "→_→", "(>_<)", "~~~~", "!!??", "♪♫♪"]) for _ in range(80)
        ),
        lambda: "".join(rng.choice("abcdefgh0123!@#$%^&*()_+{}|:<>?~`-=[];',./\\ ") for _ in range(500)),
        lambda: " | ".join(f"{rng.random():.3f}" if rng.random() < 0.4 else "---" for _ in range(90)),
    ]
    return Planted("symbols", "junk", rng.choice(kinds)())


def loop(text: str, rng: random.Random) -> Planted:
    parts = [p for p in re.split(r"(?<=[.!?。！？])\s*", text) if len(p) > 15][:3] or [text[:80]]
    return Planted(
        "repetition", "sentences again and again", "\n".join(rng.choice(parts) for _ in range(rng.randint(12, 30)))
    )


def poor(text: str, rng: random.Random) -> Planted:
    zh = chinese(text)
    words = re.findall(r"[\u4e00-\u9fff]{2}" if zh else r"[A-Za-z]{4,}", text)
    kinds: list[tuple[str, Callable[[], str]]] = [
        ("too short", lambda: text[: 15 if zh else 40]),
        ("keywords", lambda: (" " if zh else ", ").join(rng.sample(words, min(len(words), 60)))),
        ("bullets", lambda: "\n".join("• " + " ".join(rng.sample(words, min(len(words), 3))) for _ in range(15))),
        ("teasers", lambda: "\n".join(p[:24] + "..." for p in re.split(r"[.。\n]", text) if len(p) > 24) or text[:10]),
    ]
    variety, make = rng.choice(kinds if zh else [*kinds, ("shouting", lambda: text.upper())])
    return Planted("quality", variety, make())


# --- what spoils a good text --------------------------------------------------------------------------------------------


def misread(text: str, rng: random.Random) -> Planted | None:
    """Encoded by one table and decoded by another, some of it losing bytes on the way."""
    zh = chinese(text)
    kinds = [
        ("utf-8", "latin-1"),
        ("utf-8", "cp1252"),
        *([("utf-8", "gbk"), ("gbk", "latin-1"), ("gbk", "utf-8")] if zh else []),
    ]
    one, two = rng.choice(kinds)
    if not zh:
        text = text.replace("'", "’").replace('"', "“").replace(" - ", " — ")
        if text.isascii():
            return None
    wrong = text.encode(one, errors="ignore").decode(two, errors="replace")
    return Planted("mojibake", f"{one} as {two}", wrong, text)


def page(text: str, rng: random.Random) -> Planted:
    """The text inside a page of a site."""

    def attributes() -> str:
        return rng.choice(["", ' class="content-main"', ' style="line-height:1.6"', ' id="p3"'])

    body = "\n".join(f"<p{attributes()}>{html.escape(line)}</p>" for line in text.split("\n"))
    head = '<html><head><title>x</title><script type="text/javascript">var _hmt=[];(function(){var a=1<2;})();</script></head>'
    made = rng.choice([
        lambda: f'{head}<body><div class="wrap"><span{attributes()}>{body}</span><br/><img src="a.jpg" alt="">&nbsp;</div></body></html>',
        lambda: text.replace("\n", "<br>\n") + ' <a href="http://www.example.com/more?id=3" target="_blank">&raquo;</a>',
        lambda: f"[size=3][color=red]{text}[/color][/size] [img]http://www.example.com/x.gif[/img]".replace("http://www.example.com/x.gif", ""),
    ])()  # fmt: skip
    return Planted("markup", "page", made, text)


def furnished(text: str, rng: random.Random) -> Planted:
    lines = rng.choice([site for site in pieces("sites") if chinese(site) == chinese(text)]).split("\n")
    return Planted("boilerplate", "site", "\n".join([*lines[:2], text, *lines[2:]]), text, gone=lines)


def private(text: str, rng: random.Random) -> Planted:
    """Data of a person that does not exist, and numbers that are nobody's, inside a text."""
    zh = chinese(text)
    gone, stays = [], []
    for _ in range(rng.randint(1, 2)):
        found, sentence = rng.choice(SECRETS_ZH if zh else SECRETS_EN)(rng)
        gone.append(found)
        text = between(text, sentence, rng)
    number, sentence = rng.choice(DECOYS_ZH if zh else DECOYS_EN)(rng)
    stays.append(number)
    return Planted("personal", "zh" if zh else "en", between(text, sentence, rng), text, gone, stays)


def between(text: str, sentence: str, rng: random.Random) -> str:
    """Put between two sentences of the text."""
    places = [m.end() for m in re.finditer(r"[.。！!？?]\s*", text)] or [len(text)]
    at = rng.choice(places)
    return text[:at] + sentence + text[at:]


def digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def email(rng: random.Random) -> str:
    return f"{rng.choice(NAMES)}{rng.choice(['', '7', '2001'])}@{rng.choice(HOSTS)}"


def mobile(rng: random.Random) -> str:
    plain = rng.choice(["13", "15", "17", "18", "19"]) + digits(rng, 9)
    return rng.choice(
        [plain, f"{plain[:3]}-{plain[3:7]}-{plain[7:]}", f"+86 {plain}", f"{plain[:3]} {plain[3:7]} {plain[7:]}"]
    )


def telephone(rng: random.Random) -> str:
    area, middle, last = f"{rng.randint(212, 989)}", f"{rng.randint(200, 999)}", digits(rng, 4)
    return rng.choice([f"({area}) {middle}-{last}", f"{area}-{middle}-{last}", f"+1 {area} {middle} {last}", f"{area}.{middle}.{last}",
                       f"+44 20 7{digits(rng, 3)} {digits(rng, 4)}", f"+49 30 {digits(rng, 8)}"])  # fmt: skip


def resident(rng: random.Random, right: bool = True) -> str:
    """18 digits with the check digit of ISO 7064 MOD 11-2 computed by its recursive form, or a wrong one."""
    body = rng.choice(["110101", "310115", "440305", "510107", "330106"]) + f"{rng.randint(1950, 2010)}"
    body += f"{rng.randint(1, 12):02}{rng.randint(1, 28):02}" + digits(rng, 3)
    p = 0
    for c in body:
        p = (p + int(c)) * 2 % 11
    check = (12 - p) % 11
    return body + "0123456789X"[check if right else (check + 3) % 11]


def bank_card(rng: random.Random) -> str:
    body = rng.choice(["4", "51", "6222", "6217"])
    body += digits(rng, 15 - len(body))
    check = next(c for c in "0123456789" if luhn(body + c))
    whole = body + check
    return rng.choice([whole, " ".join(whole[i : i + 4] for i in range(0, 16, 4))])


def luhn(number: str) -> bool:
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    return sum(table[int(c)] if i % 2 else int(c) for i, c in enumerate(reversed(number))) % 10 == 0


def machine(rng: random.Random) -> str:
    return (
        f"{rng.choice([47, 81, 93, 121, 180, 202])}.{rng.randint(1, 254)}.{rng.randint(1, 254)}.{rng.randint(1, 254)}"
    )


def say(make: Callable[[random.Random], str], *sentences: str) -> Callable[[random.Random], tuple[str, str]]:
    def made(rng: random.Random) -> tuple[str, str]:
        found = make(rng)
        return found, rng.choice(sentences).format(found)

    return made


SECRETS_EN = (
    say(email, "Write to {} if you have questions. ", "(He can be reached at {}.) ", "Her address was {}, he said. "),
    say(telephone, "My number is {}, ring after six. ", "Tel.: {} ", "Call Mrs Gray on {}. "),
    say(bank_card, "He paid with the card {} and left. ", "Card number: {}. "),
    say(machine, "The message was sent from {} last night. ", "Posted by guest ({}) "),
)
SECRETS_ZH = (
    say(email, "有问题请写信到{}。", "邮箱：{}。", "他的邮件地址是{}，一直没换。"),
    say(mobile, "我的手机是{}，晚上打。", "联系人王先生{}。", "电话：{}（微信同号）。"),
    say(resident, "身份证号{}，请核对。", "当事人身份证号码为{}。"),
    say(bank_card, "请汇到账号{}。", "工商银行卡号：{}。"),
    say(machine, "来自{}的网友说。", "登录地址{}异常。"),
    say(lambda rng: "QQ" + rng.choice(["：", "", "号"]) + "7" + digits(rng, 8), "加{}聊。", "有意者{}。"),
    say(
        lambda rng: f"0{rng.choice(['10', '21', '755', '571'])}-{rng.randint(2, 8)}{digits(rng, 7)}",
        "座机{}。",
        "请致电{}咨询。",
    ),
)
DECOYS_EN = (
    say(
        lambda rng: f"978-0-{digits(rng, 4)}-{digits(rng, 4)}-{digits(rng, 1)}",
        "The second edition (ISBN {}) is out of print. ",
    ),
    say(
        lambda rng: f"{rng.randint(1, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
        "It was fixed in version {} of the program. ",
    ),
    say(
        lambda rng: f"{rng.randint(1700, 1990)}-{rng.randint(1991, 2020)}",
        "This went on through the years {} as before. ",
    ),
    say(lambda rng: f"{rng.randint(1, 9)},{digits(rng, 3)},{digits(rng, 3)}", "The census counted {} people. "),
    say(lambda rng: f"3.14159265358{digits(rng, 8)}", "The constant is about {} or so. "),
)
DECOYS_ZH = (
    say(lambda rng: f"978-7-{digits(rng, 3)}-{digits(rng, 5)}-{digits(rng, 1)}", "该书书号为{}。"),
    say(lambda rng: resident(rng, right=False), "订单编号{}已经发出。"),
    say(lambda rng: f"{rng.randint(1900, 2020)}年{rng.randint(1, 12)}月{rng.randint(1, 28)}日", "此事发生于{}。"),
    say(lambda rng: f"{digits(rng, 1)}{digits(rng, 9)}万"[-8:], "总数约为{}元。"),
    say(lambda rng: f"2{digits(rng, 11)}", "文件编号{}。"),
)


# --- evaluation sets ----------------------------------------------------------------------------------------------------


def evaluation(folder: Path) -> Iterator[str]:
    """The main text of each test item."""
    for line in (folder / "test.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        yield row.get("text") or row["input"]


def leaked(item: str, text: str, rng: random.Random) -> Planted:
    """An item of an evaluation set inside a good text, as pages that list answers have it."""
    if rng.random() < 0.3:
        item = re.sub(r"\s*([,.;，。；])\s*", lambda m: {"，": ", ", "。": ". "}.get(m[1], m[1] + " "), item)
    return Planted("leak", "zh" if chinese(item) else "en", between(text, f"\n{item}\n", rng), text)
