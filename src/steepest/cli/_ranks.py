"""Several processes that train together: how a command starts them, or finds that it is one."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RankError, SteepestError
from ._printing import say

if TYPE_CHECKING:
    from ..ranks.together import Ranks

__all__ = ["EveryOption", "RanksOption", "only_first_speaks", "ranks_of_this_job", "start_ranks"]

_PANEL = "Several processes"
_TOLD = (0, 2, 130, 143)  # what a command ends with that has said why

RanksOption = Annotated[
    int | None,
    typer.Option(
        "--ranks",
        help="Train with this many processes on this machine, each with a share of the rows and of "
        "the cores. On several machines, start them with mpiexec or srun and leave this out.",
        min=1,
        metavar="<int>",
        rich_help_panel=_PANEL,
        show_default="one process",
    ),
]
EveryOption = Annotated[
    int | None,
    typer.Option(
        "--average-every",
        help="After how many steps the processes average what they have learned. With 1 they "
        "average the gradient of every step; then the result is that of one process.",
        min=1,
        metavar="<int>",
        rich_help_panel=_PANEL,
        show_default="decided by what a step and an average take",
    ),
]


def start_ranks(count: int) -> int:
    """Run this command on so many ranks; return the status it ends with."""
    from ..ranks.launch import started_as, surroundings

    words = _without_ranks(sys.argv[1:])
    command = started_as(count, [sys.executable, "-m", "steepest", *words])
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the ranks
    try:
        status = subprocess.run(command, env=surroundings(), check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
    status = 128 - status if status < 0 else status
    if status not in _TOLD:
        kept = any(word.split("=")[0] == "--checkpoint" for word in words)
        again = [*(word for word in sys.argv[1:] if word != "--resume"), "--resume"]
        how = f"go on with: {shlex.join(['steepest', *again])}"
        hint = how if kept else "with --checkpoint FOLDER it could go on from where it was"
        say(f"steepest: the ranks ended with status {status}, see above; {hint}", error=True)
    return status


def _without_ranks(words: list[str]) -> list[str]:
    """Return the arguments without the option that starts ranks."""
    found, skip = [], False
    for word in words:
        if not skip and word != "--ranks" and not word.startswith("--ranks="):
            found.append(word)
        skip = word == "--ranks"
    return found


def ranks_of_this_job(every: int | None) -> Ranks:
    """Return the ranks that MPI has started, of which this is one; or that there is one alone."""
    from ..ranks.launch import in_a_job
    from ..ranks.together import ALONE, Ranks

    if not in_a_job():
        return ALONE
    from mpi4py import MPI

    return Ranks(MPI.COMM_WORLD, every)


@contextmanager
def only_first_speaks(ranks: Ranks) -> Iterator[None]:
    """Have ranks but the first one print nothing, not even what ends all of them.

    Where the first one is lost, the second one says so.
    """
    if ranks.speaks:
        yield
        return
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115 (what an error says goes there, too)
    sys.stdout = nowhere
    try:
        yield
    except (SteepestError, KeyboardInterrupt) as error:
        first_is_lost = isinstance(error, RankError) and error.is_lost and error.rank == 0
        if not (first_is_lost and ranks.rank == 1):
            sys.stderr = nowhere
        raise
