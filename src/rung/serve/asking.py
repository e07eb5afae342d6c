"""From the API's bodies to what is asked of the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rung.engine import Constraint
from rung.programs.together import BASE
from rung.serve.asked import Asked
from rung.serve.bodies import Common, Message
from rung.serve.errors import ApiError
from rung.serve.service import Service


def template_text(service: Service, messages: Sequence[Message]) -> str:
    """Messages through the base's chat template; raises ModelError where it has none."""
    return service.model.chat([{"role": m.role.replace("developer", "system"), "content": m.text} for m in messages])


def input_of(messages: Sequence[Message]) -> str:
    """What an adaptation reads: the user's last message."""
    for message in reversed(messages):
        if message.role == "user":
            return message.text
    raise ApiError(400, "an adaptation needs a message of the user: its input", param="messages", code="invalid_value")


def common(service: Service, body: Common, lane: str) -> Asked:
    """What all bodies ask alike, without the input. Raises :class:`ApiError` for more tokens than the server gives."""
    most = service.limits.tokens
    given = getattr(body, "max_completion_tokens", None) or body.max_tokens
    if most is not None and given is not None and given > most:
        name = "max_completion_tokens" if getattr(body, "max_completion_tokens", None) else "max_tokens"
        raise ApiError(400, f"{name} is {given}; this server writes at most {most}", param=name, code="invalid_value")
    if body.stream_options is not None and not body.stream:
        raise ApiError(400, "stream_options is for streams", param="stream_options", code="invalid_value")
    return Asked(
        lane, "", body.max_tokens, body.temperature, body.top_p, body.seed, body.stops, body.n or 1,
        constraint=constraint(body), stream=bool(body.stream), most=most,
    )  # fmt: skip


def constraint(body: Common) -> Constraint | None:
    """What the answer has to be, by ``response_format`` or ``structured_outputs``."""
    shape, structured = body.response_format, body.structured_outputs
    if structured is not None and shape is not None and shape.type != "text":
        raise ApiError(
            400, "an answer has one shape: give response_format or structured_outputs", param="structured_outputs",
            code="invalid_value",
        )  # fmt: skip
    if structured is not None:
        if (structured.choice is None) == (structured.json_ is None):
            raise ApiError(
                400, "structured_outputs has one of choice and json", param="structured_outputs", code="invalid_value"
            )
        return Constraint.labels(structured.choice) if structured.choice else Constraint.json(structured.json_ or {})
    if shape is None or shape.type == "text":
        return None
    return Constraint.json(shape.json_schema.schema_ if shape.json_schema is not None else {"type": "object"})


def prompts_of(service: Service, prompt: Any, lane: str, param: str = "prompt") -> list[str | list[int]]:
    """The inputs of a body, its field ``param``: one or several, texts or (for the base) tokens."""
    if isinstance(prompt, str):
        return [prompt]
    several = prompt if prompt and isinstance(prompt[0], str | list) else [prompt]
    if isinstance(several[0], list):
        if lane != BASE:
            raise ApiError(400, "an adaptation reads texts, not tokens", param=param, code="invalid_value")
        if any(token >= service.model.shape.vocabulary for each in several for token in each):
            most = service.model.shape.vocabulary
            raise ApiError(400, f"a token is beyond the vocabulary of {most}", param=param, code="invalid_value")
    return several
