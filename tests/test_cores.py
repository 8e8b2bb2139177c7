"""Which cores threads run on, seen in the affinity of real threads."""

import os
import sys
import threading

import numpy as np
import pytest

from steepest import SGD, Dense, Network, Squared, Trainer
from steepest._cores import keep_to, other_cores

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and obeys")


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_all_cores_but_one_are_other_cores():
    allowed = os.sched_getaffinity(0)
    others = other_cores()
    assert others < allowed
    assert len(others) == len(allowed) - 1


def test_a_thread_keeps_to_its_cores_and_no_core_changes_nothing():
    def keep():
        keep_to({min(os.sched_getaffinity(0))})
        keep_to(set())
        keep_to({4095})  # not there
        return os.sched_getaffinity(0), other_cores()

    allowed = os.sched_getaffinity(0)
    assert in_a_thread(keep) == ({min(allowed)}, set())
    assert os.sched_getaffinity(0) == allowed


def test_helpers_keep_off_the_callers_core():
    X = np.random.default_rng(0).standard_normal((64, 3))
    network = Network(Dense(4), Dense(1), inputs=3)
    Trainer(network, Squared(), SGD(lr=0.1), batch=8, threads=2).fit(X, X[:, :1], epochs=1)
    allowed = os.sched_getaffinity(0)
    helpers = [t for t in threading.enumerate() if t.name.startswith("steepest")]
    found = [os.sched_getaffinity(t.native_id) for t in helpers]
    assert len(allowed) == 1 or any(len(cores) == len(allowed) - 1 for cores in found)
    assert os.sched_getaffinity(0) == allowed
