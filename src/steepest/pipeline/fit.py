"""From a table to a trained model and an honest account of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..losses import Quantile
from ..metrics import METRICS, Metric
from ..tables.encoder import Counts, Encoder, counts_text
from ..tables.split import split_rows
from ..tables.task import Task, infer_task, task_rows
from .model import Model
from .recipe import Recipe
from .train import train_recipe

if TYPE_CHECKING:
    import pyarrow as pa

    from ..loss import Loss
    from ..trainer import Trainer
    from ..training.checkpoint import Checkpoint
    from ..training.progress import Progress

__all__ = ["Fit", "fit_table", "plain_recipe", "score_fit"]

Array = NDArray[Any]


@dataclass
class Fit:
    """A model, and what there is to say of how it came to be.

    Attributes
    ----------
    model : Model
    notes : list of str
        What was decided and dropped, one line each.
    scores : dict
        Metric -> (of the model, of the trivial predictor) on the test rows.
    trivial : str
        What the trivial predictor says.
    ended : KeyboardInterrupt or CheckpointError, optional
        What ended the training early. There are no scores then.
    """

    model: Model
    notes: list[str]
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    trivial: str = ""
    ended: BaseException | None = None


def fit_table(
    table: pa.Table,
    target: str,
    *,
    settings: Mapping[str, Any] | None = None,
    kind: str | None = None,
    ignore: Iterable[str] = (),
    test: float = 0.2,
    validation: float = 0.1,
    test_table: pa.Table | None = None,
    time_limit: float | None = None,
    callbacks: Callable[[Trainer], Iterable[Callable[[Progress], object]]] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Infer the task, encode, train, and test on rows that were held out.

    Parameters
    ----------
    table : pyarrow.Table
    target : str
        The column to predict.
    settings : mapping, optional
        Of the `Recipe`, where they are not its defaults.
    kind : {"classification", "regression"}, optional
        Instead of what is inferred.
    ignore : iterable of str
        Columns that are no inputs.
    test, validation : float
        Fractions of the rows to hold out; a column ``split`` goes before them.
    test_table : pyarrow.Table, optional
        Rows to test on, instead of a fraction.
    time_limit : float, optional
        Seconds.
    callbacks : callable, optional
        Makes the trainer's callbacks.
    checkpoint : Checkpoint, optional
        Where the state of the training is kept.
    resume : bool
        Go on from the last checkpoint, if there is one.
    say : callable
        Gets each note as it comes up.

    Raises
    ------
    TableError
        If the table can't be used for this.
    InputError
        If a setting makes no sense.
    """
    import pyarrow as pa

    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    ignored = list(ignore)
    for name in (target, *ignored):
        if name not in table.column_names:
            raise TableError(
                f"no column {name!r} in the table; there are {', '.join(table.column_names[:20])}"
                + (" …" if table.num_columns > 20 else "")
            )
    mask = task_rows(table.column(target))
    if not mask.all():
        note(f"{int((~mask).sum()):,} rows dropped: their target is missing or not finite")
        table = table.filter(pa.array(mask))
    task = infer_task(table.column(target), target, kind)
    note(task.describe())
    recipe = Recipe.for_task(task, settings)
    loss = recipe.make_loss(task)  # says what is wrong before anything is encoded
    held = 0.0 if test_table is not None else test
    split = split_rows(table, task, test=held, validation=validation, seed=recipe.seed)
    if split.column is not None:
        note(f"column {split.column!r} says which rows train, validate and test; it is no input")
    inputs = [c for c in table.column_names if c not in (target, split.column, *ignored)]

    def rows(of: NDArray[np.int64]) -> pa.Table:
        return table.take(pa.array(of))

    odd = Counts()
    training = rows(split.train)
    encoder = Encoder.fit(training, inputs, counts=odd)
    for name, why in encoder.dropped.items():
        note(f"column {name!r} not used: {why}")
    X, y = encoder.transform(training, dtype=recipe.dtype), task.encode(training.column(target))
    for line in counts_text(odd):
        note(line)
    checked = rows(split.validation)
    held_out = None
    if len(split.validation):
        Xv = encoder.transform(checked, dtype=recipe.dtype)
        held_out = (Xv, task.encode(checked.column(target)))
    recipe = Recipe.for_task(task, settings, len(split.train))
    note(
        f"{len(split.train):,} rows to train, {len(split.validation):,} to validate; "
        f"{len(inputs) - len(encoder.dropped)} columns become {encoder.width} inputs"
    )
    sizes = encoder.width, *recipe.sizes, task.width(loss)
    note(
        f"network {'-'.join(map(str, sizes))}, "
        f"{recipe.network(task, encoder).theta.size:,} parameters, {recipe.activation}; "
        f"{type(loss).__name__} loss, {recipe.rule}, lr {recipe.lr:g} ({recipe.schedule}), "
        f"batch {recipe.batch}" + f"; the average of {recipe.ensemble}" * (recipe.ensemble > 1)
    )
    began = time.perf_counter()
    trained = train_recipe(
        recipe, task, encoder, X, y,
        held_out=held_out, callbacks=callbacks, time_limit=time_limit,
        checkpoint=checkpoint, resume=resume,
    )  # fmt: skip
    seconds = time.perf_counter() - began
    epochs = ", ".join(str(len(history)) for history in trained.histories)
    best = ", ".join(map(str, trained.best)) if held_out else ""
    note(f"{epochs} epochs in {seconds:.1f} s" + f", best epoch {best}" * bool(best))
    about = {
        "history": trained.histories[0].to_dict(),
        "recipe": plain_recipe(recipe),
        "rows": {"train": len(split.train), "validation": len(split.validation)},
        "seed": recipe.seed,
    }
    fit = Fit(Model(trained.network, loss, encoder, task, about), notes, ended=trained.ended)
    if fit.ended is not None:  # at once: somebody waits for this process to end
        return fit
    tested = rows(split.test) if test_table is None else _usable(test_table, target, task, note)
    if tested.num_rows:
        score_fit(fit, tested, training.column(target), target)
    return fit


def _usable(table: pa.Table, target: str, task: Task, note: Callable[[str], None]) -> pa.Table:
    import pyarrow as pa

    if target not in table.column_names:
        raise TableError(f"no column {target!r} in the test table")
    mask = task.rows(table.column(target))
    if not mask.all():
        note(f"{int((~mask).sum()):,} test rows dropped: no known target")
        table = table.filter(pa.array(mask))
    return table


def score_fit(fit: Fit, tested: pa.Table, training: Any, target: str) -> None:
    """Note how the model scores, and what knows the training targets only."""
    model, task = fit.model, fit.model.task
    prediction = model.outputs(tested)
    y, known = task.encode(tested.column(target)), task.encode(training)
    if isinstance(model.loss, Quantile):
        trivial = np.tile(np.quantile(known, model.loss.levels), (len(y), 1))
        scale = {"pinball": task.deviation}
        fit.trivial = "the quantiles"
    elif task.is_regression:
        trivial = np.full((len(y), 1), known.mean())
        scale = {"r2": 1.0, "rmse": task.deviation, "mae": task.deviation}
        fit.trivial = "the mean"
    else:
        shares = np.bincount(known, minlength=len(task.classes)) / len(known)
        trivial = np.tile(shares[1:] if task.outputs == 1 else shares, (len(y), 1))
        scale = {"accuracy": 1.0}
        if model.has_probabilities:
            scale |= {"log_loss": 1.0}
            if len(np.unique(y)) == len(task.classes):
                scale |= {"auc": 1.0}
        fit.trivial = f"always {task.classes[int(shares.argmax())]!r}"
    for name, factor in scale.items():
        metric = _pinball(model.loss) if name == "pinball" else METRICS[name]
        fit.scores[name] = metric(y, prediction) * factor, metric(y, trivial) * factor
    about = model.about
    about["metrics"] = {name: score for name, (score, _) in fit.scores.items()}
    about["trivial"] = {name: score for name, (_, score) in fit.scores.items()}
    about["trivial_says"] = fit.trivial
    about["rows"]["test"] = tested.num_rows


def _pinball(loss: Loss) -> Metric:
    """Return the average of a quantile loss over its levels."""

    def pinball(y: Array, prediction: Array) -> float:
        from sklearn.metrics import mean_pinball_loss

        assert isinstance(loss, Quantile)
        found = zip(loss.levels, prediction.T, strict=True)
        return float(np.mean([mean_pinball_loss(y, z, alpha=level) for level, z in found]))

    return pinball


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """Return the settings of a recipe in plain JSON types."""
    values = {name: getattr(recipe, name) for name in Recipe.names()}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
