"""LSTM, GRU and Recurrent beside PyTorch and JAX: predicting, and a step of training.

All contestants begin with the same parameters, and must come to the same outputs and, after a step
of plain gradient descent, to the same parameters. Each has some turns, in processes of their own
(`contest.py`). Medians of all rounds are printed; ratios above 1 are of those who take longer than
ours.

    python benchmarks/recurrence.py [--cells LSTM GRU] [--hidden 32 64 256] [--threads 2]
"""

from __future__ import annotations

import argparse
import functools
import statistics
from collections.abc import Callable

import numpy as np

import steepest
from contest import in_turns, seconds_of
from steepest import SGD, Network, Trainer, to_state_dict

ROWS, MOMENTS, INPUTS = 32, 100, 32
LR = 1e-3
Array = np.ndarray


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


def work(
    name: str, cell: str, hidden: int, threads: int, rounds: int, seconds: float
) -> tuple[Array, Array, dict[str, list[float]]]:
    """Return a contestant's outputs, its parameters after a step, and milliseconds of each call."""
    ours = Steepest(cell, hidden, threads)
    each = ours if name == Steepest.name else KINDS[name](ours, cell, hidden, threads)
    outputs = np.array(each.predict())
    each.step()
    weights, times = np.array(each.weights()), {}
    for what in ("predict", "step"):
        call = getattr(each, what)
        call()
        count = max(1, round(seconds / min(seconds_of(call) for _ in range(3))))
        several = functools.partial(repeat, call, count)
        times[what] = [1e3 * seconds_of(several) / count for _ in range(rounds)]
    return outputs, weights, times


def repeat(call: Callable[[], object], count: int) -> None:
    for _ in range(count):
        call()


def measure(cell: str, hidden: int, asked: argparse.Namespace) -> None:
    settings = cell, hidden, asked.threads, asked.rounds, asked.seconds
    found = in_turns(work, [Steepest.name, *asked.peers], *settings, turns=asked.turns)
    outputs, weights, _ = found["steepest"][0]
    for turns in found.values():
        for other_outputs, other_weights, _ in turns:
            np.testing.assert_allclose(other_outputs, outputs, atol=2e-5)
            np.testing.assert_allclose(other_weights, weights, atol=1e-6)
    for what in ("predict", "step"):
        typical = {
            name: statistics.median(t for *_, times in turns for t in times[what])
            for name, turns in found.items()
        }
        own = typical.pop("steepest")
        others = [f"{name} {v:.3f} ms, {v / own:.2f} ×" for name, v in typical.items()]
        print(f"{cell} {hidden}, {what}: {own:.3f} ms; {'; '.join(others)}", flush=True)


KINDS = {"pytorch": PyTorch, "jax": JAX}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", nargs="*", default=["LSTM", "GRU", "Recurrent"])
    parser.add_argument("--hidden", type=int, nargs="*", default=[32, 64, 256])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one timing")
    parser.add_argument("--peers", nargs="*", default=list(KINDS))
    asked = parser.parse_args()
    print(f"{ROWS} rows of {INPUTS} inputs, {MOMENTS} moments, {asked.threads} threads")
    for cell in asked.cells:
        for hidden in asked.hidden:
            measure(cell, hidden, asked)


if __name__ == "__main__":
    main()
