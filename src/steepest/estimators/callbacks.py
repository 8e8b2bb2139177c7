"""Who is told how training goes: scikit-learn's callbacks, Steepest's, a progress bar.

scikit-learn's protocol (`sklearn.callback`, from version 1.9) is used where it is installed. Each
epoch, or iteration of L-BFGS, is a task of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..training.bar import Bar
from ..training.fit_log import FitLog
from ..training.progress import Callback, ask, checked_callbacks

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return ``method`` as it is."""
        return method


__all__ = ["CallbackList", "CallbackSupportMixin", "with_callbacks"]


class CallbackList:
    """Tells the callbacks of one fit, and hears whether one of them wants to stop.

    Parameters
    ----------
    estimator : estimator
        Its parameters say who is told; scikit-learn's callbacks are given it.
    epochs : int
        Of this fit, at most.
    show : callable
        Brings the attributes of the estimator up to date, before anybody is told of an epoch.
    reconstruct : callable
        Gives the attributes that a copy of the estimator needs to predict as of now.
    data : tuple
        (X, y, sample_weight), for scikit-learn's callbacks.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        show: Callable[[], None],
        reconstruct: Callable[[], dict[str, Any]],
        data: tuple[Any, ...],
    ) -> None:
        X, y, w = data
        metadata = None if w is None else {"sample_weight": w}
        self._named = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        self._estimator, self._show, self._reconstruct = estimator, show, reconstruct
        given = () if estimator.callbacks is None else estimator.callbacks
        self._told: list[Callback] = list(checked_callbacks(type(estimator).__name__, given))
        self._bar = Bar().__enter__() if estimator.progress_bar else None
        self._root: Any = None
        self._task: Any = None
        if hasattr(estimator, "_skl_callbacks"):
            self._root = estimator._init_callback_context(max_subtasks=epochs)
            self._root.call_on_fit_task_begin(**self._named)

    def begin_epoch(self) -> None:
        """Tell that an epoch begins."""
        if self._root is not None:
            self._task = self._root.subcontext(task_name="epoch")
            self._task.call_on_fit_task_begin(**self._named)

    def look(self, log: FitLog) -> bool:
        """Tell how far training has come; return whether to stop."""
        if self._bar is None and not self._told:
            return False
        progress = log.progress(self._estimator.network_)
        if self._bar is not None:
            self._bar(progress)
        return ask(self._told, progress)

    def end_epoch(self, log: FitLog) -> bool:
        """Tell that an epoch has ended; return whether to stop."""
        self._show()
        stop = self.look(log)
        return self._end_epoch() or stop

    def close(self) -> None:
        """Tell that the fit has ended."""
        if self._bar is not None:
            self._bar.__exit__()
        self._end_epoch()  # one that was broken off
        self._end(self._root)

    def _end_epoch(self) -> bool:
        """Tell that the task of the epoch has ended, once; return whether to stop."""
        task, self._task = self._task, None
        return self._end(task)

    def _end(self, task: Any) -> bool:
        """Tell that a task has ended, if there is one; return whether to stop."""
        if task is None:
            return False
        return bool(
            task.call_on_fit_task_end(reconstruction_attributes=self._reconstruct, **self._named)
        )
