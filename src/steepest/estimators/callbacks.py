"""Who is told how training goes: scikit-learn's callbacks, Steepest's, a progress bar, the clock.

scikit-learn's protocol (`sklearn.callback`, from version 1.9) is used where it is installed. Each
epoch, or iteration of L-BFGS, is a task of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..training.progress import Progress

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return ``method`` as it is."""
        return method


if TYPE_CHECKING:
    from .base import BaseMLP

__all__ = ["Bar", "CallbackList", "CallbackSupportMixin", "with_callbacks"]


class CallbackList:
    """Tells the callbacks of one fit, and hears whether one of them wants to stop.

    Parameters
    ----------
    model : BaseMLP
    epochs, per_epoch : int
        Of this fit, at most; steps in each.
    examples : int
        In an epoch.
    data : tuple
        (X, y, sample_weight), for scikit-learn's callbacks.
    """

    def __init__(
        self, model: BaseMLP, epochs: int, per_epoch: int, examples: int, data: tuple[Any, ...]
    ) -> None:
        self._model, self._epochs, self._per_epoch = model, epochs, per_epoch
        self._examples, self._data = examples, data
        self._start = time.perf_counter()
        self._told: list[Callable[[Progress], object]] = list(model.callbacks or ())
        self._bar = Bar(epochs) if model.progress_bar else None
        self._root: Any = None
        self._task: Any = None
        if hasattr(model, "_skl_callbacks"):
            self._root = model._init_callback_context(max_subtasks=epochs)
            self._root.call_on_fit_task_begin(estimator=model, **self._named())

    @property
    def seconds(self) -> float:
        """Since the fit began."""
        return time.perf_counter() - self._start

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        if self._root is not None:
            self._task = self._root.subcontext(task_name="epoch")
            self._task.call_on_fit_task_begin(estimator=self._model, **self._named())

    def look(self, loss: float, epoch: int, share: float) -> bool:
        """Tell of the loss within an epoch, ``share`` of which is over; return whether to stop."""
        return self._tell(loss, epoch, share, {})

    def end_epoch(self, epoch: int, row: dict[str, float]) -> bool:
        """Tell that an epoch has ended; return whether to stop."""
        stop = self._tell(row["loss"], epoch, 0.0, row)
        if self._task is not None:
            stop |= self._task.call_on_fit_task_end(
                estimator=self._model,
                reconstruction_attributes=self._model._reconstruction_attributes,
                **self._named(),
            )
        return stop

    def close(self) -> None:
        """Tell that the fit has ended."""
        if self._bar is not None:
            self._bar.close()
        if self._root is not None:
            self._root.call_on_fit_task_end(
                estimator=self._model,
                reconstruction_attributes=self._model._reconstruction_attributes,
                **self._named(),
            )

    def _named(self) -> dict[str, Any]:
        X, y, w = self._data
        return {"X": X, "y": y, "metadata": None if w is None else {"sample_weight": w}}

    def _tell(self, loss: float, epoch: int, share: float, row: dict[str, float]) -> bool:
        seconds, limit = self.seconds, self._model.time_limit
        stop = limit is not None and seconds > limit
        if self._bar is not None:
            self._bar.show(epoch + share, loss)
        if self._told:
            done = max(epoch + share, 1e-9)
            progress = Progress(
                network=self._model.network_,
                epoch=epoch,
                epochs=self._epochs,
                step=round(done * self._per_epoch),
                steps=self._epochs * self._per_epoch,
                epoch_ended=bool(row),
                loss=loss,
                row=row,
                examples_per_second=done * self._examples / max(seconds, 1e-9),
                seconds_left=(self._epochs - done) * seconds / done,
            )
            said = [callback(progress) for callback in self._told]  # everyone is asked
            stop |= any(answer is True for answer in said)
        return stop


class Bar:
    """A progress bar on standard error."""

    def __init__(self, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("epoch"), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn(),
            TextColumn("loss {task.fields[loss]:.4g}"),
        )  # fmt: skip
        self._progress = RichProgress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("fit", total=epochs, loss=float("nan"))
        self._progress.start()

    def show(self, epochs: float, loss: float) -> None:
        """Show how many epochs are over, and the loss."""
        self._progress.update(self._task, completed=epochs, loss=loss)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()
