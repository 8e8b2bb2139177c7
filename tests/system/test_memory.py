"""How much memory there is."""

import ctypes
import math
import sys
from types import SimpleNamespace

import pytest

from steepest.system.memory import physical_memory


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
