"""Mixed traffic over many adaptations: Rung's server beside a PEFT loop that switches adapters, in one run.

    PYTHONPATH=src python bench/serving.py --clients 8 --requests 16          # to see that it works
    PYTHONPATH=src python bench/serving.py --clients 64 --requests 512 --json serving.json
    PYTHONPATH=src python bench/serving.py --model FOLDER --peers ""          # ours alone

Eight adaptations of kinds that PEFT has too (none, LoRA of ranks 4, 8 and 16, DoRA, prompt tuning, prefix tuning and P-tuning v2), random
but strong, write ``--tokens`` tokens greedily. Sides:

    mixed      one server, all adaptations, ``--clients`` clients at once, over HTTP with streams
    separate   the same requests and clients, in this process: the waiting requests of one adaptation at a time, attached and merged
    peft       likewise by PEFT: adapters switched, the waiting requests of one adapter padded into one ``generate``

``separate`` and ``peft`` have no HTTP, which is their advantage, and batch what waits for one adapter, which is the best that a loop
can do. Their first token is there when the whole batch is done: transformers' ``generate`` tells nothing before. Seconds are of the
wall; ``cpu`` is the CPU's time of the process, clients included, which a busy machine does not stretch. Texts are compared.
``transformers serve`` has no adapters: it is asked for the bare base (``--peers transformers``), beside our server likewise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from peft import PeftModel

from rung.adaptation import hash_folder
from rung.adaptation import save as save_adaptation
from rung.adapters import LoraConfig, PrefixTuningConfig, PromptTuningConfig, PTuningV2Config, attach, save
from rung.engine import Model, load_model
from rung.engine.load import find
from rung.programs import as_examples, opened
from rung.serve import Server, Service
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
Request = tuple[str, str]  # adaptation, input


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
    p50: float
    p99: float


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
            name, "bench", "generate", "en", prompt=ASK, decoding=Decoding(max_tokens=tokens, stop=("\0",)),
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
        half, nearly = np.quantile(self.last, [0.5, 0.99])
        first = float(np.quantile(self.first, 0.5))
        rate = self.tokens / seconds
        return Side(name, len(self.requests), self.tokens, seconds, cpu, rate, first, float(half), float(nearly))


async def stream(port: int, body: dict, path: str = "/v1/completions") -> tuple[str, int, float, float]:
    """(text, tokens, seconds to the first chunk, seconds) of one streamed completion, over a bare socket: clients cost little."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    raw = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw)
    text, tokens, first = "", 0, 0.0
    while line := await reader.readline():
        if not line.startswith(b"data: {"):
            continue
        first = first or time.perf_counter() - began
        told = json.loads(line[6:])
        for choice in told["choices"]:
            text += choice.get("text") or (choice.get("delta") or {}).get("content") or ""
        tokens = (told.get("usage") or {}).get("completion_tokens", tokens)
    writer.close()
    return text, tokens, first, time.perf_counter() - began


def over_http(
    port: int, clients: Clients, count: int, body: Callable[[Request], dict], path: str
) -> tuple[float, float]:
    """All requests by ``count`` clients; seconds and the CPU's time."""

    async def client(waiting: Iterator[int]) -> None:
        for i in waiting:
            text, tokens, clients.first[i], clients.last[i] = await stream(port, body(clients.requests[i]), path)
            clients.texts[i] = text
            clients.tokens += tokens

    async def everybody() -> None:
        waiting = iter(range(len(clients.requests)))
        await asyncio.gather(*(client(waiting) for _ in range(count)))

    began, cpu = time.perf_counter(), time.process_time()
    asyncio.run(everybody())
    return time.perf_counter() - began, time.process_time() - cpu


@contextmanager
def served(model: Model, folders: dict[str, Path]) -> Iterator[int]:
    """Our server's port."""
    service, ports, there = Service(model), [], threading.Event()
    for name, folder in folders.items():
        service.add(name, folder)
    server = Server(service, ready=lambda port: (ports.append(port), there.set()))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    there.wait()
    try:
        yield ports[0]
    finally:
        server.end()
        thread.join()


def loop(
    clients: Clients, count: int, answer: Callable[[str, list[str]], list[tuple[str, int]]]
) -> tuple[float, float]:
    """``count`` clients in a loop that answers all waiting requests of the adaptation whose request has waited longest."""
    began, cpu = time.perf_counter(), time.process_time()
    sent = {i: began for i in range(min(count, len(clients.requests)))}
    coming = iter(range(len(sent), len(clients.requests)))
    while sent:
        name = clients.requests[min(sent, key=lambda i: (sent[i], i))][0]
        own = [i for i in sent if clients.requests[i][0] == name]
        found = answer(name, [clients.requests[i][1] for i in own])
        now = time.perf_counter()
        for i, (text, tokens) in zip(own, found, strict=True):
            clients.texts[i], clients.tokens = text, clients.tokens + tokens
            clients.first[i] = clients.last[i] = now - sent.pop(i)
            following = next(coming, None)
            if following is not None:
                sent[following] = now
    return time.perf_counter() - began, time.process_time() - cpu


def ours_separate(model: Model, made: dict[str, Adaptation]) -> Callable[[str, list[str]], list[tuple[str, int]]]:
    def answer(name: str, inputs: list[str]) -> list[tuple[str, int]]:
        with opened(made[name], model) as predict:
            return [(p.output, p.tokens_out) for p in predict(as_examples(inputs))]

    return answer


def peft_loop(model: Model, where: Path, tokens: int) -> Callable[[str, list[str]], list[tuple[str, int]]]:
    """PEFT as its documentation has it: LoRA adapters in one model, switched; a soft prompt has a model around the base."""
    bare, loras = load_model(model.name).hf, load_model(model.name).hf
    for hf in (bare, loras):
        hf.set_attn_implementation("sdpa")
    shared, models = None, {"none": bare}
    for name, config in KINDS.items():
        folder = where / "adapters" / name
        if isinstance(config, LoraConfig):
            shared = shared or PeftModel.from_pretrained(loras, folder, adapter_name=name)
            if name not in shared.peft_config:
                shared.load_adapter(folder, adapter_name=name)
            models[name] = shared
        elif config is not None:
            models[name] = PeftModel.from_pretrained(bare, folder)
    tokenizer = model.tokenizer
    tokenizer.padding_side = "left"
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    def answer(name: str, inputs: list[str]) -> list[tuple[str, int]]:
        chosen = models[name]
        if isinstance(KINDS[name], LoraConfig):
            chosen.set_adapter(name)
        chosen.eval()
        texts = [f"{ASK.instruction}\n\n{text}\n" for text in inputs]
        ids = [model.encode(text) for text in texts]
        width = max(map(len, ids))
        padded = torch.tensor([[tokenizer.pad_token_id] * (width - len(row)) + row for row in ids])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids])
        with torch.inference_mode():
            out = chosen.generate(input_ids=padded, attention_mask=mask, max_new_tokens=tokens, do_sample=False)
        rows = (
            out[:, -tokens:] if out.shape[1] <= tokens else out[:, width:]
        )  # a soft prompt gives the new tokens behind its own count
        end = tokenizer.eos_token_id
        cut = [row[: row.index(end) + 1] if end in row else row for row in rows.tolist()]
        return [(tokenizer.decode(row, skip_special_tokens=True).strip(), len(row)) for row in cut]

    return answer


@contextmanager
def transformers_serve(folder: str) -> Iterator[int]:
    """Its port; raises RuntimeError where it does not run."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("transformers")),
        "serve",
        folder,
        "--port",
        str(port),
        "--device",
        "cpu",
        "--dtype",
        "float32",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(240):
            if process.poll() is not None:
                raise RuntimeError(f"transformers serve ended: {(process.stderr.read() or '')[-400:]}")  # type: ignore[union-attr]
            with closing(socket.socket()) as look:
                if look.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        yield port
    finally:
        process.terminate()
        process.wait()


def base_chat(model: str, tokens: int) -> Callable[[Request], dict]:
    return lambda request: {
        "model": model, "messages": [{"role": "user", "content": request[1]}], "max_tokens": tokens, "temperature": 0
    }  # fmt: skip


def agreement(one: Clients, other: Clients) -> float:
    """Share of equal texts."""
    return float(np.mean([a.strip() == b.strip() for a, b in zip(one.texts, other.texts, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sprout")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--peers", default="peft", help="peft,transformers")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model, asked = load_model(options.model), traffic(options.requests)
    sides: list[Side] = []
    equal: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        made = adaptations(model, where, options.tokens)
        mixed, separate = Clients(asked), Clients(asked)
        with served(model, {name: where / name for name in made}) as port:
            took = over_http(port, mixed, options.clients, lambda r: {"model": r[0], "prompt": r[1]}, "/v1/completions")
            sides.append(mixed.side("mixed", *took))
        sides.append(separate.side("separate", *loop(separate, options.clients, ours_separate(model, made))))
        equal["separate"] = agreement(mixed, separate)
        if "peft" in options.peers:
            peft = Clients(asked)
            answer = peft_loop(model, where, options.tokens)
            sides.append(peft.side("peft", *loop(peft, options.clients, answer)))
            equal["peft"] = agreement(mixed, peft)
        if "transformers" in options.peers:
            ours, theirs = Clients(asked), Clients(asked)
            base = str(find(options.model))
            with served(model, {}) as port:
                body = base_chat(model.name, options.tokens)
                sides.append(
                    ours.side("our base", *over_http(port, ours, options.clients, body, "/v1/chat/completions"))
                )
            try:
                with transformers_serve(base) as port:
                    body = base_chat(base, options.tokens)
                    took = over_http(port, theirs, options.clients, body, "/v1/chat/completions")
                    sides.append(theirs.side("transformers", *took))
                equal["transformers"] = agreement(ours, theirs)
            except RuntimeError as error:
                print(error)
    for side in sides:
        print(
            f"{side.name:13} {side.tokens:6} tokens {side.seconds:8.2f} s {side.cpu:8.2f} s cpu {side.tokens_per_second:8.1f} tok/s   "
            f"first {side.first_p50:6.3f}  p50 {side.p50:6.3f}  p99 {side.p99:6.3f}"
        )
    print("texts equal to ours:", {name: f"{share:.3f}" for name, share in equal.items()})
    if options.json:
        told = {"model": options.model, "threads": torch.get_num_threads(), "clients": options.clients}
        told |= {"sides": [asdict(side) for side in sides], "equal": equal}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
