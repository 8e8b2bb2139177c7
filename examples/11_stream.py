"""A stream: rows come one by one, their law drifts, and a network follows.

    python examples/11_stream.py

A second network, which stops learning after the first block, shows what following is worth.
"""

import numpy as np

from steepest import SGD, Dense, Logistic, Network, Tanh, Trainer

rng = np.random.default_rng(0)


def stream(blocks, rows=500):
    """Yield blocks of rows; the line between the two classes turns slowly."""
    for k in range(blocks):
        X = rng.standard_normal((rows, 2)).astype(np.float32)
        angle = np.pi * k / blocks
        yield X, (X @ [np.cos(angle), np.sin(angle)] > 0).astype(float)


def trained(X, y):
    """Return a trainer of a small network, trained on a block."""
    trainer = Trainer(Network(Dense(16), Tanh(), Dense(1)), Logistic(), SGD(lr=0.05), batch=1)
    trainer.fit(X, y, epochs=3)
    return trainer


first = next(stream(1))
following, resting = trained(*first), trained(*first)
for k, (X, y) in enumerate(stream(20)):
    # First predict, then learn: each row is a test before it is a lesson.
    right = [np.mean(trainer.predict(X) == y) for trainer in (following, resting)]
    following.fit(X, y, epochs=1)
    if k % 4 == 3:
        print(f"block {k + 1:2}: {right[0]:.1%} right; without learning {right[1]:.1%}")
