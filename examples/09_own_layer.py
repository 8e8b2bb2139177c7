"""A layer of your own: y = x + s ⊙ sin(x), with a learned s for each column, checked and trained.

    python examples/09_own_layer.py
    steepest check examples/09_own_layer.py

The check compares both halves of Φ with differences, entry by entry.
"""

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from steepest import Adam, Dense, Layer, Network, Parameter, Squared, Trainer, check


@dataclass(frozen=True, repr=False)
class Ripple(Layer):
    """y = x + s ⊙ sin(x); s begins at ``start``."""

    start: float = 0.5

    def parameters(self, p):
        """Say what is learned: s, a number for each of p columns."""
        return {"s": Parameter((p,))}

    def init(self, rng, theta):
        """Begin."""
        theta["s"][...] = self.start

    @staticmethod
    def forward(x, y, s, rows):
        """y = x + s ⊙ sin(x)"""
        for i in rows:
            for j in range(x.shape[1]):
                y[i, j] = x[i, j] + s[j] * sin(x[i, j])

    @staticmethod
    def backward_x(x, dy, dx, s, rows):
        """dx = dy ⊙ (1 + s ⊙ cos(x))"""
        for i in rows:
            for j in range(x.shape[1]):
                dx[i, j] = dy[i, j] * (1 + s[j] * cos(x[i, j]))

    @staticmethod
    def backward_theta(x, dy, ds, alpha, units):
        """ds += alpha Σ_n dy ⊙ sin(x)"""
        for i in range(x.shape[0]):
            for j in units:
                ds[j] += alpha * dy[i, j] * sin(x[i, j])


examples = [Ripple()]

if __name__ == "__main__":
    print(check(Ripple()))

    x = np.linspace(-6, 6, 400)[:, None]
    y = np.sin(3 * x[:, 0]) + 0.3 * x[:, 0]
    network = Network(Dense(16), Ripple(), Dense(16), Ripple(), Dense(1))
    history = Trainer(network, Squared(), Adam(lr=0.005), batch=20).fit(x, y, epochs=200)
    print(f"loss {history['loss'][0]:.3f} → {history['loss'][-1]:.5f}")
    print("s of the first Ripple:", network.parameters["1.s"].round(2))
