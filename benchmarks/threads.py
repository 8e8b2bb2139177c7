"""What the default number of threads costs or gains against one thread, beside busy processes.

    python benchmarks/threads.py [--seconds 4] [--rounds 7] [--busy 0 1 2] [--only WORDS] [--quick]

Busy processes are started and ended here; nothing else should run. In each round the default and
``threads=1`` take turns, each in a new trainer that must find out by itself; medians of the rounds
are shown, and the median of their ratios. A fit is stopped by the clock after ``--seconds``. The
last column is how many cores the default kept busy, on average.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import pyarrow as pa

from steepest import SGD, Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request

FOR_EVER = 10**9  # epochs


@contextmanager
def busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def network_of(sizes: tuple[int, ...], seed: int = 0) -> Network:
    layers = [layer for q in sizes[1:-1] for layer in (Dense(q), ReLU())]
    return Network(*layers, Dense(sizes[-1]), inputs=sizes[0], seed=seed)


def rows_of(sizes: tuple[int, ...], n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, sizes[0]), np.float32), rng.integers(0, sizes[-1], n)


class Training:
    """Steps of one fit: seconds a step."""

    def __init__(self, sizes: tuple[int, ...], batch: int, rule: type = SGD) -> None:
        self.sizes, self.batch, self.rule = sizes, batch, rule
        self.data = rows_of(sizes, 64 * batch)
        self.name = f"{'-'.join(map(str, sizes))} at {batch}, {rule.__name__} (a step)"

    def run(self, threads: int | None, seconds: float) -> float:
        network, rule = network_of(self.sizes), self.rule(lr=1e-4)
        loss = SoftmaxCrossEntropy()
        trainer = Trainer(network, loss, rule, batch=self.batch, threads=threads)
        began = time.perf_counter()
        trainer.fit(*self.data, epochs=FOR_EVER, time_limit=seconds)
        return (time.perf_counter() - began) / trainer.step


class Together:
    """Steps of several fits at once in one process: seconds a step of all."""

    def __init__(self, count: int, sizes: tuple[int, ...], batch: int) -> None:
        self.one, self.count = Training(sizes, batch), count
        self.name = f"{count} fits at once, {self.one.name}"

    def run(self, threads: int | None, seconds: float) -> float:
        with ThreadPoolExecutor(self.count) as pool:
            found = list(pool.map(lambda _: self.one.run(threads, seconds), range(self.count)))
        return 1 / sum(1 / each for each in found)


class Table:
    """A whole fit of a table by its defaults: seconds, however long it takes."""

    name = "table of 4,000 rows (a fit)"

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        X = rng.standard_normal((4000, 8))
        columns = {f"x{k}": X[:, k] for k in range(8)}
        columns["c"] = rng.choice(list("uvwxyz"), 4000)
        columns["y"] = np.where(X[:, 0] * X[:, 1] + X[:, 2] > 0.3, "yes", "no")
        self.table = pa.table(columns)

    def run(self, threads: int | None, seconds: float) -> float:
        settings = {"threads": threads, "epochs": max(2, round(4 * seconds)), "patience": 1000}
        began = time.perf_counter()
        fit_table(self.table, Request("y", settings))
        return time.perf_counter() - began


class Prediction:
    """Calls of ``predict``: seconds a call."""

    def __init__(self, sizes: tuple[int, ...], rows: int) -> None:
        self.sizes, self.X = sizes, rows_of(sizes, rows)[0]
        self.name = f"predict {rows:,} rows, {'-'.join(map(str, sizes))} (a call)"

    def run(self, threads: int | None, seconds: float) -> float:
        network, calls = network_of(self.sizes), 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            network.predict(self.X, threads=threads)
            calls += 1
        return (time.perf_counter() - began) / calls


WIDE = (784, 512, 512, 10)
WORKS = (
    Training((784, 128, 10), 32),
    Training((784, 128, 10), 32, Adam),
    Training(WIDE, 128),
    Training((20, 64, 64, 2), 32),
    Table(),
    *(Prediction(WIDE, rows) for rows in (65, 128, 191, 10_000)),
    *(Together(count, (784, 128, 10), 32) for count in (2, 3, 4)),
)


def measure(run: Callable[[int | None, float], float], seconds: float, rounds: int) -> list[str]:
    """Return what a row of the table says."""
    run(None, 0.2)  # compiles
    run(1, 0.2)
    found: dict[int | None, list[float]] = {None: [], 1: []}
    cores = []
    for k in range(rounds):
        for threads in (None, 1) if k % 2 else (1, None):
            began, busy = time.perf_counter(), time.process_time()
            found[threads].append(run(threads, seconds))
            if threads is None:
                cores.append((time.process_time() - busy) / (time.perf_counter() - began))
    ratios = [d / o for d, o in zip(found[None], found[1], strict=True)]
    times = [statistics.median(found[threads]) * 1e6 for threads in (None, 1)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    ratio, kept = statistics.median(ratios), statistics.median(cores)
    return [*(f"{t:14,.1f}" for t in times), f"{ratio:6.2f}", f"{spread:>14}", f"{kept:5.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="a round, of each")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--busy", type=int, nargs="*", default=[0, 1, 2], help="processes beside")
    parser.add_argument("--only", nargs="*", default=[], help="words of the names wanted")
    parser.add_argument("--quick", action="store_true", help="one short round")
    options = parser.parse_args()
    seconds, rounds = (0.1, 1) if options.quick else (options.seconds, options.rounds)
    works = [w for w in WORKS if all(word in w.name for word in options.only)]
    width = max((len(work.name) for work in works), default=0)
    heads = f"{'default, µs':>14}  {'1 thread, µs':>14}  {'ratio':>6}  {'from to':>14}  cores"
    for count in options.busy:
        print(f"\n{count} busy processes\n{'':{width}}  {heads}")
        with ExitStack() as stack:
            for _ in range(count):
                stack.enter_context(busy_process())
            for work in works:
                row = "  ".join(measure(work.run, seconds, rounds))
                print(f"{work.name:{width}}  {row}", flush=True)


if __name__ == "__main__":
    main()
