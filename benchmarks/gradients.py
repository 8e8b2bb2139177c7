"""What it costs to see gradients, beside a training step; single ones beside JAX and PyTorch.

784-128-10, ReLU, softmax cross-entropy, float32, 64 rows at a time, random data. First the peers'
gradients are compared with ours; then all are timed in turns, and medians printed.

    python benchmarks/gradients.py [--threads 2] [--rounds 15] [--quick] [--json FILE]

- norms: the norm of every example's gradient, by layer
- gradient and norms: the same, and the gradient of the batch as well
- mean and variance: of every parameter's gradient over the examples
- every gradient: all 64 gradients as arrays, into memory that is there (as `out=`), and fresh
- one look: of the callback `Watch`, at 1,024 examples
- JAX: jit(vmap(grad)); PyTorch: torch.func.vmap(grad). Both return fresh arrays.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np

from steepest import SGD, Dense, Gradients, Network, Progress, ReLU, SoftmaxCrossEntropy, Watch
from steepest.inspection.gradient_pass import GradientPass
from steepest.inspection.observers import Norms, arrays_for
from steepest.sampling import InOrder
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

SIZES, BATCH, BATCHES, LR = (784, 128, 10), 64, 64, 1e-3


class Ours:
    def __init__(self, X, y, threads):
        p, q, k = SIZES
        network = Network(Dense(q), ReLU(), Dense(k), inputs=p)
        loss = SoftmaxCrossEntropy()
        self.run = TrainingRun(
            network,
            Descent(loss, SGD(lr=LR), InOrder(), BATCH),
            (X, y, None),
            slots={},
            step=0,
            threads=threads,
        )
        self.gradients = Gradients(network, loss, batch=BATCH, threads=threads)
        self.X, self.y, self.parameters = X, y, network.parameters
        self.theta = network.theta
        self.weights, observer = np.ones(len(y), np.float32), Norms()
        self.both = GradientPass(
            network, loss, (X, y), (observer,), gradient=True, batch=BATCH, threads=threads
        )
        self.both.program(len(y))
        arrays_for(observer.handles, dict.fromkeys(observer.handles, (len(y),)), "float32")
        self.watch = Watch(share=1.0)
        self.progress = Progress(network, 0, 1, 1, 9, False, 0.0, lr=LR, run=self.run)
        self.rows = X[:BATCH], y[:BATCH]
        self.out = self.gradients.each(*self.rows)

    def step(self):
        """64 steps; θ stays where it is, so that all compute the same."""
        kept = self.theta.copy()
        self.run.run(np.full(BATCHES, LR, np.float32))
        self.theta[:] = kept

    def norms(self):
        return self.gradients.norms(self.X, self.y)

    def gradient_and_norms(self):
        return self.both.run(self.X, self.y, self.weights)

    def look(self):
        self.watch(self.progress)

    def moments(self):
        return self.gradients.moments(self.X, self.y)

    def each(self):
        return self.gradients.each(*self.rows, out=self.out)

    def each_fresh(self):
        return self.gradients.each(*self.rows)


class Jax:
    name = "JAX"

    def __init__(self, X, y, parameters):
        import jax
        import jax.numpy as jnp

        def loss(theta, x, label):
            (A, a), (B, b) = theta
            z = jax.nn.log_softmax(jax.nn.relu(x @ A + a) @ B + b)
            return -z[label]

        self.jax = jax
        self.many = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0, 0)))
        P = {name: jnp.asarray(value) for name, value in parameters.items()}
        self.theta = [(P["0.A"].T, P["0.b"]), (P["2.A"].T, P["2.b"])]
        self.data = jnp.asarray(X), jnp.asarray(y)

    def each(self):
        return self.jax.block_until_ready(self.many(self.theta, *self.data))

    def named(self):
        (A, a), (B, b) = self.each()
        turned = {"0.A": A, "0.b": a[:, :, None], "2.A": B, "2.b": b[:, :, None]}
        return {name: np.asarray(value).swapaxes(1, 2) for name, value in turned.items()}


class Torch:
    name = "PyTorch"

    def __init__(self, X, y, parameters, threads):
        import torch

        torch.set_num_threads(threads)
        functional = torch.nn.functional

        def loss(theta, x, label):
            h = functional.relu(functional.linear(x, theta["0.A"], theta["0.b"]))
            z = functional.linear(h, theta["2.A"], theta["2.b"])
            return functional.cross_entropy(z, label)

        self.many = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))
        self.theta = {k: torch.tensor(np.ascontiguousarray(v)) for k, v in parameters.items()}
        self.data = torch.tensor(X), torch.tensor(y)

    def each(self):
        return self.many(self.theta, *self.data)

    def named(self):
        return {name: value.numpy() for name, value in self.each().items()}


def agree(ours, peers):
    """Compare before anything is timed."""
    found = ours.each()
    norms, moments = ours.gradients.norms(*ours.rows), ours.gradients.moments(*ours.rows)
    square = sum((g.reshape(BATCH, -1) ** 2).sum(axis=1) for g in found.values())
    np.testing.assert_allclose(norms.total, np.sqrt(square), rtol=1e-4)
    for name, array in found.items():
        np.testing.assert_allclose(moments.mean[name], array.mean(axis=0), rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(moments.variance[name], array.var(axis=0), rtol=1e-3, atol=1e-6)
    for peer in peers:
        theirs = peer.named()
        worst = max(
            float(np.abs(theirs[name].reshape(array.shape) - array).max() / np.abs(array).max())
            for name, array in found.items()
        )
        print(f"{peer.name}: every gradient agrees to {worst:.1e} of the largest entry")
        assert worst < 1e-5, "they do not compute the same"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.threads == 1:  # before JAX starts its threads
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )
    rng = np.random.default_rng(0)
    X = rng.standard_normal((BATCH * BATCHES, SIZES[0])).astype(np.float32)
    y = rng.integers(0, SIZES[-1], len(X))
    ours, peers = Ours(X, y, options.threads), []
    for make in (lambda *a: Jax(*a), lambda *a: Torch(*a, options.threads)):
        try:
            peers.append(make(*ours.rows, ours.parameters))
        except ImportError as error:
            print(f"{error}: left out")
    agree(ours, peers)
    contestants = [
        ("step", ours.step, BATCHES),
        ("norms", ours.norms, BATCHES),
        ("gradient and norms", ours.gradient_and_norms, BATCHES),
        ("mean and variance", ours.moments, BATCHES),
        ("every gradient", ours.each, 1),
        ("every gradient, fresh", ours.each_fresh, 1),
        ("one look", ours.look, 1),
        *((peer.name, peer.each, 1) for peer in peers),
    ]
    times = {name: [] for name, *_ in contestants}
    with ours.run.engine:
        for _ in range(2 if options.quick else options.rounds):
            for name, run, count in contestants:
                time.sleep(0.05)  # the last one's idle threads spin for a while before they sleep
                ready = time.perf_counter() + 0.03  # memory and cores wake up gradually
                while time.perf_counter() < ready:
                    run()
                began = time.perf_counter()
                run()
                times[name].append((time.perf_counter() - began) / count)
    median = {name: float(np.median(t)) for name, t in times.items()}
    print(f"\n{'-'.join(map(str, SIZES))}, batch {BATCH}, {options.threads} threads")
    print(f"{'':<24}{'µs a batch':>12}{'÷ a step':>12}{'÷ ours':>12}")
    for name, seconds in median.items():
        ratio = seconds / median["every gradient, fresh"]
        theirs = f"{ratio:12.2f}" if name in [peer.name for peer in peers] else ""
        print(f"{name:<24}{seconds * 1e6:12.1f}{seconds / median['step']:12.2f}{theirs}")
    if options.json:
        options.json.write_text(json.dumps({"threads": options.threads, "seconds": median}))


if __name__ == "__main__":
    main()
