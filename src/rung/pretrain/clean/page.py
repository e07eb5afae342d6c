"""``OUT/report.html``: what the cleaning removed and changed, with samples, on one page that opens offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from rung.types import Language

Words = tuple[str, str]  # English, Chinese
REASONS: dict[str, Words] = {
    "mojibake": ("wrongly decoded text", "乱码"),
    "boilerplate": ("boilerplate lines", "套话与模板行"),
    "markup": ("markup", "标记残留"),
    "symbols": ("meaningless signs", "无意义符号"),
    "language": ("another language", "其他语言"),
    "repetition": ("repetition inside a document", "文内重复"),
    "quality": ("low quality", "低质量"),
    "spam": ("advertising", "广告"),
    "harm": ("harmful content", "有害内容"),
    "personal": ("personal data", "个人信息"),
    "leak": ("in an evaluation set", "评测集泄漏"),
    "duplicate": ("same text again", "完全重复"),
    "near-duplicate": ("nearly the same text again", "近似重复"),
    "empty": ("nothing left", "无剩余内容"),
}


def write_page(
    folder: Path, figures: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], language: Language
) -> Path:
    """Write the page and return its path."""
    path = folder / "report.html"
    page = render_page(figures, samples, language)
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def render_page(figures: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], language: Language) -> str:
    """The page as text."""
    environment = Environment(
        loader=PackageLoader("rung.pretrain.clean", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    at = 1 if language == "zh" else 0
    shown: dict[str, list[Mapping[str, Any]]] = {reason: [] for reason in REASONS}
    for sample in samples:
        shown[sample["reason"]].append(sample)
    return environment.get_template("report.html.j2").render(
        language=language, f=figures, samples=shown, say=lambda en, zh: zh if at else en,
        names={reason: words[at] for reason, words in REASONS.items()}, number=lambda n: f"{n:,}", size=size, share=share,
    )  # fmt: skip


def size(count: int) -> str:
    """Bytes as a person reads them."""
    for unit, one in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def share(part: int, whole: int) -> str:
    """A percentage; a dash where there is no whole."""
    return f"{100 * part / whole:.2f} %" if whole else "–"
