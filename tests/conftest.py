"""Lets the tests in the folders below import `helpers`, and hear Ctrl-C; says what was left out."""

import signal
import sys
from collections import Counter

from hypothesis import HealthCheck, settings

from steepest.system import cores

# A shell that runs the tests in the background has them, and what they start, ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests are for any number of threads, on any machine.
cores.most_threads = lambda: 8

if sys.platform == "win32":  # these make what it lacks: FIFOs, modes, forks, signals, limits
    collect_ignore = [
        "cli/test_signals.py", "compiler/test_store.py", "fuzz", "saved/test_folder.py",
        "system/test_files.py", "tables/test_files.py", "training/test_checkpoint.py",
    ]  # fmt: skip

# How fast examples are drawn depends on what else the machine does.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


def pytest_terminal_summary(terminalreporter):
    """Say in one line which tests of pages were left out, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    pages = [one for one in skipped if one.nodeid.startswith("tests/pages/")]
    why = Counter(str(one.longrepr[2]).removeprefix("Skipped: ") for one in pages)
    if why:
        said = "; ".join(f"{count} because {reason}" for reason, count in why.items())
        terminalreporter.write_line(f"tests of pages left out: {said}")
