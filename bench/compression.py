"""Held-out bits per byte of a base model beside what else predicts text: an n-gram model and general compressors.

    PYTHONPATH=src python bench/compression.py --json compression.json           # sprout on ../shared/data/text
    PYTHONPATH=src python bench/compression.py --model runs/base/model --texts TEXTS

Predicting and compressing are the same thing: a model that gives a text the probability p can write it in -log2 p bits.
So all stand in one table, in bits for each UTF-8 byte of each source's ``valid.jsonl``:

    the model      every token of every document, in windows of its context (rung.pretrain.evaluate)
    kneser-ney 5   interpolated modified Kneser-Ney on the same tokens, counted on all sources' ``train.jsonl``
    stories260K    another small base model, on English sources (its own tokenizer: bytes make them comparable)
    xz, zstd       the held-out text of the source alone, level 9e and 19
    xz+, zstd+     the same behind the source's training text, as far back as their windows go: xz as
                   size(train + valid) - size(train) with a window of 64 MiB, zstd with the training text as its prefix

Documents are joined by a line break for the compressors. A model's own size (sprout: 14 MB) is in none of the figures,
nor is the training text. Needs zstandard (the ``bench`` or ``dev`` extra).
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from kneser_ney import KneserNey
from places import DATA, TEXTS

from rung.engine import Model, load_model
from rung.pretrain.card import figures, language_of
from rung.pretrain.corpus import Source, encode, find_sources
from rung.pretrain.evaluate import held_out
from rung.pretrain.tokenizer import token_ids

MIB = 1 << 20
XZ_WINDOW = 64 * MIB  # of preset 9


def joined(documents: Sequence[str]) -> bytes:
    return "\n".join(documents).encode()


def xz_size(data: bytes) -> int:
    return len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def xz_bytes(valid: bytes, train: bytes = b"") -> int:
    """Bytes that ``valid`` adds behind ``train``; ValueError where the window does not hold both."""
    if len(train) + len(valid) > XZ_WINDOW:
        raise ValueError(f"{(len(train) + len(valid)) / MIB:.0f} MiB are more than xz's window of 64 MiB")
    return xz_size(train + valid) - xz_size(train)


def zstd_bytes(valid: bytes, train: bytes = b"") -> int:
    """Bytes of ``valid`` with ``train`` as prefix, as ``zstd -19 --patch-from`` does it; checked by decompressing."""
    window = max(20, (len(train) + len(valid)).bit_length())
    sizes = {"source_size": len(valid), "dict_size": len(train)}
    parameters = zstandard.ZstdCompressionParameters.from_level(19, **sizes, window_log=window, enable_ldm=bool(train))
    prefix = zstandard.ZstdCompressionDict(train, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if train else None
    packed = zstandard.ZstdCompressor(compression_params=parameters, dict_data=prefix).compress(valid)
    opened = zstandard.ZstdDecompressor(dict_data=prefix, max_window_size=1 << window).decompress(packed)
    assert opened == valid, "zstd did not give the text back"
    return len(packed)


def count_tokens(model: Model, sources: list[Source], work: Path) -> KneserNey:
    """The 5-gram model of all sources' training documents, each behind the model's end-of-text mark."""
    path = work / f"{model.sha256[:16]}.bin"
    if not path.exists():  # `encode` gives the file its name when it is whole
        work.mkdir(parents=True, exist_ok=True)
        encode(sources, model.tokenizer, path)
    return KneserNey(np.fromfile(path, dtype=np.uint16), len(model.tokenizer))


def kneser_ney_nats(grams: KneserNey, model: Model, documents: Sequence[str]) -> float:
    """Minus the log-probability of all documents, the tokens that the model itself is measured on."""
    ids = token_ids(model.tokenizer, list(documents), mark=True)
    return -float(sum(grams.logprobs(np.array(document)).sum() for document in ids))


def measure(
    source: Source, model: Model, grams: KneserNey | None, other: Model | None, prefixed: bool
) -> dict[str, Any]:
    """The row of one source: bits per byte by name, None for what was not measured."""
    documents, train = list(source.documents("valid")), joined(list(source.documents("train")))
    size, text = sum(len(d.encode()) for d in documents), joined(documents)
    english = language_of(documents) == "en"

    def bits(count: float) -> float:
        return 8 * count / size

    row: dict[str, Any] = {"source": source.name, "bytes": size, "train_bytes": len(train), "documents": len(documents)}
    started = time.perf_counter()
    found = figures(held_out(model, documents))
    row |= {"model": found["bits_per_byte"], "low": found["low"], "high": found["high"]}
    row["model_seconds"] = round(time.perf_counter() - started, 1)
    nats = kneser_ney_nats(grams, model, documents) if grams else None
    row["kneser-ney 5"] = nats / np.log(2) / size if nats is not None else None
    row["stories260K"] = held_out(other, documents).bits_per_byte if other and english else None
    row |= {"xz": bits(xz_bytes(text)), "zstd": bits(zstd_bytes(text))}
    row |= {name: bits(count(text, train)) if prefixed else None for name, count in COMPRESSORS.items()}
    return row


COMPRESSORS = {"xz+": xz_bytes, "zstd+": zstd_bytes}
COLUMNS = ("model", "kneser-ney 5", "stories260K", "xz+", "zstd+", "xz", "zstd")


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; the last line weighs each source by its bytes, over the columns that all sources have."""
    lines = ["| source | bytes | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for row in [*rows, total(rows)]:
        cells = ["–" if row[name] is None else f"{row[name]:.3f}" for name in COLUMNS]
        lines.append(f"| {row['source']} | {row['bytes']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def total(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All sources together: bits over bytes; None where a source has no figure."""
    size = sum(row["bytes"] for row in rows)
    whole: dict[str, Any] = {"source": "all", "bytes": size}
    for name in COLUMNS:
        values = [row[name] for row in rows]
        missing = any(value is None for value in values)
        whole[name] = None if missing else sum(v * r["bytes"] for v, r in zip(values, rows, strict=True)) / size
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sprout", help="sprout, or a model folder")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="folders with train.jsonl and valid.jsonl")
    parser.add_argument("--sources", nargs="+", help="names of some of them")
    parser.add_argument("--other", type=Path, default=DATA / "models" / "stories260K")
    parser.add_argument("--work", type=Path, default=Path("runs/compression"), help="keeps the tokens between runs")
    parser.add_argument("--quick", action="store_true", help="the model and the compressors without training text")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    every = find_sources(arguments.texts)
    sources = [s for s in every if not arguments.sources or s.name in arguments.sources]
    unknown = set(arguments.sources or ()) - {s.name for s in sources}
    if unknown:
        parser.error(f"no source {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in every)}")
    model = load_model(arguments.model)
    other = load_model(str(arguments.other)) if arguments.other.exists() else None
    if other is None:
        print(f"no {arguments.other}: its column stays empty")
    grams = None if arguments.quick else count_tokens(model, every, arguments.work)
    rows = []
    for source in sources:
        rows.append(measure(source, model, grams, other, prefixed=not arguments.quick))
        row = rows[-1]
        told = "  ".join(f"{name} {row[name]:.3f}" for name in COLUMNS if row[name] is not None)
        print(f"{source.name}: {told}", flush=True)
    print(f"\nheld-out bits per byte, {model.name}\n\n{table(rows)}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"model": model.name, "rows": rows, "all": total(rows)}, indent=1))


if __name__ == "__main__":
    main()
