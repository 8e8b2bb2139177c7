"""Epochs over the blocks of a table that is larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays import Array
from ..errors import CheckpointError
from ..metrics import GREATER_IS_BETTER
from ..trainer import Trainer
from ..training.checkpoint import Checkpoint, State, check_arrays
from ..training.early_stopping import EarlyStopping
from ..training.fit import run_epochs
from ..training.fit_log import AT_ONCE, FitLog
from ..training.progress import Progress, ask
from ..training.run import lasting
from ..training.slots import fill_slots
from ..training.validation import Validation
from .monitor import LOSS, Monitor
from .recipe import Recipe
from .shuffled_blocks import Scratch
from .train import class_weighted

__all__ = ["BlockPlan", "BlockTraining"]


class BlockPlan(NamedTuple):
    """What is trained, and what chooses the epoch.

    Attributes
    ----------
    recipe : Recipe
    held_out : (X, y), optional
        Rows to choose the best epoch by.
    monitor : Monitor
        What of them.
    class_weights : tuple of float, optional
        One of each class. The weights of the rows of a block are scaled to a mean of 1.
    """

    recipe: Recipe
    held_out: tuple[Array, Array] | None
    monitor: Monitor
    class_weights: tuple[float, ...] | None = None


class BlockTraining:
    """Epochs over the blocks of a scratch: work for the loop, a block at a time.

    Parameters
    ----------
    trainer : Trainer
        It goes once through each block.
    scratch : Scratch
    plan : BlockPlan
    per_epoch : int
        Steps of an epoch.
    checkpoint : Checkpoint, optional
    callbacks : tuple of callable
    time_limit : float, optional
        Seconds.
    """

    def __init__(
        self,
        trainer: Trainer,
        scratch: Scratch,
        plan: BlockPlan,
        per_epoch: int,
        checkpoint: Checkpoint | None,
        callbacks: tuple[Callable[[Progress], object], ...],
        time_limit: float | None,
    ) -> None:
        recipe, held_out, ranks = plan.recipe, plan.held_out, trainer.ranks
        assert recipe.epochs is not None
        self.trainer, self.network, self.scratch = trainer, trainer.network, scratch
        self.plan, self.seed, self.per_epoch = plan, recipe.seed, per_epoch
        self.checkpoint, self.callbacks, self.ranks = checkpoint, callbacks, ranks
        self.sizes = np.sum(ranks.gather(scratch.rows), axis=0)  # of the blocks, on all ranks
        stopping, self.validation = None, None
        if held_out is not None:
            name = plan.monitor.name
            stopping = EarlyStopping(
                name, recipe.patience or recipe.epochs, greater=name in GREATER_IS_BETTER
            )
            weights = class_weighted(held_out[1], None, plan.class_weights)
            weights = np.ones(len(held_out[1])) if weights is None else weights / weights.mean()
            judged = *held_out, weights.astype(self.network.dtype)
            own = ranks.part(np.arange(len(weights)))
            self.validation = Validation(
                self.network,
                trainer.loss,
                (judged[0][own], judged[1][own], judged[2][own]),
                plan.monitor.metrics,
                trainer.threads,
                ranks=ranks,
            )
        self._time_limit = time_limit
        self.log = FitLog(
            recipe.epochs,
            self.sizes[self.sizes > 0],
            stopping=stopping,
            time_limit=time_limit if ranks.size == 1 else None,
        )
        self.settings: dict[str, str] = {}

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return self.log.elapsed

    @property
    def rows(self) -> list[dict[str, float]]:
        """The history."""
        return self.log.history.rows

    def begin(self, resume: bool) -> None:
        """Go back to the last checkpoint, or write the first."""
        if self.checkpoint is None:
            return
        trainer, arrays = (
            self.trainer,
            {"data": "".join(self.ranks.gather(self.scratch.fingerprint))},
        )
        self.settings = trainer.settings() | arrays | {"blocks": str(len(self.scratch.rows))}
        if self.plan.monitor.name != LOSS:
            self.settings["monitor"] = self.plan.monitor.name
        if self.plan.class_weights is not None:
            self.settings["class_weights"] = repr(self.plan.class_weights)
        kept, settings = self.checkpoint, self.settings
        state = self.ranks.first_does(lambda: kept.begin(settings, resume))
        fill_slots(trainer.slots, trainer.rule, trainer.network.built)
        if state is None:
            self._save(must=True)
            return
        wanted = lasting(trainer.network, trainer.slots)
        check_arrays(state, wanted, trainer.network.built.vectors, self.checkpoint.folder)
        self._check_blocks(state)
        for name, array in wanted.items():
            array[...] = state.arrays[name]
        losses = state.arrays["pending"][:, 0]
        self.log.losses.add(losses, np.full(len(losses), np.nan))  # a later block's rate will count
        self.log.losses.sizes = self.sizes[self._order(len(state.rows))].astype(np.float64)
        self.log.go_back(state)
        trainer.step = state.step

    def _check_blocks(self, state: State) -> None:
        """Raise a `CheckpointError` if a state is not of the blocks that there are."""
        assert self.checkpoint is not None
        where, pending = self.checkpoint.folder, state.arrays["pending"]
        order = self._order(len(state.rows))
        begun = self.sizes[order[: len(pending)]]
        if len(pending) == len(order) or not np.array_equal(pending[:, 1], begun):
            raise CheckpointError(f"{where}: the blocks of its epoch are not those of this table")
        steps = -(-begun // np.minimum(self.trainer.batch, begun))
        if state.step != len(state.rows) * self.per_epoch + steps.sum():
            raise CheckpointError(
                f"{where} is damaged: the history in it is not that of {state.step} steps"
            )

    def run(self) -> None:
        """Train until the epochs are done or somebody says stop."""
        run_epochs(self)

    def restore_best(self) -> None:
        """Put back the network of the best epoch, if there is one."""
        if self.log.stopping is not None:
            self.log.stopping.restore(self.network.built.vectors)

    # ------------------------------------------------------------------ what the loop asks for

    @property
    def next_step(self) -> int:
        """The number of the next step."""
        return self.trainer.step

    def init(self) -> bool:
        """Return whether patience had run out at the checkpoint."""
        return self.log.is_out_of_patience

    def step(self) -> bool:
        """Go once through the next block; return False if somebody stops meanwhile."""
        log, trainer = self.log, self.trainer
        order = self._order(len(self.rows))
        log.losses.sizes = self.sizes[order].astype(np.float64)
        X, y = self.scratch.block(order[log.losses.count])
        limit = self._time_limit
        left = None if limit is None else max(limit - log.elapsed, AT_ONCE)
        self._began = trainer.step
        stops: list[bool] = []

        def tell(progress: Progress) -> bool:
            stops.append(ask(self.callbacks, self._of_all_blocks(progress)))
            return stops[-1]

        weights = class_weighted(y, None, self.plan.class_weights)
        history = trainer.fit(X, y, weights=weights, epochs=1, callbacks=(tell,), time_limit=left)
        trainer.history.rows.clear()
        late = limit is not None and log.elapsed > limit
        if self.ranks.first(not len(history) or any(stops) or late):
            return False
        log.losses.add(history["loss"], history["lr"])
        return True

    def evaluate(self) -> dict[str, float]:
        """Return the loss and the metrics on the rows held out."""
        if self.validation is None:
            return {}
        loss, metrics = self.validation.evaluate()
        return {"validation_loss": loss, **metrics}

    def stop(self) -> bool:
        """Save a checkpoint, if one is due."""
        kept = self.checkpoint
        if kept is not None and self.ranks.first(self._is_due(kept)):
            self._save()
        return self.log.is_out_of_patience

    def finish(self) -> None:
        """Save a checkpoint; but within a block the last one stands."""
        if not self.log.broken:
            self._save()

    # ------------------------------------------------------------------ its parts

    def _order(self, epoch: int) -> Array:
        """Return the blocks of an epoch, counted from 0, in their order."""
        rows = self.sizes
        order = np.random.default_rng((self.seed, epoch)).permutation(len(rows))
        filled: Array = order[rows[order] > 0]
        return filled

    def _of_all_blocks(self, progress: Progress) -> Progress:
        """Return what callbacks are told, of what the trainer says of one block."""
        step, steps = self._began + progress.step, self.log.epochs * self.per_epoch
        return replace(
            progress,
            epoch=len(self.rows),
            epochs=self.log.epochs,
            step=step,
            steps=steps,
            epoch_ended=False,
            row={},
            seconds_left=self.elapsed / max(1, step) * (steps - step),
        )

    def _blocks(self) -> Iterator[tuple[Array, Array]]:
        return (self.scratch.block(k) for k in range(len(self.scratch.rows)))

    def _is_due(self, kept: Checkpoint) -> bool:
        return kept.due(self._began, self.trainer.step, self.per_epoch)

    def _save(self, *, must: bool = False) -> None:
        if self.checkpoint is not None:
            kept = self.checkpoint
            self.ranks.first_does(lambda: kept.save(self._state(), must=must))

    def _state(self) -> State:
        trainer, losses = self.trainer, self.log.losses
        pending = np.stack([losses.losses, losses.sizes[: losses.count]], axis=1)
        arrays = lasting(trainer.network, trainer.slots) | {"pending": pending}
        return self.log.state(0, trainer.step, arrays, self.settings)
