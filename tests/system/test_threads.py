"""Threads that run together: all of them, or an error and none."""

import threading

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, SteepestError, ThreadError, Trainer
from steepest.system.threads import Team

X = np.random.default_rng(0).standard_normal((64, 3))


@pytest.fixture
def only_two(monkeypatch):
    """Have the system start two more threads and no other."""
    start, started = threading.Thread.start, []

    def limited(thread):
        if len(started) == 2:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    yield started
    monkeypatch.undo()


def test_threads_that_cannot_be_started_are_an_error_and_nothing_is_changed(only_two):
    network = Network(Dense(4), Dense(1), inputs=3)
    before = network.theta.copy()
    trainer = Trainer(network, Squared(), SGD(lr=0.1), batch=8, threads=8)
    with pytest.raises(ThreadError, match="7 threads beside the caller's can't be started"):
        trainer.fit(X, X[:, :1], epochs=1)
    assert np.array_equal(network.theta, before)
    assert trainer.step == 0
    assert not any(thread.is_alive() for thread in only_two)
    assert issubclass(ThreadError, (SteepestError, RuntimeError))
    trainer.threads = 1
    trainer.fit(X, X[:, :1], epochs=1)
    assert trainer.step == 8


def test_a_team_has_all_its_threads():
    met, names = threading.Barrier(5, timeout=30), set()

    def part(thread):
        met.wait()
        names.add(threading.current_thread())
        return thread

    for _ in range(3):
        with Team(5) as team:
            assert team.run(part, met.abort) == 0
    assert len(names) == 5
