"""Training on a table that is larger than memory.

The file is read twice, by several ranks each a share of it. The first pass counts, and keeps three
samples: of the rows to train on, from which the encoder is fitted, of those to validate, and of
those to test. What is counted, the classes, and the mean and the range of a number to predict are
those of all rows; medians, quantiles and frequent categories are those of the sample, which is the
same however many ranks there are (`Sample` says how far off they are). The second encodes the
other rows and puts each in a block on disk, drawn at random
(`steepest.pipeline.shuffled_blocks`); a block fits in memory. An epoch goes through the blocks in
an order drawn anew, and through the rows of each in an order drawn anew.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array, within_memory
from ..errors import CheckpointError, InputError, TableError
from ..loss import Loss
from ..printing import counted
from ..ranks.together import Ranks
from ..tables.encoder import Counts, Encoder
from ..tables.task import Task
from ..training.checkpoint import how_to_resume
from ..training.history import History
from .block_training import BlockPlan, BlockTraining
from .first_pass import Source, Survey
from .fit import Fit, plain_recipe, score_fit
from .model import Model
from .monitor import make_monitor
from .notes import Notes
from .recipe import Recipe
from .request import Request
from .shuffled_blocks import Sample, Scratch
from .train import CALIBRATED, SAMPLE, RunOptions, calibrated, make_trainer, undoing

__all__ = ["fit_stream"]

Path_ = str | os.PathLike[str]


@within_memory("fit_stream")
def fit_stream(path: Path_, request: Request, memory: int) -> Fit:
    """Train on a file of any size within so much memory, and test on rows that were held out.

    Parameters
    ----------
    path : str or path-like
        A table that `steepest.tables.files` reads.
    request : Request
        At most `steepest.pipeline.first_pass.SAMPLE` of the rows to test and to validate on are
        looked at; if they were drawn at random, the rest trains. A checkpoint is written at the end
        of a block, when due.
    memory : int
        Bytes for rows, beyond the interpreter and the parameters: a fourth for the block in use,
        the rest for samples and for reading.

    Raises
    ------
    TableError
        If the table can't be used for this, or the disk is too small.
    InputError
        If a setting makes no sense.
    """
    _refuse(request)
    ranks, notes = request.options.ranks, Notes(request.say)
    source, survey, plan = _first_pass(Path(path), request, memory, notes)
    recipe, task, encoder = plan.recipe, plan.task, plan.encoder
    row_bytes = encoder.width * np.dtype(recipe.dtype).itemsize
    blocks = max(1, -(-4 * survey.rows * row_bytes // (memory * ranks.size)))
    target_dtype = recipe.dtype if task.is_regression else "int64"
    with Scratch(blocks, encoder.width, recipe.dtype, target_dtype, recipe.seed) as scratch:
        _fill(scratch, source, survey, plan, notes, ranks)
        held_out = _held_out(survey, plan)
        rows = int(ranks.total(scratch.rows.sum())), len(held_out[1]) if held_out else 0
        notes.rows(*rows, encoder, f" in {blocks} shuffled blocks on disk")
        calibration = undoing(task, plan.loss, plan.class_weights, rows[0])
        monitor = make_monitor(
            recipe.monitor, task, plan.loss, calibration, held_out, request.options.metrics
        )
        chosen = BlockPlan(recipe, held_out, monitor, plan.class_weights)
        training, ended = _train(scratch, chosen, survey, plan, request.options)
    network = training.trainer.network
    if not ranks.speaks:  # the first rank has the model, and tests it
        return Fit(Model(network, plan.loss, encoder, task, {}), notes.lines, ended=ended)
    sample = survey.sample.slice(0, CALIBRATED)
    X = encoder.transform(sample, dtype=recipe.dtype)
    trained_on = X, task.encode(sample.column(request.target))
    trained = network, plan.loss, calibration
    calibration = calibrated(recipe, task, trained, trained_on, held_out)
    notes.add(f"{counted(len(training.rows), 'epoch')} in {training.elapsed:.1f} s")
    history = History()
    history.rows = training.rows
    about = {
        "history": history.to_dict(),
        "recipe": plain_recipe(recipe),
        "rows": dict(zip(("train", "validation"), rows, strict=True)),
        "seed": recipe.seed,
    }
    fit = Fit(
        Model(network, plan.loss, encoder, task, about, calibration), notes.lines, ended=ended
    )
    _test(fit, survey)
    return fit


def _test(fit: Fit, survey: Survey) -> None:
    """Test the model on the rows that were held out for it, if there are any."""
    task, tested = fit.model.task, survey.test.table()
    fit.tested = tested
    if tested is not None and fit.ended is None:
        known = task.encode(survey.sample.column(task.name))
        try:
            score_fit(fit, tested, task.encode(tested.column(task.name)), known)
        except BaseException as error:  # whatever it is, the model is there to be saved
            fit.ended = error


def _refuse(request: Request) -> None:
    """Raise `InputError` if something is asked for that needs the table in memory."""
    if request.test_table is not None:
        raise InputError(
            "a table read in blocks is tested on rows of its own, not on another table; mark them "
            "by the word test in a column called split"
        )
    for option in ("time", "groups"):
        if getattr(request, option) is not None:
            raise InputError(
                f"a table read in blocks can't be split by {option}; leave out the limit of "
                "memory, or add a column called split that says what each row is for"
            )
    for option in ("weight", "cv"):
        if getattr(request, option) is not None:
            raise InputError(
                f"{option} needs the table in memory; leave out {option} or the limit of memory"
            )


class _Plan(NamedTuple):
    """What is decided from the sample."""

    recipe: Recipe
    task: Task
    encoder: Encoder
    loss: Loss
    class_weights: tuple[float, ...] | None


def _plan(source: Source, survey: Survey, request: Request, notes: Notes) -> _Plan:
    """Decide what is predicted, by what, and from which inputs."""
    task = source.task(survey)
    notes.task(task, request.task)
    recipe = Recipe.for_task(task, request.settings, survey.rows)
    if recipe.fits > 1:
        bag, several = f"a bag over {recipe.folds} folds", f"an ensemble of {recipe.ensemble}"
        raise InputError(
            f"{bag if recipe.folds else several} needs the table in memory; train one network, or "
            "leave out the limit of memory"
        )
    loss = recipe.make_loss(task)  # says what is wrong before anything is encoded
    weights = request.class_weights(task, task.encode(survey.sample.column(request.target)))
    if source.named:
        notes.split_column()
    encoder = Encoder.fit(
        survey.sample,
        source.inputs,
        request.rare,
        options=request.written,
        monotonic=request.signs,
        same_days=not source.named and request.test_table is None,
    )
    columns, plain = len(encoder.columns), (bool(encoder.texts), bool(encoder.rising))
    recipe = Recipe.for_task(task, request.settings, survey.rows, columns, *plain)
    notes.columns(encoder, Counts())
    notes.add(
        f"types, task and encoding are those of {survey.sample.num_rows:,} rows drawn at random"
    )
    return _Plan(recipe, task, encoder, loss, weights)


def _first_pass(
    path: Path, request: Request, memory: int, notes: Notes
) -> tuple[Source, Survey, _Plan]:
    """Read the file, and decide by what it holds.

    Each of several ranks reads a share, and the first one decides by what all of them have found.
    """
    source, ranks = (
        Source(path, request, int(request.settings.get("seed", 0))),
        request.options.ranks,
    )
    source.divide(ranks)
    own: Survey | None = None
    with ranks.alike(math.inf):
        own = source.survey(memory)
    every = source.gathered(own, ranks)
    test: Sample | None = None  # the first rank's alone

    def found() -> tuple[Survey, _Plan, dict[str, Any]]:
        nonlocal test
        survey = source.joined(every)
        every.clear()
        plan = _plan(source, survey, request, notes)
        test, survey.test = survey.test, survey.test.bare()
        return survey, plan, {"named": source.named, "validates": source.validates}

    survey, plan, known = ranks.first_does(found)
    if test is not None:
        survey.test = test
    source.named, source.validates = known["named"], known["validates"]
    return source, survey, plan


def _fill(
    scratch: Scratch, source: Source, survey: Survey, plan: _Plan, notes: Notes, ranks: Ranks
) -> None:
    """Encode what is not held out, or this rank's share of it, and shuffle it on disk."""
    odd = Counts()
    with ranks.alike(math.inf):
        dropped = source.fill(scratch, survey, (plan.encoder, plan.task), odd)
    notes.dropped_rows(int(ranks.total(dropped)))
    for other in ranks.gather(odd)[1:]:
        odd.update(other)
    notes.odd_values(odd)
    if not ranks.any(bool(scratch.rows.any())):
        raise TableError(f"{source.path} leaves no row for training; hold out fewer")


def _held_out(survey: Survey, plan: _Plan) -> tuple[Array, Array] | None:
    """Return the rows to choose the best epoch by, if there are any."""
    task, rows = plan.task, survey.validation.table()
    if rows is None:
        return None
    y, dtype = task.encode(rows.column(task.name)), plan.recipe.dtype
    X = plan.encoder.transform(rows, dtype=dtype)
    return X, plan.loss.targets(y, task.width(plan.loss), dtype)


def _train(
    scratch: Scratch,
    chosen: BlockPlan,
    survey: Survey,
    plan: _Plan,
    options: RunOptions,
) -> tuple[BlockTraining, BaseException | None]:
    """Go through the blocks for all epochs; return also what ended that early, if anything did."""
    recipe, task, encoder = plan.recipe, plan.task, plan.encoder
    assert recipe.epochs is not None
    assert recipe.batch is not None
    ranks = options.ranks
    sizes = np.sum(ranks.gather(scratch.rows), axis=0)
    sizes = sizes[sizes > 0]
    per_epoch = int(np.sum(-(-sizes // np.minimum(recipe.batch, sizes))))
    sample = encoder.transform(survey.sample.slice(0, SAMPLE), dtype=recipe.dtype)
    steps = recipe.epochs * per_epoch
    trainer = make_trainer(recipe, task, encoder, sample, recipe.seed, steps, ranks)
    training = BlockTraining(
        trainer,
        scratch,
        chosen,
        per_epoch,
        options.checkpoint,
        tuple(options.callbacks(trainer)) if options.callbacks else (),
        options.time_limit,
    )
    ended: BaseException | None = None
    try:
        with ranks.together(how_to_resume(options.checkpoint)):
            training.begin(options.resume)
            training.run()
    except (KeyboardInterrupt, CheckpointError) as error:
        if not trainer.step:
            raise
        ended = error
    finally:
        training.restore_best()
    return training, ended
