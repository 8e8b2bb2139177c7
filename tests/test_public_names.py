import ast
import inspect
import re
from pathlib import Path

import pytest

import steepest
from steepest import layers, losses, rules, schedules


@pytest.mark.parametrize("name", steepest.__all__)
def test_every_public_name_is_documented(name):
    assert inspect.getdoc(getattr(steepest, name))


def test_names_are_sorted_and_no_submodule_hides():
    assert steepest.__all__ == sorted(set(steepest.__all__))
    assert set(steepest.__all__) <= set(dir(steepest))
    assert re.fullmatch(r"\d+\.\d+\.\d+", steepest.__version__)


@pytest.mark.parametrize("folder", [layers, losses, rules, schedules], ids=lambda f: f.__name__)
def test_type_checkers_see_every_class(folder):
    """A class is exported when its file is there; checkers and editors need a line for it."""
    file = Path(folder.__file__)
    lines = set(re.findall(r"^    (from \.\w+ import .*)$", file.read_text(), re.MULTILINE))
    wanted = {
        f"from .{kind.__module__.rpartition('.')[2]} import {name} as {name}"
        for name in folder.__all__
        if (kind := getattr(folder, name)).__module__.startswith(f"{folder.__name__}.")
    }
    assert not wanted - lines, f"{file} lacks, under TYPE_CHECKING: {sorted(wanted - lines)}"
    assert not lines - wanted, f"{file} has lines of what is not there: {sorted(lines - wanted)}"


def test_type_checkers_see_what_the_package_exports():
    text = Path(steepest.__file__).read_text()
    seen = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level:
            for alias in node.names:
                if alias.name == "*":
                    seen |= set(getattr(steepest, node.module).__all__)
                elif alias.asname == alias.name:
                    seen.add(alias.name)
    assert seen == set(steepest.__all__)
