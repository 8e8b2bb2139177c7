"""Do wrong labels stand out by their gradients? MNIST with 5 % of the labels flipped by us.

    python benchmarks/flipped_labels.py [FILE.npz] [--epochs 5]

784-128-10 is trained on the labels as they are then; the 5 % of the training examples with the
largest gradient norms are compared with the flipped ones. FILE holds X_train and y_train; without
it, the 1,797 digits that scikit-learn ships are used.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from steepest import SGD, Dense, Network, ReLU, SoftmaxCrossEntropy, Trainer, hardest_examples

SHARE = 0.05


def load(file):
    if file is None:
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        return (X / 16).astype(np.float32), y, "digits"
    if not file.exists():
        sys.exit(f"{file} does not exist; give the path of an .npz file of MNIST")
    data = np.load(file)
    return data["X_train"].reshape(-1, 784).astype(np.float32) / 255, data["y_train"], file.stem


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--epochs", type=int, default=5)
    options = parser.parse_args()
    X, y, name = load(options.file)
    rng = np.random.default_rng(0)
    n = len(y)
    count = round(SHARE * n)
    flipped = rng.choice(n, count, replace=False)
    labels = y.astype(np.int64)
    labels[flipped] = (labels[flipped] + rng.integers(1, 10, count)) % 10
    network = Network(Dense(128, "he_uniform"), ReLU(), Dense(10))
    loss = SoftmaxCrossEntropy()
    trainer = Trainer(network, loss, SGD(lr=0.05), batch=32)
    trainer.fit(X, labels, epochs=options.epochs)
    ranking = hardest_examples(network, loss, X, labels, top=count)
    hit, first = np.isin(ranking.rows, flipped), min(100, count)
    print(f"{name}: {n:,} examples, {count:,} labels flipped, {options.epochs} epochs")
    print(
        f"of the {count:,} examples with the largest gradients, {hit.mean():.1%} have a flipped "
        f"label; of the first {first}, {hit[:first].mean():.0%}; by chance it would be {SHARE:.0%}"
    )


if __name__ == "__main__":
    main()
