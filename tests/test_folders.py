"""Full disks and kills: what is found afterwards is the older folder or the newer one, whole."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from rung.adaptation import hash_folder, load, save
from rung.adapters import LoraConfig, PromptTuningConfig, attach
from rung.adapters import save as save_adapter
from rung.adapters.peft_format import read_config, read_weights
from rung.engine.fake import tiny_llama
from rung.folders import recover, replacing, room_for, writable, write_whole
from rung.ledger import Ledger
from rung.train import Plan, read_checkpoint, train
from rung.types import Adaptation, DiskFull, UserError

SIZE = 20_000  # numbers: saving takes about as long as a step


class Rows:
    targets = 4

    def __init__(self, step: int):
        self.x = torch.randn(4, SIZE, generator=torch.Generator().manual_seed(step)) * 0.01


def go(folder: Path | None, steps: int) -> torch.Tensor:
    """A toy regression with a checkpoint behind every step; the weights at its end."""
    w = torch.nn.Parameter(torch.zeros(SIZE))
    optimizer = torch.optim.AdamW([w], lr=0.01)
    plan = Plan(steps, checkpoint_every=1 if folder else 0)
    loss = lambda rows: ((rows.x @ w - 1).square().sum(), 4)  # noqa: E731
    train(plan, {"w": w}, [optimizer], lambda step: [Rows(step)], loss, folder=folder)
    return w.detach()


# --- a full disk --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'a' -> 'b'")]),
    ],
    ids=["disk", "quota", "safetensors", "copytree"],
)
def test_a_full_disk_says_what_to_do_and_leaves_what_was_there(tmp_path: Path, error: Exception) -> None:
    with replacing(tmp_path / "a") as fresh:
        (fresh / "file").write_text("one")
    with pytest.raises(DiskFull, match="the disk is full.*Free some space") as caught, replacing(tmp_path / "a"):
        raise error
    assert "磁盘已满" in caught.value.zh and str(tmp_path / "a") in caught.value.zh
    assert (tmp_path / "a" / "file").read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    for error in (OSError(errno.EACCES, "Permission denied"), SafetensorError("broken"), ValueError("x")):
        with pytest.raises(type(error)) as caught, room_for(tmp_path):
            raise error
        assert caught.value is error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or libc.mount(b"tmpfs", str(place).encode(), b"tmpfs", 0, b"size=256k") != 0:
        pytest.skip("only root may mount a file system")
    yield place
    libc.umount2(str(place).encode(), 2)


def test_a_really_full_disk(small_disk: Path) -> None:
    hf = tiny_llama()
    handle = attach(hf, LoraConfig(rank=2))
    save_adapter(handle, small_disk / "adapter")
    before = hash_folder(small_disk / "adapter")
    ledger = Ledger(small_disk / "ledger.sqlite")
    with pytest.raises(DiskFull):
        go(small_disk, 3)  # 240 kB a checkpoint
    filler = small_disk / "filler"
    filler.write_bytes(b"0" * max(0, os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize))
    with pytest.raises(DiskFull):
        save_adapter(handle, small_disk / "adapter")
    adaptation = Adaptation("a/b", "a", "generate", "en", adapter=str(small_disk / "adapter"), adapter_sha256=before)
    with pytest.raises(DiskFull):
        save(adaptation, small_disk / "adaptation")
    with pytest.raises(DiskFull, match=r"ledger\.sqlite"):
        for number in range(100):
            ledger.event("something", {"text": "x" * 10_000, "number": number})
    assert hash_folder(small_disk / "adapter") == before
    filler.unlink()
    count = len(ledger.events("something"))
    ledger.event("something", {})
    assert len(ledger.events("something")) == count + 1
    save_adapter(handle, small_disk / "adapter")
    ledger.close()
    assert sorted(p.name for p in small_disk.iterdir()) == ["adapter", "ledger.sqlite"]


def test_a_database_that_is_locked_is_not_full(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError), room_for(tmp_path):
        sqlite3.connect(tmp_path / "a").execute("SELECT * FROM nowhere")


# --- kills --------------------------------------------------------------------------------------------------------


def killed(work: Callable[[], object], after: float) -> None:
    """``work`` in a process of its own, which is killed (-9) that many seconds after it began."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


KILLS = [12, pytest.param(150, marks=pytest.mark.slow)]


@pytest.mark.parametrize("kills", KILLS)
def test_killed_while_checkpoints_are_written(tmp_path: Path, kills: int) -> None:
    steps, chance = 10 * kills, random.Random(0)
    reached = 0
    for _ in range(kills):
        killed(lambda: go(tmp_path, steps), chance.uniform(0.001, 0.03))
        recover(tmp_path / "checkpoint")
        if (tmp_path / "checkpoint").exists():
            state, files = read_checkpoint(tmp_path / "checkpoint")
            assert state["step"] >= reached and set(files) == {"parameters", "optimizers", "random"}
            reached = state["step"]
    assert torch.equal(go(tmp_path, steps), go(None, steps))
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize("kills", KILLS)
@pytest.mark.parametrize("config", [LoraConfig(rank=2), PromptTuningConfig(length=8)], ids=["lora", "prompt"])
def test_killed_while_adapters_and_adaptations_are_written(tmp_path: Path, kills: int, config: object) -> None:
    handle = attach(tiny_llama(), config)
    chance, adapter, folder = random.Random(1), tmp_path / "adapter", tmp_path / "adaptation"
    made = Adaptation("a/b", "a", "generate", "en", adapter=str(adapter))

    def write(value: float) -> None:
        for p in handle.parameters.values():
            p.data.fill_(value)
        save_adapter(handle, adapter)
        save(Adaptation(**{**vars(made), "adapter_sha256": hash_folder(adapter)}), folder)

    def again_and_again() -> None:
        for value in range(1, 10_000):
            write(float(value))

    write(0.0)
    for _ in range(kills):
        killed(again_and_again, chance.uniform(0.001, 0.03))
        recover(adapter)
        assert read_config(adapter)["peft_type"] in ("LORA", "PROMPT_TUNING")
        assert len({float(x) for t in read_weights(adapter).values() for x in t.unique()}) == 1
        assert load(folder).adapter  # its files are those of its hash
    write(0.0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["adaptation", "adapter"]


def test_a_folder_that_cannot_be_is_told_before_work_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert writable(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="a file stands there") as caught:
            writable(place)
        assert "同名文件" in caught.value.zh
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write wherever the disk is not read-only
    with pytest.raises(UserError, match="read-only"):
        writable(tmp_path)

    def locked(*args: object, **more: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", locked)
    with pytest.raises(UserError, match="read-only"):
        writable(tmp_path / "new")


def test_a_file_is_whole_or_what_it_was(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.json", "one")
    (tmp_path / "a.json.new").symlink_to("/dev/full")
    with pytest.raises(DiskFull):
        write_whole(tmp_path / "a.json", "two")
    assert (tmp_path / "a.json").read_text() == "one" and not (tmp_path / "a.json.new").exists()


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "model"
    link.symlink_to(tmp_path / "disk" / "model")  # nothing is there yet
    for text in ("one", "two", "three"):
        with replacing(link) as fresh:
            assert fresh.parent == tmp_path / "disk"  # no rename crosses from one disk to another
            (fresh / "file").write_text(text)
        assert link.is_symlink() and (tmp_path / "disk" / "model" / "file").read_text() == text
        assert [p.name for p in (tmp_path / "disk").iterdir()] == ["model"]
    (tmp_path / "disk" / "model").rename(tmp_path / "disk" / "model.old")  # a kill between the two renames
    recover(link)
    assert (link / "file").read_text() == "three"


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="a file stands there") as caught, replacing(tmp_path / "file"):
        pass
    assert "同名文件" in caught.value.zh
    assert [p.name for p in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "mine"


def test_the_folder_one_is_in_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for here in (Path("."), tmp_path):
        with pytest.raises(UserError, match="the folder that you are in"), replacing(here):
            pass
