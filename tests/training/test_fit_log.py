"""What is known of a fit while it goes on."""

import numpy as np
import pytest

from steepest import Dense, Network
from steepest.training.early_stopping import EarlyStopping
from steepest.training.fit_log import FitLog


def test_progress_within_an_epoch_and_at_its_end():
    network, log = Network(Dense(1), inputs=1), FitLog(3, [4, 2])
    log.losses.add([1.0], [0.5])
    within = log.progress(network)
    assert (within.epoch, within.epochs, within.step, within.steps) == (0, 3, 1, 6)
    assert (within.epoch_ended, within.row, within.loss, within.lr) == (False, {}, 1.0, 0.5)
    log.losses.add([4.0], [0.25])
    log.close(log.row(2), network.built.vectors)
    ended = log.progress(network)
    assert (ended.epoch, ended.step, ended.epoch_ended, ended.lr) == (1, 2, True, 0.25)
    assert ended.loss == ended.row["loss"] == 2.0
    # Two thirds are left: twice the time so far, at three examples a step.
    assert ended.seconds_left > 0
    assert ended.examples_per_second * ended.seconds_left == pytest.approx(3 * 4)
    assert (log.done, log.left, log.per_epoch) == (2, 4, 2)


def test_monitored_values_are_those_of_all_fits():
    log = FitLog(3, [1], before=[{"epoch": 1, "loss": 3.0, "other": 1.0}, {"epoch": 2, "loss": 2}])
    log.losses.add([1.0], [0.5])
    log.close(log.row(1), {"theta": np.zeros(1)})
    assert log.monitored("loss") == [3, 2, 1]
    assert log.monitored("other") == [1]


def test_a_log_goes_back_to_a_state():
    before = [{"epoch": 1, "step": 2, "loss": 9.0}]
    log = FitLog(5, [1, 1], stopping=EarlyStopping("loss", 3), before=before)
    for loss in (3.0, 2.0, 4.0):
        log.losses.add([loss, loss], [0.1, 0.1])
        log.close(log.row(0), {"theta": np.array([loss])})
    state = log.state(2, 8, {"theta": np.array([4.0])}, {"rule": "SGD()"})
    assert (state.first, state.step, state.best) == (2, 8, (2.0, 2))
    assert {name: array.tolist() for name, array in state.arrays.items()} == {
        "theta": [4.0], "best.theta": [2.0],
    }  # fmt: skip
    state.elapsed = 1000.0
    earlier = [{"epoch": 5}]
    same = FitLog(5, [1, 1], stopping=EarlyStopping("loss", 3), before=earlier)
    same.go_back(state)
    assert same.elapsed > 1000
    assert earlier == before
    assert same.history.rows == log.history.rows
    assert (same.stopping.best, same.stopping.waited) == ((2.0, 2), 1)
    plain = FitLog(5, [1, 1])
    plain.go_back(state)
    assert plain.state(2, 8, {}, {}).best is None
