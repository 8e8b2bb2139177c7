"""A training step beside that of PyTorch, JAX and scikit-learn.

ReLU networks, softmax cross-entropy, plain SGD, float32, random data in memory, rows in order.
First all train the same network on the same rows, and their losses are compared; then they are
timed in turns, and the medians are printed. Each is a process of its own, so that nobody's idle
threads take the cores of another. A peer that is not installed is left out.

    python benchmarks/steps.py [--rounds 7] [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import time
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np

from steepest import SGD, Dense, Network, ReLU, SoftmaxCrossEntropy
from steepest.sampling import Sequential
from steepest.training import CHUNK, TrainingRun

# Layer sizes, batch, and JAX's time over that of the prototype from which the project began.
SHAPES = [
    ((20, 64, 64, 2), 1, 2.3 / 0.89),
    ((784, 128, 10), 1, 13.6 / 10.1),
    ((20, 64, 64, 2), 32, 21 / 11.2),
    ((784, 128, 10), 32, 155 / 118),
    ((784, 512, 512, 10), 128, 3.2 / 2.41),
    ((784, 1024, 1024, 10), 512, 26.6 / 26.1),
]
LR = 0.01


class Steepest:
    name, module = "steepest", "steepest"

    def __init__(self, sizes, batch, X, y, parameters, threads=None):
        layers = [layer for q in sizes[1:-1] for layer in (Dense(q), ReLU())]
        network = Network(*layers, Dense(sizes[-1]), inputs=sizes[0])
        views = list(network.parameters.values())
        for view, array in zip(views, [a for pair in parameters for a in pair], strict=True):
            view[...] = array
        self.run_ = TrainingRun(
            network, SoftmaxCrossEntropy(), SGD(lr=LR), Sequential(), X, y, None,
            batch=batch, threads=threads, seed=0, slots={}, step=0,
        )  # fmt: skip

    def run(self, steps):
        losses = []
        with self.run_.engine:
            while steps:
                size = min(steps, CHUNK)
                losses.append(self.run_.run(np.full(size, LR, np.float32)))
                steps -= size
        return np.concatenate(losses)


class OneThread(Steepest):
    name, module = "1 thread", "steepest"

    def __init__(self, *arguments):
        super().__init__(*arguments, threads=1)


class Torch:
    name, module = "PyTorch", "torch"

    def __init__(self, sizes, batch, X, y, parameters):
        import torch

        self.torch, self.batch = torch, batch
        torch.set_num_threads(1 if batch * sum(sizes) < 50_000 else os.cpu_count())
        layers = []
        for k, (A, b) in enumerate(parameters):
            layer = torch.nn.Linear(A.shape[1], A.shape[0])
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(A))
                layer.bias.copy_(torch.from_numpy(b))
            layers += [layer] if k == len(parameters) - 1 else [layer, torch.nn.ReLU()]
        self.network = torch.nn.Sequential(*layers)
        self.rule = torch.optim.SGD(self.network.parameters(), lr=LR)
        self.loss = torch.nn.CrossEntropyLoss()
        self.X, self.y, self.at = torch.from_numpy(X), torch.from_numpy(y), 0

    def run(self, steps):
        losses = []
        for _ in range(steps):
            rows = slice(self.at, self.at + self.batch)
            self.rule.zero_grad()
            loss = self.loss(self.network(self.X[rows]), self.y[rows])
            loss.backward()
            self.rule.step()
            losses.append(loss.detach())
            self.at = (self.at + self.batch) % len(self.y)
        return np.array([float(loss) for loss in losses])


class Jax:
    name, module = "JAX scan", "jax"

    def __init__(self, sizes, batch, X, y, parameters):
        import jax
        import jax.numpy as jnp

        X, y = jnp.asarray(X), jnp.asarray(y)
        n = len(y)

        def objective(theta, x, labels):
            for A, b in theta[:-1]:
                x = jax.nn.relu(x @ A + b)
            A, b = theta[-1]
            z = jax.nn.log_softmax(x @ A + b)
            return -jnp.take_along_axis(z, labels[:, None], axis=1).mean()

        def step(carry, _):
            theta, at = carry
            x = jax.lax.dynamic_slice_in_dim(X, at, batch)
            labels = jax.lax.dynamic_slice_in_dim(y, at, batch)
            loss, gradient = jax.value_and_grad(objective)(theta, x, labels)
            theta = jax.tree.map(lambda p, g: p - LR * g, theta, gradient)
            return (theta, (at + batch) % n), loss

        self.many = jax.jit(
            lambda carry, steps: jax.lax.scan(step, carry, length=steps),
            static_argnums=1,
            donate_argnums=0,
        )
        self.carry = [(jnp.asarray(A.T), jnp.asarray(b)) for A, b in parameters], jnp.int32(0)

    def run(self, steps):
        self.carry, losses = self.many(self.carry, steps)
        return np.asarray(losses)


class ScikitLearn:
    name, module = "scikit-learn", "sklearn"

    def __init__(self, sizes, batch, X, y, parameters):
        from sklearn.neural_network import MLPClassifier

        self.per_fit = len(y) // batch
        self.model = MLPClassifier(
            sizes[1:-1], solver="sgd", momentum=0.0, nesterovs_momentum=False, alpha=0.0,
            batch_size=batch, learning_rate_init=LR, shuffle=False, max_iter=1,
        )  # fmt: skip
        self.X, self.y = X, y
        self.model.partial_fit(X[: max(batch, 2)], y[: max(batch, 2)], classes=np.arange(sizes[-1]))
        outputs = self.model.intercepts_[-1].size
        if outputs != sizes[-1]:  # two classes get one logistic output: the same work, nearly
            parameters = [*parameters[:-1], (parameters[-1][0][:1], parameters[-1][1][:1])]
        self.comparable = outputs == sizes[-1]
        self.model.coefs_ = [A.T.copy() for A, _ in parameters]
        self.model.intercepts_ = [b.copy() for _, b in parameters]

    def run(self, steps):
        rows = min(steps, self.per_fit) * self.model.batch_size
        losses = []
        for _ in range(max(1, steps // self.per_fit)):
            self.model.partial_fit(self.X[:rows], self.y[:rows])
            losses.append(self.model.loss_)
        return np.array(losses)


def start(sizes, rng):
    pairs = pairwise(sizes)
    return [
        ((rng.standard_normal((q, p)) * np.sqrt(2 / p)).astype(np.float32), np.zeros(q, np.float32))
        for p, q in pairs
    ]


def gemm_rate(size):
    """Return this machine's float32 rate, in FLOP/s, for a product of matrices."""
    A = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    times = []
    for _ in range(7):
        began = time.perf_counter()
        A @ A
        times.append(time.perf_counter() - began)
    return 2 * size**3 / min(times)


class Contestant:
    """One of the above in a process of its own, which sleeps until it is asked to run."""

    def __init__(self, kind, *arguments):
        self.name = kind.name
        self.connection, theirs = multiprocessing.get_context("spawn").Pipe()
        self.process = multiprocessing.get_context("spawn").Process(
            target=serve, args=(theirs, kind, arguments), daemon=True
        )
        self.process.start()
        self.comparable = self.connection.recv()

    def run(self, steps):
        """Return the losses, and the seconds it took."""
        self.connection.send(steps)
        return self.connection.recv()

    def end(self):
        self.connection.send(None)
        self.process.join()


def serve(connection, kind, arguments):
    warnings.simplefilter("ignore")
    contestant = kind(*arguments)
    connection.send(getattr(contestant, "comparable", True))
    while (steps := connection.recv()) is not None:
        began = time.perf_counter()
        losses = contestant.run(steps)
        connection.send((losses, time.perf_counter() - began))


def measure(sizes, batch, rounds, seconds):
    rng = np.random.default_rng(0)
    n = batch * max(16, 1024 // batch)
    X = rng.standard_normal((n, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], n)
    parameters = start(sizes, rng)
    contestants = []
    for kind in (Steepest, OneThread, Torch, Jax, ScikitLearn):
        if importlib.util.find_spec(kind.module) is None:
            print(f"  {kind.name} is not installed: left out")
        else:
            contestants.append(Contestant(kind, sizes, batch, X, y, parameters))
    # One of scikit-learn's fits is a pass over these rows; the others take as many steps.
    steps = n // batch
    losses = {c.name: c.run(steps)[0] for c in contestants}
    ours = losses["steepest"]
    for contestant in contestants[1:]:
        theirs = losses[contestant.name]
        if not contestant.comparable:
            print(f"  {contestant.name}: one logistic output, loss not compared")
            continue
        if theirs.size == 1:
            difference = abs(theirs[0] / ours.mean() - 1)
        else:
            difference = abs(theirs / ours - 1).max()
        print(f"  {contestant.name}: losses of {steps} steps differ by {difference:.1e} at most")
        assert difference < 2e-2, "they do not compute the same"
    counts = {}
    for contestant in contestants:
        contestant.run(steps)
        repeat = max(1, round(seconds / contestant.run(steps)[1]))
        counts[contestant.name] = min(repeat, 50) * steps
        contestant.run(counts[contestant.name])  # JAX compiles for each length
    times = {c.name: [] for c in contestants}
    for _ in range(rounds):
        for contestant in contestants:
            count = counts[contestant.name]
            time.sleep(0.3)  # idle threads of the last one spin for a while before they sleep
            contestant.run(count)  # memory and cores wake up gradually
            times[contestant.name].append(contestant.run(count)[1] / count)
    for contestant in contestants:
        contestant.end()
    return {name: float(np.median(t)) for name, t in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one round of the smallest networks")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shapes = [s for s in SHAPES if s[0][-2] < 100] if options.quick else SHAPES
    rounds, seconds = (1, 0.01) if options.quick else (options.rounds, 0.15)
    rate = gemm_rate(256 if options.quick else 2048)
    found = []
    for sizes, batch, prototype in shapes:
        print(f"{'-'.join(map(str, sizes))}, batch {batch}")
        times = measure(sizes, batch, rounds, seconds)
        pairs = list(pairwise(sizes))
        flops = 2 * batch * (3 * sum(p * q for p, q in pairs) - pairs[0][0] * pairs[0][1])
        found.append((sizes, batch, prototype, times, flops))
    names = ["steepest", "1 thread", "PyTorch", "JAX scan", "scikit-learn"]
    heads = [*names, "fastest ÷ ours", "JAX ÷ ours", "prototype", "GFLOP/s", "of limit"]
    print(f"\nµs a step; float32 GEMM limit of this machine {rate / 1e9:.0f} GFLOP/s")
    print(f"{'network, batch':<26}" + "".join(f"{head:>15}" for head in heads))
    records = []
    for sizes, batch, prototype, times, flops in found:
        ours = times["steepest"]
        peers = [t for name, t in times.items() if name not in ("steepest", "1 thread")]
        fastest = min(peers) / ours if peers else float("nan")
        jax = times.get("JAX scan", float("nan")) / ours
        cells = [f"{times[name] * 1e6:.2f}" if name in times else "-" for name in names]
        cells += [f"{fastest:.2f}" + (" lost" if fastest < 1 else ""), f"{jax:.2f}"]
        cells += [f"{prototype:.2f}", f"{flops / ours / 1e9:.1f}", f"{flops / ours / rate:.2f}"]
        label = f"{'-'.join(map(str, sizes))}, {batch}"
        print(f"{label:<26}" + "".join(f"{cell:>15}" for cell in cells))
        records.append({"sizes": sizes, "batch": batch, "seconds": times, "flops": flops})
    if options.json:
        options.json.write_text(json.dumps({"gemm": rate, "rows": records}, indent=1))


if __name__ == "__main__":
    main()
