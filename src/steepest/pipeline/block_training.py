"""Epochs over the blocks of a table that is larger than memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import aligned
from ..errors import CheckpointError
from ..lowering.predict import Predictor
from ..trainer import Trainer
from ..training.checkpoint import Checkpoint, State, check_arrays
from ..training.progress import Progress
from .recipe import Recipe
from .shuffled_blocks import Scratch

__all__ = ["BlockTraining"]

Array = NDArray[Any]


class BlockTraining:
    """Epochs over the blocks of a scratch."""

    def __init__(
        self,
        trainer: Trainer,
        scratch: Scratch,
        held_out: tuple[Array, Array] | None,
        recipe: Recipe,
        per_epoch: int,
        checkpoint: Checkpoint | None,
        callbacks: tuple[Callable[[Progress], object], ...],
        time_limit: float | None,
    ) -> None:
        assert recipe.epochs is not None
        self.trainer, self.scratch, self.held_out = trainer, scratch, held_out
        self.epochs, self.seed = recipe.epochs, recipe.seed
        self.per_epoch, self.checkpoint, self.callbacks = per_epoch, checkpoint, callbacks
        self.time_limit = time_limit
        self.patience = recipe.patience or recipe.epochs
        self.predictor = Predictor(trainer.network.built, 512, trainer.threads, trainer.loss)
        self.rows: list[dict[str, float]] = []
        self.pending: list[tuple[float, float]] = []  # loss and rows of the epoch's blocks so far
        self.best: tuple[float, int, Array] | None = None
        self.start = time.perf_counter()
        self.settings: dict[str, str] = {}

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return time.perf_counter() - self.start

    def begin(self, resume: bool) -> None:
        """Go back to the last checkpoint, or write the first."""
        if self.checkpoint is None:
            return
        trainer, arrays = self.trainer, {"data": self.scratch.fingerprint}
        self.settings = trainer.settings() | arrays | {"blocks": str(len(self.scratch.rows))}
        state = self.checkpoint.begin(self.settings, resume)
        size, dtype = trainer.network.theta.size, trainer.network.dtype
        for name in trainer.rule.slots:
            trainer.slots[name] = aligned(size, dtype)
        if state is None:
            self.checkpoint.save(self._state(), must=True)
            return
        wanted = {"theta": trainer.network.theta, **trainer.slots}
        best = None if state.best is None else (*state.best, state.arrays["best"])
        where = self.checkpoint.folder
        check_arrays(state, wanted | ({"best": trainer.network.theta} if best else {}), where)
        pending = [(loss, rows) for loss, rows in state.arrays["pending"].tolist()]
        order = self._order(len(state.rows))
        begun = [int(self.scratch.rows[k]) for k in order[: len(pending)]]
        steps = sum(-(-rows // min(trainer.batch, rows)) for rows in begun)
        if len(pending) == len(order) or [rows for _, rows in pending] != begun:
            raise CheckpointError(f"{where}: the blocks of its epoch are not those of this table")
        if state.step != len(state.rows) * self.per_epoch + steps:
            raise CheckpointError(f"{where}: its history is not that of {state.step} steps")
        for name, view in wanted.items():
            view[:] = state.arrays[name]
        self.best, self.pending, self.rows, trainer.step = best, pending, state.rows, state.step
        self.start -= state.elapsed

    def run(self) -> None:
        """Train until the epochs are done or somebody says stop."""
        while len(self.rows) < self.epochs and not self._patience_is_out():
            order = self._order(len(self.rows))
            for k in order[len(self.pending) :]:
                before = self.trainer.step
                if not self._block(k):
                    return  # within a block: the last checkpoint stands
                if len(self.pending) == len(order):
                    self._close_epoch()
                kept, step = self.checkpoint, self.trainer.step
                if kept is not None and kept.due(before, step, self.per_epoch):
                    kept.save(self._state())
        if self.checkpoint is not None:
            self.checkpoint.save(self._state())

    def _order(self, epoch: int) -> list[int]:
        """Return the blocks of an epoch, counted from 0, in their order."""
        rng = np.random.default_rng((self.seed, epoch))
        return [k for k in rng.permutation(len(self.scratch.rows)) if self.scratch.rows[k]]

    def _block(self, k: int) -> bool:
        """Go once through a block; return whether to go on."""
        X, y = self.scratch.block(k)
        left = None if self.time_limit is None else self.time_limit - self.elapsed
        base, answers = self.trainer.step, [False]

        def tell(progress: Progress) -> bool:
            said = replace(
                progress, epoch=len(self.rows), epochs=self.epochs,
                step=base + progress.step, steps=self.epochs * self.per_epoch,
                epoch_ended=False, row={}, seconds_left=self._seconds_left(base + progress.step),
            )  # fmt: skip
            answers.extend(callback(said) is True for callback in self.callbacks)
            return any(answers)

        history = self.trainer.fit(X, y, epochs=1, callbacks=(tell,), time_limit=left)
        self.trainer.history.rows.clear()
        if not len(history):
            return False
        self.pending.append((history.rows[-1]["loss"], float(len(y))))
        self.rate = history.rows[-1]["lr"]
        return not any(answers) and (self.time_limit is None or self.elapsed < self.time_limit)

    def _seconds_left(self, step: int) -> float:
        return self.elapsed / max(1, step) * (self.epochs * self.per_epoch - step)

    def _close_epoch(self) -> None:
        losses, sizes = np.array(self.pending).T
        row = {
            "epoch": len(self.rows) + 1,
            "step": self.trainer.step,
            "loss": float(losses @ sizes / sizes.sum()),
            "lr": self.rate,
            "seconds": self.elapsed,
        }
        if self.held_out is not None:
            X, y = self.held_out
            _, row["validation_loss"] = self.predictor.evaluate(
                X, y, np.ones(len(y), self.trainer.network.dtype)
            )
            if self.best is None or row["validation_loss"] < self.best[0]:
                theta = self.trainer.network.theta.copy()
                self.best = row["validation_loss"], len(self.rows) + 1, theta
        self.rows.append(row)
        self.pending = []

    def _patience_is_out(self) -> bool:
        return self.best is not None and len(self.rows) - self.best[1] >= self.patience

    def restore_best(self) -> None:
        """Put back the parameters of the best epoch, if there is one."""
        if self.best is not None:
            self.trainer.network.theta[:] = self.best[2]

    def _state(self) -> State:
        trainer = self.trainer
        arrays = {"theta": trainer.network.theta, **trainer.slots}
        arrays["pending"] = np.array(self.pending, np.float64).reshape(-1, 2)
        if self.best is not None:
            arrays["best"] = self.best[2]
        return State(0, trainer.step, self.elapsed, arrays, [], self.rows,
                     self.best and self.best[:2], self.settings)  # fmt: skip
