"""The ladder of quality: about how long its steps take.

The work of a step is counted in floating-point operations. How long one takes is measured: before a
training on some batches, after it by how long it took. The steps of networks with members may be
shared among threads; networks over folds are trained side by side.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..system.cores import most_threads
from .defaults import FEW, LADDER
from .recipe import Recipe
from .train import SAMPLE, Trained, TrainingData, make_trainer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..tables.encoder import Encoder
    from ..tables.task import Task

__all__ = ["Ladder", "ladder_line", "next_line", "told_seconds"]

_BATCHES = 24
_SHARED = 0.8  # of a thread, if threads share the steps of members: assumed
_OF_STEP = {"muon": 280}  # rows that take as long as what a rule itself does in a step: measured


@dataclass(frozen=True)
class Ladder:
    """What the steps of ``quality`` cost on some rows.

    Parameters
    ----------
    recipe : Recipe
        What is trained.
    task, encoder
        What is predicted, and what writes the inputs.
    settings : mapping
        Of the recipe, where they are not its defaults.
    rows : int
        To train on.
    """

    recipe: Recipe
    task: Task
    encoder: Encoder
    settings: Mapping[str, Any]
    rows: int

    def step(self, quality: int) -> Recipe:
        """Return the recipe of a step."""
        settings = {**self.settings, "quality": quality}
        columns, texts = len(self.encoder.columns), bool(self.encoder.texts)
        facts = self.rows, columns, texts, bool(self.encoder.rising)
        return type(self.recipe).for_task(self.task, settings, *facts)

    def work(self, recipe: Recipe) -> float:
        """Return the work of all trainings of a recipe, to the last epoch.

        In floating-point operations as one thread does them in a network without members.
        """
        flops, bags = self._work_of_row(recipe) * recipe.ensemble, range(recipe.ensemble)
        threads = recipe.threads or most_threads()
        sharing, rows = 1.0, float(self.rows)
        if recipe.folds:
            flops = sum(self._work_of_row(recipe.of_bag(self.encoder, k)) for k in bags)
            sharing, rows = min(threads, recipe.fits), rows * (recipe.folds - 1)
        elif recipe.members > 1:
            sharing = max(1.0, _SHARED * threads)
        assert recipe.epochs is not None
        return flops * rows * recipe.epochs / sharing

    def _work_of_row(self, recipe: Recipe) -> float:
        """Return the work of a row in one epoch of one network."""
        network = recipe.network(self.task, self.encoder)
        flops = 3.0 * network.layer.flops_at(network.built.input_shape)
        assert recipe.batch is not None
        return flops * (1 + _OF_STEP.get(recipe.rule, 0) / recipe.batch)

    def seconds(self, pace: float) -> dict[int, float]:
        """Return about how long each step takes, at ``pace`` seconds a unit of work."""
        return {quality: pace * self.work(self.step(quality)) for quality in LADDER}

    def pace_before(self, data: TrainingData) -> float:
        """Return the seconds that a unit of work takes, by training on some batches."""
        assert self.recipe.batch is not None
        recipe = replace(self.recipe, threads=1, folds=0, ensemble=1, epochs=1)
        rows = np.resize(data.training, _BATCHES * self.recipe.batch)
        X, y = data.X[rows], data.y[rows]
        trainer = make_trainer(recipe, self.task, self.encoder, X[:SAMPLE], recipe.seed)
        trainer.fit(X, y, epochs=1)  # kernels are loaded, memory is touched
        began = time.perf_counter()
        trainer.fit(X, y, epochs=1)
        seconds = time.perf_counter() - began
        return seconds / (self.work(recipe) * len(y) / self.rows)

    def pace_after(self, trained: Trained, seconds: float) -> float:
        """Return the seconds that a unit of work took."""
        epochs, recipe = sum(map(len, trained.histories)), self.recipe
        assert recipe.epochs is not None
        done = max(epochs, 1) / (recipe.epochs * recipe.fits)
        return seconds / (self.work(recipe) * done)


def ladder_line(quality: int, seconds: Mapping[int, float]) -> str:
    """Return a line about a step, what it takes, and what the others would."""
    others = ", ".join(f"{q}: {told_seconds(s)}" for q, s in seconds.items() if q != quality)
    return f"quality {quality} takes about {told_seconds(seconds[quality])} ({others})"


def next_line(recipe: Recipe, seconds: Mapping[int, float], option: str, rows: int) -> str | None:
    """Return a line about the next step of the ladder that is another; None if there is none.

    Of few rows, hardly any are left to choose the epoch and to calibrate by: a bag has them all.
    """
    now = recipe.quality
    higher = next((q for q in seconds if q > now and seconds[q] != seconds[now]), None)
    if higher is None:
        return None
    few = rows <= FEW and not recipe.folds
    line = f"{option.format(higher)} would take about {told_seconds(seconds[higher])}"
    return line + f", and is better most of the time on so few rows ({rows:,})" * few


def told_seconds(seconds: float) -> str:
    """Return a time as people say it: "8 s", "3 min"."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 100:
        return f"{round(seconds, -1):.0f} s"
    if seconds < 6000:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
