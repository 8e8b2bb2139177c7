"""The store of compiled kernels: keys, damage, and folders that can't be used."""

import os
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from steepest.compiler import store as module_store
from steepest.engine.operands import Buffer
from steepest.engine.program import Instruction
from steepest.kernels.atomics import call

SOURCE = Path(__file__).parents[2] / "src"


def helper_of(number):
    """Return a module with a kernel that calls a helper that adds ``number``."""
    module = types.ModuleType("made")
    exec(
        f"def helper(v):\n    return v + {number}\ndef kernel(a):\n    a[0] = helper(a[0])\n",
        module.__dict__,
    )
    return module


def run(module):
    a = np.zeros(1)
    row = np.array(Instruction(module.kernel, {"a": Buffer.of("a", a)}).assemble("float64"))
    assert call(int(row[0]), row.ctypes.data, 0, 1) == 0
    return a[0]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "store"))
    return tmp_path / "store"


def test_the_same_code_is_stored_once_and_a_changed_helper_makes_a_new_kernel(store):
    assert run(helper_of(1.25)) == 1.25
    assert run(helper_of(1.25)) == 1.25  # another function object, the same code
    assert len(list(store.glob("*kernel*.o"))) == 1
    assert run(helper_of(2.5)) == 2.5
    assert len(list(store.glob("*kernel*.o"))) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:10],
        lambda content: b"",
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
    ],
)
def test_a_damaged_file_counts_as_none(tmp_path, damage):
    path = tmp_path / "kernel.o"
    module_store._write(path, b"machine code")
    assert module_store._read(path) == b"machine code"
    path.write_bytes(damage(path.read_bytes()))
    assert module_store._read(path) is None
    assert module_store._read(tmp_path / "missing.o") is None


def test_a_folder_that_can_not_be_made_costs_a_compilation_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "file" / "store"))
    assert run(helper_of(3.75)) == 3.75
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    module_store._write(tmp_path / "store" / "kernel.o", b"machine code")
    assert list((tmp_path / "store").iterdir()) == []


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"STEEPEST_CACHE": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/steepest"),
        ({"HOME": "/home/her"}, "/home/her/.cache/steepest"),
    ],
)
def test_where_the_store_is(environment, expected, monkeypatch):
    for name in ("STEEPEST_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert module_store.cache_folder() == Path(expected)


def test_processes_that_compile_at_once_agree(tmp_path):
    """Both write the same files; neither reads half of one."""
    script = (
        "from steepest.compiler.store import kernel_address\n"
        "from steepest.rules.penalise import decay\n"
        "print(kernel_address(decay, ('f1', 'f', 'f', 'all'), 'float64') != 0)\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | {"STEEPEST_CACHE": str(tmp_path), "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said == ["True\n", "True\n"]
    (stored,) = tmp_path.iterdir()
    assert module_store._read(stored) is not None


@pytest.mark.parametrize("strange", [
    os.mkfifo, Path.mkdir, lambda path: path.symlink_to(path.parent / "victim"),
])  # fmt: skip
def test_only_plain_files_are_read_and_written(tmp_path, strange):
    path, victim = tmp_path / "kernel.o", tmp_path / "victim"
    module_store._write(victim, b"machine code")
    content = victim.read_bytes()
    strange(path)
    assert module_store._read(path) is None
    module_store._write(path, b"other code")
    assert victim.read_bytes() == content
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["kernel.o", "victim"]
