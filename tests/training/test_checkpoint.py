"""Checkpoints: what is written, what is refused, and what a disk may do to them."""

import contextlib
import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load, save

from kills import CASES
from steepest import (
    SGD,
    Adam,
    Checkpoint,
    CheckpointError,
    Dense,
    Dropout,
    InputError,
    Logistic,
    Network,
    Poisson,
    ReLU,
    SoftmaxCrossEntropy,
    Trainer,
)
from steepest.settings import spelled_out
from steepest.training import checkpoint
from steepest.training.checkpoint import _bytes, _checksum, _read
from thorough import THOROUGH

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 6)).astype(np.float32)
Y = (X @ RNG.standard_normal((6, 3))).argmax(axis=1)


def trainer(**options):
    network = Network(Dense(8), ReLU(), Dropout(0.2), Dense(3), inputs=6)
    network = options.pop("network", network)
    settings = {"rule": Adam(lr=0.01), "batch": 16, "threads": 1} | options
    return Trainer(network, SoftmaxCrossEntropy(), **settings)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_kills_leave_no_mark():
    """Where they hit is left to chance: ORACLES=1 kills more often."""
    wanted, while_writing = (50, 5) if THOROUGH else (30, 1)
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "kills.py"), "--kills", str(wanted)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    kills, writing = re.search(r"(\d+) kills survived, (\d+) of them while", done.stdout).groups()
    assert int(kills) >= wanted
    assert int(writing) >= while_writing
    assert done.stdout.count("the same bits") == len(CASES)


@pytest.mark.parametrize(
    ("every", "steps"),
    [("1 epoch", [10, 20, 30]), ("3 epochs", [30]), ("7 steps", [7, 14, 21, 28, 30]),
     ("0.000001 seconds", None), ("1000 seconds", [30])],
)  # fmt: skip
def test_written_when_due_and_at_the_end_and_two_are_kept(every, steps, tmp_path):
    folder, seen = tmp_path / "run", []
    checkpoint = Checkpoint(folder, every)
    save = checkpoint.save
    checkpoint.save = lambda state, **must: (seen.append(state.step), save(state, **must))
    trainer().fit(X, Y, epochs=3, checkpoint=checkpoint)
    seen = list(dict.fromkeys(seen))
    assert seen[0] == 0  # at once, so that a folder that can't be written is told at once
    assert steps is None or seen[1:] == steps
    assert seen[-1] == 30
    assert files(folder) == [f"step-{step:012d}.safetensors" for step in seen[-2:]]
    state = Checkpoint(folder).load()
    assert (state.first, state.step, len(state.rows)) == (0, 30, 3)


@pytest.mark.parametrize("every", ["5", 5, "0 steps", "1.5 epochs", "-1 steps", "2 hours", ""])
def test_every_needs_a_unit(every):
    with pytest.raises(InputError, match="every must be a number and a unit"):
        Checkpoint("run", every)


def test_options_that_make_no_sense(tmp_path):
    with pytest.raises(InputError, match="on_fault"):
        Checkpoint(tmp_path, on_fault="ignore")
    with pytest.raises(InputError, match="folder of the checkpoints"):
        trainer().fit(X, Y, resume=True)


def test_going_on_with_another_number_of_threads_gives_the_same_bits(tmp_path):
    once = trainer(rule=Adam(lr=0.01, clip_norm=0.5, l2=0.01))
    once.fit(X, Y, epochs=4, validation=0.2)
    for epochs, threads in enumerate((1, 3, 2, 4), start=1):
        again = trainer(rule=Adam(lr=0.01, clip_norm=0.5, l2=0.01), threads=threads)
        again.fit(X, Y, epochs=epochs, validation=0.2, checkpoint=tmp_path, resume=True)
    assert np.array_equal(once.network.theta, again.network.theta)
    for column in ("loss", "validation_loss"):
        assert np.array_equal(once.history[column], again.history[column])


def test_a_checkpoint_that_names_its_number_of_threads_is_gone_on_from(tmp_path):
    trainer().fit(X, Y, epochs=2, checkpoint=tmp_path)
    state = Checkpoint(tmp_path).load()
    state.settings["threads"] = "7"  # as in files of before
    Checkpoint(tmp_path).save(state, must=True)
    trainer().fit(X, Y, epochs=3, checkpoint=tmp_path, resume=True)


def test_a_checkpoint_whose_settings_have_their_former_names_is_gone_on_from(tmp_path):
    settings = {"sampling": "sequential", "matmul_dtype": "bfloat16"}
    trainer(**settings).fit(X, Y, epochs=2, checkpoint=tmp_path)
    state = Checkpoint(tmp_path).load()
    state.settings["products"] = state.settings.pop("matmul_dtype")
    assert state.settings["sampling"] == "InOrder()"
    state.settings["sampling"] = "Sequential()"
    Checkpoint(tmp_path).save(state, must=True)
    other = trainer(**settings)
    other.fit(X, Y, epochs=4, checkpoint=tmp_path, resume=True)
    assert len(other.history) == 4


def test_a_checkpoint_tells_of_defaults_as_it_always_did(tmp_path):
    trainer(rule=SGD(lr=0.5)).fit(X, Y, epochs=1, checkpoint=tmp_path)
    settings = Checkpoint(tmp_path).load().settings
    assert settings["rule"] == (
        "SGD(lr=0.5, l1=0.0, l2=0.0, weight_decay=0.0, clip_norm=None, clip_value=None, "
        "factors={}, penalty_over_batch=False, momentum=0.0, nesterov=False)"
    )
    assert settings["loss"] == "SoftmaxCrossEntropy(label_smoothing=0.0)"
    for loss, told in ((Logistic(), "Logistic(label_smoothing=0.0)"), (Poisson(), "Poisson()")):
        assert spelled_out(loss) == told


def test_going_on_needs_the_same_training(tmp_path):
    trainer().fit(X, Y, epochs=2, checkpoint=tmp_path)
    changes = {
        "rule": (trainer(rule=SGD(lr=0.1)), X, Y),
        "batch": (trainer(batch=8), X, Y),
        "seed": (trainer(seed=1), X, Y),
        "data": (trainer(), X + 1, Y),
        "sampling": (trainer(sampling="uniform"), X, Y),
        "matmul_dtype": (trainer(matmul_dtype="bfloat16"), X, Y),
    }
    for name, (other, x, y) in changes.items():
        before = other.network.theta.copy()
        with pytest.raises(InputError, match=f"another training: its {name} is"):
            other.fit(x, y, epochs=2, checkpoint=tmp_path, resume=True)
        assert np.array_equal(other.network.theta, before)
        assert other.step == 0
    with pytest.raises(InputError, match="holds a checkpoint already"):
        trainer().fit(X, Y, epochs=2, checkpoint=tmp_path)
    trainer(matmul_dtype="bfloat16").fit(X, Y, epochs=2, checkpoint=tmp_path / "rounded")
    with pytest.raises(InputError, match="its matmul_dtype is 'bfloat16', here it is None"):
        trainer().fit(X, Y, epochs=2, checkpoint=tmp_path / "rounded", resume=True)


def test_one_that_is_done_says_so_again_and_may_go_further(tmp_path):
    first, again, longer, once = trainer(), trainer(), trainer(), trainer()
    history = first.fit(X, Y, epochs=2, checkpoint=tmp_path)
    repeated = again.fit(X, Y, epochs=2, checkpoint=tmp_path, resume=True)
    assert repeated.rows == history.rows
    assert np.array_equal(again.network.theta, first.network.theta)
    longer.fit(X, Y, epochs=5, checkpoint=tmp_path, resume=True)
    once.fit(X, Y, epochs=5)
    assert np.array_equal(longer.network.theta, once.network.theta)
    assert longer.history["epoch"].tolist() == [1, 2, 3, 4, 5]


def test_several_fits_keep_their_state_in_one_folder(tmp_path):
    def fit_twice(fitted, *, stop=False, **options):
        fitted.fit(X, Y, epochs=2, **options)
        fitted.fit(X, Y, epochs=4, callbacks=[lambda p: stop and p.epoch == 1], **options)
        return fitted

    whole = fit_twice(trainer())
    checkpoint = Checkpoint(tmp_path, "1 epoch")
    fit_twice(trainer(), stop=True, checkpoint=checkpoint)
    resumed = trainer()
    resumed.fit(X, Y, epochs=4, checkpoint=Checkpoint(tmp_path), resume=True)
    assert np.array_equal(resumed.network.theta, whole.network.theta)
    assert resumed.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert resumed.step == 60


def test_a_damaged_file_is_noticed_and_the_one_before_serves(tmp_path):
    whole = trainer()
    whole.fit(X, Y, epochs=4, checkpoint=Checkpoint(tmp_path / "run", "9 steps"))
    older, newer = sorted((tmp_path / "run").iterdir())
    content = newer.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for damaged in (content[:0], content[:7], content[:100], content[:-1], flipped):
        shutil.copytree(tmp_path / "run", tmp_path / "copy")
        (tmp_path / "copy" / newer.name).write_bytes(damaged)
        same = trainer()
        with pytest.warns(UserWarning, match=f"{newer.name} is truncated or damaged; going on"):
            same.fit(X, Y, epochs=4, checkpoint=tmp_path / "copy", resume=True)
        assert np.array_equal(same.network.theta, whole.network.theta)
        assert Checkpoint(tmp_path / "copy").load().step == 40
        shutil.rmtree(tmp_path / "copy")
    older.write_bytes(b"")
    newer.write_bytes(b"")
    with pytest.raises(CheckpointError, match="no other good one"):
        trainer().fit(X, Y, epochs=4, checkpoint=tmp_path / "run", resume=True)


def test_what_else_lies_in_the_folder_is_left_alone(tmp_path):
    whole, name = trainer(), "step-000000000099.safetensors"
    whole.fit(X, Y, epochs=4)
    for strange in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/zero")):
        folder = tmp_path / "run"
        trainer().fit(X, Y, epochs=2, checkpoint=folder)
        (folder / "notes.txt").write_text("years")
        for place in (name, f".{name}.part"):
            strange(folder / place)
        resumed = trainer()
        resumed.fit(X, Y, epochs=4, checkpoint=folder, resume=True)
        assert np.array_equal(resumed.network.theta, whole.network.theta)
        assert {"notes.txt", name, f".{name}.part"} < set(files(folder))
        shutil.rmtree(folder)


def resigned(file, change):
    """Change the record of a checkpoint, and sign it again."""
    content = file.read_bytes()
    length = int.from_bytes(content[:8], "little")
    record = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["checkpoint"])
    change(record)
    text, arrays = json.dumps(record).replace('"1e400"', "1e400"), load(content)
    file.write_bytes(save(arrays, {"checkpoint": text, "checksum": _checksum(text, arrays)}))


def put(*path):
    *path, value = path

    def change(record):
        for key in path[:-1]:
            record = record[key]
        record[path[-1]] = value

    return change


INFINITE, ODD = {"not finite": "inf"}, ("best", "elapsed", "first", "step", "before", "rows")


@pytest.mark.parametrize(
    "change",
    [
        *(put(key, value) for key in ODD for value in ([], {}, "1", True, "1e400", math.inf)
          if (key, value) not in (("before", []),)),
        *(put("rows", 0, key, value) for key in ("epoch", "step", "loss")
          for value in (None, "1", [1], "1e400", math.nan, {"not finite": "1"}, True)),
        put("best", [0.5, 1]), put("best", [INFINITE, 1]), put("best", [1, 9]),
        put("best", None), put("best", 1, 1.5), put("rows", []), put("rows", 0, "epoch", 5),
        put("rows", 0, "step", 20),
        put("rows", 1, {"epoch": 2, "step": 20, "loss": 1.0}), put("rows", 1, "step", 21),
        put("elapsed", -1.0), put("step", -1), put("step", 2**62), put("first", 11),
        put("settings", []), put("settings", "seed", 0),
        put("schema", 0), put("schema", "1"), put("format", "x"), put("more", 1),
        lambda record: record.pop("elapsed"),
    ],
)  # fmt: skip
def test_a_record_that_no_fit_has_written_is_damaged(change, tmp_path):
    fit = {"X": X, "y": Y, "epochs": 2, "validation": 0.2, "patience": 2, "checkpoint": tmp_path}
    trainer().fit(**fit)
    resigned((last := sorted(tmp_path.iterdir())[-1]), change)
    with pytest.raises(CheckpointError, match=rf"{last.name} is truncated or damaged"):
        _read(last)
    with pytest.warns(UserWarning, match=f"{last.name} is truncated or damaged; going on"):
        trainer().fit(**fit, resume=True)


def test_a_history_that_is_not_of_its_steps_does_not_fit(tmp_path):
    trainer().fit(X, Y, epochs=2, checkpoint=tmp_path)
    resigned(sorted(tmp_path.iterdir())[-1], lambda record: record["rows"].pop())
    fitted = trainer()
    before = fitted.network.theta.copy()
    with pytest.raises(CheckpointError, match="not that of 20 steps"):
        fitted.fit(X, Y, epochs=3, checkpoint=tmp_path, resume=True)
    assert np.array_equal(fitted.network.theta, before)


def test_arrays_that_no_fit_has_written_are_damaged(tmp_path):
    trainer().fit(X, Y, epochs=2, checkpoint=tmp_path)
    state, last = Checkpoint(tmp_path).load(), sorted(tmp_path.iterdir())[-1]
    whole = dict(state.arrays)
    for name, array in (("theta", np.full_like(whole["theta"], np.nan)), ("pending", np.ones(3)),
                        ("pending", np.ones((3, 2), int)),
                        ("best.theta", whole["theta"])):  # fmt: skip
        state.arrays = whole | {name: array}
        last.write_bytes(_bytes(state))
        with pytest.raises(CheckpointError, match="truncated or damaged"):
            _read(last)


def test_numbers_of_a_history_may_be_other_than_finite(tmp_path):
    rows = [{"epoch": k + 1, "step": k + 1, "loss": 1.0, "odd": odd}
            for k, odd in enumerate((math.nan, math.inf, -math.inf))]  # fmt: skip
    trainer().fit(X, Y, epochs=1, checkpoint=tmp_path)
    state = Checkpoint(tmp_path).load()
    state.rows, state.best = rows, (math.inf, 1)
    state.arrays["best.theta"] = state.arrays["theta"]
    Checkpoint(tmp_path).save(state, must=True)
    again = Checkpoint(tmp_path).load()
    assert repr(again.rows) == repr(rows)
    assert again.best == (math.inf, 1)


@pytest.mark.parametrize(
    ("schema", "sampling"),
    [(1, "sequential"), (2, "shuffled")],  # (1 calls it Sequential)
)
def test_a_checkpoint_of_an_earlier_schema_is_gone_on_from(tmp_path, schema, sampling):
    shutil.copytree(ROOT / "tests" / "fixtures" / f"checkpoint_schema_{schema}", tmp_path / "run")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(int)

    def fit(**options):
        layers = Dense(4), ReLU(), Dense(2)
        fitted = trainer(network=Network(*layers, inputs=3), sampling=sampling)
        fitted.fit(x, y, epochs=4, validation=0.2, patience=3, **options)
        return fitted

    state = Checkpoint(tmp_path / "run").load()
    assert state.step == 5
    assert set(state.arrays) == {"theta", "rule.m", "rule.v", "pending", "best.theta"}
    resumed, whole = fit(checkpoint=tmp_path / "run", resume=True), fit()
    assert resumed.history["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(resumed.network.theta, whole.network.theta, rtol=1e-4, atol=1e-6)
    assert Checkpoint(tmp_path / "run").steps[-1] == 8


def test_a_history_too_long_to_be_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "_LONGEST", 300)
    with pytest.raises(CheckpointError, match=r"step 0.*history is too long: .* bytes, at most"):
        trainer().fit(X, Y, epochs=1, checkpoint=tmp_path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("strange", [
    Path.mkdir, os.mkfifo, lambda path: path.symlink_to(path.parent / "victim"),
])  # fmt: skip
def test_names_that_are_taken_are_told_and_left_alone(strange, tmp_path):
    (tmp_path / "victim").write_text("years")
    name = "step-000000000000.safetensors"
    strange(tmp_path / name)
    with pytest.raises(CheckpointError, match=f"{name} is (a link|a folder|not a plain file)"):
        trainer().fit(X, Y, epochs=1, checkpoint=tmp_path, resume=True)
    assert files(tmp_path) == [name, "victim"]
    assert (tmp_path / "victim").read_text() == "years"


# Faults of the disk, while training goes on.


def vanished(folder):
    folder.rename(folder.with_name("elsewhere"))
    return lambda: folder.with_name("elsewhere").rename(folder)


def full(folder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def read_only(folder):
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:  # whom no mode stops
        os.seteuid(65534)

    def undo():
        os.seteuid(user)
        folder.chmod(0o755)

    return undo


FAULTS = {
    vanished: "there is no such folder",
    full: "File too large",
    read_only: "Permission denied",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("on_fault", ["continue", "stop"])
def test_faults_of_the_disk_are_told(fault, on_fault, tmp_path):
    folder, undo = tmp_path / "run", []
    checkpoint = Checkpoint(folder, "4 steps", on_fault=on_fault, report=(said := []).append)

    def strike(progress):
        if progress.epoch == 2 and progress.epoch_ended:
            undo.append(fault(folder))

    fitted, whole = trainer(), trainer()
    whole.fit(X, Y, epochs=6)
    stops = pytest.raises(CheckpointError, match=FAULTS[fault])
    try:
        with stops if on_fault == "stop" else contextlib.nullcontext():
            fitted.fit(X, Y, epochs=6, checkpoint=checkpoint, callbacks=[strike])
    finally:
        undo[0]()
    if on_fault == "continue":
        assert np.array_equal(fitted.network.theta, whole.network.theta)
        assert len(said) == 1  # and not at every try
        assert FAULTS[fault] in said[0]
        assert "training goes on" in said[0]
    assert Checkpoint(folder).load().step in (16, 20)  # the last good one
    assert not list(folder.glob(".*"))
    resumed = trainer()
    resumed.fit(X, Y, epochs=6, checkpoint=folder, resume=True)
    assert np.array_equal(resumed.network.theta, whole.network.theta)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mount"), reason="mounting needs root")
def test_a_disk_that_is_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        fitted = trainer()
        with pytest.warns(UserWarning, match="No space left on device"):
            fitted.fit(X, Y, epochs=4, checkpoint=Checkpoint(disk / "run", "1 epoch"), callbacks=[
                lambda p: fill(disk) if p.epoch == 2 and p.epoch_ended else None
            ])  # fmt: skip
        assert len(fitted.history) == 4
        (disk / "rest").unlink()
        resumed = trainer()
        resumed.fit(X, Y, epochs=4, checkpoint=disk / "run", resume=True)
        assert np.array_equal(resumed.network.theta, fitted.network.theta)
    finally:
        subprocess.run(["umount", disk], check=True)


def fill(disk):
    with contextlib.suppress(OSError), (disk / "rest").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_folder_that_cannot_be_used_is_told_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "no" / "where", tmp_path / "file"):
        fitted = trainer()
        before = fitted.network.theta.copy()
        with pytest.raises(CheckpointError, match="can't be used"):
            fitted.fit(X, Y, checkpoint=place)
        assert np.array_equal(fitted.network.theta, before)
        assert fitted.step == 0


def test_the_best_epoch_is_remembered(tmp_path):
    def fit(fitted, stop_at=0, **options):
        return fitted.fit(
            X[:40], Y[:40], epochs=100, validation=(X[40:], Y[40:]), patience=6,
            callbacks=[lambda p: p.epoch_ended and p.epoch == stop_at], **options,
        )  # fmt: skip

    whole = trainer(rule=SGD(lr=2.0))
    history = fit(whole)
    best = int(history["validation_loss"].argmin()) + 1
    assert len(history) == best + 6
    fit(trainer(rule=SGD(lr=2.0)), best + 3, checkpoint=tmp_path)
    resumed = trainer(rule=SGD(lr=2.0))
    assert len(fit(resumed, checkpoint=tmp_path, resume=True)) == best + 6
    assert np.array_equal(resumed.network.theta, whole.network.theta)
    again = trainer(rule=SGD(lr=2.0))  # patience has run out already
    assert len(fit(again, checkpoint=tmp_path, resume=True)) == best + 6
    assert np.array_equal(again.network.theta, whole.network.theta)


def test_ctrl_c_comes_at_a_whole_step_whenever_it_comes(tmp_path):
    """Also while a validation set of several blocks is looked at."""
    big = RNG.standard_normal((70_000, 6)).astype(np.float32)
    options = {"validation": (big, (big[:, 0] > 0).astype(int)), "patience": 50, "epochs": 12}
    whole = trainer()
    expected = whole.fit(X, Y, **options)
    options |= {"checkpoint": tmp_path, "resume": True}
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    interrupted = 0
    for moment in (0.0001, 0.0005, 0.001, 0.002, 0.003, 0.005):
        fitted, armed = trainer(), []

        def arm(progress, moment=moment, armed=armed):
            if progress.epoch_ended and not armed:
                armed.append(signal.setitimer(signal.ITIMER_REAL, moment))

        try:
            fitted.fit(X, Y, **options, callbacks=[arm])
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        state = Checkpoint(tmp_path).load()
        assert state.step == fitted.step
        kept = state.arrays.get("best.theta", state.arrays["theta"])
        assert np.array_equal(fitted.network.theta, kept)
    assert interrupted
    resumed = trainer()
    history = resumed.fit(X, Y, **options)
    assert np.array_equal(resumed.network.theta, whole.network.theta)
    for column in ("loss", "validation_loss", "epoch", "step", "lr"):
        assert history[column].tolist() == expected[column].tolist()
