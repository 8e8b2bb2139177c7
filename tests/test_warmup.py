"""Compiling ahead: what has been warmed up, a later process finds in the store."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from steepest import InputError, warmup
from steepest.checking import catalogue
from steepest.compiler.store import cache_folder

TESTS = Path(__file__).parent

WARM_UP = """
import taken_over
import numpy as np
from steepest import SGD, Dense, Sigmoid, Squared, warmup

X = np.zeros((40, 20))
case = (Dense(32), Sigmoid(), Dense(4)), Squared(), SGD(lr=0.1), "shuffled", X, X[:, :4]
warmup._cases = lambda: [case]
warmup._fit_estimators = lambda dtype, threads: None  # that takes long
kernels, seconds = warmup.warm_up(("float32",), threads=(1,))
print(kernels if seconds > 0 else 0)
"""
USE = """
import taken_over
import numpy as np
from steepest import SGD, Dense, Gradients, Network, Sigmoid, Squared, Trainer

X = np.random.default_rng(0).standard_normal((50, 7)).astype(np.float32)
y = X[:, :4].copy()
network = Network(Dense(20), Sigmoid(), Dense(4), inputs=7)
Trainer(network, Squared(), SGD(lr=0.1), batch=16).fit(X, y, epochs=2)
Gradients(network, Squared()).norms(X, y)
"""


WARM_UP_WIDE = """
import taken_over
from steepest import warmup
warmup._fit_wide("float32", 2)
"""
USE_WIDE = """
import taken_over
import numpy as np
from steepest import SGD, Dense, Network, Squared, Trainer

X = np.random.default_rng(0).standard_normal((100, 400)).astype(np.float32)
network = Network(Dense(512), Dense(512), Dense(1), inputs=400)
Trainer(network, Squared(), SGD(lr=1e-3), batch=100, threads=2).fit(X, X[:, 0], epochs=1)
"""


def run(script, store):
    environment = os.environ | {
        "STEEPEST_CACHE": str(store),
        "KERNELS": str(cache_folder()),
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")]),
    }
    command = [sys.executable, "-c", script]
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_what_is_warmed_up_is_there_for_a_later_process(tmp_path):
    kernels = int(run(WARM_UP, tmp_path))
    stored = sorted(tmp_path.rglob("*.o"))
    assert kernels == len(stored) > 25
    run(USE, tmp_path)
    assert sorted(tmp_path.rglob("*.o")) == stored


def test_long_products_on_two_threads_are_warmed_up(tmp_path):
    run(WARM_UP_WIDE, tmp_path)
    stored = sorted(tmp_path.rglob("*.o"))
    run(USE_WIDE, tmp_path)
    assert sorted(tmp_path.rglob("*.o")) == stored


def test_everything_in_the_catalogue_is_warmed_up():
    cases = list(warmup._cases())
    seen = {type(thing) for layers, loss, rule, *_ in cases for thing in (*layers, loss, rule)}

    for thing in (*catalogue.LAYERS, *catalogue.LOSSES, *catalogue.RULES):
        assert type(thing) in seen
    assert {sampling for _, _, _, sampling, _, _ in cases} == set(warmup.SAMPLERS)


def test_another_type_of_numbers_is_refused():
    with pytest.raises(InputError, match="must be one of float32, float64, got 'float16'"):
        warmup.warm_up(("float16",))
