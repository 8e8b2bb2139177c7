"""What must pass before a change lands: lint, format, types on every system, and the tests.

Runs in the environment of the Python that runs it: ``pip install -e ".[dev]"`` first.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS = (
    "ruff check .",
    "ruff format --check .",
    *(f"mypy --platform {system}" for system in ("linux", "darwin", "win32")),
    "pytest -n 2",
)

# The tests start many processes: each reads what Python compiled once.
environment = dict(os.environ)
environment.pop("PYTHONDONTWRITEBYTECODE", None)

for step in STEPS:
    print(f"== {step}", flush=True)
    command = [sys.executable, "-m", *step.split()]
    status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if status:
        sys.exit(status)
