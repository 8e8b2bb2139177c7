"""How many threads there are, and which cores they run on: seen in their affinity."""

import contextlib
import math
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, Trainer
from steepest.system import cores
from steepest.system.cores import (
    core_count,
    idle_cores,
    keep_to,
    other_cores,
    spins_for,
    threads_for,
    threads_to_try,
)
from steepest.system.priority import start_idle

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and obeys")


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_threads_for():
    assert threads_for(32, 10, None) == 1
    assert threads_for(1, 10**9, None) == 1
    assert threads_for(32, 10, 3) == 3
    assert threads_for(32, 10**9, None) == core_count()


def test_threads_to_try_are_never_more_than_asked_for():
    assert threads_to_try(32, 10, None) == 1
    assert threads_to_try(1, 10**9, None) == 1
    assert threads_to_try(32, 10**6, None) == min(2, core_count())
    assert threads_to_try(32, 10**9, None) == core_count()
    assert threads_to_try(32, 10**9, 1) == 1
    assert threads_to_try(32, 10, 3) == 3


def test_who_has_no_core_of_its_own_waits_briefly():
    assert spins_for(core_count()) > spins_for(core_count() + 1)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "20000 100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu.max": "nonsense\n"}, None),
    ],
)
def test_the_quota_of_a_container_counts(tmp_path, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    free = core_count(tmp_path / "nothing")
    assert core_count(tmp_path) == (free if cores is None else min(free, cores))


@linux
@pytest.mark.parametrize(
    ("text", "idle"),
    [
        ("0.10 0.20 0.30 1/200 4711", 8),
        ("0.10 0.20 0.30 4/200 4711", 5),
        ("9.00 9.00 9.00 30/200 4711", 1),
        ("something else", math.inf),
    ],
)
def test_cores_on_which_others_run_are_not_idle(tmp_path, monkeypatch, text, idle):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("steepest.system.cores.core_count", lambda: 8)
    (tmp_path / "loadavg").write_text(text)
    assert idle_cores(tmp_path / "loadavg") == idle
    assert idle_cores(tmp_path / "nothing") == math.inf


@linux
def test_processes_of_ours_that_take_idle_cores_alone_leave_them_idle(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("steepest.system.cores.core_count", lambda: 8)
    (tmp_path / "loadavg").write_text("0.10 0.20 0.30 4/200 4711")
    for code, idle in (("while True: pass", 6), ("input()", 5)):  # at work, or waiting
        words = [sys.executable, "-c", f"print(flush=True)\n{code}"]
        with start_idle(words, subprocess.PIPE, subprocess.PIPE) as program:
            program.stdout.readline()
            while waits_for_input(program) != (idle == 5):
                time.sleep(0.001)
            assert idle_cores(tmp_path / "loadavg") == idle
            program.kill()
        assert idle_cores(tmp_path / "loadavg") == 5


def waits_for_input(program):
    return " S " in Path(f"/proc/{program.pid}/stat").read_text("utf-8")


@linux
@pytest.mark.skipif(os.cpu_count() == 1, reason="the last core counts as idle")
def test_busy_processes_take_cores():
    words = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    with contextlib.ExitStack() as stack:
        for _ in range(os.cpu_count()):
            program = stack.enter_context(subprocess.Popen(words, stdout=subprocess.PIPE))
            stack.callback(program.kill)
            program.stdout.readline()
        assert idle_cores() < os.cpu_count()


def test_all_cores_but_one_are_other_cores():
    allowed = os.sched_getaffinity(0)
    others = other_cores()
    assert others < allowed
    assert len(others) == len(allowed) - 1


@linux
@pytest.mark.parametrize(
    ("text", "wanted", "near"),
    [("{own},{one}", 1, True), ("{own}-{own},{one}-{one}\n", 1, True), ("{own},{one}", 2, False),
     ("{own}", 1, False), ("nonsense", 1, False), (None, 1, False)],
)  # fmt: skip
def test_cores_that_share_a_cache_come_first(tmp_path, monkeypatch, text, wanted, near):
    allowed = {3, 5, 6, 8}
    monkeypatch.setattr(os, "sched_getaffinity", lambda thread: allowed)
    monkeypatch.setattr(cores, "_current_core", lambda: lambda: 5)
    for level, shared in ((1, "5"), (3, text), (2, "5")):
        if shared is not None:
            place = tmp_path / "cpu5" / "cache" / f"index{level}"
            place.mkdir(parents=True)
            (place / "level").write_text(f"{level}\n")
            (place / "shared_cpu_list").write_text(shared.format(own=5, one=8))
    assert other_cores(wanted, tmp_path) == ({8} if near else allowed - {5})


@linux
def test_a_thread_keeps_to_its_cores_and_no_core_changes_nothing():
    def keep():
        for wanted in ({min(os.sched_getaffinity(0))}, set(), {4095}):  # the last is not there
            keep_to(wanted, threading.get_native_id())
        return os.sched_getaffinity(0), other_cores()

    allowed = os.sched_getaffinity(0)
    assert in_a_thread(keep) == ({min(allowed)}, set())
    assert os.sched_getaffinity(0) == allowed


@linux
def test_helpers_keep_off_the_callers_core():
    X = np.random.default_rng(0).standard_normal((64, 3))
    network = Network(Dense(4), Dense(1), inputs=3)
    Trainer(network, Squared(), SGD(lr=0.1), batch=8, threads=2).fit(X, X[:, :1], epochs=1)
    allowed = os.sched_getaffinity(0)
    helpers = [t for t in threading.enumerate() if t.name.startswith("steepest")]
    found = [os.sched_getaffinity(t.native_id) for t in helpers]
    assert len(allowed) == 1 or any(len(cores) == len(allowed) - 1 for cores in found)
    assert os.sched_getaffinity(0) == allowed


def test_more_threads_than_cores_are_as_many_as_cores_and_that_is_said_once(monkeypatch):
    monkeypatch.setattr(cores, "most_threads", lambda: 2)
    X = np.random.default_rng(0).standard_normal((64, 3))
    cores._warn_of_fewer.cache_clear()
    trainer = Trainer(Network(Dense(4), Dense(1)), Squared(), SGD(lr=0.1), batch=8, threads=1000)
    with pytest.warns(UserWarning, match="threads=1000: this process may use 2 cores"):
        trainer.fit(X, X[:, :1], epochs=1, validation=0.2)
    trainer.fit(X, X[:, :1], epochs=1)  # without another word
    assert trainer.network.predict(X, threads=1000).shape == (64, 1)
    assert threads_for(32, 10, 2) == 2
    assert threads_for(32, 10, 1000) == 2
