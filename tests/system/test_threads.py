"""Threads that run together: all of them, or an error and none."""

import math
import threading
import time

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, SteepestError, ThreadError, Trainer
from steepest.system import threads as module
from steepest.system.threads import Team, room_for_threads

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
    met, names = threading.Barrier(5, timeout=600), set()

    def part(thread):
        met.wait()
        names.add(threading.current_thread())
        return thread

    for _ in range(3):
        with Team(5) as team:
            assert team.run(part, met.abort) == 0
    assert len(names) == 5


def test_who_works_at_once_shares_the_cores(monkeypatch):
    monkeypatch.setattr(module, "core_count", lambda: 8)
    found, all_there, seen = (
        [],
        threading.Barrier(3, timeout=600),
        threading.Barrier(3, timeout=600),
    )

    def work():
        with Team(1), Team(1):  # a fit that evaluates
            all_there.wait()
            found.append(room_for_threads())
            seen.wait()

    others = [threading.Thread(target=work) for _ in range(2)]
    assert room_for_threads() == math.inf
    for other in others:
        other.start()
    all_there.wait()
    assert room_for_threads() == 2  # beside two
    seen.wait()
    for other in others:
        other.join()
    assert found == [4, 4]
    assert room_for_threads() == math.inf


def test_a_team_changes_its_size_between_runs():
    called = []

    def part(thread):
        met.wait()
        called.append(thread)
        return thread

    with Team(2) as team:
        for threads in (2, 5, 1, 3):
            team.resize(threads)
            met = threading.Barrier(threads, timeout=600)
            assert team.run(part, met.abort) == 0
            assert sorted(called) == list(range(threads))
            called.clear()


def test_a_team_that_cannot_grow_is_as_large_as_before(only_two):
    with Team(2) as team:
        with pytest.raises(ThreadError):
            team.resize(12)
        assert team.threads == 2
        met = threading.Barrier(2, timeout=600)
        assert team.run(lambda thread: met.wait() and 0, met.abort) == 0


def test_the_time_without_a_core_is_that_of_the_thread_that_had_least():
    def part(thread):
        time.sleep(0.1 * thread)
        return 0

    with Team(3) as team:
        team.run(part, lambda: None)
        assert team.lacked > 0.15
        team.resize(1)
        team.run(part, lambda: None)
        assert team.lacked == 0


def test_a_helper_that_comes_too_late_is_waited_for_only_if_it_must_take_part():
    for wait_for_all, expected in ((False, [0]), (True, [0, 1])):
        busy, called = threading.Event(), []

        def part(thread, called=called):
            called.append(thread)
            return 0

        with Team(2) as team:
            other = team._pool.submit(busy.wait, 30)  # what keeps the helper from coming
            timer = threading.Timer(0.05, busy.set)
            if wait_for_all:
                timer.start()
            team.run(part, lambda: None, wait_for_all=wait_for_all)
            assert called == expected
            assert team.lacked > 0
            busy.set()
            other.result()
