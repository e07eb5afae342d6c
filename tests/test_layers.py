"""The floors of the house: a room uses only rooms below it, and no import goes round in a circle."""

from __future__ import annotations

import ast
import graphlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPO = Path(__file__).parents[1]
SOURCE = REPO / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in (SOURCE / "rung").rglob("*.py")
}
CONTRACT = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]
FLOORS = [[name.strip() for name in line.split("|")] for line in CONTRACT["layers"]]


def imports(module: str) -> set[str]:
    """Modules of ours that ``module`` imports anywhere in its text, in functions too."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = node.module or ""
            # "from rung.task import split" may mean a module or a name in the package.
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in MODULES else base for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name in MODULES}


def floor(module: str) -> int | None:
    """0 is the roof; None: on no floor."""
    for number, rooms in enumerate(FLOORS):
        if any(module == room or module.startswith(room + ".") for room in rooms):
            return number
    return None


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def test_every_room_stands_on_a_floor() -> None:
    outside = {"rung", "rung.__main__"}
    assert {room(m) for m in MODULES if floor(m) is None} - outside == set()
    assert {name for rooms in FLOORS for name in rooms} - {room(m) for m in MODULES} == set()


@pytest.mark.parametrize("module", sorted(m for m in MODULES if floor(m) is not None))
def test_a_room_uses_only_rooms_below_it(module: str) -> None:
    for used in imports(module):
        if room(used) != room(module) and used != "rung":
            assert floor(used) > floor(module), f"{module} imports {used}"  # type: ignore[operator]


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {m: imports(m) - {m} for m in MODULES}
    # A package's own modules may import each other past its __init__; what counts is that something can come first.
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(order) == set(MODULES)


def test_the_nouns_are_light() -> None:
    """``rung.types`` brings no tensor library with it: the command line starts quickly."""
    heavy = {"torch", "transformers", "sklearn", "polars", "pydantic", "numpy"}
    code = f"import sys, rung.types; print(sorted({heavy!r} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"


def test_import_linter_agrees() -> None:
    pytest.importorskip("importlinter", reason="import-linter is in the dev extra")
    # In a process of its own: it puts its hands on the console.
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPO, env=environment)
    assert done.returncode == 0, done.stdout
