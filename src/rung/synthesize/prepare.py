"""From what was asked for to who answers, and where inputs come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rung.engine import LanguageModel
from rung.synthesize.given import Given
from rung.synthesize.seeds import Seeds
from rung.synthesize.teacher import Teacher, prompted
from rung.synthesize.writer import Writer, check, prompt_for
from rung.types import Adaptation, UserError

WANTED = 100  # examples, where the user does not say
TRIES = 20  # inputs that may be invented for each one wanted


@dataclass(frozen=True)
class Asked:
    """The user's options; None: not said."""

    n: int | None = None  # examples
    tries: int | None = None  # most inputs to invent
    role: str = ""
    temperature: float = 0.7  # lower repeats the seeds, higher leaves the task
    samples: int = 5
    agreement: float = 0.5  # of label scores 0.9 is strict; of five answers that vote 0.6 is three
    seed: int = 0


def prepare(
    seeds: Seeds,
    made: Adaptation | None,
    model: LanguageModel,
    asked: Asked,
    *,
    texts: Sequence[tuple[str, str]] = (),
    writer: LanguageModel | None = None,
) -> tuple[Seeds, Teacher, Writer | Given]:
    """The task, the teacher (``made``, else the bare ``model``), and the writer, else the given ``texts`` (place, input).

    Raises UserError for a role where nobody takes it, or where nothing says what to write.
    """
    if made is not None:
        seeds = replace(seeds, schema=made.schema)
        if asked.role and texts:
            raise UserError(
                "an adaptation answers with its own prompt, so --role would change nothing: leave it out, or name a model",
                zh="适配用自己的提示作答，--role 不起作用：请去掉它，或把 --teacher 换成模型",
            )
    answers = made or prompted(model, seeds, asked.role, asked.seed)
    teacher = Teacher(answers, model, asked.samples, asked.temperature, asked.seed, asked.agreement)
    if texts:
        return seeds, teacher, Given(texts, len(texts) if asked.n is None else asked.n)
    check(seeds)
    wanted = asked.n or WANTED
    most = asked.tries or TRIES * wanted
    writes = writer or model
    prompt = prompt_for(writes, seeds, asked.role, asked.seed)
    return seeds, teacher, Writer(writes, seeds, prompt, wanted, most, asked.temperature, asked.seed)
