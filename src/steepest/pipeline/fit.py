"""From a table to a trained model and an honest account of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Array, within_memory
from ..errors import TableError
from ..tables.door import check_column, index_columns, lay_out_table
from ..tables.encoder import Counts, Encoder, has_texts
from ..tables.split import Split, SplitBy, class_labels, split_rows
from ..tables.task import Task, infer_task
from .bags import folds_of, suits_a_bag, train_all
from .defaults import VALIDATION
from .image_recipe import ImageRecipe
from .ladder import Ladder, ladder_line, next_line
from .model import Model
from .notes import Notes, training_line
from .recipe import Recipe
from .request import Request
from .scores import TRIVIAL, as_seen_by, test_metrics, trivial, trivial_row
from .train import Trained, TrainingData

if TYPE_CHECKING:
    import pyarrow as pa


__all__ = ["Fit", "fit_table", "plain_recipe", "score_fit", "usable_rows"]


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
    ended : BaseException, optional
        What ended the training early, or the test after it. There are no scores then.
    tested : pyarrow.Table, optional
        The rows of the test.
    tested_rows : ndarray, optional
        Their numbers, from 0, in the table that they come from, if it was read as a whole.
    data : TrainingData, optional
        The encoded rows of the training, if they are in memory.
    time : str, optional
        What says when each row was, if that decided which of them are tested.
    """

    model: Model
    notes: list[str]
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    trivial: str = ""
    ended: BaseException | None = None
    tested: pa.Table | None = None
    tested_rows: NDArray[np.int64] | None = None
    data: TrainingData | None = None
    time: str | None = None


@within_memory("fit_table")
def fit_table(table: pa.Table, request: Request) -> Fit:
    """Infer the task, encode, train, and test on rows that were held out.

    Raises
    ------
    TableError
        If the table can't be used for this.
    InputError
        If a setting makes no sense.
    """
    notes = Notes(request.say)
    table, task, numbers = usable_rows(table, request, notes)
    column = table.column(request.target)
    notes.task(task, request.task)
    recipe = Recipe.for_task(task, request.settings)
    loss = recipe.make_loss(task)  # says what is wrong before anything is encoded
    targets = task.encode(column)
    by = request.split_by(table, class_labels(task, column))
    split = split_rows(
        table,
        task,
        by=by,
        validation=0.0 if recipe.folds else request.validation,
        seed=recipe.seed,
        test=request.test if request.test_table is None else 0.0,
    )
    if split.column is not None:
        notes.split_column()
    notes.split_by(table, by, split, request)
    bag = _may_be_a_bag(table, task, by, split, request)
    if recipe.folds or bag:
        split = split.joined()
    weights = request.class_weights(task, targets[split.train])
    encoder, data = _encode(table, targets, split, request, recipe.dtype, notes)
    data = _weighed(data, request.row_weights(table), split)
    data = replace(data, class_weights=weights)
    if by.is_random and split.column is None:
        notes.drawn_rows(encoder, task, targets)
    if request.test_table is None:
        tested, known, numbers = _take(table, split.test), targets[split.test], numbers[split.test]
    else:  # before the training, since it may be no table for this
        tested, numbers = _usable(request.test_table, encoder, task, notes)
        known = task.encode(tested.column(request.target))
    rows, columns = len(split.train), len(encoder.columns)
    plain = bool(encoder.texts), bool(encoder.rising)
    given, recipe = recipe, Recipe.for_task(task, request.settings, rows, columns, *plain, bag)
    if recipe.folds:
        pairs = folds_of(by.take(split.train), rows, recipe.folds, recipe.seed)
        data = replace(data, folds=pairs)
    if recipe.folds > given.folds:
        notes.bag(recipe.folds)
    notes.rows(len(split.train), len(split.validation), encoder, folds=recipe.folds)
    notes.add(_describe(recipe, task, encoder))
    trained = _train(recipe, task, encoder, data, request, notes)
    about = _about(recipe, trained, data, len(split.validation))
    model = Model(trained.network, loss, encoder, task, about, trained.calibration)
    fit = Fit(model, notes.lines, ended=trained.ended, data=data)
    fit.tested, fit.tested_rows, fit.time = tested, numbers, request.time
    if fit.ended is not None:  # at once: somebody waits for this process to end
        return fit
    try:
        if tested.num_rows:
            score_fit(fit, tested, known, data.y)
    except BaseException as error:  # whatever it is, the model is there to be saved
        fit.ended = error
    return fit


def usable_rows(
    table: pa.Table, request: Request, notes: Notes
) -> tuple[pa.Table, Task, NDArray[np.int64]]:
    """Return the rows whose target is known and whose weight is not 0, what is asked of them, and
    their numbers in the table.

    Raises
    ------
    TableError
        If a column lacks, or the target is none.
    """
    table = lay_out_table(table)
    request.check_columns(table)
    column = check_column(table, request.target)
    task = infer_task(column, request.target, request.task, request.written)
    known = task.rows(table.column(task.name))
    notes.dropped_rows(int((~known).sum()))
    table = _kept(table, known)
    counting = _counting(table, request, notes)
    return _kept(table, counting), task, np.flatnonzero(known)[counting]


def _about(recipe: Recipe, trained: Trained, data: TrainingData, validated: int) -> dict[str, Any]:
    """Return what the model's record says of its training."""
    about = {
        "history": trained.histories[0].to_dict(),
        "recipe": plain_recipe(recipe),
        "rows": {"train": len(data.y), "validation": validated},
        "seed": recipe.seed,
    }
    if data.held_out is not None or data.folds:
        about["best_epoch"] = trained.best[0]
    return about


def _kept(table: pa.Table, mask: NDArray[np.bool_]) -> pa.Table:
    import pyarrow as pa

    return table if mask.all() else table.filter(pa.array(mask))


def _counting(table: pa.Table, request: Request, notes: Notes) -> NDArray[np.bool_]:
    """Return which rows have a weight above 0."""
    weights = request.row_weights(table)
    if weights is None or weights.all():
        return np.ones(table.num_rows, np.bool_)
    notes.dropped_rows(int((weights == 0).sum()), why="the weight is 0")
    return np.asarray(weights > 0)


def _weighed(data: TrainingData, weights: NDArray[np.float64] | None, split: Split) -> TrainingData:
    """Return the data with what the rows count."""
    if weights is None:
        return data
    held_out = data.held_out
    if held_out is not None:
        held_out = (*held_out, weights[split.validation])
    return replace(data, weights=weights[split.train], held_out=held_out)


def _may_be_a_bag(table: pa.Table, task: Task, by: SplitBy, split: Split, request: Request) -> bool:
    """Return whether folds may choose the epochs, since nobody said which rows do."""
    told = request.validation != VALIDATION or split.told
    if told or request.options.watched or request.options.checkpoint is not None:
        return False
    whole = split.joined().train

    inputs = _inputs(table, split, request)

    def texts() -> bool:
        return has_texts(_take(table, whole), inputs, request.written)

    plain = {"rising": bool(request.signs), "bag": True}
    recipe = Recipe.for_task(task, request.settings, len(whole), len(inputs), **plain)
    return suits_a_bag(recipe, by.take(whole), texts)


def _inputs(table: pa.Table, split: Split, request: Request) -> list[str]:
    """Return the columns that are inputs."""
    out = (*request.no_inputs, split.column, *index_columns(table))
    return [name for name in table.column_names if name not in out]


def _take(table: pa.Table, rows: NDArray[np.int64]) -> pa.Table:
    import pyarrow as pa

    return table.take(pa.array(rows))


def _encode(
    table: pa.Table, targets: Array, split: Split, request: Request, dtype: str, notes: Notes
) -> tuple[Encoder, TrainingData]:
    """Fit the encoder to the rows to train on; encode these and the rows to validate on."""
    inputs = _inputs(table, split, request)
    odd, training = Counts(), _take(table, split.train)
    drawn = split.column is None and request.test_table is None
    same_days = drawn and request.time is None
    encoder, X = Encoder.fit_transform(
        training, inputs, request.rare, odd, request.written, dtype, request.signs, same_days
    )
    notes.columns(encoder, odd)
    held_out = None
    if len(split.validation):
        checked = encoder.transform(_take(table, split.validation), dtype=dtype)
        held_out = (checked, targets[split.validation])
    return encoder, TrainingData(X, targets[split.train], held_out=held_out)


def _describe(recipe: Recipe, task: Task, encoder: Encoder) -> str:
    """Return a line about the network and its training."""
    loss = recipe.make_loss(task)
    sizes = encoder.width, *recipe.sizes, task.width(loss)
    members, fits = recipe.members, recipe.fits
    return (
        f"network {'-'.join(map(str, sizes))}, "
        + f"{members} members, " * (members > 1)
        + f"{recipe.network(task, encoder).theta.size:,} parameters, {recipe.activation}; "
        f"{type(loss).__name__} loss, {recipe.rule}, lr {recipe.lr:g} ({recipe.schedule}), "
        f"batch {recipe.batch}" + f"; the average of {fits}" * (fits > 1)
    )


def _train(
    recipe: Recipe,
    task: Task,
    encoder: Encoder,
    data: TrainingData,
    request: Request,
    notes: Notes,
) -> Trained:
    """Train, and note how long it takes, and what the next step of the ladder would."""
    ladder = Ladder(recipe, task, encoder, request.settings, len(data.y))
    notes.add(ladder_line(recipe.quality, ladder.seconds(ladder.pace_before(data))))
    began = time.perf_counter()
    trained = train_all(recipe, task, encoder, data, request.options)
    seconds = time.perf_counter() - began
    notes.add(training_line(trained, seconds, chosen=bool(data.held_out or data.folds)))
    costs = ladder.seconds(ladder.pace_after(trained, seconds))
    higher = next_line(recipe, costs, "--quality {}", len(data.y))
    if higher is not None and trained.ended is None:
        notes.add(higher)
    return trained


def _usable(
    table: pa.Table, encoder: Encoder, task: Task, notes: Notes
) -> tuple[pa.Table, NDArray[np.int64]]:
    """Return the rows of a test table whose target is known, after a look at all of its columns;
    and their numbers.
    """
    table = lay_out_table(table)
    if task.name not in table.column_names:
        raise TableError(f"no column {task.name!r} in the test table")
    odd = Counts()
    encoder.transform(table, odd)
    notes.odd_values(odd, "test table, ")
    mask = task.rows(check_column(table, task.name))
    why = "missing or not finite" if task.is_regression else "missing or of no class in training"
    why = f"the target is {why}"
    notes.dropped_rows(int((~mask).sum()), "test row", why)
    return _kept(table, mask), np.flatnonzero(mask)


def score_fit(fit: Fit, tested: Any, targets: Array, known: Array) -> None:
    """Note how the model scores, and what knows the training targets only.

    Parameters
    ----------
    fit : Fit
    tested : pyarrow.Table or ndarray
        Rows, or images, to test on.
    targets, known : ndarray
        The encoded targets of these rows, and of those that were trained on.
    """
    model = fit.model
    prediction = model.judge(model.outputs(tested))
    about = model.about
    about[TRIVIAL] = trivial_row(model, known)
    fit.trivial, nothing = trivial(model, known, len(targets))
    for name, metric in test_metrics(model, targets).items():
        own = as_seen_by(name, model, prediction)
        fit.scores[name] = metric(targets, own), metric(targets, nothing)
    about["metrics"] = {name: score for name, (score, _) in fit.scores.items()}
    about["trivial"] = {name: score for name, (_, score) in fit.scores.items()}
    about["trivial_says"] = fit.trivial
    about["rows"]["test"] = len(tested)


def plain_recipe(recipe: Recipe | ImageRecipe) -> dict[str, Any]:
    """Return the settings of a recipe in plain JSON types, but for those of the machine."""
    values = {name: getattr(recipe, name) for name in recipe.names() if name != "threads"}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}
