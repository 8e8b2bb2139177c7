"""The plan of the house: who may import whom, and where Numba and LLVM are known."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "steepest"

# A file imports from its own room and from rooms on lower floors; types count as imports.
GROUND = ("errors", "validate", "arrays", "records", "printing", "settings", "collect")
CONTRACTS = ("contract", "emitter", "layer", "loss", "rule", "schedule", "schedules", "onnx_form")
CONTRACTS += ("init", "metrics", "shape", "state")
FLOORS = (
    *((name,) for name in ("ground", "system", "kernels", "compiler", "engine", "contracts")),
    ("layers", "losses", "rules", "sampling", "parameters"),
    *((name,) for name in ("lowering", "network", "training", "trainer", "inspection")),
    ("plugins", "tables"),
    ("saved",),
    ("checking", "pipeline"),
    ("interchange", "estimators", "model"),
    ("warmup",),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

# Tables know no network: what lies between is on lower floors, and yet not theirs to use.
ALLOWED = {"tables": {"ground", "system"}}


def module_of(file: Path) -> str:
    """Return the dotted name below ``steepest``; a package is ``package.__init__``."""
    return ".".join(file.relative_to(SOURCE).with_suffix("").parts)


MODULES = {module_of(file): file for file in sorted(SOURCE.rglob("*.py"))}


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield the modules of Steepest that a module imports, types included, with the line."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = module.split(".")[: -node.level]
            name = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{name}.{alias.name}".strip(".")
                for found in (inner, f"{inner}.__init__", name, f"{name}.__init__".strip(".")):
                    if found in MODULES:
                        yield found, node.lineno
                        break


def room(module: str) -> str:
    """Return the folder that a module is in; the files beside the folders make up two rooms."""
    first = module.split(".")[0]
    return "ground" if first in GROUND else "contracts" if first in CONTRACTS else first


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    own = room(module)
    wrong = [
        f"{MODULES[module]}:{line} imports {found}"
        for found, line in imports(module)
        if room(found) != own
        and (LEVEL[room(found)] >= LEVEL[own] or room(found) not in ALLOWED.get(own, set(LEVEL)))
    ]
    assert not wrong, "\n".join(wrong)


def test_no_circle():
    """Follow imports, types included; a module that leads back to itself is a fault."""
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for found, _ in imports(module):
                if found != module:
                    visit(found, (*path, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def others(module: str) -> Iterator[tuple[str, int]]:
    """Yield the packages that a module imports by their full names, with the line."""
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0], node.lineno


def test_numba_and_llvm_are_known_by_the_compiler_alone():
    for module, file in MODULES.items():
        for package, line in others(module):
            known = package in ("numba", "llvmlite")
            assert not known or room(module) == "compiler", f"{file}:{line} imports {package}"
            assert package != "steepest", f"{file}:{line} imports by a full name; use dots"


def test_the_heart_is_short():
    """From the contract of a layer by one layer and the step to one rule."""
    heart = ("layer", "layers.dense", "training.step", "rules.sgd")
    lines = {name: len(MODULES[name].read_text("utf-8").splitlines()) for name in heart}
    assert sum(lines.values()) < 475, lines
