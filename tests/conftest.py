"""Lets the tests in the folders below import `helpers`, and hear Ctrl-C; says what was left out."""

import math
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from steepest.system import cores
from steepest.training import run

# A shell that runs the tests in the background has them, and what they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests start Python a hundred times. Where it is told to keep no bytecode, as in many containers,
# each of these processes would compile the package anew, and each worker the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Numba colours every message that it may have to show: a twentieth of a compilation.
os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")

# Tests are for any number of threads, on any machine, however busy that is.
cores.most_threads = lambda: 8
run.idle_cores = lambda: math.inf

if sys.platform == "win32":  # these make what it lacks: FIFOs, modes, forks, signals, limits
    collect_ignore = [
        "cli/test_signals.py", "compiler/test_store.py", "fuzz", "saved/test_folder.py",
        "system/test_files.py", "tables/test_files.py", "training/test_checkpoint.py",
    ]  # fmt: skip

# How fast examples are drawn depends on what else the machine does.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


@pytest.fixture(autouse=True)
def figures_are_closed():
    """Close what a test has drawn: Matplotlib warns of many figures that are open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def few_people(tmp_path_factory):
    """Return a file of one row in ten of the census, for commands that need no more."""
    import pyarrow.parquet as pq

    table = pq.read_table(Path(__file__).parents[1] / "data" / "census_income.parquet")
    place = tmp_path_factory.mktemp("people") / "census_income.parquet"
    pq.write_table(table.take(list(range(0, table.num_rows, 10))), place)
    return place


def pytest_terminal_summary(terminalreporter):
    """Say in one line which tests of pages were left out, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    pages = [one for one in skipped if one.nodeid.startswith("tests/pages/")]
    why = Counter(str(one.longrepr[2]).removeprefix("Skipped: ") for one in pages)
    if why:
        said = "; ".join(f"{count} because {reason}" for reason, count in why.items())
        terminalreporter.write_line(f"tests of pages left out: {said}")
