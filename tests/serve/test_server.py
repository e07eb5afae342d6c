"""Keys, limits, broken requests, clients that leave, adaptations that come and go, and the end of a server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time

import httpx
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live import running

from rung.engine import fake_model
from rung.serve import Limits, Service
from rung.serve.limits import Rate, is_loopback

LONG = {"model": "fake", "prompt": "red", "max_tokens": 4000, "temperature": 0}


@pytest.fixture(scope="module")
def http(url):
    with httpx.Client(base_url=url.removesuffix("/v1"), timeout=60) as found:
        yield found


def refused(answer: httpx.Response, status: int) -> dict:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    return error


def wait_for(holds) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to hold")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("chat/completions", {"model": "fake"}, "messages"),
        ("chat/completions", {"model": "fake", "messages": []}, "messages"),
        ("chat/completions", {"model": "labels", "messages": [{"role": "assistant", "content": "x"}]}, "messages"),
        ("chat/completions", {"model": "fake", "messages": [{"role": "user", "content": "x"}], "top_logprobs": 2}, None),
        ("completions", {"model": "fake", "prompt": "x", "temperature": -1}, "temperature"),
        ("completions", {"model": "fake", "prompt": "x", "temperatur": 1}, "temperatur"),
        ("completions", {"model": "fake", "prompt": "x", "presence_penalty": 1}, "presence_penalty"),
        ("completions", {"model": "fake", "prompt": [[5000]]}, "prompt"),
        ("completions", {"model": "fake", "prompt": "x", "max_tokens": 0}, "max_tokens"),
        ("completions", {"model": "fake", "prompt": "x" * 9000}, None),
        ("completions", {"model": "fake", "prompt": "x", "n": 100, "max_tokens": 5000, "temperature": 1}, None),
        ("completions", {"model": "fake", "prompt": "x", "stream_options": {}}, "stream_options"),
        ("completions", {"model": "labels", "prompt": [1, 2]}, "prompt"),
        ("completions", {"model": "labels", "prompt": "x", "echo": True}, "echo"),
        ("embeddings", {"model": "fake", "input": "x", "dimensions": 3}, "dimensions"),
        ("embeddings", {"model": "fake", "input": []}, "input"),
        ("embeddings", {"model": "fake", "input": ["x", "x" * 9000]}, "input"),
        ("chat/completions", {"model": "fake", "messages": [{"role": "user", "content": "x"}],
                              "response_format": {"type": "json_schema"}}, "response_format"),
        ("chat/completions", {"model": "fake", "messages": [{"role": "user", "content": "x"}], "response_format":
                              {"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}}}, None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(http, path, body, param) -> None:
    error = refused(http.post(f"/v1/{path}", json=body), 400)
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").split(".")[0] == (param or (error["param"] or "").split(".")[0])


def test_a_text_that_is_too_long_has_the_apis_code(http) -> None:
    asked = {"model": "fake", "prompt": "x" * 9000}
    chat = {"model": "fake", "messages": [{"role": "user", "content": "x" * 9000}]}
    for path, body in (
        ("completions", asked), ("completions", {**asked, "echo": True, "max_tokens": 0, "logprobs": 1}), ("chat/completions", chat),
        ("embeddings", {"model": "fake", "input": "x" * 9000}), ("completions", {**asked, "model": "labels"}),
    ):  # fmt: skip
        assert refused(http.post(f"/v1/{path}", json=body), 400)["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("more", "param", "said"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         "messages.0.content.0.type", "Input should be 'text'"),
        ({"messages": [{"role": "user", "content": None}]}, "messages.0.content", "valid string"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "Field required"),
        ({"stop": ""}, "stop", "at least 1 character"),
        ({"stop": ["a", ""]}, "stop.1", "at least 1 character"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "response_format: json_schema belongs"),
        ({"tools": [{"type": "function"}]}, "tools", "tools is not done by this server; leave it out"),
        ({"presence_penalty": 0.5}, "presence_penalty", "leave it out"),
        ({"structured_outputs": {"choice": ["a"]}, "response_format": {"type": "json_object"}}, "structured_outputs",
         "one shape"),
    ],
)  # fmt: skip
def test_the_field_that_is_wrong_is_named_as_it_was_sent(http, more, param, said) -> None:
    body = {"model": "fake", "messages": [{"role": "user", "content": "x"}], "max_tokens": 2, **more}
    error = refused(http.post("/v1/chat/completions", json=body), 400)
    assert error["param"] == param
    assert said in error["message"]


def test_a_body_that_is_no_json_object_is_told_so(http) -> None:
    for sent in ({"content": b"model=fake"}, {"data": {"model": "fake"}}, {"json": ["fake"]}, {"content": b""}):
        error = refused(http.post("/v1/completions", **sent), 400)
        assert error["code"] == "invalid_json"
        assert "application/json" in error["message"]


def test_a_schema_that_asks_for_too_much_is_refused_and_no_broken_json_is_given(http) -> None:
    shape = {
        "type": "json_schema",
        "json_schema": {"name": "a", "schema": {"type": "array", "items": {"const": 1}, "minItems": 100_000}},
    }
    body = {"model": "fake", "prompt": "x", "max_tokens": 20, "response_format": shape}
    assert "more than its grammar can follow" in refused(http.post("/v1/completions", json=body), 400)["message"]
    shape["json_schema"]["schema"] = {"type": "string", "pattern": "(?=a)b"}
    assert "look-around" in refused(http.post("/v1/completions", json=body), 400)["message"]


def test_what_is_no_request_is_refused_in_the_same_form(http) -> None:
    assert "/v1/chat/completions" in refused(http.get("/nowhere"), 404)["message"]
    assert refused(http.get("/nowhere"), 404)["code"] == "unknown_url"
    assert refused(http.post("/v1/completions/", json={}), 404)["code"] == "unknown_url"  # and no redirect
    assert refused(http.get("/v1/completions"), 405)["code"] == "method_not_allowed"
    head = {"Content-Type": "application/json"}
    for raw in (b"", b"{", b"[]", b"null", b"\xff", b'{"model": "\\ud800", "prompt": "x"}', b"[" * 100_000):
        refused(http.post("/v1/completions", content=raw, headers=head), 400)
    refused(
        http.post("/v1/completions", content=b'{"model": "fake", "prompt": "x", "temperature": NaN}', headers=head), 400
    )
    raw = b'{"model": "fake", "prompt": "x", "max_tokens": ' + b"9" * 5000 + b"}"
    refused(http.post("/v1/completions", content=raw, headers=head), 400)
    error = refused(http.post("/v1/completions", json={"model": "secret", "prompt": "x"}), 404)
    assert error["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/apply-template", {"messages": [{"role": "user", "content": "x\ud800"}]}),
        ("/v1/chat/completions", {"model": "fake", "messages": [{"role": "user", "content": [{"type": "text", "text": "\udfff"}]}]}),
        ("/v1/completions", {"model": "fake", "prompt": ["x", "\ud800"]}),
        ("/v1/completions", {"model": "fake", "prompt": "x", "stop": "\ud800"}),
        ("/v1/completions", {"model": "fake", "prompt": "x", "structured_outputs": {"json": {"const": ["\ud800"]}}}),
        ("/v1/embeddings", {"model": "fake", "input": "\ud800"}),
    ],
)  # fmt: skip
def test_half_of_a_surrogate_pair_is_no_text(http, path, body) -> None:
    error = refused(
        http.post(path, content=json.dumps(body).encode(), headers={"Content-Type": "application/json"}), 400
    )
    assert "surrogate" in error["message"] or "unicode" in error["message"]


def strategy_of(http) -> st.SearchStrategy:
    """(path, body) by our own OpenAPI description, most of them nearly right."""
    spec = http.get("/openapi.json").json()
    anything = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    )

    def of(schema: dict) -> st.SearchStrategy:
        if "$ref" in schema:
            return of(spec["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
        if "anyOf" in schema:
            return st.one_of([of(each) for each in schema["anyOf"]])
        if "const" in schema or "enum" in schema:
            return st.sampled_from(schema.get("enum", [schema.get("const")]))
        kind = schema.get("type")
        if kind == "object" and "properties" in schema:
            needed = set(schema.get("required", ()))
            fields = {n: of(s) if n != "model" else st.sampled_from(["fake", "labels", "json", "texts", "no"])
                      for n, s in schema["properties"].items()}  # fmt: skip
            return st.fixed_dictionaries(
                {n: s for n, s in fields.items() if n in needed},
                optional={n: s for n, s in fields.items() if n not in needed},
            )
        if kind == "array":
            return st.lists(of(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=3)
        if kind == "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=12)
        if kind == "integer":
            return st.integers(max(schema.get("minimum", -5), -5), 6)
        if kind == "number":
            return st.floats(schema.get("minimum", -3), schema.get("maximum", 3), allow_nan=False)
        return {"boolean": st.booleans(), "null": st.none()}.get(kind, anything)

    @st.composite
    def broken(draw, right: st.SearchStrategy):
        body = draw(right)
        if isinstance(body, dict) and draw(st.booleans()):
            body[draw(st.sampled_from([*body, "else"]))] = draw(anything)
        return body

    posts = {path: ways["post"] for path, ways in spec["paths"].items() if "post" in ways}
    return st.one_of(
        [st.tuples(st.just(path), broken(of(way["requestBody"]["content"]["application/json"]["schema"])))
         for path, way in posts.items()]
    )  # fmt: skip


def fuzz(saved, examples: int) -> set[int]:
    """Statuses of requests by our own OpenAPI description: answers, or refusals in the API's form; never a 500."""
    service = Service(fake_model(), limits=Limits(tokens=8))
    for name in ("labels", "json", "texts"):
        service.add(name, saved[name])
    seen: set[int] = set()
    with running(service) as url, httpx.Client(base_url=url.removesuffix("/v1"), timeout=60) as http:

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(strategy_of(http))
        def ask(request) -> None:
            path, body = request
            raw = json.dumps(body).encode()
            answer = http.post(path, content=raw, headers={"Content-Type": "application/json"})
            seen.add(answer.status_code)
            assert answer.status_code < 500, (path, body, answer.text)
            if answer.status_code >= 400:
                refused(answer, answer.status_code)
            elif answer.headers["content-type"].startswith("text/event-stream"):
                assert answer.text.endswith("data: [DONE]\n\n")

        ask()
        wait_for(lambda: service.open == 0 and not service.worker.visits)
        assert service.worker.many.batch.held == 0
    return seen


def test_no_request_breaks_it(saved) -> None:
    assert 400 in fuzz(saved, 25)


@pytest.mark.slow
def test_no_request_of_thousands_breaks_it(saved) -> None:
    assert {200, 400, 404} <= fuzz(saved, 3000)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_slot(url, service, stream) -> None:
    batch = service.worker.many.batch
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((host, int(port))) as raw:
        body = json.dumps({**LONG, "stream": stream}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall(head.encode() + body)
        wait_for(lambda: batch.running == 1)
        if stream:
            assert raw.recv(4096).startswith(b"HTTP/1.1 200")
    wait_for(lambda: batch.running == 0 and service.open == 0)
    assert batch.held == 0


def test_a_stream_that_is_closed_early_is_given_up(url, service) -> None:
    with openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client:
        stream = client.completions.create(**LONG, stream=True)
        next(iter(stream))
        stream.close()
        wait_for(lambda: service.worker.many.batch.running == 0)
        assert client.completions.create(**{**LONG, "max_tokens": 3}).usage.completion_tokens == 3


def test_adaptations_come_and_go(http, service, saved, alone) -> None:
    body = {"path": str(saved["texts"]), "name": "again"}
    assert http.post("/v1/adaptations", json=body).status_code == 201
    refused(http.post("/v1/adaptations", json=body), 400)
    for nowhere in ("/nowhere", ".", "a" * 300, "a\0b"):
        assert "is no adaptation" in refused(http.post("/v1/adaptations", json={"path": nowhere}), 400)["message"]
    for head in ({"Origin": "http://evil.example"}, {"X-Forwarded-For": "10.0.0.1"}, {"Host": "evil.example"}):
        refused(http.post("/v1/adaptations", json={**body, "name": "more"}, headers=head), 403)
        refused(http.delete("/v1/adaptations/again", headers=head), 403)
    ask = {"model": "again", "prompt": "red"}
    first = http.post("/v1/completions", json=ask).json()["choices"][0]["text"]
    assert first == http.post("/v1/completions", json={**ask, "model": "texts"}).json()["choices"][0]["text"]
    found: list[httpx.Response] = []
    slow = threading.Thread(
        target=lambda: found.append(http.post("/v1/completions", json={**ask, "max_tokens": 120, "temperature": 2}))
    )
    slow.start()
    wait_for(lambda: service.worker.many.batch.running > 0 or found)
    assert http.delete("/v1/adaptations/again").json()["deleted"]
    slow.join()
    assert found[0].status_code == 200  # what was asked before is answered
    refused(http.post("/v1/completions", json=ask), 404)
    refused(http.delete("/v1/adaptations/again"), 404)
    assert "again" not in service.worker.many.members


def test_pages_of_other_sites_may_not_ask(http) -> None:
    ask = {"model": "fake", "prompt": "x", "max_tokens": 1}
    for head in ({"Origin": "https://evil.example"}, {"Host": "evil.example:8000"}, {"Origin": "null"}):
        refused(http.post("/v1/completions", json=ask, headers=head), 403)
    assert http.post("/v1/completions", json=ask, headers={"Origin": "http://localhost:3000"}).status_code == 200
    plain = http.post("/v1/completions", content=json.dumps(ask).encode(), headers={"Content-Type": "text/plain"})
    refused(plain, 400)  # what a browser would send without asking first


def test_a_mistake_of_ours_tells_nothing_and_harms_nobody_else(http, service, monkeypatch) -> None:
    ask = {"model": "fake", "prompt": "my secret", "max_tokens": 40, "temperature": 0}
    expected = http.post("/v1/completions", json=ask).json()["choices"]

    def broken(*_):
        raise RuntimeError("out of memory at 'my secret'")

    monkeypatch.setattr("rung.engine.continuous.run_lanes", broken)
    error = refused(http.post("/v1/completions", json=ask), 500)
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "secret" not in error["message"]
    monkeypatch.undo()
    with http.stream("POST", "/v1/completions", json={**ask, "max_tokens": 2000, "stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        monkeypatch.setattr("rung.engine.continuous.run_lanes", broken)
        *_, told, last = [line for line in lines if line]
    monkeypatch.undo()
    assert json.loads(told.removeprefix("data: "))["error"]["code"] == "internal_error"
    assert last == "data: [DONE]"
    assert http.post("/v1/completions", json=ask).json()["choices"] == expected


def test_where_the_base_lies_is_told_to_nobody(saved, tmp_path) -> None:
    model = fake_model()
    model.name = str(tmp_path / "little")
    (tmp_path / "little").mkdir()
    service = Service(model)
    with running(service) as url, httpx.Client(base_url=url) as http:
        assert [m["id"] for m in http.get("/models").json()["data"]] == ["little"]
        ask = {"model": "little", "prompt": "x", "max_tokens": 1}
        answers = [http.post("/completions", json=ask), http.post("/completions", json={**ask, "model": "no"})]
        answers += [
            http.post("/completions", json={**ask, "temperature": -1}),
            http.get(url.replace("/v1", "/metrics")),
        ]
        assert [a.status_code for a in answers] == [200, 404, 400, 200]
        assert not any(str(tmp_path) in a.text for a in answers)


def test_metrics_and_health(http) -> None:
    http.post("/v1/completions", json={"model": "labels", "prompt": "red"})
    page = http.get("/metrics").text
    assert 'rung_requests_total{model="labels",route="completions"}' in page
    assert "rung_tokens_held 0.0" in page
    assert http.get("/health").json() == {"status": "ok"}


def test_keys_rates_and_sizes() -> None:
    limits = Limits(keys=("good", "other", "密钥"), admin_key="boss", body=3000, rate=4, tokens=20)
    with running(Service(fake_model(), limits=limits)) as url:
        ask = {"model": "fake", "prompt": "x", "max_tokens": 2}

        def post(key="good", path="/completions", body=ask, **head):
            return httpx.post(url + path, json=body, headers={"Authorization": f"Bearer {key}"} | head)

        assert refused(httpx.post(f"{url}/completions", json=ask), 401)["code"] == "invalid_api_key"
        refused(post(key="bad"), 401)
        refused(post(Authorization="Bearer é".encode()), 401)
        refused(httpx.get(url.replace("/v1", "/metrics")), 401)
        refused(httpx.get(url.replace("/v1", "/openapi.json")), 401)
        assert httpx.get(url.replace("/v1", "/health")).status_code == 200
        refused(post(path="/adaptations", body={"path": "/x"}), 403)
        refused(post(path="/adaptations", body={"path": "/x"}, key="boss"), 400)
        assert post().status_code == 200
        refused(post(body={**ask, "max_tokens": 21}), 400)
        refused(post(body={**ask, "prompt": "x" * 4000}), 413)
        answer = post()
        assert refused(answer, 429)["code"] == "rate_limit_exceeded"
        assert 1 <= int(answer.headers["retry-after"]) <= 16
        assert post(key="other").status_code == 200
        assert post(Authorization="Bearer 密钥".encode()).status_code == 200


def test_the_rate_comes_back_with_time() -> None:
    now = [0.0]
    rate = Rate(2, clock=lambda: now[0])
    assert [rate.wait("a"), rate.wait("a"), rate.wait("b")] == [0, 0, 0]
    assert rate.wait("a") == pytest.approx(30)
    now[0] = 31
    assert rate.wait("a") == 0


def test_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "example.org", "", "127.0.0.1.example.org")))


def test_too_many_open_requests_are_refused() -> None:
    with (
        running(Service(fake_model(), limits=Limits(waiting=2))) as url,
        openai.OpenAI(base_url=url, api_key="none", max_retries=0) as client,
    ):
        streams = [client.completions.create(**LONG, stream=True) for _ in range(2)]
        with pytest.raises(openai.RateLimitError, match="open already"):
            client.completions.create(**{**LONG, "max_tokens": 1})
        for stream in streams:
            stream.close()


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("embeddings", {"input": "red"}),
        ("completions", {"prompt": "red", "echo": True, "max_tokens": 0, "logprobs": 0}),
    ],
)
def test_what_is_only_read_is_open_too(path: str, more: dict) -> None:
    """Embeddings and echoes wait for the engine as texts do, and were let in without end."""
    service, hold = Service(fake_model(), limits=Limits(waiting=2)), threading.Event()
    found: list[int] = []

    def ask() -> None:
        found.append(httpx.post(f"{url}/{path}", json={"model": "fake", **more}, timeout=60).status_code)

    with running(service) as url:
        service.worker.order(hold.wait)
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_for(lambda: service.open == 2)
        ask()
        assert found == [429]
        hold.set()
        for thread in threads:
            thread.join()
        assert found == [429, 200, 200] and service.open == 0


def test_a_server_that_ends_answers_what_is_open_and_lets_nobody_in() -> None:
    service = Service(fake_model())
    with running(service) as url:
        found: list = []

        def ask() -> None:
            found.append(httpx.post(f"{url}/completions", json={**LONG, "max_tokens": 60}, timeout=60))

        thread = threading.Thread(target=ask)
        thread.start()
        wait_for(lambda: service.worker.many.batch.running == 1)
    thread.join()
    assert found[0].json()["usage"]["completion_tokens"] == 60
    assert not service.worker.running
    assert all("forward" not in m.__dict__ for m in service.model.hf.modules())
    with pytest.raises(httpx.ConnectError):
        httpx.post(f"{url}/completions", json=LONG)


def test_a_connection_that_stays_is_told_that_the_server_ends() -> None:
    service = Service(fake_model())

    async def both(url: str) -> list[int]:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            open_ = asyncio.ensure_future(client.post("/completions", json={**LONG, "max_tokens": 80}))
            while not service.worker.many.batch.running:
                await asyncio.sleep(0.01)
            service.draining = True
            late = await client.post("/completions", json={**LONG, "max_tokens": 1})
            health = await client.get(url.replace("/v1", "/health"))
            return [(await open_).status_code, late.status_code, health.status_code]

    with running(service) as url:
        assert asyncio.run(both(url)) == [200, 503, 503]
