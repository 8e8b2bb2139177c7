"""Event files, read back by the real TensorBoard."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, Tanh, TensorBoard, Trainer, Watch
from steepest.errors import InputError

pytest.importorskip("tensorboardX")
X = np.random.default_rng(0).normal(size=(60, 2))
Y = X[:, :1] * 2


def trained(callback):
    network = Network(Dense(4), Tanh(), Dense(1), inputs=2)
    trainer = Trainer(network, Squared(), SGD(lr=0.1), batch=20)
    return trainer.fit(X, Y, epochs=3, validation=(X, Y), metrics="mae", callbacks=[callback])


@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_was_written(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    watch = Watch(examples=20)
    with TensorBoard(tmp_path, watch=watch, histograms=True) as callback:
        history = trained(callback)
    read = accumulator.EventAccumulator(str(tmp_path)).Reload()
    for name in ("loss", "validation_loss", "mae", "lr"):
        events = read.Scalars(name)
        assert [event.step for event in events] == history["step"].tolist()
        np.testing.assert_allclose([event.value for event in events], history[name], rtol=1e-6)
    norms = [row["dtheta"] for row in watch.rows if row["layer"] == "0"]
    events = read.Scalars("gradients/0/dtheta")
    np.testing.assert_allclose([event.value for event in events], norms, rtol=1e-6)
    assert read.Tags()["histograms"] == [f"parameters/{n}" for n in ("0.A", "0.b", "2.A", "2.b")]
    assert read.Histograms("parameters/0.A")[0].histogram_value.num == 8


def test_a_watched_training_has_the_same_bits(tmp_path):
    plain, logged = trained(lambda progress: None), trained(TensorBoard(tmp_path, watch=Watch()))
    np.testing.assert_array_equal(plain["loss"], logged["loss"])


def test_what_it_needs_is_said(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="watch must be"):
        TensorBoard(tmp_path, watch=3)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(InputError, match=r"pip install steepest\[tensorboard\]"):
        TensorBoard(tmp_path)


def test_nothing_that_lies_in_the_folder_is_written_to(tmp_path, monkeypatch):
    """The name of a file of tensorboardX can be guessed: it is made of the second and the host."""
    monkeypatch.setattr("socket.gethostname", lambda: "host")
    victim = tmp_path / "victim"
    victim.write_text("years")
    (tmp_path / "runs").mkdir()
    guesses = range(int(time.time()), int(time.time()) + 1000)
    for second in guesses:
        (tmp_path / "runs" / f"events.out.tfevents.{second}.host").symlink_to(victim)
    with TensorBoard(tmp_path / "runs") as callback:
        trained(callback)
    assert victim.read_text() == "years"
    assert len(list((tmp_path / "runs").iterdir())) == len(guesses) + 1
    with pytest.raises(InputError, match="is no folder; give the name of one"):
        TensorBoard(victim)
    (tmp_path / "late").write_text("x")
    callback = TensorBoard(tmp_path / "late" / "runs")
    with pytest.raises(InputError, match=r"can't write in .*late/runs: Not a directory"):
        trained(callback)
