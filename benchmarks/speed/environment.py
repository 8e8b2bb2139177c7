"""An environment of its own for the peers."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).parent / "peers.txt"


def enter(folder: Path, arguments: list[str]) -> None:
    """Make the environment unless it is there, and run this benchmark in it instead.

    A peer that can't be installed is left out, and said to be missing by the benchmark.
    """
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-e", str(ROOT)], check=True)
    if subprocess.run([*pip, "-r", str(PEERS)], check=False).returncode != 0:
        lines = [line for line in PEERS.read_text().splitlines() if line and line[0] != "#"]
        options = [word for line in lines if line[0] == "-" for word in line.split()]
        for line in lines:
            if line[0] != "-":
                subprocess.run([*pip, *options, line], check=False)
    done = subprocess.run(
        [str(python), "-m", "benchmarks.speed", *arguments], cwd=ROOT, check=False
    )
    sys.exit(done.returncode)
