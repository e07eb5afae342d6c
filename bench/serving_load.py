"""A server of adaptations at saturation, and under requests that are wrong in every way that we could think of.

    PYTHONPATH=src python bench/serving_load.py --minutes 0.5 --clients 8 --malformed 200     # to see that it works
    PYTHONPATH=src python bench/serving_load.py --malformed 10000 --minutes 0
    PYTHONPATH=src python bench/serving_load.py --minutes 30 --json load.json

The server is ``rung serve`` in a process of its own, with the eight adaptations of ``serving.py``, one that scores labels behind
demonstrations, and the base; it wants an API key. What each request has to be answered was found before, in this process.

Malformed requests are made from the server's own ``/openapi.json`` by a seed: right ones, and those with wrong types, missing and
unknown fields, huge numbers, broken JSON, bad UTF-8, strange content types, lengths, methods, paths, keys and headers. Meanwhile a
well-behaved client asks and checks every answer. No answer may have a status of 500 or more, nor hold the server's path, a key, or
what others asked: marks are planted in all of them.

Then ``--clients`` clients ask without a pause for ``--minutes``: streams and whole answers, completions and chats, and one in ten
leaves in the middle. Each answer must be that of its own request; none may be lost; memory is read every two seconds.
Exit status 1 where anything of this does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from serving import WORDS, Served, adaptations, random_llama, served

from rung.adaptation import save
from rung.engine import Model, load_model
from rung.programs import as_examples, opened
from rung.types import Adaptation, Decoding, Demonstration, ModelRef, Prompt

LABELS = ("north", "south", "east")
PATIENCE = 120.0  # seconds; an answer that takes longer is lost
MARK = "mark" + secrets.token_hex(6)  # stands in the server's path, its keys, and what well-behaved clients ask
KEY, ADMIN = f"{MARK}key", f"{MARK}admin"


# What is asked, and what has to be answered


@dataclass
class Known:
    """A request and its right answer."""

    path: str
    body: dict[str, Any]
    expected: str


def labelled(model: Model, where: Path) -> Adaptation:
    """An adaptation that scores labels behind eight demonstrations."""
    draw = random.Random(5)
    shown = tuple(Demonstration(" ".join(draw.sample(WORDS, 6)), LABELS[i % 3]) for i in range(8))
    prompt = Prompt("where", "en", instruction="Say where it is.", question="Text: {{ input }}", lead="Label:")
    made = Adaptation(
        "labels", "bench", "classify", "en", labels=LABELS, prompt=prompt, demonstrations=shown, model=ModelRef(model.name, model.sha256)
    )  # fmt: skip
    save(made, where / "labels")
    return made


def known(model: Model, made: dict[str, Adaptation], base: str, each: int) -> list[Known]:
    """``each`` requests to every adaptation and twice as many to the base, with the answers of this process."""
    draw, found = random.Random(1), []
    inputs = [f"{MARK} {' '.join(draw.choices(WORDS, k=draw.randint(4, 40)))}" for _ in range(each)]
    for name, adaptation in made.items():
        with opened(adaptation, model) as predict:
            for text, prediction in zip(inputs, predict(as_examples(inputs)), strict=True):
                told = prediction.output if prediction.valid else prediction.text
                found.append(Known("/v1/completions", {"model": name, "prompt": text}, told))
                chat = [{"role": "user", "content": text}]
                found.append(Known("/v1/chat/completions", {"model": name, "messages": chat}, told))
    for i, text in enumerate(inputs):
        greedy, drawn = Decoding(max_tokens=24), Decoding(max_tokens=24, temperature=0.8, top_p=0.9, seed=i)
        for decoding in (greedy, drawn):
            fields = {
                "max_tokens": 24,
                "temperature": decoding.temperature,
                "top_p": decoding.top_p,
                "seed": decoding.seed,
            }
            told = model.generate([text], decoding)[0][0].text
            found.append(Known("/v1/completions", {"model": base, "prompt": text, **fields}, told))
    return found


# A client


@dataclass
class Answer:
    """What came back: ``text`` of a right answer, ``raw`` without a request's own words cut out."""

    status: int
    raw: bytes
    text: str | None = None


async def exchange(port: int, sent: bytes, limit: float = PATIENCE) -> bytes:
    """All that comes back on a connection of its own until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    try:
        writer.write(sent)
        async with asyncio.timeout(limit):
            return await reader.read(-1)
    finally:
        writer.close()


def request(path: str, body: dict[str, Any], key: str = KEY) -> bytes:
    raw = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


def content(raw: bytes) -> bytes:
    """The body of a response, its chunks joined."""
    head, _, body = raw.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    joined = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        joined, body = joined + body[:length], body[length + 2 :]
        if not length:
            break
    return joined


def read_answer(raw: bytes, *, stream: bool) -> str:
    """The text of an answer; raises ValueError for what is none."""
    status = int(raw.split(b" ", 2)[1]) if raw.startswith(b"HTTP/1.1 ") else 0
    body = content(raw)
    if status != 200:
        raise ValueError(f"status {status}: {body[:200]!r}")
    if not stream:
        (choice,) = json.loads(body)["choices"]
        return choice["text"] if "text" in choice else choice["message"]["content"]
    events = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line]
    if not events or events[-1] != b"[DONE]":
        raise ValueError("the stream was cut")
    text = ""
    for each in events[:-1]:
        told = json.loads(each)
        if "error" in told:
            raise ValueError(str(told["error"]))
        for choice in told["choices"]:
            text += choice.get("text") or choice.get("delta", {}).get("content") or ""
    return text


@dataclass
class Tally:
    """What clients saw."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    async def ask(self, port: int, one: Known, draw: random.Random) -> None:
        """One request, whole or as a stream; its answer must be its own."""
        stream = draw.random() < 0.5
        began = time.monotonic()
        try:
            raw = await exchange(port, request(one.path, {**one.body, "stream": stream}))
            text = read_answer(raw, stream=stream)
        except (ValueError, TimeoutError, OSError, KeyError) as error:
            self.counts["lost"] += 1
            self.wrong.append(f"{one.body}: {type(error).__name__} {error}"[:500])
            return
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.counts["right" if text == one.expected else "wrong"] += 1
        if text != one.expected:
            self.wrong.append(f"{one.body}: {text!r} for {one.expected!r}"[:500])

    async def leave(self, port: int, one: Known, draw: random.Random) -> None:
        """Asks, and goes away: in the middle of the request, at once, or in the middle of the answer."""
        sent = request(one.path, {**one.body, "stream": draw.random() < 0.7})
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent[: draw.randrange(1, len(sent))] if draw.random() < 0.2 else sent)
            if draw.random() < 0.7:
                async with asyncio.timeout(draw.random() * 3):
                    await reader.read(draw.randrange(1, 2000))
            self.counts["left"] += 1
        except TimeoutError:
            self.counts["left"] += 1
        finally:
            if draw.random() < 0.5:
                writer.transport.abort()
            writer.close()


# The load


@dataclass
class Watched:
    """A process's memory over time."""

    process: psutil.Process
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    files: int = 0

    async def watch(self, every: float = 2.0) -> None:
        began = time.monotonic()
        while True:
            self.seconds.append(time.monotonic() - began)
            self.megabytes.append(self.process.memory_info().rss / 2**20)
            self.files = max(self.files, self.process.num_fds())
            await asyncio.sleep(every)

    def told(self) -> dict[str, float]:
        """The first fifth is left out of the slope: pools and caches fill."""
        start = len(self.seconds) // 5
        rest = np.array(self.seconds[start:]), np.array(self.megabytes[start:])
        slope = float(np.polyfit(*rest, 1)[0]) * 3600 if len(rest[0]) > 2 else 0.0
        tenth = max(1, len(rest[1]) // 10)
        first, last = float(rest[1][:tenth].mean()), float(rest[1][-tenth:].mean())
        return {"first": first, "last": last, "most": max(self.megabytes), "slope": slope, "files": self.files}


async def load(server: Served, asked: list[Known], clients: int, minutes: float) -> tuple[Tally, Watched]:
    tally, watched = Tally(), Watched(psutil.Process(server.process.pid))
    end = time.monotonic() + 60 * minutes

    async def client(number: int) -> None:
        draw = random.Random(number)
        while time.monotonic() < end and server.process.poll() is None:
            one = draw.choice(asked)
            await (tally.leave if draw.random() < 0.1 else tally.ask)(server.port, one, draw)

    watching = asyncio.ensure_future(watched.watch())
    await asyncio.gather(*(client(i) for i in range(clients)))
    watching.cancel()
    return tally, watched


async def figures(port: int, names: tuple[str, ...]) -> dict[str, float]:
    """Of ``/metrics``."""
    head = f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    page = content(await exchange(port, head.encode())).decode()
    lines = [line.rpartition(" ") for line in page.splitlines() if not line.startswith("#")]
    return {name: sum(float(v) for key, _, v in lines if key.partition("{")[0] == name) for name in names}


async def quiet(port: int) -> dict[str, float]:
    """What the server still holds when nobody asks; all of it has to be 0."""
    names = ("rung_requests_open", "rung_tokens_held", "rung_sequences_running", "rung_jobs_waiting")
    for _ in range(100):
        held = await figures(port, names)
        if not any(held.values()):
            break
        await asyncio.sleep(0.2)
    return held


# Malformed requests

HUGE = (10**400, -(10**30), 2**63, -(2**63), 2**31, 1e308, -1e308, 5e-324, float("nan"), float("inf"), 0, -1, 0.5)
STRANGE = (
    "", "\x00", "\ud800", "\udfff\ud800", "\u202e", "好" * 50, "a" * 100_000, "%s%n%x", "../../etc/passwd", "{{ 7 * 7 }}", "<|end|>", "\ufeff",
    "'; DROP TABLE x; --", "${jndi:ldap://x}", "\r\nX-Injected: 1\r\n", "\x7f\x80", "🙂" * 20, "<s>" * 50, "\\" * 99,
)  # fmt: skip
SCHEMAS: tuple[Any, ...] = (
    {"type": "array", "minItems": 10**9}, {"type": "string", "pattern": "(a|a)*" * 50}, {"type": "string", "pattern": "("},
    {"$ref": "#"}, {"$ref": "http://127.0.0.1:1/x"}, {"$ref": "file:///etc/passwd"}, {"allOf": [{"$ref": "#"}]}, {"type": "nothing"},
    {"enum": []}, {"enum": list(range(3000))}, {"type": "string", "minLength": 10**7}, {"type": "string", "pattern": "(a{500}){500}"},
    {"properties": {str(i): {"type": "integer"} for i in range(300)}, "type": "object"}, {"type": "number", "multipleOf": 0}, {"anyOf": []},
    {"type": "integer", "minimum": 5, "maximum": 4}, {"not": {}}, {"const": "x" * 5000}, {"type": ["object", 5]}, {"pattern": 5},
)  # fmt: skip


class Malformed:
    """Request number i is a function of the seed and i."""

    def __init__(self, spec: dict[str, Any], names: list[str], seed: int):
        self.spec, self.names, self.seed = spec, names, seed
        self.posts = {p: way["post"] for p, way in spec["paths"].items() if "post" in way}

    def __call__(self, number: int) -> tuple[str, bytes]:
        """(kind, the bytes to send)."""
        draw = random.Random(f"{self.seed}|{number}")
        kinds = [
            self.right, self.right, self.right, self.types, self.fields, self.broken, self.encoded, self.kind, self.place, self.key, self.header,
            self.framing, self.noise,
        ]  # fmt: skip
        make = draw.choice(kinds)
        return make.__name__, make(draw)

    # bodies

    def body(self, draw: random.Random) -> tuple[str, Any]:
        """A path and a body that its description allows, for the most part."""
        path = draw.choice(list(self.posts))
        schema = self.posts[path]["requestBody"]["content"]["application/json"]["schema"]
        return path, self.of(schema, draw, "")

    def of(self, schema: dict[str, Any], draw: random.Random, name: str) -> Any:
        if "$ref" in schema:
            return self.of(self.spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]], draw, name)
        if "anyOf" in schema:
            return self.of(draw.choice(schema["anyOf"]), draw, name)
        if "const" in schema or "enum" in schema:
            return draw.choice(schema.get("enum", [schema.get("const")]))
        if name == "model":
            return draw.choice([*self.names, "nobody"])
        if name in ("schema", "json") and draw.random() < 0.7:
            return draw.choice(SCHEMAS)
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            needed = set(schema.get("required", ()))
            chosen = {n: s for n, s in schema["properties"].items() if n in needed or draw.random() < 0.2}
            return {n: self.of(s, draw, n) for n, s in chosen.items()}
        if kind == "array":
            least = schema.get("minItems", 0)
            return [self.of(schema.get("items", {}), draw, "") for _ in range(draw.randint(least, max(least, 3)))]
        if kind == "string":
            return draw.choice(STRANGE) if draw.random() < 0.2 else " ".join(draw.choices(WORDS, k=draw.randint(1, 6)))
        if kind == "integer":
            return draw.randint(max(schema.get("minimum", -5), -5), min(schema.get("maximum", 9), 9))
        if kind == "number":
            return draw.uniform(schema.get("minimum", -3), min(schema.get("maximum", 3), 3))
        return {"boolean": draw.random() < 0.5, "null": None}.get(kind or "", self.anything(draw))

    def anything(self, draw: random.Random, depth: int = 0) -> Any:
        choice = draw.randrange(8 if depth < 4 else 5)
        if choice == 0:
            return draw.choice(HUGE)
        if choice == 1:
            return draw.choice(STRANGE)
        if choice < 5:
            return draw.choice([None, True, False, draw.randint(-3, 3), "x"])
        if choice < 7:
            return [self.anything(draw, depth + 1) for _ in range(draw.randint(0, 3))]
        return {
            draw.choice(["a", "", "model", "$ref", "type"]): self.anything(draw, depth + 1)
            for _ in range(draw.randint(0, 3))
        }

    # kinds of requests

    def right(self, draw: random.Random) -> bytes:
        path, body = self.body(draw)
        return post(path, dumped(body))

    def types(self, draw: random.Random) -> bytes:
        """One value, at any depth, is something else."""
        path, body = self.body(draw)
        at: Any = {"": body}
        place: Any = ""
        while isinstance(at[place], dict | list) and at[place] and draw.random() < 0.8:
            at = at[place]
            place = draw.choice(list(at) if isinstance(at, dict) else list(range(len(at))))
        root = {"": body} if place == "" else None
        if root is not None:
            return post(path, dumped(self.anything(draw)))
        at[place] = self.anything(draw)
        return post(path, dumped(body))

    def fields(self, draw: random.Random) -> bytes:
        """Some are missing, some nobody knows."""
        path, body = self.body(draw)
        if isinstance(body, dict):
            for name in [n for n in body if draw.random() < 0.4]:
                del body[name]
            for _ in range(draw.randint(0, 2)):
                body[
                    draw.choice(["tools", "seed ", "Model", "__class__", "", "model\x00", "logit_bias", *STRANGE[:3]])
                ] = self.anything(draw)
        return post(path, dumped(body))

    def broken(self, draw: random.Random) -> bytes:
        """No JSON any more."""
        path, body = self.body(draw)
        raw = dumped(body)
        at = draw.randrange(len(raw) + 1)
        deep = b"[" * draw.choice([1, 500, 100_000]), b'{"a":' * draw.choice([1, 500, 50_000])
        return post(path, draw.choice([
            raw[:at], raw + draw.choice([b"}", b"x", b"\x00", raw]), raw[:at] + draw.randbytes(3) + raw[at:], raw.replace(b'"', b"'"), b"",
            raw.replace(b":", b"="), *deep, raw.replace(b"{", b'{"model":1,', 1), draw.randbytes(draw.randint(1, 300)), b"nul", b"-", b"1e999999",
        ]))  # fmt: skip

    def encoded(self, draw: random.Random) -> bytes:
        """Bytes that are no UTF-8, or another encoding."""
        path, body = self.body(draw)
        text = json.dumps(body, ensure_ascii=False)
        form = draw.choice(["utf-16", "utf-32", "utf-8-sig", "latin-1", "gb18030", "cp037", "bad"])
        raw = text.encode("utf-8" if form == "bad" else form, errors="replace")
        if form == "bad":
            at = draw.randrange(len(raw))
            raw = raw[:at] + draw.choice([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88", b"\xe5"]) + raw[at:]
        return post(path, raw)

    def kind(self, draw: random.Random) -> bytes:
        """Another content type."""
        path, body = self.body(draw)
        told = draw.choice([
            None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "application/xml",
            "application/json; charset=utf-7", "application/json; charset=nothing", "application/json, text/plain", "*/*", "json", "\xff",
            "application/vnd.api+json", "APPLICATION/JSON", "application/json;" * 200,
        ])  # fmt: skip
        return post(path, dumped(body), kind=told)

    def place(self, draw: random.Random) -> bytes:
        """Another path or method."""
        paths = [
            *self.spec["paths"],
            "/",
            "/v1",
            "/v1/",
            "/docs",
            "/openapi.json",
            "/metrics",
            "/health",
            "/.env",
            "/v1/files",
            "/v1/models/",
        ]
        path = draw.choice(paths).replace("{model}", draw.choice(self.names)).replace("{name}", "nobody")
        path += draw.choice([
            "", "", "/", "/..", "/../../etc/passwd", "%00", "/%2e%2e/%2e%2e/etc/passwd", "?a=1&a[]=2", "#x", "//", ";x", "/" + "a" * 5000, "%ff%fe",
            "\\..\\..", "/好",
        ])  # fmt: skip
        method = draw.choice(
            [
                "GET",
                "GET",
                "PUT",
                "PATCH",
                "DELETE",
                "OPTIONS",
                "HEAD",
                "TRACE",
                "CONNECT",
                "POST",
                "FOO",
                "get",
                "G T",
                "M" * 300,
            ]
        )
        body = dumped(self.body(draw)[1]) if draw.random() < 0.3 else b""
        return http(method, path.encode(), {"Authorization": f"Bearer {KEY}"}, body)

    def key(self, draw: random.Random) -> bytes:
        path, body = self.body(draw)
        wrong = draw.choice([
            b"", b"Bearer", b"Bearer ", b"Bearer x", b"Basic eDp5", b"Bearer " + b"k" * 5000, b"Bearer \xc3\xa9\xff", KEY.encode(), b"bearer\t" + KEY.encode(),
            b"Bearer " + KEY[:-1].encode(), b"Bearer " + KEY.encode() + b",x", b"Digest a=b", b"Bearer null", b"Bearer " + draw.randbytes(9).hex().encode(),
        ])  # fmt: skip
        return post(path, dumped(body), key=None, more=b"Authorization: " + wrong + b"\r\n")

    def header(self, draw: random.Random) -> bytes:
        """Headers that mean something to somebody."""
        path, body = self.body(draw)
        trick = draw.choice([
            b"X-Forwarded-For: 127.0.0.1\r\n", b"X-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n", b"Origin: null\r\n", b"Origin: https://evil.example\r\n",
            b"Host: evil.example\r\n", b"Expect: 100-continue\r\n", b"Expect: nothing\r\n", b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", b"X-HTTP-Method-Override: DELETE\r\n", b"Content-Encoding: gzip\r\n",
            b"Accept: application/xml\r\n", b"Range: bytes=0-5\r\n", b"Cookie: " + b"a=b; " * 500 + b"\r\n", b"X-A: 1\r\n" * 90, b"X: \x00\r\n",
            b"X-A: " + b"a" * 70_000 + b"\r\n", b": empty\r\n", b"no colon\r\n", b"X-A: 1\r\n folded\r\n", b"Authorization: Bearer x\r\n", b"\xff\xfe: 1\r\n",
            b"Content-Length: 3\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n", b"Content-Length: 1_0\r\n",
            b"Content-Length: \xb2\r\n", b"Connection: keep-alive, Content-Length\r\n", b"Keep-Alive: timeout=999999\r\n", b"Referer: http://x/" + b"a" * 3000 + b"\r\n",
        ])  # fmt: skip
        return post(path, dumped(body), more=trick)

    def framing(self, draw: random.Random) -> bytes:
        """Bodies that are longer or shorter than they say, chunks that are none, requests one behind the other."""
        path, body = self.body(draw)
        raw = dumped(body)
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(raw), raw)
        chunked = b"Transfer-Encoding: chunked\r\n"
        ways = [
            post(path, raw, length=draw.randrange(len(raw) + 1)), post(path, raw, length=len(raw) + draw.randint(1, 50)), post(path, raw, length=10**12),
            post(path, chunk, length=None, more=chunked), post(path, chunk[:-3], length=None, more=chunked), post(path, b"zz\r\n" + raw, length=None, more=chunked),
            post(path, b"-5\r\nx\r\n0\r\n\r\n", length=None, more=chunked), post(path, b"ffffffffffffffff\r\nx", length=None, more=chunked),
            post(path, chunk, more=chunked), post(path, raw, length=None, more=b"Transfer-Encoding: identity, chunked\r\n"),
            post(path, raw, length=None, more=b"Transfer-Encoding: gzip\r\n"), post(path, raw, length=None),
            post(path, raw) * 3, post(path, raw).replace(b"HTTP/1.1", b"HTTP/1.0", 1), post(path, raw).replace(b"HTTP/1.1", b"HTTP/9.9", 1),
            post(path, raw).replace(b"\r\n", b"\n"), post(path, raw).replace(b" HTTP/1.1", b"", 1), post(path, b" " * (5 << 20)),
            post(path, raw).replace(b"Host: 127.0.0.1\r\n", b"", 1), post(path, raw).replace(b"Host: 127.0.0.1", b"Host: a b", 1),
        ]  # fmt: skip
        return draw.choice(ways)

    def noise(self, draw: random.Random) -> bytes:
        """No HTTP."""
        path, body = self.body(draw)
        sent = bytearray(post(path, dumped(body)))
        if draw.random() < 0.3:
            return draw.choice(
                [
                    draw.randbytes(500),
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00",
                    b"\r\n" * 50,
                    b"GET / HTTP/1.1\r\n" * 9,
                ]
            )
        for _ in range(draw.randint(1, 8)):
            sent[draw.randrange(len(sent))] = draw.randrange(256)
        return bytes(sent)


def dumped(body: Any) -> bytes:
    """With NaN, lone surrogates and whatever else Python's JSON writes."""
    return json.dumps(body).encode()


def http(method: str, path: bytes, headers: dict[str, str], body: bytes) -> bytes:
    head = "".join(
        f"{name}: {value}\r\n" for name, value in {"Host": "127.0.0.1", "Connection": "close", **headers}.items()
    )
    return (
        method.encode()
        + b" "
        + path
        + b" HTTP/1.1\r\n"
        + head.encode()
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


def post(
    path: str, raw: bytes, *, kind: str | None = "application/json", key: str | None = KEY, length: int | None = -1, more: bytes = b""
) -> bytes:  # fmt: skip
    """``length``: what the header says; -1: the truth; None: there is none."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n".encode()
    if key is not None:
        head += f"Authorization: Bearer {key}\r\n".encode()
    if kind is not None:
        head += b"Content-Type: " + kind.encode("latin-1") + b"\r\n"
    if length is not None:
        head += b"Content-Length: %d\r\n" % (len(raw) if length == -1 else length)
    return head + more + b"\r\n" + raw


@dataclass
class Fuzz:
    """What came of malformed requests."""

    statuses: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def judge(self, number: int, kind: str, sent: bytes, raw: bytes) -> None:
        statuses = [int(part.split(b" ", 1)[0]) for part in raw.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
        self.kinds[kind] += 1
        self.statuses.update(map(str, statuses or ["none"]))
        found = []
        if any(status >= 500 for status in statuses):
            found.append("a status of 500 or more")
        if MARK.encode() in raw:
            found.append("a mark")
        if b"Traceback" in raw or b"/site-packages/" in raw:
            found.append("a trace")
        if len(statuses) == 1 and 400 <= statuses[0] < 500 and b"application/json" in raw:
            error = json.loads(content(raw) or b'{"error": {"message": "", "type": "", "param": null, "code": null}}')[
                "error"
            ]
            if set(error) != {"message", "type", "param", "code"}:
                found.append("an error in another form")
        self.faults += [f"{number} ({kind}): {what}: {sent[:1000]!r} -> {raw[:600]!r}" for what in found]


async def fuzz(
    server: Served, asked: list[Known], made: Malformed, count: int, fuzzers: int
) -> tuple[Fuzz, Tally, Watched]:
    fuzzed, tally, watched = Fuzz(), Tally(), Watched(psutil.Process(server.process.pid))
    coming = iter(range(count))

    async def fuzzer(numbers: Iterator[int]) -> None:
        for number in numbers:
            kind, sent = made(number)
            try:
                raw = await exchange(
                    server.port, sent, limit=2.0 if kind in ("framing", "noise", "header", "place") else PATIENCE
                )
            except TimeoutError:  # it waits for the rest of a request that never comes
                raw = b""
                if kind not in ("framing", "noise", "header", "place"):
                    fuzzed.faults.append(f"{number} ({kind}): no answer: {sent[:1000]!r}")
            except OSError:
                raw = b""
            fuzzed.judge(number, kind, sent, raw)
            if (number + 1) % 250 == 0:
                print(
                    f"{number + 1} malformed, {len(fuzzed.faults)} faults, {tally.counts['right']} right beside",
                    flush=True,
                )
            if server.process.poll() is not None:
                fuzzed.faults.append(f"the server ended at {number}")
                return

    async def well_behaved() -> None:
        draw = random.Random(0)
        while not over.is_set():
            await tally.ask(server.port, draw.choice(asked), draw)

    over = asyncio.Event()
    watching, good = asyncio.ensure_future(watched.watch()), asyncio.ensure_future(well_behaved())
    await asyncio.gather(*(fuzzer(coming) for _ in range(fuzzers)))
    over.set()
    await good
    watching.cancel()
    return fuzzed, tally, watched


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sprout", help="or 40m: random weights; or a folder")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--malformed", type=int, default=0)
    parser.add_argument("--fuzzers", type=int, default=4, help="malformed requests at once")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--each", type=int, default=24, help="known requests to each adaptation")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    told: dict[str, Any] = {"clients": options.clients, "minutes": options.minutes, "malformed": options.malformed}
    bad: list[str] = []
    with tempfile.TemporaryDirectory(prefix=MARK) as folder, tempfile.TemporaryFile("w+") as log:
        where = Path(folder)
        name = random_llama(where / "random-40m") if options.model == "40m" else options.model
        model = load_model(name)
        made = adaptations(model, where, options.tokens)
        made["labels"] = labelled(model, where)
        environment = {**os.environ, "RUNG_API_KEYS": KEY, "RUNG_ADMIN_KEY": ADMIN}
        more = ["--max-tokens", "24"]
        with served(name, {kind: where / kind for kind in made}, *more, env=environment, stderr=log) as server:
            asked = known(model, made, server.base, options.each)
            print(f"{len(asked)} requests with known answers", flush=True)
            if options.malformed:
                description = asyncio.run(
                    exchange(server.port, http("GET", b"/openapi.json", {"Authorization": f"Bearer {KEY}"}, b""))
                )
                maker = Malformed(json.loads(content(description)), [server.base, *made], options.seed)
                began = time.monotonic()
                fuzzed, tally, watched = asyncio.run(fuzz(server, asked, maker, options.malformed, options.fuzzers))
                bad += fuzzed.faults + tally.wrong
                told["fuzz"] = {"seconds": time.monotonic() - began, "statuses": fuzzed.statuses, "kinds": fuzzed.kinds,
                                "faults": len(fuzzed.faults), "beside": tally.counts, "slowest": tally.slowest, "memory": watched.told()}  # fmt: skip
                print(json.dumps(told["fuzz"]), flush=True)
            if options.minutes:
                before = asyncio.run(
                    figures(server.port, ("rung_tokens_total", "rung_steps", "rung_clients_left_total"))
                )
                tally, watched = asyncio.run(load(server, asked, options.clients, options.minutes))
                after = asyncio.run(figures(server.port, tuple(before)))
                bad += tally.wrong
                told["load"] = {"counts": tally.counts, "slowest": tally.slowest, "memory": watched.told(),
                                "during": {key: after[key] - before[key] for key in before}}  # fmt: skip
                print(json.dumps(told["load"]), flush=True)
            held = asyncio.run(quiet(server.port)) if server.process.poll() is None else {"the server ended": 1.0}
            told["held"] = held
            bad += [f"still held: {held}"] * any(held.values())
        log.seek(0)
        said = log.read()
        told["log"] = said.count("Traceback")
        bad += [f"the log has a trace: {said[max(0, said.index('Traceback') - 500) :][:3000]}"] if told["log"] else []
        bad += ["the log holds a mark"] if KEY in said else []
    print(json.dumps({"held": held, "traces in the log": told["log"], "bad": len(bad)}))
    for each in bad[:30]:
        print("-", each)
    if options.json:
        options.json.write_text(json.dumps({**told, "bad": bad[:200]}, indent=1) + "\n", encoding="utf-8")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
