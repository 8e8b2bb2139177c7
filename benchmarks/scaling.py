"""How time and memory grow with rows, with depth, and with parameters.

Time, on one thread: an epoch in shuffled order, by rows; a step, by depth. Memory: what a fit adds
to the process, beside what it must hold, in a process of its own for each measurement.

    python benchmarks/scaling.py [--quick]
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from steepest import SGD, Adam, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer

P, CLASSES, BATCH = 16, 4, 32


def data(n):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, P), np.float32)
    return X, rng.integers(CLASSES, size=n)


def network_of(depth, width=64):
    layers = [layer for _ in range(depth) for layer in (Dense(width), ReLU())]
    return Network(*layers, Dense(CLASSES), inputs=P)


def trainer_of(network, rule):
    return Trainer(network, SoftmaxCrossEntropy(), rule, batch=BATCH, threads=1)


def fit_seconds(trainer, X, y, epochs):
    began = time.perf_counter()
    trainer.fit(X, y, epochs=epochs)
    return time.perf_counter() - began


def by_rows(sizes, rounds):
    print(f"time per example, {P}-64-{CLASSES}, batch {BATCH}, shuffled, by rows")
    first = None
    for n in sizes:
        X, y = data(n)
        trainer = trainer_of(network_of(1), SGD(lr=0.01))
        epochs = max(1, 200_000 // n)
        fit_seconds(trainer, X, y, 1)
        each = [fit_seconds(trainer, X, y, epochs) / (epochs * n) for _ in range(rounds)]
        found = statistics.median(each)
        first = first or found
        print(f"  {n:>12,} rows  {found * 1e9:8.1f} ns  {found / first:6.2f}", flush=True)


def by_depth(depths, rounds):
    print(f"time per step by hidden layers of 64, batch {BATCH}")
    X, y = data(64 * BATCH)
    runs = {h: trainer_of(network_of(h), SGD(lr=1e-4)) for h in depths}
    times = {h: [] for h in depths}
    for _ in range(rounds + 1):
        for h, trainer in runs.items():
            epochs = max(1, 64 // h)
            times[h].append(fit_seconds(trainer, X, y, epochs) / (epochs * 64))
    found = {h: statistics.median(t[1:]) for h, t in times.items()}
    slope = (found[depths[-1]] - found[depths[0]]) / (depths[-1] - depths[0])
    for h in depths:
        line = found[depths[0]] + slope * (h - depths[0])
        print(f"  {h:>3} layers  {found[h] * 1e6:9.1f} µs  {found[h] / line:6.2f} of the line")


def resident(key):
    """Return a number of bytes that the kernel keeps of this process: VmRSS, or its peak VmHWM."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def added(n, width, rule, connection):
    """Send what a fit adds at its peak, and what it must hold beside the data."""
    X, y = data(64)
    trainer_of(network_of(1, 8), rule).fit(X, y, epochs=1)
    X, y = data(n)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = resident("VmRSS")
    network = network_of(2, width)
    trainer_of(network, rule).fit(X, y, epochs=1)
    numbers = network.theta.size * (1 + len(rule.slots) + (not rule.fuses))
    rows = BATCH * (P + 2 * (4 * width + CLASSES))  # x, and y and dy of every layer
    connection.send((X.nbytes + y.nbytes, resident("VmHWM") - before, 4 * (numbers + rows), 4 * n))


def memory(cases):
    print("memory in MB: the data, what a fit adds at its peak, and what it needs")
    print("  (parameters, gradient unless fused, slots, activations; and the order of the rows)")
    context = multiprocessing.get_context("spawn")
    for n, width, rule in cases:
        ours, theirs = context.Pipe()
        process = context.Process(target=added, args=(n, width, rule, theirs))
        process.start()
        theirs.close()
        held, peak, needed, order = (nbytes / 1e6 for nbytes in ours.recv())
        process.join()
        print(
            f"  {n:>10,} rows, {P}-{width}-{width}-{CLASSES}, {type(rule).__name__:<5}"
            f" data {held:7.1f}, added {peak:7.1f}, needed {needed:6.1f} + {order:.1f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    quick = parser.parse_args().quick
    rounds = 1 if quick else 5
    by_rows([1000, 10_000] if quick else [10**4, 10**5, 10**6, 10**7], rounds)
    by_depth([1, 4] if quick else [1, 2, 4, 8, 16, 32, 64], rounds)
    if sys.platform == "linux":
        big, wide = (10_000, 64) if quick else (3_000_000, 2048)
        memory([(big, 64, SGD(0.01)), (2_000, wide, SGD(0.01)), (2_000, wide, Adam(0.001))])


if __name__ == "__main__":
    main()
