"""What a judge's choices are worth, counted and in words: for ``rung judge`` and for the page of ratings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rung.evaluate import Judged
from rung.evaluate.agreement import (
    Calibrated,
    Choices,
    Figure,
    agreement,
    by_position,
    calibrate,
    choices,
    consistency,
    first_share,
    kappa,
    leanings,
    no_better_than_chance,
    win_rate,
)
from rung.report.figures import DASH, Figures
from rung.task.notes import Note
from rung.types import Language


@dataclass(frozen=True)
class Account:
    """One judge on one pair of adaptations. ``out_of_fold``: agreement and kappa with people by the calibrated threshold."""

    judged: int
    unread: int
    wins: int
    ties: int
    losses: int
    rate: Figure
    consistency: Figure
    first: Figure
    by_position: bool
    metric: Figure
    metric_by_margin: Figure
    people: Figure
    kappa: Figure
    rated: int
    threshold: float | None
    why_no_threshold: Note | None
    people_out_of_fold: Figure | None
    kappa_out_of_fold: Figure | None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def account(judged: Sequence[Judged], metric: Choices, people: Choices) -> Account:
    """The judge's choices held against those of the metric and of people, by example."""
    said = choices(judged)
    found, people = list(said.values()), {i: side for i, side in people.items() if i in said}
    fitted = calibrate(judged, people)
    return Account(
        judged=len(said), unread=len(judged) - len(said),
        wins=found.count("a"), ties=found.count("tie"), losses=found.count("b"), rate=win_rate(said),
        consistency=consistency(judged), first=first_share(judged), by_position=by_position(judged),
        metric=agreement(said, metric), metric_by_margin=agreement(leanings(judged), metric),
        people=agreement(said, people), kappa=kappa(said, people), rated=len(people),
        threshold=fitted.threshold if isinstance(fitted, Calibrated) else None,
        why_no_threshold=fitted if isinstance(fitted, Note) else None,
        people_out_of_fold=agreement(fitted.choices, people) if isinstance(fitted, Calibrated) else None,
        kappa_out_of_fold=kappa(fitted.choices, people) if isinstance(fitted, Calibrated) else None,
    )  # fmt: skip


def rows(found: Account, a: str, language: Language) -> list[tuple[str, str]]:
    """The account as a table of two columns."""
    zh = language == "zh"
    told = [
        ("评过的对数" if zh else "pairs judged", f"{found.judged:,}"),
        (f"{a} 胜 / 平 / 负" if zh else f"{a} better / equal / worse", f"{found.wins} / {found.ties} / {found.losses}"),
        (f"{a} 的胜率（平局算半胜）" if zh else f"{a} wins (a tie is half)", words(found.rate, language)),
        ("两种顺序一致的占" if zh else "both orders name the same", words(found.consistency, language)),
        ("选第一个的占" if zh else "the first place is named", words(found.first, language)),
        ("与指标一致" if zh else "agrees with the metric", words(found.metric, language)),
        ("与指标一致（只看分差）" if zh else "  by the margin alone", words(found.metric_by_margin, language)),
    ]
    if found.rated:
        told.append(("与人一致" if zh else "agrees with people", words(found.people, language)))
        told.append(("与人的 kappa" if zh else "  Cohen's kappa", words(found.kappa, language)))
    if found.people_out_of_fold is not None and found.kappa_out_of_fold is not None:
        told.append(("算平局的阈值（nat）" if zh else "tie below (nats)", f"{found.threshold:.3f}"))
        told.append(
            (
                "用阈值与人一致（折外）" if zh else "  with people, out of fold",
                words(found.people_out_of_fold, language),
            )
        )
        told.append(
            ("用阈值的 kappa（折外）" if zh else "  kappa, out of fold", words(found.kappa_out_of_fold, language))
        )
    if found.unread:
        told.append(("读不出的对数" if zh else "could not be read", f"{found.unread:,}"))
    return told


def words(figure: Figure, language: Language) -> str:
    """The figure with its interval and n, or why there is none."""
    if figure.value is None:
        return f"{DASH} ({figure.why.text(language)})" if figure.why else DASH
    return Figures(language).with_n(asdict(figure))


def sentences(found: Account) -> list[Note]:
    """What must be said plainly: a judge that goes by the place, or is not shown to be better than chance; and who was not asked."""
    told = []
    if found.by_position:
        told.append(
            Note(
                f"This judge answers by position: the two orders name the same answer in only {words(found.consistency, 'en')}; "
                "a coin would do better.",
                f"这个评审按位置作答：两种顺序选中同一回答的只占 {words(found.consistency, 'zh')}，还不如抛硬币。",
            )
        )
    for figure, en, zh in ((found.metric, "the metric", "指标"), (found.people, "people", "人")):
        if no_better_than_chance(figure):
            told.append(
                Note(
                    f"Nothing shows that it is better than chance: it agrees with {en} in {words(figure, 'en')}, where chance is one half.",
                    f"没有证据表明它比碰运气好：与{zh}一致的占 {words(figure, 'zh')}，而碰运气是一半。",
                )
            )
    if not found.rated:
        told.append(
            Note(
                "Nobody has rated these pairs, so that nothing is known of its agreement with people: rate some on the page of "
                "`rung ui`.",
                "还没有人评过这些对，不知道它与人是否一致：请在 rung ui 的评分页评一些。",
            )
        )
    elif found.why_no_threshold is not None:
        told.append(
            Note(
                f"No tie threshold was chosen: {found.why_no_threshold.en}.",
                f"没有选出算平局的阈值：{found.why_no_threshold.zh}。",
            )
        )
    return told
