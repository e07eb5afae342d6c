"""The pictures of docs/screenshots, made again from the pages as they are: in both languages, on a desk and on a telephone.

    rung climb examples/customer_service.csv --output intent --target 0.6 --run shots/runs/demo \
        --rungs majority,tfidf,zero-shot,few-shot,few-shot-bm25,linear-probe,p-tuning-v2,lora
    rung climb examples/customer_service.csv --output intent --rungs zero-shot,lora --run shots/runs/prompt-or-lora
    python bench/screenshots.py shots/runs docs/screenshots

It brings a file and climbs by the pages too (some minutes), in the same folder of runs. It needs a Chromium (Debian: chromium,
fonts-noto-cjk) and playwright, which is in the dev extra.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

EXAMPLES = Path(__file__).parents[1] / "examples" / "customer_service.csv"
WIDTHS = {"": 1100, "-phone": 380}
HEIGHT = 800
LOCALES = {"en": "en-US", "zh": "zh-CN"}
TEXT = {"en": "Where is my parcel? It should have come on Monday.", "zh": "我的快递还没到，本来说周一送达"}
DEMO, OTHER = "demo", "prompt-or-lora"
AIR = 14  # pixels above what a picture begins with


def main(runs: Path, out: Path) -> None:
    """Every picture."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("there is no chromium on this machine")
    for run in (DEMO, OTHER):
        if not (runs / run / "result.json").exists():
            raise SystemExit(f"{runs / run} holds no climb: type the lines at the head of this file")
    with ExitStack() as stack:
        address = stack.enter_context(served(runs))
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        pages = {
            (language, suffix): browser.new_context(
                viewport={"width": width, "height": HEIGHT}, locale=LOCALES[language], reduced_motion="reduce"
            ).new_page()
            for language in LOCALES
            for suffix, width in WIDTHS.items()
        }
        for (language, suffix), page in pages.items():
            page.set_default_timeout(600_000)
            for name, picture in shown(page, address, language):
                picture.screenshot(path=out / f"{name}-{language}{suffix}.png")
        live(pages, address, out)
        browser.close()


@contextmanager
def served(runs: Path) -> Iterator[str]:
    """The address of ``rung ui`` over the runs, which shows their folder by its last name."""
    command = [sys.executable, "-m", "rung", "ui", runs.name, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=runs.parent) as server:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())["address"].rstrip("/")
        server.terminate()


def shown(page: Any, address: str, language: str) -> Iterator[tuple[str, Any]]:
    """(name, page) of each picture of what is there already."""
    at = f"{address}/runs/{DEMO}"
    page.goto(address)
    yield "home", page
    brought(page, address)
    yield "data", page
    page.goto(page.url.replace("/data/", "/climb?data="))
    yield "climb", page
    page.goto(at)
    yield "run", page
    page.locator("#cost .chart:visible [data-tip^=tfidf]").first.focus()
    top(page, "#cost")
    yield "cost", page
    page.goto(at)
    top(page, "#break-even")
    yield "pays", page
    page.goto(f"{at}/examples?a=tfidf&b=lora&show=differ")
    yield "examples", page
    page.goto(f"{at}/play?rung=lora")
    page.locator("textarea").fill(TEXT[language])
    page.locator("button.primary").click()
    page.wait_for_selector(".output")
    top(page, ".two")
    yield "play", page
    page.goto(f"{at}/rate?a=tfidf&b=lora&rater={language}")
    yield "rate", page
    page.goto(f"{address}/compare?run={DEMO}&run={OTHER}")
    yield "compare", page


def brought(page: Any, address: str) -> None:
    """The page of a file that was brought, with its answer's column and a target."""
    page.goto(f"{address}/data")
    page.set_input_files("#files", EXAMPLES)
    page.locator("#send").click()
    page.wait_for_url(re.compile("/data/"))
    page.locator("select[name=output]").select_option("intent")
    page.locator("input[name=target]").fill("0.3")
    page.locator("form.grid button").click()
    page.wait_for_selector("#h-found")


def top(page: Any, selector: str) -> None:
    """Scroll so that the picture begins there."""
    page.evaluate(f"scrollTo(0, document.querySelector('{selector}').getBoundingClientRect().top + scrollY - {AIR})")
    page.wait_for_timeout(300)


def live(pages: dict[tuple[str, str], Any], address: str, out: Path) -> None:
    """A climb in work, seen by all four: when the third rung has a score and has not ended."""
    page = pages["en", ""]
    brought(page, address)
    page.goto(page.url.replace("/data/", "/climb?data="))
    for box in page.locator("input[name=rungs]").all():
        box.set_checked(box.get_attribute("value") in ("majority", "tfidf", "zero-shot"))
    page.locator("input[name=all]").check()
    page.locator("form.grid button.primary").click()
    page.wait_for_url(re.compile("/runs/"))
    for other in pages.values():
        other.goto(page.url)
    third = page.locator("#live .ladder tbody tr:nth-child(3)")
    while not re.search(r"\.\d{3} \[", third.inner_text() if third.count() else ""):
        time.sleep(0.5)
    for (language, suffix), one in pages.items():
        one.reload()
        one.wait_for_selector("#live .ladder")
        one.screenshot(path=out / f"live-{language}{suffix}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
