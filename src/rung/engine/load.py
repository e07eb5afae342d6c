"""Finding and loading a model: a folder, a hub name, the embedded ``sprout``, or the in-memory ``fake``.

Only safetensors and JSON are read; nothing is unpickled and no code that comes with a model is run.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import torch
from huggingface_hub import snapshot_download
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.utils import logging

from rung.engine import fake
from rung.engine.attention import install
from rung.engine.endpoint.address import SCHEME, EndpointOptions
from rung.engine.endpoint.model import endpoint_model
from rung.engine.language_model import LanguageModel
from rung.engine.layout import Segment
from rung.engine.model import Model
from rung.engine.trunk import Trunk
from rung.types import ModelError

FILES = ("*.safetensors", "*.json", "*.txt", "*.jinja", "*.model")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@overload
def load_model(name: str, *, dtype: str = ..., device: str = ..., context: int | None = ...) -> Model: ...


@overload
def load_model(
    name: str, *, dtype: str = ..., device: str = ..., context: int | None = ..., base_url: str | None,
    options: EndpointOptions | None = ..., prices: Path | None = ..., price: float = ...,
) -> LanguageModel: ...  # fmt: skip


def load_model(
    name: str, *, dtype: str = "float32", device: str = "auto", context: int | None = None, base_url: str | None = None,
    options: EndpointOptions | None = None, prices: Path | None = None, price: float = 0.0,
) -> Any:  # fmt: skip
    """The model called ``name``: "sprout", "fake", a folder with safetensors, a name on the Hugging Face hub, or
    "openai:NAME" behind the endpoint ``base_url``.

    dtype: float32 or bfloat16 (float16 on a GPU only); device: "auto" takes a GPU if there is one; context: fewer
    tokens than the model allows. Of an endpoint: ``options`` (:class:`EndpointOptions`), and a table of ``prices`` or one
    ``price`` per million tokens in place of the shipped table; its context may be told where the endpoint does not.
    Raises :class:`ModelError` for anything that cannot be loaded or used, and says why.
    """
    if name.startswith(SCHEME):
        asked = options or EndpointOptions()
        return endpoint_model(
            name, base_url, asked if context is None else replace(asked, context=context), prices=prices, flat=price
        )
    if base_url is not None:
        raise ModelError(
            f"a base URL belongs to a model behind an endpoint: type --model openai:{name}, or leave --base-url out",
            zh=f"接口地址用于远程接口的模型：请写 --model openai:{name}，或去掉 --base-url",
        )
    place = _device(device)
    number = _dtype(dtype, place)
    if name == "fake":
        return fake.fake_model(dtype=number, device=place, context=context)
    folder = find(name)
    hf, tokenizer = _read(name, folder, number, place)
    check(hf, name)
    return Model(hf, tokenizer, name=name, sha256=hash_folder(folder), context=context, folder=folder)


def find(name: str) -> Path:
    """The folder that holds the model ``name``; downloads it from the hub unless HF_HUB_OFFLINE is set."""
    if name == "sprout":
        folder = Path(str(importlib.resources.files("rung"))) / "sprout"
        if not (folder / "config.json").exists():
            raise ModelError(
                "the embedded model 'sprout' is not in this installation; give a folder or a hub name with --model",
                zh="此安装中没有内置模型 sprout；请用 --model 指定文件夹或 hub 上的模型名",
            )
        return folder
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise ModelError(
                f"{folder} has no config.json: it is not a model folder as transformers writes it",
                zh=f"{folder} 中没有 config.json，不是 transformers 格式的模型文件夹",
            )
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            f"no model folder {name!r}, and it is no hub name either (those look like owner/model); try --model sprout",
            zh=f"没有模型文件夹 {name!r}，也不是 hub 模型名（形如 owner/model）；可试 --model sprout",
        )
    return _download(name)


def _download(name: str) -> Path:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    try:
        return Path(snapshot_download(name, allow_patterns=list(FILES), local_files_only=offline))
    except Exception as error:  # the hub client raises many kinds (network, login, name); all mean: not here
        hint, hint_zh = "check the name, the network and `hf auth login`", "请检查名称、网络和 `hf auth login`"
        if offline:
            hint, hint_zh = "unset HF_HUB_OFFLINE", "请取消设置 HF_HUB_OFFLINE"
        raise ModelError(
            f"the model {name!r} is neither a folder nor could it be fetched from the hub "
            f"({type(error).__name__}); {hint}, or give a folder",
            zh=f"{name!r} 不是文件夹，也无法从 hub 取得（{type(error).__name__}）；{hint_zh}，或指定文件夹",
        ) from error


def _read(name: str, folder: Path, dtype: torch.dtype, device: torch.device) -> tuple[PreTrainedModel, Any]:
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{folder} holds no *.safetensors file; convert the weights with `save_pretrained` first "
            "(pickled weights are not read, because unpickling runs code)",
            zh=f"{folder} 中没有 *.safetensors 文件；请先用 save_pretrained 转换（pickle 权重会执行代码，故不读取）",
        )
    try:
        with without_bars():
            # False: else transformers asks at the terminal whether to run the code that comes with the model.
            told: dict[str, Any] = {"trust_remote_code": False}
            config = AutoConfig.from_pretrained(folder, **told)
            hf, found = AutoModelForCausalLM.from_pretrained(
                folder, config=config, dtype=dtype, use_safetensors=True, output_loading_info=True, **told
            )
            tokenizer = AutoTokenizer.from_pretrained(folder, **told)
    except Exception as error:  # many kinds: a file cut short, a field that cannot be, a package that is not there
        reason = str(error) or type(error).__name__
        raise ModelError(
            f"{name!r} could not be loaded as a causal language model: {reason}",
            zh=f"无法把 {name!r} 作为因果语言模型加载：{reason}",
        ) from error
    absent = sorted(found["missing_keys"])
    if absent:
        raise ModelError(
            f"{folder} lacks {len(absent)} of the weights of a {type(hf).__name__}, such as {absent[0]}: transformers would draw "
            "them at random; copy the whole model again, or give one that was saved as a causal language model",
            zh=f"{folder} 缺少 {type(hf).__name__} 的 {len(absent)} 个权重，例如 {absent[0]}：transformers 会随机填充它们；"
            "请重新复制整个模型，或换用保存为因果语言模型的模型",
        )
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            f"{name!r} has no tokenizer.json (a fast tokenizer); convert it with transformers first",
            zh=f"{name!r} 没有 tokenizer.json（fast tokenizer）；请先用 transformers 转换",
        )
    known = hf.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > known:
        raise ModelError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and the model knows {known}: it belongs to another model; "
            "copy the tokenizer that came with these weights",
            zh=f"{folder} 中的分词器有 {tokenizer.vocab_size} 个词元，而模型只有 {known} 个：它属于另一个模型；请换成与权重配套的分词器",
        )
    return hf.to(device=device).eval(), tokenizer


@contextmanager
def without_bars() -> Iterator[None]:
    """Without transformers' progress bars, which would stand between our own lines."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def check(hf: PreTrainedModel, name: str) -> None:
    """Switches ``hf`` to flat attention and proves on a few tokens that its numbers stay the same.

    The proof covers what no list of names can: position biases (ALiBi), capped attention, recurrent states, masks
    of the model's own. Raises :class:`ModelError` when the packed numbers differ from the plain ones.
    """
    try:
        with torch.no_grad():
            plain, flat = _both_ways(hf)
        off = flat - plain
        # Rounding to 8 bits moves single logits by much (a third of their spread in sprout), and all of them by little.
        moved, allowed = (off.abs().max(), 1e-3) if hf.dtype == torch.float32 else (off.square().mean().sqrt(), 0.15)
        same = float(moved) < allowed * max(float(plain.std()), 1e-3)
        reason = None if same else "packed texts give other numbers"
        finite = bool(plain.isfinite().all())
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError) as error:
        reason, finite = str(error).splitlines()[0] if str(error) else type(error).__name__, True
    if not finite:
        narrow = hf.dtype != torch.float32
        hint, hint_zh = (", or type --dtype float32", "，或使用 --dtype float32") if narrow else ("", "")
        raise ModelError(
            f"{name!r} answers a plain text with numbers that are none (inf or nan): are its weights broken? Copy it again{hint}",
            zh=f"{name!r} 对普通文本给出了无穷或非数值：权重是否已损坏？请重新复制模型{hint_zh}",
        )
    if reason:
        raise ModelError(
            f"{name!r} ({type(hf).__name__}) cannot be used: its attention does not go through transformers' "
            f"attention interface unchanged ({reason}). Llama, Qwen, Mistral, GPT-2, GPT-NeoX, OPT and Phi work",
            zh=f"不支持 {name!r}（{type(hf).__name__}）：它的注意力不走 transformers 的统一接口（{reason}）。"
            "支持 Llama、Qwen、Mistral、GPT-2、GPT-NeoX、OPT、Phi",
        )


def _both_ways(hf: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """Logits of two short texts behind a common beginning: by plain forwards, and packed behind a shared past."""
    device, size = hf.device, int(hf.config.get_text_config().vocab_size)
    root, rows = [(3 * i + 2) % size for i in range(4)], [[(7 * i + 3) % size for i in range(n)] for n in (6, 3)]
    plain = [hf(input_ids=torch.tensor([root + row], device=device)).logits[0, len(root) :] for row in rows]
    install(hf)
    trunk = Trunk(hf)
    past = trunk.extend(None, root)
    positions = [len(root) + i for row in rows for i in range(len(row))]
    segments, total = [Segment(len(row)) for row in rows], sum(map(len, rows))
    return torch.cat(plain).float(), trunk.forward(segments, [*rows[0], *rows[1]], positions, range(total), past=past)


def hash_folder(folder: Path) -> str:
    """SHA-256 over names and contents of weights, configuration and tokenizer files; remembered while unchanged."""
    paths = sorted({p for pattern in FILES for p in folder.glob(pattern) if p.is_file()})
    whole = hashlib.sha256()
    for path in paths:
        stat = path.stat()
        whole.update(f"{path.name}\0{_hash_file(str(path), stat.st_mtime_ns, stat.st_size)}\0".encode())
    return whole.hexdigest()


@lru_cache(maxsize=256)
def _hash_file(path: str, modified: int, size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _device(device: str) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"device {device!r} cannot be used here; type auto, cpu or cuda",
            zh=f"此处无法使用设备 {device!r}；请用 auto、cpu 或 cuda",
        ) from error
    return place


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype not in DTYPES:
        raise ModelError(
            f"dtype {dtype!r} is unknown; type float32 or bfloat16 (float16 on a GPU)",
            zh=f"未知的 dtype {dtype!r}；请用 float32 或 bfloat16（GPU 上可用 float16）",
        )
    if dtype == "float16" and device.type == "cpu":
        raise ModelError(
            "float16 on a CPU runs at about a quarter of float32's speed; use --dtype bfloat16 or float32",
            zh="在 CPU 上 float16 的速度约为 float32 的四分之一；请用 --dtype bfloat16 或 float32",
        )
    return DTYPES[dtype]
