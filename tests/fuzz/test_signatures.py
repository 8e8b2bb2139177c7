"""Wrong calls of public functions raise errors of ours; STEEPEST_WRONG_CALLS says how many."""

import os

from signatures import try_calls


def test_wrong_calls_raise_errors_of_ours_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    number = int(os.environ.get("STEEPEST_WRONG_CALLS", "300"))
    counts, _, faults = try_calls(number, seed=0)
    assert not faults, "\n".join(faults.values())
    assert counts["refused"] > number // 2, counts
