"""A training by several ranks is that of one process with the same batches.

The checks themselves are in programs/sync.py, which the ranks run.
"""

from __future__ import annotations

import pytest
from mpi import needs_mpi, run

PARTS = {
    2: ("every_sampler", "ends"),
    3: ("every_rule", "averages", "estimators"),
    4: ("every_input", "sums", "samples"),
}


@needs_mpi
@pytest.mark.parametrize("count", PARTS)
def test_ranks_train_as_one_process_does(count):
    status, out, errors = run(count, "sync.py", *PARTS[count])
    assert status == 0, out + errors
    chosen = errors.count(f"steepest: {count} ranks average")  # how often to, by measurement
    assert chosen == 2 * PARTS[count].count("averages")
    assert [line.split()[0] for line in out.splitlines() if line.endswith(" done")] == list(
        PARTS[count]
    )
