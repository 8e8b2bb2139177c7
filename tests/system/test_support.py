"""Systems that Steepest runs on, and others."""

import ast
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from steepest import SteepestError
from steepest.system.support import check_support

SOURCE = Path(__file__).parents[2] / "src" / "steepest"

OTHERS = [
    ("platform", "sunos5", "this is cpython on 64-bit, little-endian sunos5"),
    ("platform", "emscripten", "this is cpython on 64-bit, little-endian emscripten"),
    ("byteorder", "big", "64-bit, big-endian"),
    ("maxsize", 2**31 - 1, "32-bit, little-endian"),
    ("implementation", SimpleNamespace(name="pypy"), "this is pypy on 64-bit"),
]


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_these_systems_are_supported(system, monkeypatch):
    monkeypatch.setattr(sys, "platform", system)
    check_support()


@pytest.mark.parametrize(("name", "value", "said"), OTHERS)
def test_another_system_gets_one_sentence(name, value, said, monkeypatch):
    monkeypatch.setattr(sys, name, value)
    with pytest.raises(ImportError, match=said) as caught:
        check_support()
    assert isinstance(caught.value, SteepestError)
    assert "\n" not in str(caught.value)


def test_the_sentence_comes_before_anything_else_is_imported():
    script = (
        "import sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "sys.byteorder = 'big'\n"
        "try:\n    import steepest\n"
        "except ImportError as error:\n    print(error)\n"
        "print(sorted({'numpy', 'llvmlite', 'scipy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(SOURCE.parent)],
        capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    sentence, imported = done.stdout.splitlines()
    assert sentence.endswith("this is cpython on 64-bit, big-endian " + {
        "linux": "Linux", "darwin": "macOS", "win32": "Windows"}[sys.platform])  # fmt: skip
    assert imported == "[]"


ASKS = {"sys": {"platform", "getwindowsversion"}, "os": {"name", "uname"}}


def test_only_this_folder_asks_what_the_system_is():
    """Whoever needs to know asks for what it needs, and gets it here."""
    found = []
    for path in SOURCE.rglob("*.py"):
        if path.parent.name == "system":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(value=ast.Name(id=module), attr=name):
                    asks = name in ASKS.get(module, ())
                case ast.Import(names=names):
                    asks = any(alias.name in ("platform", "fcntl", "msvcrt") for alias in names)
                case ast.ImportFrom(module=module, names=names):
                    asks = any(alias.name in ASKS.get(module, ()) for alias in names)
                case _:
                    asks = False
            if asks:
                found.append(f"{path.relative_to(SOURCE)}:{node.lineno}")
    assert found == []
