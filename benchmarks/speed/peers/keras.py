"""Keras on JAX: `fit`, many steps to a call."""

from __future__ import annotations

import os

import numpy as np

from .. import work as works


class Fit:
    """Its losses are averages over passes."""

    name, module, ours, comparable = "Keras", "keras", False, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training) and not work.sparse and not work.bf16

    def __init__(self, work, problem):
        os.environ["KERAS_BACKEND"] = "jax"
        import keras

        self.X, self.y, parameters = problem
        self.per_fit, self.batch = work.unit, work.batch
        layers = [keras.layers.Dense(q, activation="relu") for q in work.sizes[1:-1]]
        network = keras.Sequential(
            [keras.Input((work.sizes[0],)), *layers, keras.layers.Dense(work.sizes[-1])]
        )
        network.set_weights([array for A, b in parameters for array in (A.T, b)])
        rule = {"SGD": keras.optimizers.SGD, "Adam": keras.optimizers.Adam}[work.rule]
        settings = {} if work.rule == "SGD" else {"epsilon": 1e-8}
        network.compile(
            rule(work.lr, **settings), keras.losses.SparseCategoricalCrossentropy(True),
            steps_per_execution=min(32, work.unit), jit_compile=True,
        )  # fmt: skip
        self.network = network

    def run(self, count):
        passes = max(1, count // self.per_fit)
        told = self.network.fit(
            self.X, self.y, batch_size=self.batch, epochs=passes, shuffle=False, verbose=0
        )
        self.losses = np.array(told.history["loss"])

    def found(self):
        return self.losses
