"""Steepest itself, with as many threads as it chooses and with one."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from steepest import SGD, Adam, Dense, Logistic, Network, ReLU, SoftmaxCrossEntropy, Trainer
from steepest.arrays import aligned
from steepest.engine.arena import Arena
from steepest.engine.driver import Control, Engine
from steepest.engine.operands import Buffer
from steepest.engine.program import Program
from steepest.estimators.compiled import Compiled
from steepest.kernels.moves import advance
from steepest.kernels.prefetch import rows_ahead
from steepest.lowering.batches import InputRows
from steepest.lowering.lowering import Lowering, TrainingSettings
from steepest.lowering.predict import Predictor
from steepest.sampling import InOrder, Shuffled
from steepest.training.board import CHUNK
from steepest.training.descent import Descent
from steepest.training.run import TrainingRun

from .. import race
from .. import work as works


def network_of(parameters) -> Network:
    """Return the ReLU network with these parameters."""
    *hidden, last = [Dense(len(A), bias=b is not None) for A, b in parameters]
    layers = [layer for dense in hidden for layer in (dense, ReLU())]
    network = Network(*layers, last, inputs=parameters[0][0].shape[1])
    flat = [array for pair in parameters for array in pair if array is not None]
    for view, array in zip(network.parameters.values(), flat, strict=True):
        view[...] = array
    return network


class Training:
    name, module, ours, comparable = "steepest", "steepest", True, True
    threads: int | None = None

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training | works.Stream)

    def __init__(self, work, problem):
        X, y, parameters = problem
        network = self.network = network_of(parameters)
        linear = self.linear = isinstance(work, works.Stream)
        rule = Adam(work.lr) if getattr(work, "rule", "SGD") == "Adam" else SGD(work.lr)
        self.rates = np.full(CHUNK, work.lr, np.float32)
        descent = Descent(
            Logistic() if linear else SoftmaxCrossEntropy(),
            rule,
            InOrder(),
            work.batch,
            matmul_dtype="bfloat16" if getattr(work, "bf16", False) else None,
        )
        self.run_ = TrainingRun(
            network,
            descent,
            (X, y.astype(np.float32)[:, None] if linear else y, None),
            slots={name: aligned(network.theta.size, network.dtype) for name in rule.slots},
            step=0,
            threads=self.threads,
        )

    def run(self, count):
        with self.run_.engine:
            chunks = [min(CHUNK, count - done) for done in range(0, count, CHUNK)]
            self.losses = np.concatenate([self.run_.run(self.rates[:size]) for size in chunks])

    def found(self):
        return self.network.theta if self.linear else self.losses


class OneThread(Training):
    name, threads = "1 thread", 1

    @staticmethod
    def takes(work):
        return isinstance(work, works.Training) and work.batch > 1


class OneRow:
    """`MLPClassifier.compiled()`, which returns a class; here the logits."""

    name, module, ours, comparable = "steepest", "steepest", True, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Prediction) and work.rows == 1

    def __init__(self, work, problem):
        network = network_of(problem.parameters)
        self.predict = Compiled(network, np.ndarray.copy, np.copy)
        self.row = problem.X[0]

    def run(self, count):
        for _ in range(count):
            z = self.predict(self.row)
        self.z = z[None]

    def found(self):
        return self.z


class Prediction:
    name, module, ours, comparable = "steepest", "steepest", True, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Prediction) and work.rows > 1

    def __init__(self, work, problem):
        self.network, self.X = network_of(problem.parameters), problem.X

    def run(self, count):
        for _ in range(count):
            self.z = self.network.predict(self.X)

    def found(self):
        return self.z


class Sweep:
    """The rows as a fit sees them, shuffled and gathered, and as a validation does.

    Nobody does the same beside it: it is compared with the memory.
    """

    name, module, ours, comparable = "steepest", "steepest", True, True

    @staticmethod
    def takes(work):
        return isinstance(work, works.Sweep)

    def __init__(self, work, problem):
        self.X, self.y = problem.X, problem.y
        self.run = {"gather": self.gather, "evaluate": self.evaluate}[work.what]
        if work.what == "evaluate":
            self.w = np.ones(work.rows, np.float32)
            network = network_of(problem.parameters)
            self.predictor = Predictor(network.built, 256, None, SoftmaxCrossEntropy())
        else:
            self._lower_gather(work)

    def evaluate(self, count):
        for _ in range(count):
            self.predictor.evaluate(self.X, self.y, self.w)

    def gather(self, count):
        with self.engine as engine:
            for _ in range(count):
                self.t.array[()] = 0  # the same epoch again: its order is drawn once
                engine.run(0, self.steps)

    def _lower_gather(self, work):
        """A program that does nothing but fetch batch after batch of an epoch's order."""
        self.network = network_of(works.start((work.columns, 2), np.random.default_rng(0)))
        self.steps, self.t = work.rows // work.batch, Buffer.number("t")
        self.program = Program("gather", work.batch, "float32", 1)
        self.arena, control = Arena("float32"), Control()
        built, training = self.network.built, TrainingSettings()
        low = Lowering(self.program, self.arena, built, control, self.t, training=training)
        chosen = self.arena.array("i", work.batch + rows_ahead(work.batch), kind="i")
        epoch = self.arena.array("epoch", 2, kind="i")
        Shuffled().lower(low, work.rows, work.batch, self.steps, epoch, chosen)
        self.source = InputRows("f")
        self.source.set(self.X)
        self.source.lower(low, (work.columns,), chosen)
        low.emit(advance, {"t": self.t.as_vector()})
        self.arena.allocate()
        self.program.assemble()
        self.engine = Engine(self.program, None, self.steps, control)


class Race(race.Racer):
    """`Trainer.fit`, which a callback ends at the goal."""

    name, module, ours, rounds = "steepest", "steepest", True, True

    def prepare(self, setting):
        as_they_are = sparse.csr_matrix if setting.sparse else np.asarray
        self.images = as_they_are(self.X)
        unseen, self.truth = self.work.unseen
        self.unseen = as_they_are(unseen)

    def train(self, parameters, setting, seed, epochs):
        steps = setting.epochs * -(-len(self.y) // setting.batch)

        def rates(t):
            return setting.lr * (1 - t / steps)

        rules = {"SGD": SGD(rates), "momentum": SGD(rates, momentum=0.9), "Adam": Adam(rates)}
        network = network_of(parameters)
        trainer = Trainer(
            network, SoftmaxCrossEntropy(), rules[setting.rule], batch=setting.batch, seed=seed,
            matmul_dtype="bfloat16" if setting.bf16 else None,
        )  # fmt: skip
        reached = [0.0]

        def look(progress):
            if progress.epoch_ended:
                z = network.predict(self.unseen)
                reached[0] = float((z.argmax(axis=1) == self.truth).mean())
            return reached[0] >= self.work.goal

        trainer.fit(self.images, self.y, epochs=epochs, callbacks=[look])
        return reached[0]
