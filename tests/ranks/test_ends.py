"""Ranks that fail, are killed, get lost or are interrupted; and going on from a checkpoint.

What the ranks do stands in programs/kept.py.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mpi import needs_mpi, run
from programs.kept import train

from steepest import InputError, Ranks, Trainer

TOLD = {
    "raise": ("rank 1 of 2 has failed: ValueError: out of luck", "resume=True"),
    "kill": ("rank 1", "signal 9"),  # mpiexec's words
    "sleep": ("missing for 1.5 s at a meeting of 2 ranks: 1.", "resume=True"),
    "stop": ("rank 1 of 2 is lost: it gave no sign of life for 2.5 s", "resume=True"),
    "stop_later": ("steepest: rank 0 ends: rank 1 of 2 is lost",),
    "leave": ("rank 1 of 2 has come to the end of its program", "same calls"),
    "interrupt": (),
    "busy": (),
    "frozen": (),
}


@needs_mpi
def test_trouble_on_one_rank_ends_all_and_the_training_goes_on(tmp_path):
    def begin(trouble):
        return run(2, "kept.py", tmp_path / trouble, "shuffled", 8, "begin", trouble)

    with ThreadPoolExecutor(10) as pool:
        whole = pool.submit(run, 2, "kept.py", tmp_path / "a", "shuffled", 8, "begin", "none")
        ends = dict(zip(TOLD, pool.map(begin, TOLD), strict=True))
    for trouble, (status, out, errors) in ends.items():
        assert (status == 0) == (not TOLD[trouble]), (trouble, out, errors)
        assert all(text in " ".join(errors.split()) for text in TOLD[trouble]), (trouble, errors)
    said = re.findall(r"rank \d interrupted", ends["interrupt"][1])
    assert sorted(said) == ["rank 0 interrupted", "rank 1 interrupted"]
    assert whole.result()[0] == 0, whole.result()

    status, out, errors = run(2, "kept.py", tmp_path / "kill", "shuffled", 8, "resume", "none")
    assert status == 0, out + errors
    expected = np.load(tmp_path / "a.npy")
    for name in ("kill", "busy", "frozen"):
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), expected)


@needs_mpi
def test_a_training_goes_on_with_another_number_of_ranks(tmp_path):
    def go(count, epochs, resume):
        kept = tmp_path / "kept"
        status, out, errors = run(count, "kept.py", kept, "full", epochs, resume, "none")
        assert status == 0, out + errors

    whole = train(Ranks(), tmp_path / "whole", "full", 20, resume=False)
    go(4, 8, "begin")
    go(2, 13, "resume")
    found = train(Ranks(), tmp_path / "kept", "full", 20, resume=True)  # alone, without MPI
    np.testing.assert_allclose(found.network.theta, whole.network.theta, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="of another training: its data is 103 rows"):
        Trainer(
            found.network, found.loss, found.rule, batch=16, sampling="full", ranks=Ranks()
        ).fit(np.ones((103, 6)), np.ones(103, int), checkpoint=tmp_path / "kept", resume=True)
