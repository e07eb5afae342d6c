"""The writer: new inputs, after the example of some that are there (self-instruct, Wang et al. 2022, arXiv 2212.10560, section 2.2).

Six seeds and two inputs that were accepted stand in the prompt, in a new draw for each. For labels the label comes first ("output-
first"): input-first drifts to one label. Else the input alone is written ("input-first"), and the answer is asked for separately.

The prompt is a task turned round, in the house's own form: the demonstrations are (label, text), or (number, text).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from random import Random

from rung.engine import Generation, LanguageModel
from rung.prompts import fit, render, stop_strings
from rung.prompts.template import literal
from rung.synthesize.attempt import Attempt, Candidate
from rung.synthesize.seeds import Seeds
from rung.synthesize.style import styled
from rung.types import Decoding, Demonstration, Language, Prompt, UserError, digest

SEEDS, ACCEPTED = 6, 2  # texts that a prompt shows
ROUND = 16  # candidates that are written, judged and kept together
UNKNOWN = 200  # most tokens of an input where no seed tells

_EN_LABELLED = (
    "{{ description|sentence if description else 'Every text has one of the labels below.' }} "
    "Labels: {{ labels|join(', ') }}. For each label a new text of that kind, different from all the others."
)
_ZH_LABELLED = (
    "{{ description|sentence if description else '每段文本都属于下面的一个标签。' }}"
    "标签：{{ labels|join('、') }}。请为每个标签写一段新的文本，内容不要与其他的重复。"
)
_EN_FREE = (
    "{% if description %}The inputs of this task: {{ description|sentence }} {% endif %}"
    "A list of inputs, each different from all the others."
)
_ZH_FREE = "{% if description %}下面这项任务的输入：{{ description|sentence }}{% endif %}这是一份输入的清单，每一条都与其他的不同。"

WRITERS: Mapping[Language, Mapping[bool, Prompt]] = {  # language -> whether a label comes first
    "en": {
        True: Prompt(
            "write-for-label", "en", instruction=_EN_LABELLED, question="Label: {{ input }}", lead="Text:",
            answer=" {{ target }}",
        ),
        False: Prompt(
            "write-input", "en", instruction=_EN_FREE, question="Example {{ input }}", lead="Input:", answer=" {{ target }}"
        ),
    },
    "zh": {
        True: Prompt("write-for-label", "zh", instruction=_ZH_LABELLED, question="标签：{{ input }}", lead="文本："),
        False: Prompt("write-input", "zh", instruction=_ZH_FREE, question="编号 {{ input }}", lead="输入："),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """Invents inputs with a model; which ones is a function of the seed and of what was taken before."""

    model: LanguageModel
    seeds: Seeds
    prompt: Prompt  # see prompt_for
    wanted: int
    tries: int  # most candidates
    temperature: float = 0.7
    seed: int = 0

    def next(self, taken: int, accepted: Sequence[Attempt]) -> list[Candidate]:
        """A round of candidates behind ``taken`` earlier ones, of which ``accepted`` stayed; none where it is enough."""
        size = min(ROUND, self.tries - taken)
        if len(accepted) >= self.wanted or size < 1:
            return []
        labels: Sequence[str] = self._turn(taken, accepted, size) if self.seeds.labels else [""] * size
        numbers = range(taken, taken + size)
        rngs = [Random(digest("writer", self.seed, n)) for n in numbers]
        drawn = [shown_for(self.seeds, accepted, label, rng) for label, rng in zip(labels, rngs, strict=True)]
        asked = [label or str(len(demos) + 1) for label, demos in zip(labels, drawn, strict=True)]
        shown = self._fit(asked, drawn)
        texts = [
            render(self.prompt, self.seeds.words, a, demos, chat=self._chat)
            for a, demos in zip(asked, shown, strict=True)
        ]
        made = self._write(texts, taken)
        one_line = bool(self.seeds.examples) and not any("\n" in e.input for e in self.seeds.examples)
        found = []
        for number, label, text, demos, (sample, written) in zip(numbers, labels, texts, shown, made, strict=True):
            input, finished = tidy(written.text, written.finished, one_line)
            inputs = tuple(d.target for d in demos)
            found.append(Candidate(number, input, "", label, finished, digest(text), sample, inputs))
        return found

    @property
    def marks(self) -> tuple[str, ...]:
        """Words around a text in the prompt, which no seed holds: in a text they say that the model went on to the next one."""
        made = WRITERS[self.seeds.language][bool(self.seeds.labels)]
        marks = (made.lead, made.question.split("{{")[0].strip()) if self.seeds.labels else (made.lead,)
        return tuple(mark for mark in marks if not any(mark in e.input for e in self.seeds.examples))

    @property
    def decoding(self) -> Decoding:
        """Room for the longest seed and half more."""
        longest = max((self.model.length(e.input) for e in self.seeds.examples), default=UNKNOWN)
        most = min(longest + longest // 2 + 8, self.model.context // 3)
        return Decoding(most, self.temperature, seed=self.seed, stop=stop_strings(self.prompt))

    @property
    def _chat(self):
        return self.model.chat if self.prompt.style == "chat" else None

    def _turn(self, taken: int, accepted: Sequence[Attempt], size: int) -> list[str]:
        """Labels in turn, those left out that have their share."""
        have = Counter(a.output for a in accepted)
        open_ = [x for x in self.seeds.labels if have[x] < share(self.seeds.labels, self.wanted)[x]]
        start = taken % len(open_)
        return list(islice(cycle(open_), start, start + size))

    def _fit(
        self, asked: Sequence[str], shown: Sequence[tuple[Demonstration, ...]]
    ) -> Sequence[tuple[Demonstration, ...]]:
        return fit(
            self.prompt, self.seeds.words, asked, shown, count=lambda texts: [self.model.length(t) for t in texts],
            context=self.model.context, reserve=self.decoding.max_tokens, chat=self._chat,
        )  # fmt: skip

    def _write(self, texts: Sequence[str], taken: int) -> list[tuple[int, Generation]]:
        """(number among the samples of its prompt, what was written) of each prompt; equal prompts give different samples."""
        counts, given = Counter(texts), Counter[str]()
        decoding = replace(self.decoding, seed=self.seed + taken)
        made: dict[str, list[Generation]] = {}
        for count in sorted(set(counts.values())):
            own = [text for text, n in counts.items() if n == count]
            made.update(zip(own, self.model.generate(own, decoding, samples=count), strict=True))
        found = []
        for text in texts:
            found.append((given[text], made[text][given[text]]))
            given[text] += 1
        return found


def prompt_for(model: LanguageModel, seeds: Seeds, role: str = "", seed: int = 0) -> Prompt:
    """The writer's prompt with its role, plain or as a chat."""
    plain = WRITERS[seeds.language][bool(seeds.labels)]
    plain = replace(plain, role=literal(role)) if role else plain
    shown = shown_for(seeds, (), next(iter(seeds.labels), ""), Random(digest("style", seed)))
    return styled(model, plain, seeds.words, shown)


def shown_for(seeds: Seeds, accepted: Sequence[Attempt], label: str, rng: Random) -> tuple[Demonstration, ...]:
    """Eight texts to show, in a random order: two accepted ones as far as there are, and seeds.

    With a label half of them have that label, and stand last, next to the question.
    """
    own = [Demonstration(a.output, a.candidate.input) for a in accepted]
    seeded = [Demonstration(e.target, e.input) for e in seeds.examples]
    if not seeds.labels:
        drawn = draw(rng, own, ACCEPTED)
        drawn += draw(rng, seeded, SEEDS + ACCEPTED - len(drawn))
        rng.shuffle(drawn)
        return tuple(Demonstration(str(i), squeezed(d.target)) for i, d in enumerate(drawn, 1))
    same, others = [], []
    for pool, count in ((own, ACCEPTED), (seeded, SEEDS)):
        same += draw(rng, [d for d in pool if d.input == label], count // 2)
        others += draw(rng, [d for d in pool if d.input != label], count - count // 2)
    rng.shuffle(same)
    rng.shuffle(others)
    return tuple(Demonstration(d.input, squeezed(d.target)) for d in (*others, *same))


def draw(rng: Random, pool: Sequence[Demonstration], count: int) -> list[Demonstration]:
    """``count`` of them, or all."""
    return rng.sample(pool, min(count, len(pool)))


def share(labels: Sequence[str], wanted: int) -> dict[str, int]:
    """How many examples of each label are wanted: the same of each, the first ones take what is left over."""
    each, more = divmod(wanted, len(labels))
    return {label: each + (at < more) for at, label in enumerate(labels)}


def squeezed(text: str) -> str:
    """Without blank lines, which part the texts in a prompt."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def tidy(text: str, finished: str, one_line: bool) -> tuple[str, str]:
    """What was written without blanks and quotes around it, and how it ended; of several lines the first, if seeds have one."""
    text = text.strip()
    if one_line and "\n" in text:
        text, finished = text.split("\n", 1)[0].strip(), "stop"
    pairs = {'"': '"', "“": "”", "「": "」"}
    inside = len(text) > 1 and pairs.get(text[0]) == text[-1]
    return text[1:-1].strip() if inside else text, finished


def check(seeds: Seeds) -> None:
    """UserError where there is nothing to write after."""
    if not seeds.examples and not seeds.description:
        raise UserError(
            'nothing says what to write: give --seeds FILE, --example "INPUT => ANSWER" or --describe "..."',
            zh="没有说明要写什么：请用 --seeds 文件、--example “输入 => 答案”或 --describe “……”",
        )
