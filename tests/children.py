"""Train and predict in child processes after having trained, with threads, in this one.

    python tests/children.py fork|spawn|loky|busy

``busy`` forks while another thread of this process trains. Ends with status 0 if every child found
the bits that this process found.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import numpy as np

from steepest import Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 6)).astype(np.float32)
Y = (X @ RNG.standard_normal((6, 3))).argmax(axis=1)
CHILDREN = 3


def train(seed: int) -> Network:
    network = Network(Dense(20), ReLU(), Dense(3), inputs=6, seed=seed)
    Trainer(network, SoftmaxCrossEntropy(), Adam(lr=0.01), threads=2).fit(X, Y, epochs=3)
    return network


def work(trained: Network, seed: int) -> tuple[bytes, bytes]:
    """Predict with the parent's network, and train one of our own."""
    return trained.predict(X, threads=2).tobytes(), train(seed).theta.tobytes()


def main(method: str) -> None:
    trained = train(7)
    tasks = [(trained, seed) for seed in range(CHILDREN)]
    expected = [work(*task) for task in tasks]
    going = threading.Event()
    other = threading.Thread(target=train_on, args=(going,))
    if method == "busy":
        going.set()
        other.start()
    found: list[Any]
    if method == "loky":
        from joblib import Parallel, delayed

        found = Parallel(n_jobs=2, backend="loky")(delayed(work)(*task) for task in tasks)
    else:
        import multiprocessing

        context = multiprocessing.get_context("fork" if method == "busy" else method)
        with context.Pool(1 if method == "spawn" else CHILDREN) as pool:
            found = pool.starmap(work, tasks)
    if method == "busy":
        going.clear()
        other.join()
    sys.exit(found != expected)


def train_on(going: threading.Event) -> None:
    seed = 0
    while going.is_set():
        train(seed := seed + 1)


if __name__ == "__main__":
    main(sys.argv[1])
