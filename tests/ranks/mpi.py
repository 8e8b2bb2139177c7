"""Runs the programs beside this file on several ranks, by the real mpiexec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steepest.errors import InputError
from steepest.ranks.launch import find_mpiexec, started_as, surroundings

PROGRAMS = Path(__file__).parent / "programs"


def _why_not() -> str:
    """Return why ranks can't be started here; nothing if they can."""
    try:
        find_mpiexec()
    except InputError as error:
        return str(error)
    return ""


needs_mpi = pytest.mark.skipif(bool(_why_not()), reason=f"no MPI: {_why_not()}")


def run(count: int, program: str, *arguments: str, seconds: float = 300) -> tuple[int, str, str]:
    """Return status, output and errors of a program on ``count`` ranks."""
    command = started_as(count, [sys.executable, str(PROGRAMS / program), *map(str, arguments)])
    done = subprocess.run(
        command, env=surroundings(), capture_output=True, text=True, timeout=seconds, check=False
    )
    return done.returncode, done.stdout, done.stderr
