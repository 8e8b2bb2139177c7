"""What must pass before a change lands: lint, format, types on every system, the tests, the site.

    pip install -e ".[dev,docs]"
    python scripts/check.py

It runs in the environment of the Python that runs it. Without the extra "docs" the site is left
out, and that is said.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
STEPS = (
    "-m ruff check .",
    "-m ruff format --check .",
    *(f"-m mypy --platform {system}" for system in ("linux", "darwin", "win32")),
    "-m pytest -n 2",
    "scripts/docs --notebooks",
)


def main() -> None:
    """Run one step after the other, and end with the first that fails."""
    # The tests start many processes: each reads what Python compiled once.
    environment = dict(os.environ)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for step in STEPS:
        if step.startswith("scripts/docs") and find_spec("mkdocs") is None:
            print('== the site is left out: pip install -e ".[docs]"')
            continue
        print(f"== {step}", flush=True)
        command = [sys.executable, *step.split()]
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if status:
            sys.exit(status)


if __name__ == "__main__":
    main()
