"""Small sums, and how they are worked out: digit by digit, in one form that a small model can follow.

    47+38: ones 7+8=15, write 5 carry 1; tens 4+3+1=8, write 8; so 85
    52-38：个位2<8，借1，12-8=4，写4；十位5-1-3=1，写1；得14
    47×6: ones 7×6=42, write 2 carry 4; tens 4×6=24, 24+4=28, write 28; so 282

A sum of more than that is written first as a whole, then one line for each of its steps; two-digit × two-digit goes by partial
products (47×36: 47×6, then 47×3, then 1410+282). Written steps make such sums learnable where the bare answer is not
(Nye et al. 2021, arXiv 2112.00114; Lee et al. 2023, arXiv 2307.03381).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from rung.types import Language

PLACES: dict[Language, tuple[str, ...]] = {
    "en": ("ones", "tens", "hundreds", "thousands", "ten thousands"),
    "zh": ("个位", "十位", "百位", "千位", "万位"),
}
Term = tuple[str, int]  # "+", "-" or "×", and the number behind it


@dataclass(frozen=True)
class Sum:
    """``first`` and then ``terms``, from left to right; × stands only in the first place. Never below 0 on the way."""

    first: int
    terms: tuple[Term, ...]

    @property
    def value(self) -> int:
        total = self.first
        for sign, number in self.terms:
            total = _apply(total, sign, number)
        return total

    @property
    def numbers(self) -> tuple[int, ...]:
        return (self.first, *(number for _, number in self.terms))

    @property
    def signs(self) -> str:
        """The signs in their order: "+", "×", "+-+", "×+"."""
        return "".join(sign for sign, _ in self.terms)

    def text(self, times: str = "×", space: str = "") -> str:
        """``47+38``, ``12×3+5``."""
        parts = [str(self.first)]
        parts += [f"{space}{times if sign == '×' else sign}{space}{number}" for sign, number in self.terms]
        return "".join(parts)

    @property
    def key(self) -> str:
        """The same for sums that differ only in order: ``38+47``, ``6*47``, ``12+20-5``."""
        plus = [str(self.first)]
        minus: list[str] = []
        for sign, number in self.terms:
            if sign == "×":
                plus = ["*".join(map(str, sorted((self.first, number))))]
            else:
                (plus if sign == "+" else minus).append(str(number))
        return "+".join(sorted(plus)) + "".join(f"-{number}" for number in sorted(minus))

    def lines(self, language: Language) -> list[str]:
        """The steps; the whole sum first where there is more than one."""
        found: list[str] = []
        total = self.first
        for sign, number in self.terms:
            found += _lines(total, sign, number, language)
            total = _apply(total, sign, number)
        return [self.text(), *found] if len(found) > 1 else found

    def steps(self, language: Language) -> str:
        return "\n".join(self.lines(language))


def _apply(total: int, sign: str, number: int) -> int:
    return {"+": total + number, "-": total - number, "×": total * number}[sign]


def _lines(a: int, sign: str, b: int, language: Language) -> list[str]:
    """The lines of one operation: one, or three for a product of two numbers of two digits."""
    if sign == "×" and min(a, b) >= 10:
        ones, tens = a * (b % 10), a * (b // 10)
        products = _lines(a, "×", b % 10, language) + _lines(a, "×", b // 10, language)
        return products + _lines(tens * 10, "+", ones, language)
    if sign == "×" and b > a:
        a, b = b, a
    steps = columns(a, sign, b, language)
    head, tail = (f"{a}{sign}{b}：", "；得") if language == "zh" else (f"{a}{sign}{b}: ", "; so ")
    return [head + ("；" if language == "zh" else "; ").join(steps) + f"{tail}{_apply(a, sign, b)}"]


def columns(a: int, sign: str, b: int, language: Language) -> list[str]:
    """One clause for each place from the right: what is calculated there, what is written and what is carried or borrowed.

    Subtraction wants a >= b; multiplication b < 10.
    """
    zh = language == "zh"
    last = max(len(str(a)), 1 if sign == "×" else len(str(b))) - 1
    clauses: list[str] = []
    carry = 0
    for place in range(last + 1):
        x, y = _digit(a, place), b if sign == "×" else _digit(b, place)
        if sign == "-":
            work, digit, carry = _minus(x, y, carry, zh)
            note = f"写{digit}" if zh else f"write {digit}"
        else:
            work, total = _times(x, y, carry, zh) if sign == "×" else _plus(x, y, carry)
            digit, carry = (total % 10, total // 10) if place < last else (total, 0)
            note = f"写{digit}" if zh else f"write {digit}"
            if carry:
                note += f"进{carry}" if zh else f" carry {carry}"
        clauses.append(
            f"{PLACES[language][place]}{work}，{note}" if zh else f"{PLACES[language][place]} {work}, {note}"
        )
    return clauses


def _digit(number: int, place: int) -> int:
    return number // 10**place % 10


def _plus(x: int, y: int, carry: int) -> tuple[str, int]:
    total = x + y + carry
    return f"{x}+{y}{f'+{carry}' if carry else ''}={total}", total


def _times(x: int, y: int, carry: int, zh: bool) -> tuple[str, int]:
    work = f"{x}×{y}={x * y}"
    if carry:
        work += f"{'，' if zh else ', '}{x * y}+{carry}={x * y + carry}"
    return work, x * y + carry


def _minus(x: int, y: int, borrowed: int, zh: bool) -> tuple[str, int, int]:
    """What is written out, the digit, and what is borrowed from the next place."""
    less = f"-{borrowed}" if borrowed else ""
    if x - borrowed >= y:
        return f"{x}{less}-{y}={x - borrowed - y}", x - borrowed - y, 0
    work = f"{x}{less}<{y}，借1，" if zh else f"{x}{less}<{y}, borrow 1, "
    return f"{work}{x + 10}{less}-{y}={x + 10 - borrowed - y}", x + 10 - borrowed - y, 1


def draw_sum(rng: random.Random) -> Sum:
    """A sum or difference of two numbers, a product, three or four numbers, or a product and one more."""
    kind = rng.choices(("+", "-", "×", "××", "chain", "×+"), (30, 25, 22, 5, 12, 6))[0]
    if kind == "+":
        return Sum(_small(rng), (("+", _small(rng)),))
    if kind == "-":
        return _difference(rng)
    if kind == "×":
        return _shuffled(rng, rng.randrange(2, 100), rng.randrange(2, 10))
    if kind == "××":
        return _shuffled(rng, rng.randrange(11, 100), rng.choice([n for n in range(11, 100) if n % 10]))
    if kind == "×+":
        made = _shuffled(rng, rng.randrange(2, 50), rng.randrange(2, 10))
        return Sum(made.first, (*made.terms, _term(rng, made.value)))
    total = first = _small(rng)
    terms: list[Term] = []
    for _ in range(rng.choice((2, 2, 3))):
        sign, number = _term(rng, total)
        terms.append((sign, number))
        total = _apply(total, sign, number)
    return Sum(first, tuple(terms))


def _small(rng: random.Random) -> int:
    return rng.randrange(2, 10) if rng.random() < 0.2 else rng.randrange(10, 100)


def _difference(rng: random.Random) -> Sum:
    a, b = sorted((_small(rng), _small(rng)), reverse=True)
    return Sum(a, (("-", b),))


def _shuffled(rng: random.Random, a: int, b: int) -> Sum:
    return Sum(a, (("×", b),)) if rng.random() < 0.5 else Sum(b, (("×", a),))


def _term(rng: random.Random, total: int) -> Term:
    """Something more or, where there is enough, something less."""
    if total > 3 and rng.random() < 0.4:
        return "-", rng.randrange(2, min(total, 100))
    return "+", _small(rng)
