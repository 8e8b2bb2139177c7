"""Where a training step spends its time, instruction by instruction, on one thread.

    python benchmarks/profile_program.py [SIZES] [BATCH]      e.g. 784,128,10 32

Each instruction is repeated on its own, with its operands in cache.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from steepest import SGD, Dense, Network, ReLU, SoftmaxCrossEntropy
from steepest.engine.driver import Control, Engine
from steepest.engine.program import Program
from steepest.sampling import Shuffled
from steepest.training.board import CHUNK
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

REPEATS = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="?", default="20,64,64,2")
    parser.add_argument("batch", nargs="?", type=int, default=32)
    options = parser.parse_args()
    sizes = [int(word) for word in options.sizes.split(",")]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4 * options.batch, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], 4 * options.batch)
    layers = [layer for q in sizes[1:-1] for layer in (Dense(q), ReLU())]
    network = Network(*layers, Dense(sizes[-1]), inputs=sizes[0])
    run = TrainingRun(
        network,
        Descent(SoftmaxCrossEntropy(), SGD(lr=1e-6), Shuffled(), options.batch),
        (X, y, None),
        slots={},
        step=0,
        threads=1,
    )
    with run.engine:
        run.run(np.full(CHUNK, 1e-6))  # leaves a learning rate wherever it may be looked for
    total = 0.0
    print(f"{'ns':>10}  {'GFLOP/s':>8}  {'GB/s':>6}  instruction")
    for instruction in run.whole.instructions[:-1]:  # the last one counts the steps
        program = Program("profile", options.batch, "float32", 1, [instruction] * REPEATS)
        program.assemble()
        with Engine(program, None, 1, Control()) as engine:
            times = []
            for _ in range(9):
                began = time.perf_counter()
                engine.run(0, 5)
                times.append((time.perf_counter() - began) / REPEATS / 5 * 1e9)
        ns = float(np.median(times))
        total += ns
        rates = f"{instruction.flops / ns:8.1f}  {instruction.nbytes / ns:6.1f}"
        print(f"{ns:10.1f}  {rates}  {instruction.layer} {instruction.formula}")
    print(f"{total:10.1f}  all together")


if __name__ == "__main__":
    main()
