"""Checkpoints that say what has changed since an earlier one."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from steepest import Adam, Checkpoint, CheckpointError, Dense, Embedding, Network, Squared, Trainer
from steepest.training import changes
from steepest.training.changes import PIECE, with_changes
from steepest.training.checkpoint import _bytes, _read, _read_whole

RNG = np.random.default_rng(0)
X = RNG.integers(0, 40, (32, 1)).astype(np.float32)  # of 2,000 rows
Y = RNG.standard_normal((32, 1)).astype(np.float32)


@pytest.fixture(autouse=True)
def few_are_enough(monkeypatch):
    monkeypatch.setattr(changes, "LEAST", 0)
    monkeypatch.setattr(changes, "_BLOCK", 16 * PIECE)  # several blocks of an array


def trainer(lazy=True):
    network = Network(Embedding(2000, 4, lazy=lazy), Dense(1), inputs=1)
    return Trainer(network, Squared(), Adam(0.01), batch=8)


def fit(folder, epochs=4, **more):
    fitted = trainer()
    fitted.fit(X, Y, epochs=epochs, checkpoint=Checkpoint(folder, "1 epoch"), **more)
    return fitted


def names(folder):
    return sorted(int(file.stem.removeprefix("step-")) for file in folder.glob("*.safetensors"))


def test_only_the_rows_touched_are_written_and_the_base_stays(tmp_path):
    fit(tmp_path / "run")
    base, older, newer = sorted((tmp_path / "run").iterdir())
    assert names(tmp_path / "run") == [0, 12, 16]
    assert max(older.stat().st_size, newer.stat().st_size) < base.stat().st_size / 10
    assert _read_whole(newer)[1].file == base
    assert _read_whole(base)[1].file == base


@pytest.mark.parametrize("best", [{}, {"validation": 0.25, "patience": 9}])
def test_going_on_gives_the_bits_of_what_never_stopped(best, tmp_path):
    whole = trainer()
    whole.fit(X, Y, epochs=6, **best)
    fit(tmp_path, epochs=2, **best)
    kept = names(tmp_path)
    resumed = fit(tmp_path, epochs=6, resume=True, **best)
    assert kept[0] == names(tmp_path)[0] == 0  # the base is gone on from
    np.testing.assert_array_equal(resumed.network.theta, whole.network.theta)
    for name, slot in whole.slots.items():
        np.testing.assert_array_equal(resumed.slots[name], slot)


def test_where_most_has_changed_all_is_written_and_the_former_base_goes(tmp_path):
    fitted, seen = trainer(), Checkpoint(tmp_path, "1 epoch")
    fitted.fit(X, Y, epochs=2, checkpoint=seen)
    assert names(tmp_path) == [0, 4, 8]
    state = seen.load()
    state.arrays["theta"] = state.arrays["theta"] + 1
    state.arrays["rule.m"] = state.arrays["rule.m"] + 1
    for step, expected in ((20, [0, 8, 20]), (24, [20, 24]), (28, [20, 24, 28])):
        seen.save(replace(state, step=step), must=True)
        assert names(tmp_path) == expected
    assert np.array_equal(seen.load().arrays["theta"], state.arrays["theta"])


def test_a_base_is_not_written_over_by_what_needs_it(tmp_path):
    kept = Checkpoint(tmp_path, "1 epoch")
    for _ in range(2):  # the second fit begins at step 0 too
        fitted = trainer()
        fitted.fit(X, Y, epochs=2, checkpoint=kept)
        found = Checkpoint(tmp_path).load()
        assert np.array_equal(found.arrays["theta"], fitted.network.theta)
    kept.save(replace(found, step=0, rows=[]), must=True)  # its own base's name
    assert np.array_equal(_read(tmp_path / "step-000000000000.safetensors").arrays["theta"],
                          fitted.network.theta)  # fmt: skip


@pytest.mark.parametrize("damage", ["flipped", "cut", "other", "gone", "changes"])
def test_a_base_that_is_damaged_or_another_is_noticed(damage, tmp_path):
    fit(tmp_path / "run")
    base, older, newer = sorted((tmp_path / "run").iterdir())
    content = base.read_bytes()
    if damage == "flipped":
        base.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    elif damage == "cut":
        base.write_bytes(content[:-100])
    elif damage == "other":
        base.write_bytes(_bytes(replace(_read(base), elapsed=9.0)))
    elif damage == "gone":
        base.unlink()
    else:
        shutil.copy(older, base)
    with pytest.raises(
        CheckpointError, match=rf"{newer.name} is made of changes, and .*{base.name}"
    ):
        _read(newer)
    if damage in ("flipped", "cut", "gone"):
        with pytest.raises(CheckpointError, match="no other good one"):
            fit(tmp_path / "run", resume=True)


def test_where_the_base_can_not_be_read_all_is_written(tmp_path):
    fit(tmp_path)
    kept = Checkpoint(tmp_path)
    state = kept.load()
    for spoil in (lambda file: file.write_bytes(b"short"), lambda file: file.unlink()):
        spoil(tmp_path / f"step-{names(tmp_path)[0]:012d}.safetensors")
        state = replace(state, step=state.step + 1)
        kept.save(state, must=True)
        found = _read(tmp_path / f"step-{state.step:012d}.safetensors")
        assert np.array_equal(found.arrays["theta"], state.arrays["theta"])


def test_bits_count_and_not_values(tmp_path):
    """0 and −0 are equal, NaN is not."""
    kept = Checkpoint(tmp_path, "1 epoch")
    trainer().fit(X, Y, epochs=1, checkpoint=kept)
    state = kept.load()
    v = state.arrays["rule.v"].copy()
    v[-1], v[-2], v[5] = -0.0, np.nan, np.inf
    kept.save(replace(state, step=9, arrays=state.arrays | {"rule.v": v}), must=True)
    assert names(tmp_path) == [0, 4, 9]
    assert kept.load().arrays["rule.v"].tobytes() == v.tobytes()


BASE = {"a": np.arange(40, dtype=np.float32)}  # 160 bytes: three pieces, the last one half empty


@pytest.mark.parametrize(
    "written",
    [
        {"a@places": np.array([0], np.int64)}, {"a@places": np.array([[0]], np.int32)},
        {"a@places": np.array([3], np.int32)}, {"a@places": np.array([-1], np.int32)},
        {"a@places": np.array([2**31 - 1], np.int32)}, {"b@places": np.array([0], np.int32)},
        {"a@pieces": np.zeros((2, PIECE), np.uint8)}, {"a@pieces": np.zeros((1, 8))},
        {"a@places": np.array([1, 0], np.int32), "a@pieces": np.zeros((2, PIECE), np.uint8)},
        {"a@places": np.array([1, 1], np.int32), "a@pieces": np.zeros((2, PIECE), np.uint8)},
    ],
)  # fmt: skip
def test_changes_that_nobody_has_written_are_refused(written):
    good = {"a@places": np.array([2], np.int32), "a@pieces": np.zeros((1, PIECE), np.uint8)}
    np.testing.assert_array_equal(with_changes(BASE, good)["a"], [*range(32), *[0] * 8])
    with pytest.raises((ValueError, KeyError)):
        with_changes(BASE, {**good, **written})
