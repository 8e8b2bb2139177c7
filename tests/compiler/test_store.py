"""The store of compiled kernels: keys, damage, and folders that can't be used."""

import gc
import hashlib
import itertools
import math
import os
import stat
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from helpers import row_of
from steepest.compiler import store as module_store
from steepest.engine.operands import Buffer
from steepest.engine.program import Instruction
from steepest.errors import InputError
from steepest.kernels.atomics import call
from steepest.system.caches import user_cache
from steepest.system.files import is_ours

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
    row = row_of(Instruction(module.kernel, {"a": Buffer.of("a", a)}), "float64")
    assert call(int(row[0]), row.ctypes.data, 0, 1) == 0
    return a[0]


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STEEPEST_CACHE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.mark.parametrize("collects", [True, False])
def test_no_cycles_are_looked_for_while_a_kernel_is_compiled(store, collects):
    seen = []

    def compile_it(symbol):
        seen.append(gc.isenabled())
        raise InputError("not today")

    try:
        if not collects:
            gc.disable()
        with pytest.raises(InputError, match="not today"):
            module_store.address_of(helper_of(9).kernel, ("f1", "float64"), compile_it)
        assert (seen, gc.isenabled()) == ([False], collects)
    finally:
        gc.enable()


def test_kernels_that_would_have_to_be_compiled_are_counted(store):
    known, other = helper_of(1), helper_of(2)
    run(known)
    kernels = [(module.kernel, ("f1",), "float64") for module in (known, other, other)]
    assert module_store.count_lacking(kernels) == 1
    run(other)
    assert module_store.count_lacking(kernels) == 0


def test_the_same_code_is_stored_once_and_a_changed_helper_makes_a_new_kernel(store):
    assert run(helper_of(1.25)) == 1.25
    assert run(helper_of(1.25)) == 1.25  # another function object, the same code
    assert len(list(store.glob("*kernel*.o"))) == 1
    assert run(helper_of(2.5)) == 2.5
    assert len(list(store.glob("*kernel*.o"))) == 2


@pytest.mark.parametrize(
    ("imports", "call"),
    [("import math", "math.{}(1)"), ("from math import {} as f", "f(1)")],
)
def test_a_kernel_that_calls_another_function_of_a_library_is_another(store, imports, call):
    for name in ("sin", "cos"):
        module = types.ModuleType("made")
        source = f"{imports}\ndef kernel(a):\n    a[0] = {call}\n".replace("{}", name)
        exec(source, module.__dict__)
        assert run(module) == pytest.approx(getattr(math, name)(1))


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


def test_a_file_under_another_kernels_name_is_not_run_but_made_anew(store):
    run(helper_of(0.25))
    (first,) = store.glob("*kernel*.o")
    run(helper_of(0.75))
    (second,) = set(store.glob("*kernel*.o")) - {first}
    content = second.read_bytes()
    second.write_bytes(first.read_bytes())
    module_store._addresses.clear()
    assert run(helper_of(0.75)) == 0.75
    assert second.read_bytes() == content


def test_garbage_with_a_checksum_of_itself_is_not_run(store):
    run(helper_of(5.5))
    (stored,) = store.glob("*kernel*.o")
    content = stored.read_bytes()
    garbage = b"garbage" * 100
    stored.write_bytes(hashlib.sha256(garbage).digest() + garbage)
    module_store._addresses.clear()
    assert run(helper_of(5.5)) == 5.5
    assert stored.read_bytes() == content


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_believed(tmp_path, mode):
    path = tmp_path / "kernel.o"
    module_store._write(path, b"machine code")
    path.chmod(mode)
    assert module_store._read(path) is None
    module_store._write(path, b"machine code")
    assert module_store._read(path) == b"machine code"


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_used(tmp_path, mode):
    path = tmp_path / "store" / "kernel.o"
    module_store._write(path, b"machine code")
    path.parent.chmod(mode)
    with pytest.warns(RuntimeWarning, match=f"{path.parent} .* others can write .* chmod go-w"):
        assert module_store._read(path) is None
    module_store._write(path.with_name("other.o"), b"machine code")
    assert list(path.parent.iterdir()) == [path]


def test_a_new_folder_is_the_users_alone_whatever_the_umask(tmp_path):
    before = os.umask(0o002)
    try:
        module_store._write(tmp_path / "store" / "kernel.o", b"machine code")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert module_store._read(tmp_path / "store" / "kernel.o") == b"machine code"


@pytest.mark.parametrize(
    ("owner", "mode", "ours"),
    [(0, 0o644, True), (7, 0o600, True), (8, 0o600, False), (7, 0o660, False), (0, 0o606, False)],
)
def test_whose_files_are_believed(owner, mode, ours, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 7)
    found = os.stat_result((stat.S_IFREG | mode, 1, 1, 1, owner, owner, 0, 0, 0, 0))
    assert is_ours(found) is ours


@pytest.mark.parametrize("kind", ["fifo", "link", "loop", "folder"])
def test_what_is_no_file_is_neither_waited_for_nor_followed(tmp_path, kind):
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "store" / "kernel.o"
    module_store._write(path, b"machine code")
    path.rename(elsewhere)
    content = elsewhere.read_bytes()
    {
        "fifo": lambda: os.mkfifo(path, 0o600),
        "link": lambda: path.symlink_to(elsewhere),
        "loop": lambda: path.symlink_to(path),
        "folder": path.mkdir,
    }[kind]()
    open_files = len(os.listdir("/dev/fd"))  # noqa: PTH208
    assert module_store._read(path) is None
    assert len(os.listdir("/dev/fd")) == open_files  # noqa: PTH208
    module_store._write(path, b"new code")  # which leaves alone what somebody has put there
    assert module_store._read(path) is None
    assert elsewhere.read_bytes() == content


def store_unused_for(folder, days):
    """Write files of these names, each last used so many days ago."""
    for name in days:
        module_store._write(folder / name, b"machine code")
    for name, many in days.items():
        then = time.time() - many * 86400
        os.utime(folder / name, (then, then))


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def new_process(monkeypatch):
    """Call it to have the next kernel be the first that this process writes."""
    return lambda: monkeypatch.setattr(module_store, "_writes", itertools.count())


def test_what_nobody_has_used_for_a_month_goes_and_what_is_not_the_stores_stays(
    tmp_path, new_process
):
    gone = ["steepest_old.o"]
    kept = ["steepest_used.o", "steepest_young.o", "thesis.o", "steepest_notes.txt"]
    days = dict.fromkeys([*gone, *kept], 40) | {"steepest_young.o": 20}
    store_unused_for(tmp_path, days)
    assert module_store._read(tmp_path / "steepest_used.o") == b"machine code"
    new_process()
    module_store._write(tmp_path / "steepest_new.o", b"machine code")
    assert names_in(tmp_path) == {*kept, "steepest_new.o"}


def test_beyond_the_limit_those_go_that_were_not_used_for_longest(
    tmp_path, monkeypatch, new_process
):
    store_unused_for(tmp_path, {"steepest_0.o": 10, "steepest_1.o": 9, "steepest_2.o": 8})
    assert module_store._read(tmp_path / "steepest_0.o") == b"machine code"
    monkeypatch.setattr(module_store, "_LIMIT", 3 * (tmp_path / "steepest_0.o").stat().st_size)
    new_process()
    module_store._write(tmp_path / "steepest_new.o", b"machine code")
    assert names_in(tmp_path) == {"steepest_0.o", "steepest_2.o", "steepest_new.o"}


def test_a_process_that_writes_many_kernels_looks_for_what_goes_now_and_then(
    tmp_path, monkeypatch, new_process
):
    looks = []
    monkeypatch.setattr(module_store, "_clear", looks.append)
    new_process()
    for k in range(module_store._LOOKS + 1):
        module_store._write(tmp_path / f"steepest_{k}.o", b"machine code")
    assert looks == [tmp_path, tmp_path]


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


def test_where_the_store_is(monkeypatch):
    monkeypatch.delenv("STEEPEST_CACHE", raising=False)
    assert module_store.cache_folder() == user_cache()
    monkeypatch.setenv("STEEPEST_CACHE", "/a/b")
    assert module_store.cache_folder() == Path("/a/b")


def test_processes_that_compile_at_once_agree(tmp_path):
    """Both write the same files; neither reads half of one."""
    script = (
        "from steepest.compiler.store import kernel_addresses\n"
        "from steepest.rules.penalise import decay\n"
        "(address,) = kernel_addresses([(decay, ('f1', 'f', 'f', 'all'), 'float64')])\n"
        "print(address != 0)\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            env=os.environ | {"STEEPEST_CACHE": str(tmp_path), "PYTHONPATH": str(SOURCE)},
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [process.communicate(timeout=600)[0] for process in both]
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
