"""A training by several ranks is that of one process with the same batches.

The checks themselves are in programs/sync.py, which the ranks run.
"""

from __future__ import annotations

import pytest
from mpi import needs_mpi, run

PARTS = {
    2: ("every_sampler", "every_input", "ends"),
    3: ("every_rule",),
    4: ("every_sampler", "every_input", "ends"),
}


@needs_mpi
@pytest.mark.parametrize("count", PARTS)
def test_ranks_train_as_one_process_does(count):
    status, out, errors = run(count, "sync.py", *PARTS[count])
    assert status == 0, out + errors
    assert [line.split()[0] for line in out.splitlines() if line.endswith(" done")] == list(
        PARTS[count]
    )
