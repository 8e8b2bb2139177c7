"""What Steepest computes of a problem, through its public interface."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from problems import STEPS, Problem, at

from helpers import run_kernel
from steepest import Embedding, Network, Reshape, Rule, Sequential, Trainer
from steepest.layers import Dropout
from steepest.parameters import walk

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Gradient(Rule):
    """θ becomes the gradient itself, so that it can be read from the network exactly."""

    @staticmethod
    def step(theta, g, entries):
        """theta = g"""
        for i in entries:
            theta[i] = g[i]
            g[i] = 0


def network_of(problem: Problem) -> Network:
    """Return the problem's network at its start, where no parameter has a special value."""
    network = Network(*problem.layers, inputs=problem.x.shape[1:], seed=1, dtype="float64")
    rng = np.random.default_rng(problem.seed)
    network.theta[:] += 0.1 * rng.standard_normal(network.theta.size)
    return network


def parameters(network: Network) -> Arrays:
    return {name: view.copy() for name, view in network.parameters.items()}


def gradient(problem: Problem) -> tuple[float, Arrays, np.ndarray | None]:
    """Return the loss at the start, and its gradient by the parameters and by the input.

    Row i of the input is made row i of an embedding's table, whose gradient is then the input's.
    CSR input has none.
    """
    start, X = network_of(problem), problem.X
    network, prefix = start, ""
    if not problem.csr:
        n, *shape = problem.x.shape
        rows = Embedding(n, math.prod(shape)), Reshape(tuple(shape))
        network = Network(*rows, Sequential(*problem.layers), inputs=1, dtype="float64")
        X, prefix = np.arange(n, dtype=float)[:, None], "2."
        network.parameters["0.E"][...] = problem.x.reshape(n, -1)
        for name, value in start.parameters.items():
            network.parameters[prefix + name][...] = value
    trainer = Trainer(network, problem.loss, Gradient(), sampling="full", threads=problem.threads)
    history = trainer.fit(X, problem.y, weights=problem.w, epochs=1)
    found = {
        name.removeprefix(prefix): value
        for name, value in parameters(network).items()
        if name.startswith(prefix)
    }
    dx = network.parameters["0.E"].reshape(problem.x.shape) if prefix else None
    return history["loss"][0], found, dx


def ten_steps(problem: Problem, rule: Rule) -> tuple[np.ndarray, Arrays]:
    """Return the objective of each epoch, and the parameters at the end."""
    network = network_of(problem)
    trainer = Trainer(
        network, problem.loss, rule,
        batch=problem.batch, sampling="sequential", threads=problem.threads,
    )  # fmt: skip
    per_epoch = -(-len(problem.x) // problem.batch)
    history = trainer.fit(problem.X, problem.y, weights=problem.w, epochs=STEPS // per_epoch)
    assert trainer.step == STEPS
    return np.array(history["loss"]), parameters(network)


class Masks:
    """The masks that dropout draws, scaled: what a layer multiplies its input with."""

    def __init__(self, problem: Problem) -> None:
        network = network_of(problem)
        program = Trainer(network, problem.loss, sampling="sequential").program(
            problem.X, problem.y
        )
        layers = {path: layer for path, layer, _ in walk(network.layer, network.input_shape)}
        self._drawn = {}
        for i in program.instructions:
            if i.function is Dropout.forward:
                path = i.layer.split()[0]
                rate, key = layers[path].rate, i.operands["key"]
                self._drawn[path] = i.operands["x"].shape[1], rate, key

    def at(self, step: int, rows: int) -> Arrays:
        """Return the masks of a step, by the paths of the layers."""
        found = {}
        for path, (width, rate, key) in self._drawn.items():
            found[path] = np.empty((rows, width))
            run_kernel(
                Dropout.forward, "float64", True,
                x=np.ones((rows, width)), y=found[path],
                rate=at(rate, step), key=key.value, step=step, before=0,
            )  # fmt: skip
        return found
