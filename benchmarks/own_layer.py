"""A step of training with a user's own dense layer beside one with `Dense`.

The user's layer is written as docs/guide/your_own_layer.md teaches: kernels that ask for `blas` and
call `steepest.kernels.gemm`, A stored by columns. Both networks train on the same rows, their
losses are compared, then they are timed in turns, and the medians and their ratio are printed.

    python benchmarks/own_layer.py [--rounds 15] [--quick]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from steepest import SGD, Dense, Layer, Network, Parameter, ReLU, SoftmaxCrossEntropy, check
from steepest.kernels import gemm, part
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

BATCH = 32
SHAPES = [(20, 64, 64, 2), (784, 128, 10)]


@dataclass(frozen=True, repr=False)
class OwnDense(Layer):
    """y = A x + b, as a user would write it."""

    units: int

    def outputs(self, p):
        return self.units

    def parameters(self, p):
        A = Parameter((self.units, p), by_columns=True, decays=True)
        return {"A": A, "b": Parameter((self.units,))}

    def flops(self, p):
        return 2 * p * self.units

    def init(self, rng, theta):
        theta["A"][...] = rng.normal(0, 0.1, theta["A"].shape)

    @staticmethod
    def forward(x, y, At, b, blas, units):
        """y = x At + b"""
        for i in range(y.shape[0]):
            for j in units:
                y[i, j] = b[j]
        gemm(blas, 1, x, At[:, part(units)], 1, y[:, part(units)])

    @staticmethod
    def backward_x(x, dy, dx, At, blas, inputs):
        """dx = dy Atᵀ"""
        gemm(blas, 1, dy, At[part(inputs)].T, 0, dx[:, part(inputs)])

    @staticmethod
    def backward_theta(x, y, dy, dAt, db, alpha, blas, units):
        """dAt += alpha xᵀ dy; db += alpha Σ_n dy"""
        gemm(blas, alpha, x.T, dy[:, part(units)], 1, dAt[:, part(units)])
        for i in range(dy.shape[0]):
            for j in units:
                db[j] += alpha * dy[i, j]


def run_of(kind, sizes, X, y):
    layers = [layer for q in sizes[1:-1] for layer in (kind(q), ReLU())]
    network = Network(*layers, kind(sizes[-1]), inputs=sizes[0])
    rng = np.random.default_rng(0)
    for view in network.parameters.values():
        view[...] = rng.normal(0, 0.1, view.shape)
    return TrainingRun(
        network,
        Descent(SoftmaxCrossEntropy(), SGD(lr=0.01), InOrder(), BATCH),
        (X, y, None),
        slots={},
        step=0,
        threads=1,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="few steps")
    options = parser.parse_args()
    check(OwnDense(20))
    rng = np.random.default_rng(0)
    print(f"µs a step, batch {BATCH}, float32, 1 thread")
    for sizes in SHAPES:
        X = rng.standard_normal((32 * BATCH, sizes[0])).astype(np.float32)
        y = rng.integers(0, sizes[-1], len(X))
        runs = {kind.__name__: run_of(kind, sizes, X, y) for kind in (Dense, OwnDense)}
        steps = 64 if options.quick else 2048
        rates, times = np.full(steps, 0.01), {name: [] for name in runs}
        losses = []
        for kind in (Dense, OwnDense):
            first = run_of(kind, sizes, X, y)
            with first.engine:
                losses.append(first.run(np.full(20, 0.01)))
        assert np.allclose(*losses, rtol=1e-3), "they do not compute the same"
        for _ in range(2 if options.quick else options.rounds):
            for name, run in runs.items():
                with run.engine:
                    run.run(rates[:32])
                    began = time.perf_counter()
                    run.run(rates)
                    times[name].append((time.perf_counter() - began) / steps)
        built_in, own = (float(np.median(times[name])) * 1e6 for name in runs)
        label = "-".join(map(str, sizes))
        print(
            f"{label:<14} Dense {built_in:8.2f}   own {own:8.2f}   own ÷ Dense {own / built_in:.2f}"
        )


if __name__ == "__main__":
    main()
