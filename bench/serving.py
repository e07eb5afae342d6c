"""Mixed traffic over many adaptations: Rung's server beside a PEFT loop that switches adapters and transformers' server, in one run.

    PYTHONPATH=src python bench/serving.py --clients 8 --requests 16 --rounds 2      # to see that it works
    PYTHONPATH=src python bench/serving.py --json serving.json
    PYTHONPATH=src python bench/serving.py --model 40m --tokens 24 --requests 128    # random weights, 40M parameters
    PYTHONPATH=src python bench/serving.py --peers ""                                # ours alone

Eight adaptations of kinds that PEFT has too (none, LoRA of ranks 4, 8 and 16, DoRA, prompt tuning, prefix tuning and P-tuning v2), random
but strong, write ``--tokens`` tokens greedily. Sides:

    mixed         one server (``rung serve``), all adaptations, ``--clients`` clients at once, over HTTP with streams
    separate      the same requests and clients, in this process: the waiting requests of one adaptation at a time, attached and merged
    peft          likewise by PEFT: adapters switched, the waiting requests of one adapter padded into one ``generate``
    peft, single  by PEFT as most do it: one request at a time, in the order in which they came
    our base      the bare base goes on from the same prompts, by ``rung serve``; because ``transformers serve`` has no adapters,
    transformers  it is asked the same
    batching      the same, started with ``--continuous-batching``

``separate`` and ``peft`` have no HTTP, which is their advantage, and batch what waits for one adapter, which is the best that a loop
can do. Their first token is there when the whole batch is done: transformers' ``generate`` tells nothing before. Seconds are of the
wall; ``cpu`` is the processor time of the process that has the model, which a busy machine stretches less. Texts are compared; of one that
differs from ours it is told how far the two tokens at the parting lie from each other in our own forward of that text alone.

Then one sequence alone, by turns: our batch (``together``), our ``generate`` (``opened``), and transformers' ``generate`` with PEFT's
adapter merged; the median processor time of ``--rounds`` counts, per token (``--requests 0``: this alone).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from peft import PeftModel
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from rung.adaptation import hash_folder
from rung.adaptation import save as save_adaptation
from rung.adapters import LoraConfig, PrefixTuningConfig, PromptTuningConfig, PTuningV2Config, attach, save
from rung.engine import Model, load_model
from rung.engine.layout import Segment
from rung.engine.load import find
from rung.programs import as_examples, opened
from rung.programs.together import together
from rung.types import Adaptation, Decoding, ModelRef, Prompt

KINDS = {
    "none": None, "lora-4": LoraConfig(rank=4), "lora-8": LoraConfig(rank=8), "lora-16": LoraConfig(rank=16),
    "dora-8": LoraConfig(rank=8, dora=True), "prompt-20": PromptTuningConfig(20), "prefix-20": PrefixTuningConfig(20),
    "v2-20": PTuningV2Config(20),
}  # fmt: skip
ASK = Prompt(
    "ask", "en", instruction="Continue the text in the style of an encyclopedia.", question="{{ input }}", lead=""
)
WORDS = [
    "river",
    "town",
    "king",
    "law",
    "bread",
    "ferry",
    "winter",
    "school",
    "bridge",
    "letter",
    "north",
    "court",
    "salt",
    "garden",
    "road",
    "year",
]
NEVER = "\0never\0"  # a stop string that nobody writes, in place of the usual ones, which the peers do not have
Request = tuple[str, str]  # adaptation, input
Answers = Callable[[str, list[str]], list[tuple[str, int]]]  # texts and their tokens, to inputs of one adaptation


@dataclass
class Side:
    """What one side took for all requests; seconds of single requests by quantile."""

    name: str
    requests: int
    tokens: int
    seconds: float
    cpu: float
    tokens_per_second: float
    first_p50: float
    first_p99: float
    p50: float
    p99: float


def random_llama(where: Path, seed: int = 0) -> str:
    """A Llama of 40M parameters with random weights and sprout's tokenizer, as a folder."""
    tokenizer = AutoTokenizer.from_pretrained(find("sprout"))
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=640, intermediate_size=1632, num_hidden_layers=8, num_attention_heads=10,
        num_key_value_heads=5, max_position_embeddings=2048, bos_token_id=0, eos_token_id=0, pad_token_id=1, tie_word_embeddings=True,
        initializer_range=0.06,  # answers differ clearly from prompt to prompt
    )  # fmt: skip
    torch.manual_seed(seed)
    hf = LlamaForCausalLM(config)
    hf.save_pretrained(where)
    tokenizer.save_pretrained(where)
    return str(where)


def adaptations(model: Model, where: Path, tokens: int) -> dict[str, Adaptation]:
    """One of each kind, saved."""
    made = {}
    for seed, (name, config) in enumerate(KINDS.items()):
        fields = {}
        if config is not None:
            handle = attach(model.hf, config, seed=seed)
            generator = torch.Generator().manual_seed(seed)
            for p in handle.parameters.values():
                p.data.add_(torch.randn(p.shape, generator=generator), alpha=0.02)
            save(handle, where / "adapters" / name, base=model.name)
            handle.detach()
            folder = where / "adapters" / name
            fields = {"adapter": str(folder), "adapter_sha256": hash_folder(folder)}
        made[name] = Adaptation(
            name, "bench", "generate", "en", prompt=ASK, decoding=Decoding(max_tokens=tokens, stop=(NEVER,)),
            model=ModelRef(model.name, model.sha256), **fields,
        )  # fmt: skip
        save_adaptation(made[name], where / name)
    return made


def traffic(count: int, seed: int = 0) -> list[Request]:
    """Inputs of 6 to 40 words, adaptations drawn at random."""
    draw = np.random.default_rng(seed)
    names = list(KINDS)
    return [
        (names[draw.integers(len(names))], " ".join(draw.choice(WORDS, draw.integers(6, 40)))) for _ in range(count)
    ]


class Clients:
    """So many clients, each with one request at a time; ``first`` and ``last`` are seconds since it was sent."""

    def __init__(self, requests: Sequence[Request]):
        self.requests = requests
        self.first, self.last = [0.0] * len(requests), [0.0] * len(requests)
        self.texts, self.tokens = [""] * len(requests), 0

    def side(self, name: str, seconds: float, cpu: float) -> Side:
        quantiles = [float(x) for each in (self.first, self.last) for x in np.quantile(each, [0.5, 0.99])]
        return Side(name, len(self.requests), self.tokens, seconds, cpu, self.tokens / seconds, *quantiles)


async def stream(port: int, body: dict, path: str = "/v1/completions") -> tuple[str, int, float, float]:
    """(text, tokens, seconds to the first text, seconds) of one streamed completion, over a bare socket: clients cost little."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
    text, tokens, first = "", 0, 0.0
    status = await reader.readline()
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            continue
        told = json.loads(line[6:])
        if "error" in told:
            raise RuntimeError(told["error"])
        for choice in told["choices"]:
            text += choice.get("text") or (choice.get("delta") or {}).get("content") or ""
        first = first or bool(text) * (time.perf_counter() - began)
        tokens = (told.get("usage") or {}).get("completion_tokens", tokens)
    writer.close()
    if b" 200" not in status:
        raise RuntimeError(f"{path} answered {status.decode().strip()}")
    took = time.perf_counter() - began
    return text, tokens, first or took, took


def over_http(
    server: Served, clients: Clients, count: int, body: Callable[[Request], dict], path: str
) -> tuple[float, float]:
    """All requests by ``count`` clients; seconds, and the server's processor time."""

    async def client(waiting: Iterator[int]) -> None:
        for i in waiting:
            text, tokens, clients.first[i], clients.last[i] = await stream(server.port, body(clients.requests[i]), path)
            clients.texts[i] = text
            clients.tokens += tokens

    async def everybody() -> None:
        waiting = iter(range(len(clients.requests)))
        await asyncio.gather(*(client(waiting) for _ in range(count)))

    began, cpu = time.perf_counter(), server.cpu()
    asyncio.run(everybody())
    return time.perf_counter() - began, server.cpu() - cpu


@dataclass
class Served:
    """A server in a process of its own, which answers as ``base`` and more."""

    process: subprocess.Popen
    port: int
    base: str

    def cpu(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system


@contextmanager
def served(model: str, folders: dict[str, Path], *more: str, **options: Any) -> Iterator[Served]:
    """``rung serve`` with adaptations; ``options`` are the process's own."""
    names = [f"{name}={folder}" for name, folder in folders.items()]
    command = [sys.executable, "-m", "rung", "serve", *names, "--model", model, "--port", "0", "--json", *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Served(process, int(ready["url"].removesuffix("/v1").rsplit(":", 1)[1]), ready["models"][0])
    finally:
        process.terminate()
        process.wait()


def loop(clients: Clients, count: int, answer: Answers, single: bool = False) -> tuple[float, float]:
    """``count`` clients in a loop that answers all waiting requests of the adaptation whose request has waited longest, or that one."""
    began, cpu = time.perf_counter(), time.process_time()
    sent = {i: began for i in range(min(count, len(clients.requests)))}
    coming = iter(range(len(sent), len(clients.requests)))
    while sent:
        oldest = min(sent, key=lambda i: (sent[i], i))
        name = clients.requests[oldest][0]
        own = [oldest] if single else [i for i in sent if clients.requests[i][0] == name]
        found = answer(name, [clients.requests[i][1] for i in own])
        now = time.perf_counter()
        for i, (text, tokens) in zip(own, found, strict=True):
            clients.texts[i], clients.tokens = text, clients.tokens + tokens
            clients.first[i] = clients.last[i] = now - sent.pop(i)
            following = next(coming, None)
            if following is not None:
                sent[following] = now
    return time.perf_counter() - began, time.process_time() - cpu


def ours_separate(model: Model, made: dict[str, Adaptation]) -> Answers:
    def answer(name: str, inputs: list[str]) -> list[tuple[str, int]]:
        with opened(made[name], model) as predict:
            return [(p.output, p.tokens_out) for p in predict(as_examples(inputs))]

    return answer


class Peft:
    """PEFT as its documentation has it: LoRA adapters in one model, switched; a soft prompt has a model around the base."""

    def __init__(self, model: Model, where: Path, tokens: int):
        self.model, self.tokens = model, tokens
        self.written: dict[Request, list[int]] = {}
        bare, loras = load_model(model.name).hf, load_model(model.name).hf
        for hf in (bare, loras):
            hf.set_attn_implementation("sdpa")
        shared, self.models = None, {"none": bare}
        for name, config in KINDS.items():
            folder = where / "adapters" / name
            if isinstance(config, LoraConfig):
                shared = shared or PeftModel.from_pretrained(loras, folder, adapter_name=name)
                if name not in shared.peft_config:
                    shared.load_adapter(folder, adapter_name=name)
                self.models[name] = shared
            elif config is not None:
                self.models[name] = PeftModel.from_pretrained(bare, folder)

    def __call__(self, name: str, inputs: list[str]) -> list[tuple[str, int]]:
        chosen, tokenizer = self.models[name], self.model.tokenizer
        if isinstance(KINDS[name], LoraConfig):
            chosen.set_adapter(name)
        chosen.eval()
        ids = [self.model.encode(asked_of(text)) for text in inputs]
        width = max(map(len, ids))
        pad, end = tokenizer.pad_token_id, tokenizer.eos_token_id
        padded = torch.tensor([[pad] * (width - len(row)) + row for row in ids])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids])
        with torch.inference_mode():
            out = chosen.generate(
                input_ids=padded, attention_mask=mask, max_new_tokens=self.tokens, do_sample=False, pad_token_id=pad
            )
        rows = out if out.shape[1] <= self.tokens else out[:, width:]  # a soft prompt gives the new tokens only
        cut = [row[: row.index(end) + 1] if end in row else row for row in rows.tolist()]
        self.written |= {(name, text): row for text, row in zip(inputs, cut, strict=True)}
        return [(tokenizer.decode(row, skip_special_tokens=True).strip(), len(row)) for row in cut]


def asked_of(text: str) -> str:
    """The prompt as ``ASK`` renders it."""
    return f"{ASK.instruction}\n\n{text}\n"


def parting(model: Model, made: dict[str, Adaptation], request: Request, theirs: list[int]) -> float:
    """Nats between our token and theirs where the two texts part, in a forward of our text alone."""
    name, text = request
    with together({name: made[name]}, model) as many, many.mixed.alone(name), model.frozen():
        ours = model.generate([asked_of(text)], made[name].decoding)[0][0].tokens
        at = next(i for i, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other)
        whole = [*model.encode(asked_of(text)), *ours[:at]]
        places = range(model.offset, model.offset + len(whole))
        logits = model.forward([Segment(len(whole))], whole, places, [len(whole) - 1], past=model.prefix)[0]
    return float(logits[ours[at]] - logits[theirs[at]])


def alone(model: Model, made: Adaptation, folder: Path | None, tokens: int, rounds: int) -> dict[str, float]:
    """Milliseconds of processor time a token of one sequence by itself, the median of ``rounds``; whether all write the same."""
    (example,) = as_examples([" ".join(WORDS)])
    ids = torch.tensor([model.encode(asked_of(example.input))])
    hf = load_model(model.name).hf
    hf.set_attn_implementation("sdpa")
    if folder is not None:
        hf = PeftModel.from_pretrained(hf, folder).merge_and_unload()
    made = replace(made, decoding=replace(made.decoding, max_tokens=tokens))
    options: dict[str, Any] = {"max_new_tokens": tokens, "do_sample": False, "pad_token_id": 1}
    took: dict[str, list[float]] = {}
    texts: dict[str, str] = {}

    def timed(side: str, work: Callable[..., Any], *asked: Any) -> Any:
        began = time.process_time()
        found = work(*asked)
        took.setdefault(side, []).append(1000 * (time.process_time() - began) / tokens)
        return found

    def batch() -> None:
        with together({made.name: made}, model) as many:
            many.answer([(made.name, example)])  # not timed: after a while a LoRA that is alone is folded
            texts["batch"] = timed("batch", many.answer, [(made.name, example)])[0].output

    def generate() -> None:
        with opened(made, model) as predict:
            texts["generate"] = timed("generate", predict, [example])[0].output

    def transformers() -> None:
        with torch.inference_mode():
            written = timed("transformers", lambda: hf.generate(ids, attention_mask=torch.ones_like(ids), **options))
        assert written.shape[1] == ids.shape[1] + tokens, "the text ended early: take another prompt"
        texts["transformers"] = model.decode(written[0, ids.shape[1] :].tolist()).strip()

    sides = [batch, generate, transformers]
    for number in range(rounds):
        for i in range(3):
            sides[(number + i) % 3]()  # each is first as often as the others
    return {side: float(np.median(each)) for side, each in took.items()} | {"equal": float(len({*texts.values()}) == 1)}


@contextmanager
def transformers_serve(folder: str, *more: str) -> Iterator[Served]:
    """Raises RuntimeError where it does not run."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    program = str(Path(sys.executable).with_name("transformers"))
    command = [program, "serve", folder, "--port", str(port), "--device", "cpu", "--dtype", "float32", *more]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, text=True)

        def said() -> str:
            log.seek(0)
            return log.read()[-600:]

        try:
            for _ in range(480):
                if process.poll() is not None:
                    raise RuntimeError(f"transformers serve ended: {said()}")
                with closing(socket.socket()) as look:
                    if look.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.5)
            try:
                yield Served(process, port, folder)
            except RuntimeError as error:
                raise RuntimeError(f"{error}: {said()}") from error
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def to_base(model: str, tokens: int) -> Callable[[Request], dict]:
    return lambda request: {"model": model, "prompt": asked_of(request[1]), "max_tokens": tokens, "temperature": 0}


def agreement(one: Clients, other: Clients) -> float:
    """Share of equal texts."""
    return float(np.mean([a.strip() == b.strip() for a, b in zip(one.texts, other.texts, strict=True)]))


@dataclass
class Compared:
    """All sides; the share of texts equal to ours; of PEFT's that are not, how many nats apart they part, by adaptation."""

    sides: list[Side] = field(default_factory=list)
    equal: dict[str, float] = field(default_factory=dict)
    parted: dict[str, list[float]] = field(default_factory=dict)

    def took(self, name: str, clients: Clients, took: tuple[float, float]) -> None:
        side = clients.side(name, *took)
        self.sides.append(side)
        print(
            f"{name:13} {side.tokens:6} tokens {side.seconds:8.2f} s {side.cpu:8.2f} s cpu {side.tokens_per_second:8.1f} tok/s   "
            f"first {side.first_p50:6.3f} {side.first_p99:6.3f}   whole {side.p50:6.3f} {side.p99:6.3f} (p50, p99)",
            flush=True,
        )  # fmt: skip


def compared(
    name: str, model: Model, made: dict[str, Adaptation], where: Path, asked: list[Request], options: argparse.Namespace
) -> Compared:
    """Every side that is asked for, one after the other."""
    found, peers, count = Compared(), options.peers.split(","), options.clients
    mixed, separate = Clients(asked), Clients(asked)
    with served(name, {kind: where / kind for kind in made}) as server:
        took = over_http(server, mixed, count, lambda r: {"model": r[0], "prompt": r[1]}, "/v1/completions")
        found.took("mixed", mixed, took)
    found.took("separate", separate, loop(separate, count, ours_separate(model, made)))
    found.equal["separate"] = agreement(mixed, separate)
    for side, title in (("peft", "peft"), ("single", "peft, single")):
        if side in peers:
            theirs, answer = Clients(asked), Peft(model, where, options.tokens)
            found.took(title, theirs, loop(theirs, count, answer, single=side == "single"))
            found.equal[title] = agreement(mixed, theirs)
            for i, request in enumerate(asked):
                if mixed.texts[i].strip() != theirs.texts[i].strip():
                    nats = parting(model, made, request, answer.written[request])
                    found.parted.setdefault(f"{title}, {request[0]}", []).append(nats)
    if not {"transformers", "batching"} & {*peers}:
        return found
    ours, base = Clients(asked), str(find(name))
    with served(name, {}) as server:
        body = to_base(server.base, options.tokens)
        found.took("our base", ours, over_http(server, ours, count, body, "/v1/completions"))
    for side, more in (("transformers", []), ("batching", ["--continuous-batching"])):
        if side in peers:
            theirs = Clients(asked)
            try:
                with transformers_serve(base, *more) as server:
                    body = to_base(base, options.tokens)
                    found.took(side, theirs, over_http(server, theirs, count, body, "/v1/completions"))
                found.equal[side] = agreement(ours, theirs)
            except RuntimeError as error:
                print(f"{side}: {error}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sprout", help="or 40m: random weights; or a folder")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=256, help="0: one sequence alone, and nothing else")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=8, help="of one sequence alone; 0: not measured")
    parser.add_argument("--peers", default="peft,single,transformers,batching")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = Compared()
    single: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        name = random_llama(where / "random-40m") if options.model == "40m" else options.model
        model = load_model(name)
        made = adaptations(model, where, options.tokens)
        if options.requests:
            found = compared(name, model, made, where, traffic(options.requests), options)
            print("texts equal to ours:", {side: f"{share:.3f}" for side, share in found.equal.items()})
            for side, nats in found.parted.items():
                print(
                    f"{side}: {len(nats)} texts differ; they part at tokens up to {max(map(abs, nats)):.1e} nats apart"
                )
        for kind in ("none", "lora-8") if options.rounds else ():
            adapter = where / "adapters" / kind if KINDS[kind] is not None else None
            told = single[kind] = alone(model, made[kind], adapter, max(options.tokens, 64), options.rounds)
            times = "  ".join(f"{side} {value:6.3f} ms" for side, value in told.items() if side != "equal")
            print(f"one sequence, {kind}: {times}; {'the same' if told['equal'] else 'other'} tokens", flush=True)
    if options.json:
        told = {"model": options.model, "threads": torch.get_num_threads(), "clients": options.clients, "alone": single}
        told |= {"sides": [asdict(side) for side in found.sides], "equal": found.equal, "parted": found.parted}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
