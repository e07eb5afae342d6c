"""The whole way in a real browser: bring a file, climb, watch, read, try, compare, rate; in both languages, at both widths.

It fails on any error in the console and on any request that leaves the machine. RUNG_SCREENSHOTS=FOLDER keeps pictures.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EXAMPLES = Path(__file__).parents[2] / "examples"
WIDTHS = (1100, 380)
PATIENCE = 600_000  # milliseconds: a climb on a busy machine
LOCALES = {"en": "en-US", "zh": "zh-CN"}
TEXT = {"en": "Where is my parcel? It should have come on Monday.", "zh": "我的快递还没到，本来说周一送达"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`rung ui` in a process of its own, over an empty runs folder, with the tiny model: what it answers does not matter here."""
    runs = tmp_path_factory.mktemp("browser") / "runs"
    command = [sys.executable, "-m", "rung", "ui", str(runs), "--model", "fake", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["address"].rstrip("/")
        server.terminate()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is in the dev extra")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def person(chromium: Any, address: str, language: str, width: int) -> Iterator[Any]:
    """A page of a new visitor; at its end nothing may have been wrong."""
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, locale=LOCALES[language], reduced_motion="reduce"
    )
    page, wrong = context.new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda m: wrong.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = urlsplit(address).netloc
    page.on("request", lambda r: wrong.append(r.url) if urlsplit(r.url).netloc != own else None)
    yield page
    context.close()
    assert wrong == []


def seen(page: Any, name: str, language: str, top: str | None = None) -> None:
    """The page is as wide as the window, speaks its language, every field has a name; and a picture where they are kept."""
    wide = page.evaluate("document.documentElement.scrollWidth")
    width = page.viewport_size["width"]
    assert wide <= width, f"{name} is {wide} px wide at {width}"
    assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
    nameless = page.evaluate(
        """[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button, a')]
           .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"""
    )
    assert nameless == []
    if folder := os.environ.get("RUNG_SCREENSHOTS"):
        if top:
            page.locator(top).first.scroll_into_view_if_needed()
        suffix = "" if width > 500 else "-phone"
        page.screenshot(path=Path(folder) / f"{name}-{language}{suffix}.png")


def test_the_whole_way(chromium: Any, address: str) -> None:
    with person(chromium, address, "en", 1100) as page:
        run = bring_and_climb(page, address)
        look(page, address, run, "en", 1100)
    for language, width in (("zh", 1100), ("en", 380), ("zh", 380)):
        with person(chromium, address, language, width) as page:
            look(page, address, run, language, width)


def bring_and_climb(page: Any, address: str) -> str:
    """From an empty folder to a finished climb; gives the run's name."""
    page.goto(address)
    page.get_by_role("link", name="New task").first.click()
    page.set_input_files("#files", EXAMPLES / "customer_service.csv")
    page.locator("#chosen", has_text=re.compile("^customer_service.csv$")).wait_for()
    page.keyboard.press("Tab")
    page.get_by_role("button", name="See what is understood").click()
    page.wait_for_url(re.compile("/data/"))
    assert "560 of 560 rows can be used" in page.inner_text("main")
    page.get_by_label("Answer column").select_option("sentiment")
    page.get_by_role("button", name="Read it again").click()
    page.wait_for_load_state()
    assert "3 labels" in page.inner_text("main")
    page.get_by_label("Answer column").select_option("intent")
    page.get_by_label("Target, 0 to 1").fill("0.3")
    page.get_by_role("button", name="Read it again").click()
    page.wait_for_load_state()
    assert "target .3" in page.inner_text("main")
    page.get_by_role("link", name="Go on: start a climb").click()
    page.get_by_role("button", name="None", exact=True).click()
    for rung in ("majority", "tfidf", "zero-shot"):
        page.locator(f"input[value={rung}]").check()
    page.get_by_label("Climb every rung").check()
    polled: list[str] = []
    page.on("response", lambda answer: polled.append(answer.url) if "/live?" in answer.url else None)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Stop").wait_for()
    page.reload()  # nothing is lost by that
    page.get_by_role("button", name="Stop").click()  # while it loads: a tiny climb may be over before a ladder is seen
    page.get_by_role("button", name="Go on").click()
    page.locator("#live .ladder, #answer").first.wait_for()
    if os.environ.get("RUNG_SCREENSHOTS") and page.locator("#live .ladder").count():
        seen(page, "live", "en")
    page.wait_for_selector("#answer")
    assert polled  # the page looked by itself, and loaded itself again at the end
    assert page.locator(".ladder tbody tr").count() == 3
    return page.url.rpartition("/")[2]


def look(page: Any, address: str, run: str, language: str, width: int) -> None:
    """Every page of a finished climb."""
    at = f"{address}/runs/{run}"
    page.goto(address)
    seen(page, "home", language)
    page.goto(f"{address}/data")
    seen(page, "bring", language)
    page.locator(".earlier a").first.click()
    page.wait_for_selector("#h-found")
    seen(page, "data", language)
    page.goto(page.url.replace("/data/", "/climb?data="))
    seen(page, "climb", language)
    page.goto(at)
    charts(page)
    seen(page, "run", language)
    page.goto(f"{at}/examples?a=tfidf&b=zero-shot")
    page.locator("select[name=show]").select_option("differ")
    page.wait_for_url(re.compile("show=differ"))
    rows = page.locator(".sides tbody tr")
    first = rows.first.locator("td")
    assert first.nth(2).inner_text() != first.nth(3).inner_text()
    seen(page, "examples", language)
    page.goto(f"{at}/play")
    page.locator("textarea").fill(TEXT[language])
    page.locator("select[name=rung]").select_option("zero-shot")
    page.locator("button.primary").click()
    page.wait_for_selector(".output")
    assert page.locator(".output").count() == 2
    assert page.locator(".prompt mark").first.inner_text() == TEXT[language]
    seen(page, "play", language, ".two")
    rated(page, at, f"{language}{width}")
    seen(page, "rate", language)
    page.goto(f"{at}/rate")
    seen(page, "rated", language)
    page.goto(f"{address}/compare?run={run}")
    seen(page, "compare", language)
    other = {"en": "中文", "zh": "English"}[language]
    page.get_by_role("button", name=other).click()
    page.wait_for_load_state()
    page.goto(address)
    seen(page, "remembered", {"en": "zh", "zh": "en"}[language])
    page.get_by_role("button", name={"en": "English", "zh": "中文"}[language]).click()


def charts(page: Any) -> None:
    """A mark says what it is to whoever points at it or reaches it by the keyboard; the slider counts."""
    mark = page.locator("#cost .chart:visible [data-tip]").first
    mark.focus()
    assert page.inner_text("#tip") == mark.get_attribute("data-tip")
    page.keyboard.press("Escape")
    assert page.locator("#tip").is_hidden()
    before = page.inner_text("#totals tbody tr:last-child .total")
    page.locator("#volume").focus()
    page.keyboard.press("End")
    assert page.inner_text("#totals tbody tr:last-child .total") != before
    page.evaluate("scrollTo(0, 0)")


def rated(page: Any, at: str, rater: str) -> None:
    """Three choices by the keyboard, one taken back: two are kept."""
    page.goto(f"{at}/rate?a=tfidf&b=zero-shot&rater={rater}")
    said = page.locator("main p[role=status]")
    for key, done in (("1", 1), ("2", 2), ("0", 3), ("u", 2)):
        page.keyboard.press(key)
        said.filter(has_text=re.compile(rf"\b{done} ")).wait_for()
        page.wait_for_load_state()  # and with it the script that hears the next key
