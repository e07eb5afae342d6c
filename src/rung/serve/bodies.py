"""The requests' bodies, as the OpenAI API has them.

A field that would change the answer and is not done here is refused unless it has the value that changes nothing; a field
that nobody knows is refused too. What only the sender needs (``user``, ``metadata`` ...) is taken and not used.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Temperature = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
TopP = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=1 << 20)]
Samples = Annotated[int, Field(ge=1, le=128)]
Tops = Annotated[int, Field(ge=0, le=20)]
Seed = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
Stop = Annotated[str, Field(min_length=1, max_length=1000)]
Stops = Stop | Annotated[list[Stop], Field(max_length=16)]
TokenIds = Annotated[list[Annotated[int, Field(ge=0, lt=1 << 31)]], Field(max_length=1 << 20)]
UNDONE = frozenset({  # fields of the API that have no value here but the one that changes nothing
    "presence_penalty", "frequency_penalty", "logit_bias", "best_of", "suffix", "tools", "tool_choice", "modalities",
})  # fmt: skip
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Whole(Body):
    """All of a request's body, which says so where a text in it, at whatever depth, is none: half of a surrogate pair."""

    @model_validator(mode="before")
    @classmethod
    def _has_characters(cls, given: Any) -> Any:
        try:
            json.dumps(given, ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half of a surrogate pair, which is no character") from None
        except RecursionError:
            raise ValueError("the body is nested too deeply") from None
        return given


class StreamOptions(Body):
    include_usage: bool = False
    include_obfuscation: bool | None = None


class JsonSchema(Body):
    name: str = Field(default="answer", max_length=200)
    description: str | None = None
    schema_: dict[str, Any] = Field(default_factory=dict, alias="schema")
    strict: bool | None = None


class ResponseFormat(Body):
    """``text``, ``json_object``, or ``json_schema`` with its schema."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_its_schema(self) -> ResponseFormat:
        if (self.json_schema is not None) != (self.type == "json_schema"):
            raise ValueError("json_schema belongs to the type json_schema, and is needed there")
        return self


class StructuredOutputs(Body):
    """vLLM's: one of some texts, or JSON of a schema."""

    choice: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=1000)] | None = None
    json_: dict[str, Any] | None = Field(default=None, alias="json")


class Common(Whole):
    """What completions and chats have in common."""

    model: Name
    max_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    seed: Seed | None = None
    stop: Stops | None = None
    n: Samples | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    response_format: ResponseFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    # Taken, and of no effect here.
    user: str | None = None
    # Only with the value that changes nothing.
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class CompletionBody(Common):
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=2048)] | TokenIds | Annotated[
        list[TokenIds], Field(min_length=1, max_length=2048)
    ] = ""  # fmt: skip
    max_tokens: Annotated[int, Field(ge=0, le=1 << 20)] | None = None
    logprobs: Tops | None = None
    echo: bool | None = None
    best_of: Literal[1] | None = None
    suffix: Literal[""] | None = None


class TextPart(Body):
    type: Literal["text"]
    text: str


class Message(Body):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextPart], Field(max_length=1000)]
    name: str | None = None
    refusal: None = None
    annotations: list[Any] | None = None
    audio: None = None
    function_call: None = None
    tool_calls: Annotated[list[Any], Field(max_length=0)] | None = None

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class ChatBody(Common):
    messages: Annotated[list[Message], Field(min_length=1, max_length=10_000)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Tops | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    modalities: list[Literal["text"]] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None

    @model_validator(mode="after")
    def _tops_need_logprobs(self) -> ChatBody:
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs to be true")
        return self


class EmbeddingBody(Whole):
    model: Name
    input: str | Annotated[list[str], Field(min_length=1, max_length=2048)] | TokenIds | Annotated[
        list[TokenIds], Field(min_length=1, max_length=2048)
    ]  # fmt: skip
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Count | None = None
    user: str | None = None


class TemplateBody(Whole):
    """llama.cpp's: messages, and the prompt that they become comes back."""

    model: Name | None = None
    messages: Annotated[list[Message], Field(min_length=1, max_length=10_000)]


class AdaptationBody(Whole):
    """An adaptation to serve from now on: a folder on the server, and the name to ask for it by."""

    path: Annotated[str, Field(min_length=1, max_length=4096)]
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
