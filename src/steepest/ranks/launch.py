"""Starting ranks on this machine, by the mpiexec of whatever MPI is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError

__all__ = ["find_mpiexec", "in_a_job", "started_as", "surroundings"]

_NAMES = ("mpiexec", "mpirun")
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")
_SLURM = "SLURM_STEP_NUM_TASKS"

# More ranks than cores are for tests and teaching, and who is root in a container may start them;
# Open MPI 4 and 5 ask for it by these names. Threads are given out by us, so no rank is bound.
_OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}


def find_mpiexec() -> str:
    """Return the path of mpiexec: that of this environment before others.

    Raises
    ------
    InputError
        If there is none, or mpi4py is not installed.
    """
    beside = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    found = next(filter(None, (shutil.which(name, path=beside) for name in _NAMES)), None)
    lacking = [
        name
        for name, is_there in (
            ("mpi4py", importlib.util.find_spec("mpi4py") is not None),
            ("mpiexec", found is not None),
        )
        if not is_there
    ]
    if found is None or lacking:
        raise InputError(
            f"ranks: {' and '.join(lacking)} can't be found; install both by "
            "pip install 'steepest[mpi]', or take those of your cluster (module load openmpi)"
        )
    return found


def started_as(count: int, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a command on so many ranks."""
    return [find_mpiexec(), "-n", str(count), *arguments]


def surroundings(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment to start ranks in."""
    return {**_OPEN_MPI, **given}


def in_a_job(given: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is one of several that MPI has started."""
    sizes = [given.get(name, "1") for name in _SIZES]
    if "SLURM_PROCID" in given:
        sizes.append(given.get(_SLURM, "1"))
    return any(size.isdigit() and int(size) > 1 for size in sizes)
