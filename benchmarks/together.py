"""How predictions scale with Python threads that share one model.

    python benchmarks/together.py [--rows 4096] [--seconds 1]

Every thread predicts with the same network at the same time, each call on one thread of its own.
Rounds are interleaved; the last column is the throughput beside that of one thread. With no lock
that serialises them it is the number of cores, or of threads where there are fewer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from steepest import Dense, Network, ReLU

THREADS = (1, 2, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4096)
    parser.add_argument("--seconds", type=float, default=1.0, help="a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    network = Network(Dense(256), ReLU(), Dense(128), ReLU(), Dense(10), inputs=64)
    X = np.random.default_rng(0).standard_normal((options.rows, 64)).astype(np.float32)
    expected = network.predict(X, threads=1)

    def work(until: float) -> int:
        count = 0
        while not count or time.perf_counter() < until:  # once, however late the thread begins
            found = network.predict(X, threads=1)
            count += 1
        assert np.array_equal(found, expected)
        return count

    speeds: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for _ in range(options.rounds):
        for threads in THREADS:
            began = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                done = sum(pool.map(work, [began + options.seconds] * threads))
            speeds[threads].append(done * options.rows / (time.perf_counter() - began))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(f"{cores} cores, calls of {options.rows:,} rows")
    for threads, found in speeds.items():
        ratio = statistics.median(f / o for f, o in zip(found, speeds[1], strict=True))
        print(f"{threads} threads: {statistics.median(found):12,.0f} rows/s  {ratio:.2f}")


if __name__ == "__main__":
    main()
