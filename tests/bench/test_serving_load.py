"""What the bench of a server at saturation sends, and how it judges what comes back."""

import json

import pytest
from serving_load import KEY, MARK, Fuzz, Malformed, content, read_answer, request

from rung.engine import fake_model
from rung.serve import Service, create_app


def whole(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n\r\n".encode() + body


def test_malformed_requests_are_made_from_our_description_and_the_seed() -> None:
    spec = create_app(Service(fake_model())).openapi()
    one, other, more = Malformed(spec, ["fake"], 0), Malformed(spec, ["fake"], 0), Malformed(spec, ["fake"], 1)
    made = [one(i) for i in range(300)]
    assert made == [other(i) for i in range(300)]
    assert made != [more(i) for i in range(300)]
    assert {kind for kind, _ in made} >= {
        "right",
        "types",
        "fields",
        "broken",
        "encoded",
        "kind",
        "place",
        "key",
        "header",
        "framing",
        "noise",
    }
    right = [json.loads(content(sent)) for kind, sent in made if kind == "right"]
    assert any(body.get("model") == "fake" and "messages" in body for body in right)
    assert any("prompt" in body for body in right)


def test_answers_are_read_whole_and_as_streams() -> None:
    assert read_answer(whole(200, b'{"choices": [{"text": "a"}]}'), stream=False) == "a"
    assert read_answer(whole(200, b'{"choices": [{"message": {"content": "b"}}]}'), stream=False) == "b"
    events = (
        b'data: {"choices": [{"delta": {"content": "c"}}]}\n\n',
        b'data: {"choices": [{"text": "d"}]}\n\n',
        b"data: [DONE]\n\n",
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(e), e) for e in (*events, b""))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read_answer(head + chunks, stream=True) == "cd"
    for raw in (b"", whole(503, b"{}"), head + chunks[:60]):
        with pytest.raises(ValueError):
            read_answer(raw, stream=True)


def test_a_fault_is_seen() -> None:
    fuzz, sent = Fuzz(), request("/v1/completions", {"model": "x"})
    fuzz.judge(0, "right", sent, whole(400, b'{"error": {"message": "", "type": "", "param": null, "code": null}}'))
    fuzz.judge(1, "right", sent, whole(200, b"{}"))
    assert fuzz.faults == []
    fuzz.judge(2, "right", sent, whole(500, b"{}"))
    fuzz.judge(3, "right", sent, whole(200, KEY.encode()))
    fuzz.judge(4, "right", sent, whole(200, f"/tmp/{MARK}x/lora".encode()))
    fuzz.judge(5, "right", sent, whole(422, b'{"error": {"detail": 1}}'))
    fuzz.judge(6, "right", sent, whole(200, b"Traceback (most recent"))
    assert [int(fault.split(" ")[0]) for fault in fuzz.faults] == [2, 3, 4, 5, 6]
    assert fuzz.statuses == {"400": 1, "200": 4, "500": 1, "422": 1}
