"""LSTM, GRU and Recurrent beside PyTorch and JAX: predicting, and a step of training.

All contestants begin with the same parameters, and must come to the same outputs and, after a step
of plain gradient descent, to the same parameters. Then they are timed in turns, many short times,
and the quickest of each is taken, since on a machine with other work on it that is the one that
nobody has disturbed. Ratios above 1 are of those who take longer than ours.

    python benchmarks/recurrence.py [--cells LSTM GRU] [--hidden 32 64 256] [--threads 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import steepest
from steepest import SGD, Network, Trainer, to_state_dict

ROWS, MOMENTS, INPUTS = 32, 100, 32
LR = 1e-3
Calls = dict[str, Callable[[], None]]


def problem(hidden: int):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, MOMENTS, INPUTS)).astype(np.float32)
    dy = rng.standard_normal((ROWS, MOMENTS, hidden)).astype(np.float32)
    return X, dy / np.float32(ROWS * MOMENTS)


class Steepest:
    name = "steepest"

    def __init__(self, cell: str, hidden: int, threads: int) -> None:
        layer = getattr(steepest, cell)(hidden)
        self.network = Network(layer, inputs=(MOMENTS, INPUTS))
        self.trainer = Trainer(self.network, rule=SGD(lr=LR), threads=threads)
        self.X, self.dy = problem(hidden)
        self.threads = threads

    def predict(self):
        return self.network.predict(self.X, threads=self.threads)

    def step(self) -> None:
        self.trainer.descend(self.X, self.dy)

    def weights(self):
        return to_state_dict(self.network)["0.weight_hh_l0"]


class PyTorch:
    name = "pytorch"

    def __init__(self, ours: Steepest, cell: str, hidden: int, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        kind = getattr(torch.nn, {"Recurrent": "RNN"}.get(cell, cell))
        self.module = kind(INPUTS, hidden, batch_first=True)
        arrays = to_state_dict(ours.network)
        self.module.load_state_dict({k[2:]: torch.tensor(v) for k, v in arrays.items()})
        self.rule = torch.optim.SGD(self.module.parameters(), LR)
        self.X, self.dy = map(torch.tensor, problem(hidden))
        self.inference = torch.inference_mode

    def predict(self):
        with self.inference():
            return self.module(self.X)[0].numpy()

    def step(self) -> None:
        self.rule.zero_grad(set_to_none=True)
        self.module(self.X)[0].backward(self.dy)
        self.rule.step()

    def weights(self):
        return self.module.weight_hh_l0.detach().numpy()


class JAX:
    """A scan over moments, compiled. How many threads there are is XLA's business."""

    name = "jax"

    def __init__(self, ours: Steepest, cell: str, hidden: int, threads: int) -> None:
        import jax
        from jax import numpy as jnp

        arrays = to_state_dict(ours.network)
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        self.P = [jnp.array(arrays[f"0.{name}"]) for name in names]
        X, dy = problem(hidden)
        self.X, self.dy = jnp.array(X.swapaxes(0, 1)), jnp.array(dy.swapaxes(0, 1))
        sigmoid, tanh = jax.nn.sigmoid, jnp.tanh

        def lstm(state, zx, U, c):
            h, s = state
            i, f, g, o = jnp.split(zx + h @ U.T + c, 4, 1)
            s = sigmoid(f) * s + sigmoid(i) * tanh(g)
            return sigmoid(o) * tanh(s), s

        def gru(state, zx, U, c):
            rx, ux, gx = jnp.split(zx, 3, 1)
            rh, uh, gh = jnp.split(state[0] @ U.T + c, 3, 1)
            u = sigmoid(ux + uh)
            return (u * state[0] + (1 - u) * tanh(gx + sigmoid(rx + rh) * gh),)

        def simple(state, zx, U, c):
            return (tanh(zx + state[0] @ U.T + c),)

        move = {"LSTM": lstm, "GRU": gru, "Recurrent": simple}[cell]

        def forward(P, X):
            A, U, b, c = P

            def moment(state, zx):
                state = move(state, zx, U, c)
                return state, state[0]

            start = (jnp.zeros((ROWS, hidden), jnp.float32),) * (2 if cell == "LSTM" else 1)
            return jax.lax.scan(moment, start, X @ A.T + b)[1]

        def step(P, X, dy):
            gradient = jax.grad(lambda P: (forward(P, X) * dy).sum())(P)
            return [p - LR * g for p, g in zip(P, gradient, strict=True)]

        self._forward, self._step = jax.jit(forward), jax.jit(step)

    def predict(self):
        return np.asarray(self._forward(self.P, self.X)).swapaxes(0, 1)

    def step(self) -> None:
        self.P = [p.block_until_ready() for p in self._step(self.P, self.X, self.dy)]

    def weights(self):
        return np.asarray(self.P[1])


def quickest(calls: Calls, seconds: float) -> dict[str, float]:
    """Return the least milliseconds of each call, which take turns."""
    best = dict.fromkeys(calls, np.inf)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - began))
    return best


def measure(cell: str, hidden: int, threads: int, seconds: float) -> None:
    ours = Steepest(cell, hidden, threads)
    contestants = [ours]
    for kind in (PyTorch, JAX):
        try:
            contestants.append(kind(ours, cell, hidden, threads))
        except ImportError:
            print(f"  {kind.name} is not installed")
    for other in contestants[1:]:
        np.testing.assert_allclose(other.predict(), ours.predict(), atol=2e-5)
    for each in contestants:
        each.step()
    for other in contestants[1:]:
        np.testing.assert_allclose(other.weights(), ours.weights(), atol=1e-6)
    for what in ("predict", "step"):
        best = quickest({each.name: getattr(each, what) for each in contestants}, seconds)
        own = best["steepest"]
        others = [f"{k} {v:.2f} ms, {v / own:.2f} ×" for k, v in best.items() if k != "steepest"]
        print(f"{cell} {hidden}, {what}: {own:.2f} ms; {'; '.join(others)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="*", default=["LSTM", "GRU", "Recurrent"])
    parser.add_argument("--hidden", type=int, nargs="*", default=[32, 64, 256])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    print(f"{ROWS} rows of {INPUTS} inputs, {MOMENTS} moments, {asked.threads} threads")
    for cell in asked.cells:
        for hidden in asked.hidden:
            measure(cell, hidden, asked.threads, asked.seconds)


if __name__ == "__main__":
    main()
