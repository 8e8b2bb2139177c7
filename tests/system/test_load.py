"""Many models, many threads, many processes."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from steepest import Adam, Dense, Layer, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.arrays import aligned
from steepest.kernels.atomics import fetch_add, load, yield_core
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "2"}

MANY = """
import numpy as np
from steepest import Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
rng = np.random.default_rng(0)
X, y = rng.standard_normal((64, 200)).astype(np.float32), rng.integers(0, 3, 64)

def status():
    lines = open("/proc/self/status").read().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith(("VmRSS", "Threads"))]

for k in range(200):
    # Half a megabyte of parameters each, with as much again for each slot and the best.
    network = Network(Dense(600 + k % 3), ReLU(), Dense(3), seed=k)
    trainer = Trainer(network, SoftmaxCrossEntropy(), Adam(), threads=2)
    trainer.fit(X, y, epochs=1, validation=(X, y), patience=1)
    network.predict(X)
    if k == 49:
        before = status()
print(*before, *status())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_two_hundred_models_leave_neither_memory_nor_threads():
    done = subprocess.run(
        [sys.executable, "-c", MANY], env=ENVIRONMENT, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    memory, threads, memory_after, threads_after = map(int, done.stdout.split())
    assert threads_after < threads + 10  # one that has ended may linger; kept, they would be 150
    assert memory_after < memory + 20_000  # kB; kept, 150 models would take 300,000


@dataclass(frozen=True, repr=False)
class Meeting(Layer):
    """Passes x on when ``threads`` threads are inside at once, and NaN if they never are."""

    address: int
    threads: int

    @staticmethod
    def forward(x, y, address, threads, rows):
        """y = x"""
        fetch_add(address, 1)
        tries = 0
        while load(address) < threads and tries < 2_000_000:
            yield_core()
            tries += 1
        missing = load(address) < threads
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = np.nan if missing else x[i, j]


def test_eight_threads_are_inside_one_network_at_once():
    arrivals = aligned(8, np.int64)
    network = Network(Meeting(int(arrivals.ctypes.data), 8), inputs=3)
    X = np.random.default_rng(0).standard_normal((8, 10, 3)).astype(np.float32)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda x: network.predict(x, threads=1), X))
    assert np.array_equal(found, X)


def test_eight_threads_predict_with_one_model():
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.standard_normal(900), "c": rng.choice(["u", "v", "w"], 900),
                      "y": rng.choice(["no", "yes"], 900)})  # fmt: skip
    model = fit_table(table, Request("y", {"layers": (8,), "epochs": 2, "threads": 1})).model
    parts = [table.slice(start, size) for start in range(0, 800, 50) for size in (1, 37, 100)]
    expected = [model.predict(part, proba=True) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda part: model.predict(part, proba=True), parts))
    assert all(a.equals(b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("method", ["spawn", "loky", *["fork", "busy"] * hasattr(os, "fork")])
def test_child_processes_train_and_predict(method):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "children.py"), method],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_network_is_trained_by_a_thread_while_others_predict_with_another():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6)).astype(np.float32)
    y = rng.integers(0, 3, 200)
    still = Network(Dense(8), ReLU(), Dense(3), inputs=6)
    expected = still.predict(X)

    def train(seed):
        network = Network(Dense(8), ReLU(), Dense(3), inputs=6, seed=seed)
        Trainer(network, SoftmaxCrossEntropy(), Adam(), threads=2).fit(X, y, epochs=5)
        return network.theta.tobytes()

    alone = [train(seed) for seed in range(2)]
    with ThreadPoolExecutor(4) as pool:
        trained = [pool.submit(train, seed) for seed in range(2)]
        predicted = [pool.submit(still.predict, X) for _ in range(20)]
    assert [task.result() for task in trained] == alone
    assert all(np.array_equal(task.result(), expected) for task in predicted)
