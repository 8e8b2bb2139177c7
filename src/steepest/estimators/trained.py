"""What the estimators share that make a `Model`: parameters, and from examples to the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from ..arrays import Array, within_memory
from ..errors import InputError
from ..metrics import metrics_named
from ..onnx_form import OnnxModel
from ..pipeline.bags import folds_of, train_all
from ..pipeline.model import Model
from ..pipeline.train import RunOptions, Trained, TrainingData
from ..printing import shown
from ..ranks.together import Ranks, ranks_of
from ..tables.split import SplitBy, class_labels
from ..tables.task import Task, infer_task
from ..training.bar import showing
from ..training.checkpoint import fingerprint
from ..training.progress import Callback, Progress, checked_callbacks
from ..validate import renamed_keys
from .frames import target_column
from .held_out import Splitter
from .nested import NestedParameters
from .refusals import checked

__all__ = ["SHARE", "BaseTrained", "Examples"]


SHARE = Interval(Real, 0, 1, closed="left")
_PARAMETERS = {"ensemble": "ensemble", "threads": "n_threads", "seed": "random_state"}
"""By setting of the recipe: the parameter that takes its place."""


@dataclass
class Examples:
    """Examples, their targets as users have them, their weights, and what a split goes by.

    ``drawn`` says whether they were drawn from others to choose the best epoch by, ``whole``
    whether folds of them may do that, since nobody said what does.
    """

    data: Any
    y: Array
    w: Array | None
    time: Array | None = None
    groups: Array | None = None
    drawn: bool = False
    whole: bool = False

    def take(self, chosen: Array) -> Self:
        """Return these of them."""
        w, time, groups = (
            None if values is None else values[chosen]
            for values in (self.w, self.time, self.groups)
        )
        return type(self)(self.picked(chosen), self.y[chosen], w, time, groups)

    def split_by(self, task: Task) -> SplitBy:
        """Return what a split of them goes by."""
        return SplitBy(class_labels(task, target_column(self.y)), self.time, self.groups)

    def picked(self, chosen: Array) -> Any:
        """Return the data of these of them."""
        return self.data[chosen]


class BaseTrained(NestedParameters, BaseEstimator):
    """What estimators share that train what a recipe says.

    Parameters
    ----------
    settings : mapping, optional
        Of the recipe, where they are not its defaults: ``{"epochs": 20}``. Each is a parameter,
        too, as searches name them: ``settings__epochs``.
    ensemble : int, optional
        How many networks are averaged, one by default.
    validation_fraction : float or splitter
        The rows that the best epoch is chosen by: a share, or the last split of a splitter; 0 for
        none, so that the last epoch counts.
    metrics : sequence or dict, optional
        Evaluated on those rows after every epoch (`steepest.metrics`).
    callbacks : sequence of callable, optional
        Called with a `Progress`; one that returns True ends the training of a network.
    verbose : bool or int
        Whether to print a line an epoch.
    progress_bar : bool
        Whether to show a bar on standard error.
    time_limit : float, optional
        Seconds, for all networks together.
    n_threads : int, optional
        By default one, or more where a step is large enough to share.
    random_state : int, RandomState or None
        Of the rows held out, the first parameters, the order of rows and dropout.
    ranks : mpi4py.MPI.Intracomm or Ranks, optional
        The processes that train together. All of them call `fit` with the same rows; each trains
        on a part of these, or some of the networks of a bag, and all have the same model then.

    Attributes
    ----------
    model_ : Model
        Encoder, network and task; ``model_.save(path)`` writes what the command line reads.
    history_ : History
        A row an epoch, of the first network.
    histories_ : list of History
        Of all networks.
    best_epochs_ : list of int
        The epoch that was kept of each, from 1.
    """

    _kind: ClassVar[str]
    _parameters: ClassVar[Mapping[str, str]] = _PARAMETERS
    _recipes: ClassVar[Any]
    """The class of the recipe."""
    _examples: ClassVar[type[Examples]] = Examples
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        "settings": [Mapping, None],
        "ensemble": [Interval(Integral, 1, None, closed="left"), None],
        "validation_fraction": [SHARE, Splitter()],
        "metrics": ["array-like", dict, None],
        "callbacks": ["array-like", None],
        "verbose": ["verbose"],
        "progress_bar": ["boolean"],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        "ranks": "no_validation",
    }

    def _set(self, parameters: dict[str, Any]) -> None:
        """Keep the arguments of the constructor, as they are."""
        for name in self._get_param_names():
            setattr(self, name, parameters[name])

    @classmethod
    def _settings(cls) -> list[str]:
        taken = {*cls._parameters, *cls._get_param_names()}
        return [name for name in cls._recipes.names() if name not in taken]

    # ------------------------------------------------------------------ what they differ in

    @abstractmethod
    def _read(self, X: Any, reset: bool) -> Any:
        """Return checked inputs; with ``reset``, for a fit."""

    @abstractmethod
    def _check_targets(self, y: Any) -> Array:
        """Return targets (n,); raise `InputError` if they can't be used."""

    @abstractmethod
    def _recipe(
        self, task: Task, settings: dict[str, Any], rows: Examples, encoder: Any = None
    ) -> Any:
        """Return what is trained on these examples, as far as it is known before they are encoded
        or, with the encoder, all of it.
        """

    @abstractmethod
    def _encode(
        self, task: Task, recipe: Any, rows: Examples, held: Examples | None
    ) -> tuple[Any, TrainingData]:
        """Return an encoder that was fitted to the examples, and what it makes of them."""

    def _may_be_a_bag(self, task: Task, settings: dict[str, Any], rows: Examples) -> bool:
        """Return whether folds may choose the epochs, if no rows are given for that."""
        return False

    def _own_settings(self) -> dict[str, Any]:
        """Return settings of the recipe that are parameters of the estimator."""
        return {}

    def _class_weights(self, y: Array, task: Task) -> tuple[float, ...] | None:
        """Return the weight of each class, of encoded targets ``y``; None if they are alike."""
        return None

    def _split_by(self, data: Any, time: Any, groups: Any) -> tuple[Array | None, Array | None]:
        """Return when each example was, and its group, as `SplitBy` has them."""
        return None, None

    def _set_apart(
        self, rows: Examples, by: SplitBy, seed: int
    ) -> tuple[Examples, Examples | None]:
        """Return the rows to train on, and those for what comes after the training."""
        return rows, None

    def _finish(self, rows: Examples, apart: Examples | None, trained: Trained) -> None:
        """Learn what is learned after the training."""

    def _foretell(
        self,
        task: Task,
        encoder: Any,
        recipe: Any,
        settings: dict[str, Any],
        rows: Examples,
        data: TrainingData,
    ) -> None:
        """Say about how long the training takes."""

    # ------------------------------------------------------------------ fitting

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        eval_set: Any,
        time: Any = None,
        groups: Any = None,
    ) -> Any:
        """Train; see `fit`."""
        with within_memory(f"{type(self).__name__}.fit"):
            self._check_settings()
            data = self._read(X, reset=True)
            rows = self._rows(data, y, sample_weight, *self._split_by(data, time, groups))
            if len(rows.y) < 2:
                raise InputError(
                    f"{type(self).__name__}.fit: n_samples={len(rows.y)} with a weight above 0, "
                    "while a minimum of 2 is required"
                )
            task = infer_task(target_column(rows.y), "target", self._kind)
            seed = self._together().first(self._draw_seed())
            given = None if eval_set is None else self._given(eval_set)
            own = {p: getattr(self, q) for p, q in self._parameters.items()} | {"seed": seed}
            own = {name: value for name, value in own.items() if value is not None}
            given_settings = renamed_keys("settings", self.settings or {})
            settings = {**given_settings, **own, **self._own_settings()}
            whole = given is None and self._may_be_a_bag(task, settings, rows)
            rows = replace(rows, whole=whole)
            folds = self._recipe(task, settings, rows).folds
            rows, held, apart = self._divide(rows, task, given, seed, folds)
            asked = () if self.metrics is None else self.metrics
            if metrics_named(asked) and held is None and not folds:
                raise InputError("metrics need held-out rows: give validation_fraction or eval_set")
            trained = self._train(task, settings, rows, held)
            self._finish(rows, apart, trained)
        return self

    def _train(
        self, task: Task, settings: dict[str, Any], rows: Examples, held: Examples | None
    ) -> Trained:
        ranks = self._together()
        recipe = self._recipe(task, settings, rows)
        encoder, data = self._encode(task, recipe, rows, held)
        recipe = self._recipe(task, settings, rows, encoder)
        data = replace(data, class_weights=self._class_weights(data.y[data.training], task))
        if recipe.folds:
            by = rows.split_by(task)
            data = replace(data, folds=folds_of(by, len(rows.y), recipe.folds, recipe.seed))
        if ranks.size > 1:
            read = np.frombuffer(repr((task, encoder)).encode(), np.uint8)
            content = fingerprint(data.X, data.y, data.weights, *(data.held_out or ()), read)
            what = f"{type(self).__name__}.fit: the table (all ranks get all of its rows)"
            ranks.check({what: f"{len(data.y)} rows {content}"})
        self._foretell(task, encoder, recipe, settings, rows, data)
        with showing(self.progress_bar and ranks.speaks) as bars:
            trained = train_all(
                recipe,
                task,
                encoder,
                data,
                RunOptions(
                    self.time_limit,
                    self._callbacks(bars),
                    () if self.metrics is None else self.metrics,
                    ranks=ranks,
                ),
            )
        self.histories_, self.best_epochs_ = trained.histories, trained.best
        self.history_ = self.histories_[0]
        loss = recipe.make_loss(task)
        self.model_ = Model(trained.network, loss, encoder, task, calibration=trained.calibration)
        if trained.ended is not None:
            raise trained.ended
        return trained

    def _together(self) -> Ranks:
        """Return the processes that train together."""
        return ranks_of(type(self).__name__, self.ranks)

    def _targets(self, task: Task, rows: Examples) -> tuple[Array, Array | None]:
        """Return encoded targets and weights."""
        return task.encode(target_column(rows.y)), rows.w

    def _check_settings(self) -> None:
        """Refuse what would be overridden by a parameter of the estimator."""
        for setting, parameter in self._parameters.items():
            if setting in (self.settings or {}):
                raise InputError(
                    f"settings: give {parameter} of {type(self).__name__} instead of {setting!r}"
                )

    def _callbacks(self, bars: tuple[Callback, ...]) -> Callable[[Any], list[Any]]:
        """Return what makes the callbacks of each network's trainer."""

        def make(_: Any) -> list[Callable[[Progress], object]]:
            given = () if self.callbacks is None else self.callbacks
            callbacks: list[Any] = list(checked_callbacks(type(self).__name__, given))
            return [*callbacks, *([_print_epoch] if self.verbose else []), *bars]

        return make

    def _rows(
        self,
        data: Any,
        y: Any,
        sample_weight: Any,
        time: Array | None = None,
        groups: Array | None = None,
    ) -> Examples:
        """Return checked rows, without those of weight 0."""
        if y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None"
            )
        y = self._check_targets(y)
        if len(y) != len(data):
            raise InputError(f"{type(self).__name__}.fit: {len(data)} rows of X, {len(y)} of y")
        if sample_weight is None:
            return self._examples(data, y, None, time, groups)
        with checked(type(self).__name__):
            w = _check_sample_weight(sample_weight, data, ensure_non_negative=True)
        rows = self._examples(data, y, w, time, groups)
        if not w.any():
            raise InputError(f"all {len(w)} rows have weight 0; sample_weight needs some above 0")
        return rows if w.all() else rows.take(np.flatnonzero(w))

    def _given(self, eval_set: Any) -> Examples:
        if not isinstance(eval_set, tuple) or len(eval_set) not in (2, 3):
            raise InputError(
                f"eval_set: expected a tuple (X, y) or (X, y, sample_weight), got {shown(eval_set)}"
            )
        X, y, w = (*eval_set, None)[:3]
        return self._rows(self._read(X, reset=False), y, w)

    def _divide(
        self, rows: Examples, task: Task, given: Examples | None, seed: int, folds: int
    ) -> tuple[Examples, Examples | None, Examples | None]:
        """Return the rows to train on, to choose the epoch by, and for what comes after.

        Folds have the latter two among the rows to train on.
        """
        split = self.validation_fraction
        if folds:
            what = "eval_set" if given is not None else "a splitter as validation_fraction"
            if given is not None or hasattr(split, "split"):
                raise InputError(
                    f"{type(self).__name__}: {what} and folds can't go together, since each fold "
                    "chooses an epoch; leave out one of the two, or take quality 1"
                )
            return rows, None, None
        rows, apart = self._set_apart(rows, rows.split_by(task), seed)
        if given is not None or not (hasattr(split, "split") or split):
            return rows, given, apart
        if hasattr(split, "split"):
            named = {} if rows.groups is None else {"groups": rows.groups}
            kept, out = list(split.split(np.empty((len(rows.y), 1)), rows.y, **named))[-1]
        else:
            kept, out = rows.split_by(task).hold_out(np.arange(len(rows.y)), split, seed)
        held = replace(rows.take(out), drawn=not hasattr(split, "split"))
        return rows.take(kept), held, apart

    def _draw_seed(self) -> int:
        if isinstance(self.random_state, Integral):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    # ------------------------------------------------------------------ predicting

    def fill_onnx(self, g: OnnxModel) -> None:
        """Add the model to an ONNX file (`steepest.export_onnx`).

        Parameters
        ----------
        g : OnnxModel
            The file.
        """
        check_is_fitted(self)
        g.model(self.model_)


def _print_epoch(progress: Progress) -> None:
    if progress.epoch_ended:
        row = ", ".join(f"{k} {v:.6g}" for k, v in progress.row.items() if k != "epoch")
        which = f"network {progress.fit + 1} of {progress.fits}, " * (progress.fits > 1)
        print(f"{which}epoch {progress.epoch} of {progress.epochs}: {row}")
