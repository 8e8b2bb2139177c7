"""MNIST with 784-128-10: test accuracy, and time per step.

    python benchmarks/mnist.py [FILE.npz] [--quick]

FILE holds X_train, y_train, X_test, y_test; by default it is looked for beside the repository.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from steepest import SGD, Cosine, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer

BESIDE = Path(__file__).parents[2] / "shared" / "data" / "mnist.npz"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=BESIDE)
    parser.add_argument("--quick", action="store_true", help="one epoch of a tenth of the rows")
    options = parser.parse_args()
    if not options.file.exists():
        sys.exit(f"{options.file} does not exist; give the path of an .npz file of MNIST")
    data = np.load(options.file)
    X, test = (data[k].reshape(-1, 784).astype(np.float32) / 255 for k in ("X_train", "X_test"))
    y, truth = data["y_train"], data["y_test"]
    rows = len(y) // 10 if options.quick else len(y)
    for batch, epochs, rule in (
        (1, 10, SGD(lr=Cosine(0.02, None))),
        (32, 15, SGD(lr=Cosine(0.05, None), momentum=0.9)),
    ):
        network = Network(Dense(128, "he_uniform"), ReLU(), Dense(10), inputs=784)
        trainer = Trainer(network, SoftmaxCrossEntropy(), rule, batch=batch)
        began = time.perf_counter()
        trainer.fit(X[:rows], y[:rows], epochs=1 if options.quick else epochs)
        seconds = time.perf_counter() - began
        accuracy = (network.predict(test).argmax(axis=1) == truth).mean()
        print(
            f"batch {batch}: test accuracy {accuracy:.4f} after {trainer.step:,} steps, "
            f"{seconds:.1f} s, {seconds / trainer.step * 1e6:.2f} µs a step"
        )


if __name__ == "__main__":
    main()
