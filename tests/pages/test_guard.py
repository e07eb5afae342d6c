"""Who may ask, and for what: each rule has a test that fails without it."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.pages import Settings, guard
from rung.pages.guard import COOKIE, HEADERS
from rung.pages.process import Climbs
from rung.pages.uploads import LONGEST, clean_name
from rung.types import DataError, UserError

HERE = "http://127.0.0.1:8321"
TOKEN = "correct-horse-battery"
CSV = "text,label\n" + "".join(f"message number {i},{'ab'[i % 2]}\n" for i in range(60))


def csv(name: str = "mail.csv", text: str = CSV) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (name, text.encode()))]


# --- host ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "10.0.0.7:8321", ""])
def test_a_name_that_is_not_ours_is_refused(browser: Any, host: str):
    """DNS rebinding: the browser believes that evil.example is 127.0.0.1, and says so in Host."""
    assert browser.get("/", headers={"host": host}).status_code == 421
    refused = browser.post("/language", headers={"host": host, "origin": f"http://{host}"})
    assert refused.status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8321", "localhost:9000", "[::1]:8321", "LOCALHOST"])
def test_this_machine_by_its_own_names(browser: Any, host: str):
    """The port may be another: an SSH tunnel."""
    assert browser.get("/", headers={"host": host}).status_code == 200


def test_on_every_interface_addresses_are_ours_and_names_are_not(open_browser: Callable[..., Any]):
    browser = open_browser("http://10.0.0.7:8321", host="0.0.0.0", token=TOKEN)
    assert browser.get("/login").status_code == 200
    assert browser.get("/login", headers={"host": "rebound.example"}).status_code == 421


# --- origin and token of the form ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:9999", "http://localhost:8321", "null", None]
)
def test_a_form_of_another_page_is_refused(browser: Any, origin: str | None):
    headers = {} if origin is None else {"origin": origin}
    answer = browser.post("/language", data={"csrf": browser.csrf(), "to": "zh"}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_fetch_metadata_alone_refuses_a_form_of_another_site(browser: Any):
    headers = {"origin": HERE, "sec-fetch-site": "same-site"}
    assert browser.post("/language", data={"csrf": browser.csrf(), "to": "zh"}, headers=headers).status_code == 403


def test_another_page_may_lead_here_but_not_load_from_here(browser: Any):
    led = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    loaded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert browser.get("/", headers=led).status_code == 200
    assert browser.get("/static/pages.css", headers=loaded).status_code == 403
    assert browser.get("/runs/orders-1/live", headers={**loaded, "sec-fetch-site": "same-site"}).status_code == 403


def post_paths(app: Any) -> list[str]:
    """Every path of the application that takes a POST."""
    found: list[str] = []

    def walk(routes: Any) -> None:
        for route in routes:
            inner = getattr(getattr(route, "original_router", None), "routes", None)
            if inner is not None:
                walk(inner)
            elif "POST" in (getattr(route, "methods", None) or ()):
                found.append(route.path.replace("{name}", "orders-1").replace("{id}", "0" * 12))

    walk(app.routes)
    return found


def test_no_form_is_taken_without_its_token(browser: Any, open_browser: Callable[..., Any]):
    paths = [path for path in post_paths(browser.app_of) if path != "/login"]  # there the token is the proof
    assert len(paths) >= 8
    foreign = open_browser().csrf()  # another server's: the right form, the wrong session
    browser.csrf()
    for path in paths:
        for fields in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": foreign}):
            answer = browser.post(path, data=fields, headers={"origin": HERE})
            assert answer.status_code == 403, path


def test_a_token_is_of_one_session(browser: Any):
    first = browser.csrf()
    browser.cookies.clear()
    assert browser.csrf() != first
    answer = browser.post("/language", data={"csrf": first}, headers={"origin": HERE, "accept-language": "zh"})
    assert answer.status_code == 403
    assert "表单不属于当前会话" in answer.text


def test_the_session_stays_on_this_site_and_out_of_scripts(browser: Any):
    cookie = browser.get("/").headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "set-cookie" not in browser.get("/").headers  # it has one now


# --- token of the server ------------------------------------------------------------------------------------------


def test_another_address_demands_a_token(tmp_path: Path):
    for host in ("0.0.0.0", "::", "192.168.1.4", "workstation"):
        with pytest.raises(UserError, match="token"):
            Settings(tmp_path, host=host)
    with pytest.raises(UserError, match="guessed"):
        Settings(tmp_path, host="0.0.0.0", token="1234")


def test_nothing_is_shown_without_the_token(open_browser: Callable[..., Any]):
    browser = open_browser(token=TOKEN)
    assert browser.get("/").headers["location"] == "/login"
    for path in ("/runs/orders-1", "/data", "/runs/orders-1/report.html"):
        answer = browser.get(path, headers={"accept": "*/*"})
        assert answer.status_code == 401
        assert "orders" not in answer.text
    assert browser.post("/data", files=csv(), headers={"origin": HERE}).status_code == 401
    assert browser.post("/login", data={"token": TOKEN + "x"}, headers={"origin": HERE}).status_code == 403
    assert browser.get("/").status_code == 303


@pytest.mark.parametrize("way", ["form", "address"])
def test_the_token_opens(open_browser: Callable[..., Any], way: str):
    browser = open_browser(token=TOKEN)
    if way == "form":
        answer = browser.post("/login", data={"token": TOKEN}, headers={"origin": HERE})
    else:
        answer = browser.get(f"/login?token={TOKEN}")
    assert answer.status_code == 303
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    assert browser.get("/runs/orders-1").status_code == 200


@pytest.mark.parametrize("forged", ["guess", "guess.", ".", "guess." + "0" * 64, '"', "a=b; " * 50])
def test_a_session_cannot_be_made_up(open_browser: Callable[..., Any], forged: str):
    answer = open_browser(token=TOKEN).get("/data", headers={"cookie": f"{COOKIE}={forged}", "accept": "*/*"})
    assert answer.status_code == 401


def test_secrets_are_compared_in_constant_time(open_browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch):
    asked: list[bytes] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: (asked.append(b), compare(a, b))[1])
    browser = open_browser(token=TOKEN)
    browser.get("/login?token=nearly")
    assert TOKEN.encode() in asked  # the token
    browser.get(f"/login?token={TOKEN}")
    asked.clear()
    assert browser.submit("/language", to="zh").status_code == 303
    csrf = browser.csrf().encode()
    assert csrf in asked  # the form's
    assert any(len(value) == 64 and value != csrf for value in asked)  # the session's signature


# --- what is brought ----------------------------------------------------------------------------------------------


def test_more_than_is_allowed_is_refused_whatever_it_claims(
    open_browser: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, runs: Path
):
    browser = open_browser(upload_bytes=20_000)
    refused = browser.submit("/data", csv(text=CSV * 40))
    assert refused.status_code == 413
    assert "MiB at once; rung ui --upload" in refused.text
    boundary = b"--b\r\ncontent-disposition: form-data; name=files; filename=a.csv\r\n\r\n"

    def body() -> Any:  # in pieces, without a length
        yield boundary
        for _ in range(40):
            yield b"x" * 1000

    headers = {"origin": HERE, "content-type": "multipart/form-data; boundary=b"}
    assert browser.post("/data", content=body(), headers=headers).status_code == 413
    monkeypatch.setattr(guard, "FORM_BYTES", 1000)
    assert browser.submit("/runs/orders-1/play", rung="majority", text="x" * 2000).status_code == 413
    assert not (runs / "uploads").exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("mail.csv", "mail.csv"),
        ("../../etc/cron.d/mail.csv", "mail.csv"),
        ("C:\\Users\\me\\mail.CSV", "mail.csv"),
        ("客服 消息(1).xlsx", "客服_消息_1_.xlsx"),
        ("a\0b\n.jsonl", "a_b_.jsonl"),
        (".hidden.csv", "hidden.csv"),
        ("-rf.csv", "rf.csv"),
        ("long" * 60 + ".json", ("long" * 60)[: LONGEST - 5] + ".json"),
        (
            "客服" * 60 + ".json",
            ("客服" * 60)[: (LONGEST - 5) // 3] + ".json",
        ),  # LONGEST counts bytes: a system's limit does
    ],
)
def test_names_are_of_letters_and_stay_in_their_folder(given: str, kept: str):
    assert clean_name(given) == kept


@pytest.mark.parametrize("given", ["task.yaml", "x.py", "csv", ".csv", "..", "a.csv/", "", "a.csv.sh"])
def test_other_kinds_cannot_be_brought(given: str):
    with pytest.raises(DataError):
        clean_name(given)


def test_what_is_brought_stays_in_the_runs_folder(browser: Any, runs: Path, tmp_path: Path):
    before = {path for path in tmp_path.rglob("*") if runs not in path.parents}
    assert browser.submit("/data", csv("../../../out.csv")).status_code == 303
    (folder,) = (runs / "uploads").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["out.csv", "task.yaml"]
    assert {path for path in tmp_path.rglob("*") if runs not in path.parents} == before
    answer = browser.submit("/data", [("files", ("task.yaml", b"data: /etc/passwd"))])
    assert answer.status_code == 400


# --- paths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2f..%2fetc", "%2fetc", ".", ".hidden", "a%00b", "uploads", "no"])
def test_no_path_leads_out(browser: Any, runs: Path, name: str):
    (runs / ".hidden").mkdir()
    (runs / ".hidden" / "result.json").write_text("{}")
    (runs.parent / "result.json").write_text("{}")
    for tail in ("", "/live", "/examples", "/play", "/rate", "/report.html", "/ratings.jsonl"):
        assert browser.get(f"/runs/{name}{tail}").status_code in (303, 404) or name in (".", "..", "%2e%2e")
        assert "root:" not in browser.get(f"/runs/{name}{tail}").text


def test_a_link_that_leads_out_is_not_followed(browser: Any, runs: Path, climbed: Path):
    (runs / "linked").symlink_to(climbed)
    assert browser.get("/runs/linked").status_code == 404
    assert "linked" not in browser.get("/").text
    (runs / "uploads").mkdir()
    (runs / "uploads" / "abc").symlink_to(runs / "orders-1")
    (runs / "orders-1" / "task.yaml").write_text("name: x\ndata: x.csv\n")
    assert browser.get("/data/abc").status_code == 404


def test_an_adaptation_is_named_by_its_rung_only(browser: Any, runs: Path, climbed: Path):
    answer = browser.submit("/runs/orders-1/play", rung=f"../../../{climbed.name}/adaptations/majority", text="hello")
    assert answer.status_code == 404


def test_a_page_cannot_ask_for_another_model(browser: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Climbs, "start", lambda *_: pytest.fail("started"))
    at = browser.submit("/data", csv()).headers["location"].rpartition("/")[2]
    for model in ("/etc", "owner/name", "", "sprout"):
        answer = browser.submit("/climb", data=at, model=model, rungs="majority")
        assert answer.status_code == 400
        assert "rung ui --model" in answer.text


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_one_is_not_sent_elsewhere(browser: Any, back: str):
    assert browser.submit("/language", to="zh", back=back).headers["location"] == "/"


# --- headers and contents -----------------------------------------------------------------------------------------


def test_every_answer_is_dressed(browser: Any, open_browser: Callable[..., Any]):
    answers = [
        browser.get("/"), browser.get("/static/pages.css"), browser.get("/static/none.js"), browser.get("/runs/none"),
        browser.get("/runs/orders-1/live"), browser.get("/", headers={"host": "evil.example"}),
        browser.post("/language"), browser.submit("/language", to="en"), open_browser(token=TOKEN).get("/"),
    ]  # fmt: skip
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value


def test_the_policy_allows_this_server_only():
    rules = dict(rule.split(" ", 1) for rule in HEADERS["content-security-policy"].split("; "))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert set(rules.values()) == {"'none'", "'self'"}


PATHS = (
    *(
        "/",
        "/data",
        "/login",
        "/runs/orders-1",
        "/runs/orders-1/examples?a=few-shot&b=zero-shot",
        "/runs/orders-1/play",
    ),
    *("/runs/orders-1/rate", "/runs/orders-1/rate?a=few-shot&b=zero-shot", "/compare?run=orders-1", "/runs/none"),
)


@pytest.mark.parametrize("path", PATHS)
def test_pages_hold_nothing_that_the_policy_forbids(browser: Any, path: str):
    """No style or script inside, no handler in an attribute, nothing from elsewhere, no form without its token."""
    source = browser.get(path).text
    assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=\"/static/)|\son[a-z]+=|javascript:", source)
    assert not re.search(r"(src|href|action)=\"(?!/|#|\?)", source)
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", source, re.S):
        assert 'name="csrf"' in form or 'action="/login"' in form
