"""A race: training until a network is right about so many images that it has not seen.

All train the same network from the same random parameters, with a learning rate that falls to 0 in
a straight line. Each may choose its rule, its batch and its rate among `SETTINGS`, and takes those
that it is fastest with: the epochs that they need times the seconds of one. Who has not got there
at the end of its epochs begins anew with other random numbers, and its clock goes on. Looking at
the test images, at the end of every epoch, is part of the time.
"""

from __future__ import annotations

import itertools
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .work import Problem, mnist, start


@dataclass(frozen=True)
class Setting:
    """``epochs`` are planned for; ``needed`` are computed until the goal, on average of 16 seeds,
    those included that do not get there: by Steepest in float32, so about as many by others.
    """

    rule: str
    batch: int
    lr: float
    epochs: int
    needed: float
    sparse: bool = False
    bf16: bool = False

    def rates(self, steps: int) -> np.ndarray:
        """Return the learning rate of each of so many steps."""
        return (self.lr * (1 - np.arange(steps) / steps)).astype(np.float32)


SETTINGS = (
    Setting("SGD", 1, 0.02, 5, 4.6, sparse=True),
    Setting("SGD", 8, 0.15, 6, 4.8, sparse=True),
    Setting("SGD", 16, 0.25, 6, 4.9),
    Setting("SGD", 32, 0.4, 7, 5.6),
    Setting("momentum", 32, 0.05, 6, 6.4),
    Setting("momentum", 64, 0.1, 6, 5.5),
    Setting("momentum", 128, 0.2, 8, 6.2),
    Setting("Adam", 64, 0.003, 6, 6.4),
    Setting("Adam", 128, 0.006, 6, 5.6),
    Setting("SGD", 32, 0.4, 7, 5.6, bf16=True),
    Setting("momentum", 64, 0.1, 6, 5.5, bf16=True),
    Setting("momentum", 128, 0.2, 8, 6.2, bf16=True),
    Setting("Adam", 128, 0.006, 6, 5.6, bf16=True),
)
"""Of each rule and batch the best rate, and the number of epochs that gets most seeds to 0.98.

``sparse`` is for who trains on CSR rows, ``bf16`` for who has products in it.
"""


@dataclass(frozen=True)
class Race:
    """One run's count is trainings."""

    images: Path
    settings: tuple[Setting, ...] = SETTINGS
    sizes: tuple[int, ...] = (784, 128, 10)
    goal: float = 0.98

    unit = 1
    unit_of = "a training"
    flops = nbytes = working_set = 0.0  # depend on who takes which way

    def problem(self) -> Problem:
        return Problem(*mnist(self.images), [])

    def parameters(self, seed: int) -> list:
        return start(self.sizes, np.random.default_rng(seed))

    @cached_property
    def unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """The test images and their labels."""
        return mnist(self.images, "test")


class Racer(ABC):
    """What the contestants of a race share; `comparable` is not for them: each goes its own way."""

    ours, comparable = False, False
    compiles = True
    """Whether the first epoch takes longer than those after it."""
    rounds = False
    """Whether there are products in bf16."""

    @staticmethod
    def takes(work):
        return isinstance(work, Race)

    def __init__(self, work, problem):
        self.work, self.X, self.y = work, problem.X, problem.y
        self.seeds = itertools.count()
        self.setting: Setting | None = None

    def choose(self) -> None:
        """Take the setting that promises to be the quickest; when nobody else computes."""
        tried = {}
        for setting in self.work.settings:
            if (self.ours or not setting.sparse) and (self.rounds or not setting.bf16):
                self.prepare(setting)
                tried[setting] = setting.needed * self.seconds_of(setting)
        self.setting = min(tried, key=tried.__getitem__)
        self.prepare(self.setting)
        self.says = f"{self.setting}, of {len(tried)} settings"

    def seconds_of(self, setting: Setting) -> float:
        """Return what one epoch takes, once compiled."""
        for _ in range(1 + self.compiles):
            began = time.perf_counter()
            self.train(self.work.parameters(0), setting, 0, epochs=1)
            took = time.perf_counter() - began
        return took

    def run(self, count):
        if self.setting is None:
            self.choose()
        for _ in range(count):
            reached = 0.0
            while reached < self.work.goal:
                seed = next(self.seeds) % 100
                epochs = self.setting.epochs
                reached = self.train(self.work.parameters(seed), self.setting, seed, epochs)
            self.reached = reached

    def found(self):
        return np.array([self.reached])

    @abstractmethod
    def prepare(self, setting: Setting) -> None:
        """Get ready to train with ``setting``."""

    @abstractmethod
    def train(self, parameters: list, setting: Setting, seed: int, epochs: int) -> float:
        """Train for so many epochs of the setting's, or until the goal; return the accuracy."""


class EpochRacer(Racer):
    """A racer that is handed the order of the rows and the rates of each epoch."""

    def train(self, parameters, setting, seed, epochs):
        rng = np.random.default_rng(seed)
        n, steps = len(self.y), len(self.y) // setting.batch
        rates = setting.rates(setting.epochs * steps).reshape(-1, steps)
        self.begin(parameters)
        for epoch in range(epochs):
            order = rng.permutation(n)[: steps * setting.batch].reshape(steps, -1)
            self.epoch(order, rates[epoch])
            reached = self.accuracy()
            if reached >= self.work.goal:
                break
        return reached

    @abstractmethod
    def begin(self, parameters: list) -> None:
        """Go back to these parameters, with a rule that remembers nothing."""

    @abstractmethod
    def epoch(self, order: np.ndarray, rates: np.ndarray) -> None:
        """Train on the batches (steps, batch) with those learning rates."""

    @abstractmethod
    def accuracy(self) -> float:
        """Return the part of the test images that the network is right about."""
