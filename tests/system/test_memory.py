"""How much memory there is."""

import ctypes
import math
import sys
from types import SimpleNamespace

import pytest

from steepest.system.memory import memory_of_file, physical_memory


def test_this_machine_says_how_much_it_has():
    assert 2**28 < physical_memory() < 2**50


@pytest.mark.parametrize("answers", [True, False])
def test_windows_fills_a_record_of_64_bytes(answers, monkeypatch):
    def answer(status):
        record = (ctypes.c_uint64 * 8).from_address(ctypes.addressof(status._obj))
        assert record[0] == 64  # its length, in the lower half
        if answers:
            record[1] = 2**34  # of physical memory
        return answers

    monkeypatch.setattr(sys, "platform", "win32")
    kernel = SimpleNamespace(GlobalMemoryStatusEx=answer)
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    assert physical_memory() == (2**34 if answers else math.inf)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has files in memory")
def test_who_opens_a_file_as_memory_sees_what_others_write(tmp_path):
    path = tmp_path / "vector"
    path.write_bytes(bytes(8192))
    mine, yours = (memory_of_file(str(path), 8192, own, 4096) for own in (0, 4096))
    mine[5000] = 7
    assert yours[5000] == 7
    assert memory_of_file(str(tmp_path / "nothing"), 8192, 0, 4096) is None


def test_elsewhere_there_is_no_such_memory(tmp_path, monkeypatch):
    (tmp_path / "vector").write_bytes(bytes(8192))
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory_of_file(str(tmp_path / "vector"), 8192, 0, 4096) is None
