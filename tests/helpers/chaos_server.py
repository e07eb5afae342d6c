"""An OpenAI-compatible endpoint on loopback that answers by a rule, and in chaos mode does all that endpoints do wrong.

What it answers depends on what is asked alone; which trouble it makes depends on what is asked and on how often. So a client that
asks until it is answered gets the same answers in trouble as in peace, and ``paid`` says how often each was paid for.

    with ChaosServer(rule, trouble=0.3) as server: ...  # rule(prompt) -> the label, or the text, that comes behind the prompt
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

EVERYTHING = frozenset(
    {"models", "completions", "echo", "likeliest", "chat", "chat-likeliest", "schema", "chat-schema", "choice"}
)
TROUBLES = (
    "429", "429-soon", "500", "503", "drop", "cut", "bad-json", "empty", "html", "hang", "slow", "no-logprobs",
    "wrong-logprobs", "fewer-logprobs", "no-usage",
)  # fmt: skip
HARMLESS = ("slow",)  # the answer comes all the same
IN_A_ROW = 4  # troubles of one request before it is answered
FINGERPRINT = "fp_chaos"


class ChaosServer:
    """``offers``: what it can do; ``trouble``: the share of answers that go wrong; ``hang``: seconds of a silence."""

    def __init__(
        self, rule: Callable[[str], str], *, offers: frozenset[str] = EVERYTHING, trouble: float = 0.0, hang: float = 1.0,
        pause: float = 0.0, context: int | None = 4096, key: str | None = None, troubles: tuple[str, ...] = TROUBLES, seed: int = 0,
        port: int = 0,
    ):  # fmt: skip
        self.rule, self.offers, self.trouble, self.hang, self.pause = rule, offers, trouble, hang, pause
        self.context, self.key, self.troubles, self.seed = context, key, troubles, seed
        self.paid: Counter[str] = Counter()  # digest of a request -> answers to it that were sent whole
        self.made: Counter[str] = Counter()  # trouble -> how often
        self.asked: Counter[str] = Counter()  # digest -> attempts
        self.bodies: dict[str, dict[str, Any]] = {}
        self.tokens_in = self.tokens_out = self.under_way = self.most = 0
        self.lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=lambda: self.http.serve_forever(0.02), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}/v1"

    @property
    def answers(self) -> int:
        return sum(self.paid.values())

    @property
    def twice(self) -> int:
        """Answers beyond the first to the same request."""
        return sum(n - 1 for n in self.paid.values())

    def stats(self) -> dict[str, Any]:
        """The counts, for another process."""
        with self.lock:
            counts = {"answers": self.answers, "twice": self.twice, "most": self.most, "made": dict(self.made)}
            return {
                **counts,
                "attempts": sum(self.asked.values()),
                "tokens_in": self.tokens_in,
                "tokens_out": self.tokens_out,
            }

    def __enter__(self) -> ChaosServer:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def draw(self, digest: str) -> str:
        """The trouble of this attempt, or "" for none."""
        attempt = self.asked[digest]
        if attempt > IN_A_ROW:
            return ""
        noise = hashlib.sha256(f"{self.seed} {digest} {attempt}".encode()).digest()
        if int.from_bytes(noise[:4]) >= self.trouble * 2**32:
            return ""
        return self.troubles[int.from_bytes(noise[4:8]) % len(self.troubles)]

    def respond(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The body of the answer; None: this is not offered."""
        if path == "/v1/completions" and "completions" in self.offers:
            return completion(self.rule, self.offers, body)
        if path == "/v1/chat/completions" and "chat" in self.offers:
            return chat(self.rule, self.offers, body)
        if path == "/apply-template" and "template" in self.offers:
            return {"prompt": as_text(body["messages"])}
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def log_message(self, *words: Any) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the client has gone
                    self.close_connection = True

            def do_GET(self) -> None:
                if self.path == "/stats":
                    self.send(200, server.stats())
                    return
                if self.path != "/v1/models" or "models" not in server.offers:
                    self.send(404, {"error": {"message": "no such page"}})
                    return
                row = {"id": "orders", "object": "model"} | (
                    {"max_model_len": server.context} if server.context else {}
                )
                self.send(200, {"object": "list", "data": [row, {"id": "other", "object": "model"}]})

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"]))
                if server.key is not None and self.headers.get("Authorization") != f"Bearer {server.key}":
                    said = f"Incorrect API key provided: {self.headers.get('Authorization')}"
                    self.send(401, {"error": {"message": said, "code": "invalid_api_key"}})
                    return
                if not text:  # the client gave up
                    return
                body = json.loads(text)
                digest = hashlib.sha256(self.path.encode() + json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]
                with server.lock:
                    server.under_way += 1
                    server.most = max(server.most, server.under_way)
                    server.asked[digest] += 1
                    server.bodies[digest] = body
                    trouble = server.draw(digest)
                try:
                    self.answer(digest, body, trouble)
                finally:
                    with server.lock:
                        server.under_way -= 1

            def answer(self, digest: str, body: dict[str, Any], trouble: str) -> None:
                if body.get("model") != "orders" and "messages" not in body and "prompt" not in body:
                    self.send(404, {"error": {"message": "no such model"}})
                    return
                found = server.respond(self.path, body)
                if found is None or "refuse me" in json.dumps(body):
                    self.send(404 if found is None else 400, {"error": {"message": "not offered", "code": "no"}})
                    return
                if trouble.endswith("logprobs") and not has_logs(found):
                    trouble = ""
                if trouble:
                    server.made[trouble] += 1
                time.sleep(server.pause)
                if self.in_trouble(trouble, found):
                    return
                self.send(200, found)
                with server.lock:
                    server.paid[digest] += 1
                    usage = found.get("usage") or {}
                    server.tokens_in += usage.get("prompt_tokens", 0)
                    server.tokens_out += usage.get("completion_tokens", 0)

            def in_trouble(self, trouble: str, found: dict[str, Any]) -> bool:
                """Make trouble; False: the answer may come all the same."""
                if trouble in ("429", "429-soon", "500", "503"):
                    headers = {"Retry-After": "0.02"} if trouble == "429" else {}
                    self.send(int(trouble[:3]), {"error": {"message": "later", "type": "busy"}}, headers)
                elif trouble in ("no-logprobs", "wrong-logprobs", "fewer-logprobs"):
                    self.send(200, spoiled(found, trouble))
                elif trouble in ("bad-json", "empty", "html"):
                    whole = json.dumps(found).encode()
                    self.send(
                        200,
                        {"bad-json": whole[: len(whole) // 2], "empty": b"{}", "html": b"<html>busy</html>"}[trouble],
                    )
                elif trouble in ("cut", "drop", "hang"):
                    if trouble == "hang":
                        time.sleep(server.hang)
                    if trouble == "cut":
                        whole = json.dumps(found).encode()
                        self.send(200, whole, {}, len(whole) // 2)
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                elif trouble == "slow":
                    time.sleep(0.05)
                elif trouble == "no-usage":
                    self.send(200, {name: part for name, part in found.items() if name != "usage"})
                return bool(trouble) and trouble not in HARMLESS

            def send(
                self,
                status: int,
                body: dict[str, Any] | bytes,
                headers: dict[str, str] | None = None,
                most: int | None = None,
            ) -> None:
                whole = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(whole)),
                    **(headers or {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(whole[:most])
                self.wfile.flush()

        return Handler


def tokens_of(text: str) -> list[str]:
    """Words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


def completion(rule: Callable[[str], str], offers: frozenset[str], body: dict[str, Any]) -> dict[str, Any]:
    prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
    choices, read, wrote = [], 0, 0
    for index, prompt in enumerate(prompts):
        read += len(tokens_of(prompt))
        logs = body.get("logprobs")
        if body.get("echo") and "echo" in offers:
            choice: dict[str, Any] = {"text": prompt}
            if logs is not None:
                choice["logprobs"] = echo_logs(rule, prompt)
        else:
            text = held(body, offers, rule(prompt), "schema") or f" {rule(prompt)}"
            wrote += len(tokens_of(text))
            choice = {"text": text}
            if logs and "likeliest" in offers:
                steps = likeliest(text)
                choice["logprobs"] = {
                    "tokens": [s[0] for s in steps], "token_logprobs": [s[1] for s in steps],
                    "top_logprobs": [s[2] for s in steps], "text_offset": [0] * len(steps),
                }  # fmt: skip
        choices.append({"index": index, "finish_reason": "stop", "logprobs": None, **choice})
    return whole(choices, read, wrote)


def chat(rule: Callable[[str], str], offers: frozenset[str], body: dict[str, Any]) -> dict[str, Any]:
    prompt = as_text(body["messages"])
    text = held(body, offers, rule(prompt), "chat-schema") or rule(prompt)
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    if body.get("logprobs") and "chat-likeliest" in offers:
        choice["logprobs"] = {
            "content": [
                {"token": t, "logprob": v, "top_logprobs": [{"token": k, "logprob": p} for k, p in top.items()]}
                for t, v, top in likeliest(text)
            ]
        }
    return whole([choice], len(tokens_of(prompt)), len(tokens_of(text)))


def whole(choices: list[dict[str, Any]], read: int, wrote: int) -> dict[str, Any]:
    usage = {"prompt_tokens": read, "completion_tokens": wrote, "total_tokens": read + wrote}
    return {
        "id": "x",
        "object": "completion",
        "model": "orders",
        "choices": choices,
        "usage": usage,
        "system_fingerprint": FINGERPRINT,
    }


def as_text(messages: list[dict[str, str]]) -> str:
    """The chat template of this server."""
    return "".join(f"<{m['role']}>{m['content']}\n" for m in messages) + "<assistant>"


def held(body: dict[str, Any], offers: frozenset[str], text: str, schema: str) -> str | None:
    """The text held to a schema or to choices where that is asked and offered."""
    form = body.get("response_format")
    if form and schema in offers:
        parts = form["json_schema"]["schema"]["properties"]
        options = parts.get("label", {}).get("enum")
        if options is None:
            return json.dumps({name: text for name in parts})
        return json.dumps({"label": text if text in options else options[0]})
    structured = body.get("structured_outputs")
    if structured and "choice" in offers:
        return text if text in structured["choice"] else structured["choice"][0]
    return None


def echo_logs(rule: Callable[[str], str], text: str) -> dict[str, Any]:
    """The last word gets nine tenths if it is the rule's, the others -1 each."""
    tokens = tokens_of(text)
    before, last = "".join(tokens[:-1]), tokens[-1].strip()
    small = 0.01 + 0.05 * hashlib.sha256(text.encode()).digest()[0] / 255
    values = [None] + [-1.0] * (len(tokens) - 2) + [math.log(0.9 if last == rule(before) else small)]
    return {
        "tokens": tokens,
        "token_logprobs": values[-len(tokens) :],
        "top_logprobs": None,
        "text_offset": [0] * len(tokens),
    }


def likeliest(text: str) -> list[tuple[str, float, dict[str, float]]]:
    """Each word of the text nine tenths likely, and two others."""
    sides = {"left": " right", "right": " left"}
    return [
        (t, math.log(0.9), {t: math.log(0.9), sides.get(t.strip(), " a"): math.log(0.05), " the": math.log(0.02)})
        for t in tokens_of(text)
    ]


def has_logs(found: dict[str, Any]) -> bool:
    return any(c.get("logprobs") for c in found.get("choices", ()))


def spoiled(found: dict[str, Any], how: str) -> dict[str, Any]:
    """Log-probabilities that are missing, impossible, or too few."""
    changed = json.loads(json.dumps(found))
    for choice in changed["choices"]:
        logs = choice["logprobs"]
        if how == "no-logprobs":
            choice["logprobs"] = None
        elif "content" in logs:
            logs["content"] = [{**step, "logprob": 3.0} for step in logs["content"]] if how == "wrong-logprobs" else []
        elif how == "wrong-logprobs":
            logs["token_logprobs"] = [2.5 for _ in logs["tokens"]]
        else:
            logs["token_logprobs"] = logs["token_logprobs"][:-1]
    return changed
