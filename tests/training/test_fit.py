"""The one loop, given work that a test writes down."""

import numpy as np
import pytest

from steepest import Dense, Network
from steepest.training.early_stopping import EarlyStopping
from steepest.training.fit import run_epochs
from steepest.training.fit_log import FitLog

SIZES = [4, 4, 2]


class Script:
    """Work whose pieces have the losses 1, 2, 3, …; notes what it is asked."""

    def __init__(self, log, pieces=1, stop_at=None, break_at=None, values=None):
        self.network, self.log, self.pieces = Network(Dense(1), inputs=1), log, pieces
        self.stop_at, self.break_at, self.values = stop_at, break_at, values
        self.taken, self.asked = 0, []

    @property
    def next_step(self):
        return 100 + self.taken

    def init(self):
        self.asked.append("init")
        return self.log.is_out_of_patience

    def step(self):
        self.asked.append("step")
        if self.taken == self.break_at:
            return False
        losses = self.taken + 1.0 + np.arange(self.pieces)
        self.log.losses.add(losses, losses / 10)
        self.taken += self.pieces
        return True

    def evaluate(self):
        self.asked.append("evaluate")
        self.network.theta[:] = len(self.log.history) + 1
        return {} if self.values is None else {"value": self.values[len(self.log.history)]}

    def stop(self):
        self.asked.append("stop")
        return self.taken == self.stop_at or self.log.is_out_of_patience

    def finish(self):
        self.asked.append("finish")


def rows_of(log):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in log.history]


@pytest.mark.parametrize("pieces", [1, 2, 3, 6])
def test_epochs_are_closed_wherever_they_end(pieces):
    log = FitLog(4, SIZES, before=[{"epoch": 7.0}])
    run_epochs(Script(log, pieces))
    first = {"epoch": 8, "step": 103, "loss": (4 * 1 + 4 * 2 + 2 * 3) / 10, "lr": 0.3}
    second = {"epoch": 9, "step": 106, "loss": (4 * 4 + 4 * 5 + 2 * 6) / 10, "lr": 0.6}
    assert rows_of(log)[:2] == [first, second]
    assert len(log.history) == 4
    assert not log.stopped
    assert not log.broken


def test_things_happen_in_this_order():
    work = Script(FitLog(1, [1, 1]))
    run_epochs(work)
    assert work.asked == ["init", "step", "stop", "step", "evaluate", "stop", "finish"]


def test_it_stops_when_work_says_so():
    work = Script(FitLog(4, SIZES), stop_at=4)
    run_epochs(work)
    assert (work.taken, len(work.log.history), work.log.losses.count) == (4, 1, 1)
    assert work.log.stopped
    assert work.asked[-2:] == ["stop", "finish"]


def test_it_stops_when_the_time_is_over():
    work = Script(FitLog(4, SIZES, time_limit=-1.0))
    run_epochs(work)
    assert work.taken == 1
    assert work.log.stopped


def test_it_ends_at_once_when_a_piece_breaks_off():
    work = Script(FitLog(4, SIZES), break_at=2)
    run_epochs(work)
    assert work.asked[-2:] == ["step", "finish"]
    assert (work.log.broken, work.log.stopped, len(work.log.history)) == (True, False, 0)


def test_nothing_is_done_where_nothing_is_left():
    stopping = EarlyStopping("value", 2)
    stopping.go_back((1.0, 1), {"theta": np.zeros(2)}, 3)
    work = Script(FitLog(4, SIZES, stopping=stopping))
    run_epochs(work)
    assert work.asked == ["init", "finish"]


@pytest.mark.parametrize("pieces", [1, 6])
def test_every_epoch_is_judged_with_the_parameters_it_ended_with(pieces):
    stopping = EarlyStopping("value", 3)
    work = Script(FitLog(9, SIZES, stopping=stopping), pieces, values=[3, 1, 2, 2, 2, 2, 2, 2, 2])
    run_epochs(work)
    assert stopping.best == (1, 2)
    assert stopping.kept["theta"].tolist() == [2, 2]
    assert len(work.log.history) == {1: 5, 6: 6}[pieces]  # where a piece ends
