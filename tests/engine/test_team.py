"""Threads that run together: all of them, or an error and none."""

import math
import threading

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, SteepestError, ThreadError, Trainer
from steepest.arrays import aligned
from steepest.engine import team as module
from steepest.engine.team import Team, entry, lead, post, serve
from steepest.kernels.atomics import fetch_add, load, store, yield_core
from steepest.system import threads as system
from steepest.system.threads import room_for_threads

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


def meet(words, thread, threads):
    """Wait until all are there; leave how many there are in a place of one's own."""
    fetch_add(words, 1)
    while load(words) < threads and load(words + 8) == 0:
        yield_core()
    store(words + 8 * (thread + 2), threads)
    return 0


def rest(words, thread, threads):
    """Sleep a tenth of a second, at least, for each thread before this one."""
    for _ in range(thread * 5000):
        yield_core()
    store(words + 8 * thread, 1)
    return 0


def met(team, *, wait_for_all=True):
    """Return which threads of the team met, and how many they found."""
    words = np.zeros(20, np.int64)

    def stop():
        words[1] = 1

    team.run(meet, words, stop, wait_for_all=wait_for_all)
    return words[2:][words[2:] > 0].tolist()


def test_a_team_has_all_its_threads():
    for _ in range(3):
        with Team(5) as team:
            for _ in range(20):
                assert met(team) == [5] * 5
    assert met(Team(3)) == [3] * 3  # not held


def test_who_works_at_once_shares_the_cores(monkeypatch):
    monkeypatch.setattr(system, "core_count", lambda: 8)
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
    with Team(2) as team:
        for threads in (2, 5, 1, 3):
            team.resize(threads)
            assert met(team) == [threads] * threads


def test_a_team_that_cannot_grow_is_as_large_as_before(only_two):
    module._waiting.clear()
    with Team(2) as team:
        with pytest.raises(ThreadError):
            team.resize(12)
        assert team.threads == 2
        assert met(team) == [2, 2]


def test_the_time_without_a_core_is_that_of_the_thread_that_had_least():
    words = np.zeros(3, np.int64)
    with Team(3) as team:
        team.run(rest, words, lambda: None)
        assert words.tolist() == [1, 1, 1]
        assert team.lacked > 0.1
        team.resize(1)
        team.run(rest, words, lambda: None)
        assert team.lacked == 0


@pytest.fixture
def busy():
    """Return a team of two whose helper does something else, and what ends that."""
    free = threading.Event()
    with Team(2) as team:
        met(team)
        while team._helpers._boxes[0, module._Box.SERVED]:  # until it sleeps
            pass
        team._helpers._helpers[0].ask(free.wait, 60)
        yield team, free
        free.set()


def test_a_helper_that_comes_too_late_has_nothing_to_do(busy):
    team, free = busy
    words = np.zeros(2, np.int64)
    for _ in range(3):
        team.run(rest, words, lambda: None, wait_for_all=False)
        assert words.tolist() == [1, 0]
    free.set()
    assert met(team) == [2, 2]
    assert words.tolist() == [1, 0]


def test_a_helper_that_must_take_part_is_waited_for(busy):
    team, free = busy
    timer = threading.Timer(0.05, free.set)
    timer.start()
    assert met(team) == [2, 2]
    assert team.lacked > 0
    timer.join()


def test_who_is_interrupted_before_all_begin_leaves_nobody_behind(busy, monkeypatch):
    team, free = busy
    whole = module._Helpers.wake

    def wake(self, number, patience):
        raise KeyboardInterrupt

    for when in ("late", "begun"):
        monkeypatch.setattr(module._Helpers, "wake", wake)
        if when == "begun":  # the helper looks, and waits for the caller
            free.set()
            monkeypatch.setattr(module._Helpers, "wake", lambda *args: (whole(*args), wake(*args)))
        with pytest.raises(KeyboardInterrupt):
            met(team)
    monkeypatch.undo()
    assert met(team) == [2, 2]


def test_boxes_in_plain_python():
    address = entry(rest, 3).address
    boxes, words = aligned(16, np.int64), np.zeros(3, np.int64)
    boxes.reshape(2, 8)[:, :2] = 1
    at, to = int(boxes.ctypes.data), int(words.ctypes.data)
    boxes[8 + 2] = 1  # the second helper looks
    assert post(at, 3, address, to) == 1
    serve(at + 64, 2)
    assert words.tolist() == [0, 0, 1]
    lead(at, 3, address, to, False, 5)  # takes back what the first has not begun
    assert words.tolist() == [1, 0, 1]
    serve(at, 2)
    assert words.tolist() == [1, 0, 1]
    assert boxes.reshape(2, 8)[:, 2].tolist() == [0, 0]
