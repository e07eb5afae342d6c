"""The official client's calls against a live server: each answer is that of the same model in this process."""

from __future__ import annotations

import asyncio
import json
import math

import numpy as np
import openai
import pytest
from pydantic import BaseModel

from rung.adaptation import load
from rung.engine import Constraint
from rung.programs import as_examples, opened
from rung.types import Decoding

SCHEMA = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "additionalProperties": False}


def predicted(saved, model, name, *texts):
    with opened(load(saved[name]), model) as answer:
        return answer(as_examples(texts))


def user(text):
    return [{"role": "user", "content": text}]


def test_models(client, saved) -> None:
    assert [m.id for m in client.models.list()] == ["fake", *saved]
    assert client.models.retrieve("labels").parent == "fake"
    with pytest.raises(openai.NotFoundError, match="no model called 'nobody' is served"):
        client.models.retrieve("nobody")


@pytest.mark.parametrize("name", ["labels", "few", "texts", "drawn", "json", "same"])
def test_an_adaptation_answers_as_rung_predict_does(client, saved, alone, name) -> None:
    for text, made in zip(["red", "好"], predicted(saved, alone, name, "red", "好"), strict=True):
        expected = made.output if made.valid else made.text
        chat = client.chat.completions.create(model=name, messages=user(text))
        assert chat.choices[0].message.content == expected
        assert (chat.usage.prompt_tokens, chat.usage.completion_tokens) == (made.tokens_in, made.tokens_out)
        plain = client.completions.create(model=name, prompt=[text, text])
        assert [c.text for c in plain.choices] == [expected] * 2
        told = ""
        for chunk in client.chat.completions.create(model=name, messages=user(text), stream=True):
            told += chunk.choices[0].delta.content or ""
        assert told == expected


def test_what_all_prompts_begin_with_is_told_as_cached(client) -> None:
    used = client.chat.completions.create(model="few", messages=user("red")).usage
    assert used.prompt_tokens - 8 < used.prompt_tokens_details.cached_tokens < used.prompt_tokens


def test_only_the_last_message_of_the_user_is_an_adaptations_input(client, saved, alone) -> None:
    (made,) = predicted(saved, alone, "texts", "red")
    messages = [{"role": "system", "content": "shout"}, *user("blue"), {"role": "assistant", "content": "no"}]
    parts = [{"type": "text", "text": "re"}, {"type": "text", "text": "d"}]
    chat = client.chat.completions.create(model="texts", messages=[*messages, {"role": "user", "content": parts}])
    assert chat.choices[0].message.content == made.output


def test_labels_have_log_probabilities_that_add_up_to_one(client, saved, alone) -> None:
    (made,) = predicted(saved, alone, "labels", "red")
    chat = client.chat.completions.create(model="labels", messages=user("red"), logprobs=True, top_logprobs=2)
    (token,) = chat.choices[0].logprobs.content
    logs = {t.token: t.logprob for t in token.top_logprobs}
    assert (token.token, token.logprob) == (made.output, max(logs.values()))
    assert math.fsum(map(math.exp, logs.values())) == pytest.approx(1)
    assert logs["up"] - logs["down"] == pytest.approx(made.scores[1] - made.scores[0], abs=1e-4)
    plain = client.completions.create(model="labels", prompt="red", logprobs=1)
    assert plain.choices[0].logprobs.tokens == [made.output]
    streamed = list(client.chat.completions.create(model="labels", messages=user("red"), logprobs=True, stream=True))
    assert [t.token for c in streamed if c.choices[0].logprobs for t in c.choices[0].logprobs.content] == [made.output]


def test_the_base_writes_what_it_writes_in_process(client, alone) -> None:
    decoding = Decoding(max_tokens=12, temperature=0.9, top_p=0.8, seed=7)
    expected = [g.text for g in alone.generate(["red"], decoding, samples=3)[0]]
    asked = {"model": "fake", "prompt": "red", "max_tokens": 12, "temperature": 0.9, "top_p": 0.8, "seed": 7, "n": 3}
    assert [c.text for c in client.completions.create(**asked).choices] == expected
    told = ["", "", ""]
    for chunk in client.completions.create(**asked, stream=True):
        told[chunk.choices[0].index] += chunk.choices[0].text
    assert told == expected
    by_tokens = client.completions.create(**{**asked, "prompt": alone.encode("red")})
    assert [c.text for c in by_tokens.choices] == expected
    prompt = alone.chat([{"role": "system", "content": "s"}, *user("red")])
    chat = client.chat.completions.create(
        model="fake",
        messages=[{"role": "system", "content": "s"}, *user("red")],
        max_completion_tokens=9,
        temperature=0,
    )
    assert chat.choices[0].message.content == alone.generate([prompt], Decoding(max_tokens=9))[0][0].text
    assert client.completions.create(model="fake", prompt="red").usage.completion_tokens <= 16
    seeds = {client.completions.create(model="fake", prompt="red").choices[0].text for _ in range(3)}
    assert len(seeds) == 3  # temperature 1, and another seed each time


def test_stop_strings_end_a_text_and_are_never_told(client, alone) -> None:
    whole = alone.generate(["red"], Decoding(max_tokens=30))[0][0].text
    stop = whole[10:13]
    expected = alone.generate(["red"], Decoding(max_tokens=30, stop=(stop,)))[0][0].text
    asked = {"model": "fake", "prompt": "red", "max_tokens": 30, "temperature": 0, "stop": stop}
    done = client.completions.create(**asked).choices[0]
    assert (done.text, done.finish_reason) == (expected, "stop")
    assert "".join(c.choices[0].text for c in client.completions.create(**asked, stream=True)) == expected


def test_log_probabilities_of_written_tokens_and_of_the_prompt(client, alone) -> None:
    written = alone.generate(["red"], Decoding(max_tokens=6))[0][0]
    asked = {"model": "fake", "prompt": "red", "max_tokens": 6, "temperature": 0, "logprobs": 3}
    found = client.completions.create(**asked).choices[0].logprobs
    assert math.fsum(found.token_logprobs) == pytest.approx(written.logprob, abs=1e-4)
    assert all(
        max(tops.values()) == value for tops, value in zip(found.top_logprobs, found.token_logprobs, strict=True)
    )
    chunks = client.completions.create(**asked, stream=True)
    told = [t for c in chunks if c.choices[0].logprobs for t in c.choices[0].logprobs.token_logprobs]
    assert told == pytest.approx(found.token_logprobs, abs=1e-5)
    prompts = ["red up", "red 好"]
    echoes = client.completions.create(model="fake", prompt=prompts, max_tokens=0, echo=True, logprobs=1).choices
    for prompt, echo in zip(prompts, echoes, strict=True):
        ids = alone.encode(prompt)
        scores = alone.score_tokens([ids[:1]], [[ids[1:]]])[0].logprobs[0]
        assert echo.text == prompt
        assert echo.logprobs.token_logprobs[0] is None
        assert math.fsum(echo.logprobs.token_logprobs[1:]) == pytest.approx(scores, abs=1e-3)
    assert len(set(echoes[1].logprobs.tokens[-3:])) == 3  # the bytes of 好, told apart
    assert echoes[1].logprobs.text_offset[-7:] == [0, 1, 2, 3, 4, 4, 4]  # BOS before them is no part of the text
    more = client.completions.create(model="fake", prompt="red", max_tokens=2, temperature=0, echo=True, logprobs=0)
    assert len(more.choices[0].logprobs.tokens) == len(alone.encode("red")) + 2


def test_tokens_begin_where_the_text_has_them_whole_or_streamed(client) -> None:
    for seed in range(5):
        asked = {"model": "fake", "prompt": "red", "max_tokens": 20, "seed": seed, "logprobs": 0}
        whole = client.completions.create(**asked).choices[0]
        logs = whole.logprobs
        for token, at in zip(logs.tokens, logs.text_offset, strict=True):
            assert token.startswith("bytes:") or whole.text[at:].startswith(token)
        chunks = [c.choices[0].logprobs for c in client.completions.create(**asked, stream=True)]
        assert [at for chunk in chunks if chunk for at in chunk.text_offset] == logs.text_offset


def test_structured_output(client, alone) -> None:
    class Reply(BaseModel):
        n: int
        ok: bool

    parsed = client.chat.completions.parse(
        model="fake", messages=user("red"), response_format=Reply, temperature=0, max_tokens=200
    )
    assert isinstance(parsed.choices[0].message.parsed, Reply)
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}
    chat = client.chat.completions.create(model="texts", messages=user("red"), response_format=shape, max_tokens=60)
    assert json.loads(chat.choices[0].message.content)["a"] in ("x", "y")
    expected = alone.generate(["red"], Decoding(max_tokens=30), constraint=Constraint.labels(["left", "right"]))[0][0]
    chosen = client.completions.create(
        model="fake",
        prompt="red",
        max_tokens=30,
        temperature=0,
        extra_body={"structured_outputs": {"choice": ["left", "right"]}},
    )
    assert chosen.choices[0].text == expected.text
    with pytest.raises(openai.BadRequestError, match="leave out response_format"):
        client.chat.completions.create(model="labels", messages=user("red"), response_format=shape)


def test_usage_in_a_stream(client) -> None:
    asked = {"model": "texts", "messages": user("red"), "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last = client.chat.completions.create(**asked)
    assert last.choices == []
    assert last.usage == client.chat.completions.create(model="texts", messages=user("red")).usage
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason in ("stop", "length")
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in chunks)  # as the API has it
    without = client.chat.completions.create(model="texts", messages=user("red"), stream=True)
    assert all("usage" not in chunk.model_fields_set for chunk in without)


def test_embeddings(client, alone) -> None:
    found = client.embeddings.create(model="fake", input=["red", "好"])
    expected = alone.hidden(["red", "好"], [1], "mean")[:, 0]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.array([row.embedding for row in found.data]) == pytest.approx(expected, abs=1e-5)
    many = client.embeddings.create(model="fake", input=["red", "好"] * 20).data  # more than are read at once
    assert [row.index for row in many] == list(range(40))
    assert np.array([row.embedding for row in many[-2:]]) == pytest.approx(expected, abs=1e-5)
    plain = client.embeddings.create(model="labels", input="red", encoding_format="float")
    assert np.linalg.norm(plain.data[0].embedding) == pytest.approx(1)
    assert plain.data[0].embedding != pytest.approx(expected[0].tolist(), abs=1e-3)  # under its adapter


def test_concurrent_mixed_traffic_is_answered_as_each_alone(url, saved, alone) -> None:
    names = [*saved, "fake"]
    texts = [f"order {i}" for i in range(5)]
    expected = {name: predicted(saved, alone, name, *texts) for name in saved}

    async def ask(client, name, text, stream):
        asked = {"model": name, "prompt": text, **({"temperature": 0, "max_tokens": 9} if name == "fake" else {})}
        if not stream:
            return (await client.completions.create(**asked)).choices[0].text
        return "".join([c.choices[0].text async for c in await client.completions.create(**asked, stream=True)])

    async def everything():
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            jobs = [ask(client, n, t, (i + j) % 2) for i, t in enumerate(texts) for j, n in enumerate(names)]
            return await asyncio.gather(*jobs)

    found = iter(asyncio.run(everything()))
    for i, text in enumerate(texts):
        for name in names:
            if name == "fake":
                assert next(found) == alone.generate([text], Decoding(max_tokens=9))[0][0].text
            else:
                made = expected[name][i]
                assert next(found) == (made.output if made.valid else made.text), name
