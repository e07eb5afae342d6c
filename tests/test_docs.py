"""The documentation says what is so: links, both languages, options, defaults, keys; and its examples run."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
import torch
import yaml
from typer.main import get_command

from rung.adaptation import hash_folder, save
from rung.adapters import LoraConfig, attach
from rung.adapters import save as save_adapter
from rung.cli import app
from rung.engine import fake_model, load_model
from rung.ladder import LADDER, Climb, choose
from rung.prompts import TEMPLATES
from rung.task import load_task
from rung.task.config import KEYS, settings
from rung.types import Adaptation, Decoding, ModelRef, Prompt, Selector

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [*ROOT.glob("*.md"), ROOT / "examples" / "README.md", *DOCS.rglob("*.md")]
CHINESE = [page for page in PAGES if page.name.endswith(".zh.md")]
ADD = (
    DOCS / "guides" / "add-a-rung.md"
)  # its blocks are a file and a line: tests/ladder/test_add_a_rung.py puts them in
FOLLOWED = [  # these need a server: tests/test_docs_run.py, block by block
    DOCS / "guides" / name for name in ("library.md", "production.md", "serve.md")
]
APART = (ADD, *FOLLOWED)
APP = get_command(app)
COMMANDS = {  # "climb", and "pretrain base" of a group
    " ".join(path): command
    for first, top in APP.commands.items()  # type: ignore[attr-defined]
    for path, command in (
        [((first, n), c) for n, c in top.commands.items()] if hasattr(top, "commands") else [((first,), top)]
    )
}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> list[str]:
    """The code blocks of these languages."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [body for language, body in found if language in languages]


def slug(heading: str) -> str:
    """The anchor that GitHub and mkdocs give a heading."""
    plain = unicodedata.normalize("NFKC", heading.strip().lower())
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain))


def headings(page: Path) -> list[tuple[str, str]]:
    """(marks, text) of every heading, in order."""
    return re.findall(r"^(#+) (.+)$", prose(page), re.M)


def rung_lines(page: Path) -> Iterator[list[str]]:
    """The words of every `rung ...` in a page's shell blocks."""
    for block in blocks(page, "bash"):
        for line in block.splitlines():
            for part in line.split(" | "):
                words = shlex.split(part)
                if words and words[0] == "rung":
                    yield words[1:]


def test_pages_are_found() -> None:
    assert len(PAGES) > 25
    assert len(CHINESE) >= 10


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}"
        if anchor:
            assert anchor in {slug(text) for _, text in headings(target)}, f"{name(page)} links to {link}"


@pytest.mark.parametrize("page", CHINESE, ids=name)
def test_both_languages_have_the_same_headings_and_code(page: Path) -> None:
    english = page.with_name(page.name.replace(".zh.md", ".md"))
    assert [marks for marks, _ in headings(page)] == [marks for marks, _ in headings(english)]
    for languages in (("bash",), ("python",)):
        assert blocks(page, *languages) == blocks(english, *languages)
    assert len(blocks(page, "text")) == len(blocks(english, "text"))


def test_guides_concepts_and_start_are_in_chinese_too() -> None:
    for page in [DOCS / "start.md", *(DOCS / "guides").glob("*.md"), *(DOCS / "concepts").glob("*.md")]:
        assert page.name.endswith(".zh.md") or page.with_suffix(".zh.md").exists(), name(page)


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_every_rung_has_a_row_in_the_readme_and_a_page(readme: str) -> None:
    rows = re.findall(r"\| \[([\w-]+)\]\((docs/methods/[\w-]+\.md)\) \|", (ROOT / readme).read_text(encoding="utf-8"))
    assert rows == [(rung.name, f"docs/methods/{rung.name}.md") for rung in LADDER]
    pages = {path.stem for path in (DOCS / "methods").glob("*.md")}
    assert pages == {rung.name for rung in LADDER} | {
        "pretraining",
        "cleaning",
        "lessons",
    }  # what is no rung: the cellar


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_is_documented_and_every_documented_option_exists(command: str) -> None:
    text = (DOCS / "reference" / "commands.md").read_text(encoding="utf-8")
    section = re.search(rf"^## rung {command}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert section, f"no section for rung {command}"
    told = {o for row in re.findall(r"^\| (.*?) \|", section[1], re.M) for o in re.findall(r"`(--[\w-]+)`", row)}
    params = COMMANDS[command].params
    assert told == {o for p in params for o in (*p.opts, *p.secondary_opts) if o.startswith("--") and o != "--help"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_shell_lines_are_commands_that_exist(page: Path) -> None:
    for words in rung_lines(page):
        command, rest = APP, words
        while hasattr(command, "commands"):  # a group: its own options, then the command that it resolves to
            context = command.make_context("rung", list(rest), resilient_parsing=True)
            _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context("rung", list(rest))  # raises for an option that is not there
        for word in words:
            assert not word.startswith("examples/") or (ROOT / word).exists(), word
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for target in re.findall(r"^make ([\w-]+)", "\n".join(blocks(page, "bash")), re.M):
        assert target in targets


@pytest.mark.parametrize("page", sorted((DOCS / "methods").glob("*.md")), ids=name)
def test_defaults_are_those_of_the_code(page: Path) -> None:
    for path, value in re.findall(r"^\| `(rung\.[\w.-]+)` \| `(.*?)` \|", page.read_text(encoding="utf-8"), re.M):
        assert repr(look_up(path)) == value, path


def look_up(path: str) -> object:
    """``rung.room.NAME``, ``rung.room.Class.field`` or ``rung.room.TABLE.key.field``."""
    parts = path.split(".")
    at = next(i for i, part in enumerate(parts) if not part.islower())
    found = importlib.import_module(".".join(parts[:at]))
    for part in parts[at:]:
        found = found[part] if isinstance(found, Mapping) else getattr(found, part)
    return found


def test_every_key_of_a_result_is_documented(tmp_path: Path) -> None:
    task = load_task(ROOT / "examples" / "customer_service.csv", output="intent", target=0.99)
    Climb(task, fake_model(), tmp_path / "run", rungs=choose("majority,tfidf")).run()
    told = (DOCS / "reference" / "result-json.md").read_text(encoding="utf-8")
    result = json.loads((tmp_path / "run" / "result.json").read_text(encoding="utf-8"))
    found = set(result) | {key for part in (*result["rungs"], *result["candidates"]) for key in (*part, *part["cost"])}
    for part in ("task", "chosen", "test", "model"):
        found |= set(result[part])
    assert not [key for key in sorted(found) if not re.search(rf"[`.]{key}[`.\[]", told)]


def test_every_key_of_an_adaptation_and_of_task_yaml_is_documented() -> None:
    told = (DOCS / "reference" / "adaptation-folder.md").read_text(encoding="utf-8")
    parts = (Adaptation, Prompt, Selector, Decoding, ModelRef)
    assert not [
        f.name for part in parts for f in fields(part) if f"`{f.name}`" not in told and f.name != "demonstrations"
    ]
    page = DOCS / "reference" / "task-yaml.md"
    rows = re.findall(r"^\| (`.*?`) \|", page.read_text(encoding="utf-8").split("\n## ")[0], re.M)
    assert sorted(key for row in rows for key in re.findall(r"`(\w+)`", row)) == sorted(KEYS)
    for block in blocks(page, "yaml"):
        settings(yaml.safe_load(block), "the page")


@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_every_room_stands_in_the_tree(readme: str) -> None:
    told = set(re.findall(r"^  ([\w/]+(?:\.py)?) ", "\n".join(blocks(ROOT / readme, "text")), re.M))
    rooms = {
        p.name + "/" * p.is_dir() for p in (ROOT / "src" / "rung").iterdir() if not p.name.startswith(("__", "py."))
    }
    assert told == rooms


def test_the_menu_of_the_pages_leads_to_files() -> None:
    def files(part: object) -> Iterator[str]:
        if isinstance(part, str):
            yield part
        else:
            for inner in part.values() if isinstance(part, dict) else part:  # type: ignore[attr-defined]
                yield from files(inner)

    class Menu(yaml.SafeLoader):
        """Names of Python functions, which mkdocs takes in its settings, stay names."""

    Menu.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda _loader, suffix, _node: suffix)
    read = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Menu)
    listed = set(files(read["nav"]))
    assert listed == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a page finds after `make demo`: the examples, and a LoRA of sprout (here a random one)."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / "examples").symlink_to(ROOT / "examples")
    model = load_model("sprout")
    handle = attach(model.hf, LoraConfig(), seed=0)
    generator = torch.Generator().manual_seed(0)
    for key, weights in handle.parameters.items():
        if "lora_B" in key:  # zero in a fresh one, which would change no answer
            weights.data.normal_(0, 0.05, generator=generator)
    save_adapter(handle, folder / "fresh", base="sprout")
    handle.detach()
    labels = ("account", "billing", "change", "delivery", "fault", "question", "refund", "thanks")
    made = Adaptation(
        name="lora/bare", rung="lora", kind="classify", language="zh", labels=labels,
        prompt=TEMPLATES["zh"]["classify"][0], adapter=str(folder / "fresh"),
        adapter_sha256=hash_folder(folder / "fresh"), model=ModelRef("sprout", model.sha256),
    )  # fmt: skip
    (folder / "runs" / "demo" / "adaptations").mkdir(parents=True)
    save(made, folder / "runs" / "demo" / "adaptations" / "lora")
    return folder


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")  # PEFT's
@pytest.mark.parametrize("page", [p for p in PAGES if p not in (*CHINESE, *APART) and blocks(p, "python")], ids=name)
def test_python_blocks_run(
    page: Path, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone)
    names: dict[str, object] = {"__name__": "page"}
    for number, block in enumerate(blocks(page, "python"), 1):
        exec(compile(block, f"{name(page)} block {number}", "exec"), names)
    if page.name == "use-an-adaptation.md":  # PEFT must say what Rung says
        said = capsys.readouterr().out.splitlines()
        assert said[-1] == f"answer: {said[0].split()[0]}"
