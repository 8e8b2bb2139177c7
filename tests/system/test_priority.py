"""A process of the lowest priority."""

import subprocess
import sys

import pytest

from steepest.system import priority

PROGRAM = """
import contextlib
import os
from steepest.system.priority import be_idle
with contextlib.suppress(PermissionError):
    os.setpriority(os.PRIO_PROCESS, 0, -5)  # wherever it begins
be_idle()
print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0) == os.SCHED_IDLE)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the priority")
def test_it_has_the_lowest_priority():
    call = [sys.executable, "-c", PROGRAM]
    said = subprocess.run(call, capture_output=True, text=True, check=True, timeout=300).stdout
    assert said == "19 True\n"
    assert priority._IDLE == 0  # a flag of Windows
