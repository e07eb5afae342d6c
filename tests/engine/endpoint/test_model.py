"""What an endpoint offers decides how it is asked; its log-probabilities are those of the same model in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chaos_server import EVERYTHING

from rung.engine import Constraint, EndpointModel, load_model
from rung.engine.endpoint import Address, price_of
from rung.programs import as_examples, opened
from rung.prompts import TEMPLATES, chat_variant
from rung.types import Adaptation, DataError, Decoding, Demonstration, ModelError, Selector

PROMPT = TEMPLATES["en"]["classify"][1]
MADE = Adaptation("a/b", "a", "classify", "en", labels=("left", "right"), prompt=PROMPT)
TEXTS = [f"order {n} please" for n in range(6)]


@pytest.mark.parametrize(
    ("lacks", "plain", "chat"),
    [
        ((), "echo", "likeliest"),
        (("echo",), "likeliest", "likeliest"),
        pytest.param(("echo", "likeliest", "chat-likeliest"), "constrained", "constrained", marks=pytest.mark.slow),
        pytest.param(
            ("echo", "likeliest", "chat-likeliest", "choice"), "constrained", "constrained", marks=pytest.mark.slow
        ),
        (("echo", "likeliest", "chat-likeliest", "choice", "schema", "chat-schema"), "parsed", "parsed"),
        pytest.param(("completions",), "likeliest", "likeliest", marks=pytest.mark.slow),
        (("completions", "chat-likeliest"), "constrained", "constrained"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_labels_are_found_in_the_best_way_that_is_offered(
    served: Any, sides: Any, lacks: tuple[str, ...], plain: str, chat: str
) -> None:
    server, model = served(offers=EVERYTHING - set(lacks))
    assert (model.way("plain"), model.way("chat")) == (plain, chat)
    assert model.as_json()["labels"] == {"plain": plain, "chat": chat}
    for prompt in (PROMPT, chat_variant(PROMPT)):
        with opened(Adaptation("a/b", "a", "classify", "en", labels=("left", "right"), prompt=prompt), model) as answer:
            made = answer(as_examples(TEXTS))
        assert [p.output for p in made] == [sides(n) for n in range(6)]
        assert all(p.valid and p.calls == 1 and p.flops is None and p.tokens_in > 0 and p.seconds > 0 for p in made)
        assert all((p.scores is None) == (model.way(prompt.style) in ("constrained", "parsed")) for p in made)
    assert server.twice == 0


def test_without_a_chat_there_is_none(served: Any) -> None:
    _, model = served(offers=EVERYTHING - {"chat"})
    assert not model.has_chat_template
    with pytest.raises(ModelError, match="offers no chat"):
        model.chat([{"role": "user", "content": "x"}])


def test_a_chat_template_in_the_open_makes_text_of_a_chat(served: Any) -> None:
    _, model = served(offers=EVERYTHING | {"template"})
    assert (
        model.chat([{"role": "user", "content": "order 3 please"}], "It goes")
        == "<user>order 3 please\n<assistant>It goes"
    )
    assert model.way("chat") == "echo"


def test_json_is_held_to_its_schema(served: Any) -> None:
    server, model = served()
    schema = {"type": "object", "properties": {"side": {"type": "string"}}, "required": ["side"]}
    ((made,),) = model.generate(["order 3 please"], Decoding(max_tokens=30), constraint=Constraint.json(schema))
    assert made.text.startswith('{"side": ')
    sent = [
        b for b in server.bodies.values() if b.get("response_format", {}).get("json_schema", {}).get("schema") == schema
    ]
    assert [b["response_format"]["json_schema"]["strict"] for b in sent] == [False]  # it allows other keys


def test_stop_strings_cut_also_what_the_server_lets_through(served: Any) -> None:
    _, model = served(rule=lambda prompt: "left\nand on", offers=EVERYTHING - {"echo"})
    ((made,),) = model.generate(["x"], Decoding(max_tokens=9, stop=("\n",)))
    assert (made.text, made.finished, made.length) == (" left", "stop", 3)


def test_samples_are_asked_for_with_seeds_of_their_own(served: Any) -> None:
    server, model = served()
    (made,) = model.generate(["order 3 please"], Decoding(max_tokens=4, temperature=0.7, seed=5), samples=3)
    assert len(made) == 3
    assert sorted(b["seed"] for b in server.bodies.values() if "seed" in b) == [5, 6, 7]


def test_an_answer_that_is_no_label_is_read_where_no_label_was_likely(served: Any) -> None:
    _, model = served(rule=lambda prompt: "I would say: right", offers=EVERYTHING - {"echo"})
    with opened(MADE, model) as answer:
        (made,) = answer(as_examples(["order 3 please"]))
    assert (made.output, made.valid, made.text.strip()) == ("", False, "I would say: right")


def test_demonstrations_that_cover_the_pool_are_chosen_without_states(served: Any) -> None:
    _, model = served()
    pool = tuple(Demonstration(f"order {n} please", "left") for n in range(20, 26))
    made = Adaptation(
        "a/b",
        "a",
        "classify",
        "en",
        labels=("left", "right"),
        prompt=PROMPT,
        demonstrations=pool,
        selector=Selector("diverse", 2),
    )
    with opened(made, model) as answer:
        assert len(answer(as_examples(["order 3 please"]))[0].shown) == 2


def test_what_needs_weights_says_so(served: Any) -> None:
    _, model = served()
    made = Adaptation("a/b", "a", "classify", "en", labels=("left", "right"), prompt=PROMPT, adapter="/nowhere")
    with pytest.raises(ModelError, match="neither weights nor hidden states"), opened(made, model):
        pass
    with pytest.raises(ModelError, match="--model openai:sprout"):
        load_model("sprout", base_url="http://localhost:1/v1")


def test_the_context_is_told_by_the_endpoint_the_option_or_nobody(served: Any) -> None:
    server, model = served(context=900)
    assert (model.context, model.as_json()["context_from"]) == (900, "endpoint")
    told = load_model("openai:orders", base_url=server.url, context=300)
    assert isinstance(told, EndpointModel)
    assert (told.context, told.as_json()["context_from"]) == (300, "--context")
    _, silent = served(context=None)
    assert (silent.context, silent.as_json()["context_from"]) == (4096, "assumed")


@pytest.mark.parametrize("text", ["hello there, how are you?", "我的快递还没收到，麻烦查一下。", "", "ünïcödé " * 9])
def test_lengths_are_estimated_from_above(text: str) -> None:
    endpoint, sprout = load_model("openai:x", base_url="http://localhost:1/v1"), load_model("sprout")
    assert sprout.length(text) <= endpoint.length(text) <= 3 * sprout.length(text) + 8


# --- prices -------------------------------------------------------------------------------------------------------


def test_the_shipped_prices_are_read_and_belong_to_their_host() -> None:
    price = price_of(Address.parse("openai:gpt-4.1-mini-2025-04-14", "https://api.openai.com/v1"))
    assert price is not None
    assert (price.read, price.written, price.of(1e6, 2e6)) == (0.4, 1.6, pytest.approx(3.6))
    assert price.dated
    assert price.source
    assert price_of(Address.parse("openai:gpt-4.1-mini", "https://elsewhere.example/v1")) is None


def test_this_machine_costs_nothing_unless_somebody_says_so(tmp_path: Path) -> None:
    here = Address.parse("openai:m", "http://127.0.0.1:8000/v1")
    assert price_of(here).of(1e9, 1e9) == 0.0  # type: ignore[union-attr]
    assert price_of(here, flat=2.0).of(1e6, 1e6) == 4.0  # type: ignore[union-attr]
    own = tmp_path / "prices.yaml"
    own.write_text("currency: CNY\nmodels:\n  m: {in: 1, out: 3}\n", encoding="utf-8")
    price = price_of(here, own)
    assert price is not None
    assert (price.of(1e6, 1e6), price.currency) == (4.0, "CNY")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models:\n  other: {in: 1, out: 2}", "has no price for m"),
        ("models:\n  m: {in: 1}", "m needs 'in' and 'out'"),
        ("models:\n  m: {in: -1, out: 2}", "m needs 'in' and 'out'"),
        ("models:\n  m: {in: 1, out: 2, per: 1000}", "m needs 'in' and 'out'"),
        ("m: 3", "has no 'models'"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_table_of_prices_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        price_of(Address.parse("openai:m", "http://localhost/v1"), own)
