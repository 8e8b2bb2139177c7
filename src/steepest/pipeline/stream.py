"""Training on a table that is larger than memory.

The file is read twice. The first pass counts, and keeps three samples: of the rows to train on,
from which task and encoder are fitted, of those to validate, and of those to test. The second
encodes the other rows and puts each in a block on disk, drawn at random
(`steepest.pipeline.shuffled_blocks`); a
block fits in memory. An epoch goes through the blocks in an order drawn anew, and through the rows
of each in an order drawn anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CheckpointError, InputError, TableError
from ..tables.encoder import Counts, Encoder, counts_text
from ..tables.split import SPLIT_COLUMN
from ..trainer import Trainer
from ..training.checkpoint import Checkpoint
from ..training.init_from_data import init_from_data
from ..training.progress import Progress
from .block_training import BlockTraining
from .first_pass import Source
from .fit import Fit, plain_recipe, score_fit
from .model import Model
from .recipe import Recipe
from .shuffled_blocks import Scratch
from .train import SAMPLE

__all__ = ["fit_stream"]

Path_ = str | os.PathLike[str]


def fit_stream(
    path: Path_,
    target: str,
    *,
    memory: int,
    settings: Mapping[str, Any] | None = None,
    kind: str | None = None,
    ignore: Iterable[str] = (),
    test: float = 0.2,
    validation: float = 0.1,
    time_limit: float | None = None,
    callbacks: Callable[[Trainer], Iterable[Callable[[Progress], object]]] | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Fit:
    """Train on a file of any size within so much memory, and test on rows that were held out.

    Parameters
    ----------
    path : str or path-like
        A table that `steepest.tables.files` reads.
    target : str
        The column to predict.
    memory : int
        Bytes for rows, beyond the interpreter and the parameters: a fourth for the block in use,
        the rest for samples and for reading.
    settings, kind, ignore, time_limit, callbacks, resume, say
        As of `steepest.pipeline.fit.fit_table`.
    test, validation : float
        Fractions of the rows to hold out; a column ``split`` goes before them. At most
        `steepest.pipeline.first_pass.SAMPLE` rows of each are looked at; if they were drawn at
        random, the rest
        trains.
    checkpoint : Checkpoint, optional
        One is written at the end of a block, when due.

    Raises
    ------
    TableError
        If the table can't be used for this, or the disk is too small.
    InputError
        If a setting makes no sense.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        say(text)

    recipe_seed = int((settings or {}).get("seed", 0))
    source = Source(Path(path), target, list(ignore), test, validation, recipe_seed)
    survey = source.survey(memory)
    task = source.task(survey, kind)
    note(task.describe())
    recipe = Recipe.for_task(task, settings, survey.rows)
    if recipe.ensemble > 1:
        raise InputError(
            f"an ensemble of {recipe.ensemble} needs the table in memory; train one network, or "
            "leave out the limit of memory"
        )
    assert recipe.epochs is not None
    assert recipe.batch is not None
    loss = recipe.make_loss(task)
    if source.named:
        note(f"column {SPLIT_COLUMN!r} says which rows train, validate and test; it is no input")
    odd = Counts()
    encoder = Encoder.fit(survey.typed, source.inputs, counts=Counts())
    for name, why in encoder.dropped.items():
        note(f"column {name!r} not used: {why}")
    note(f"types, task and encoding are those of {survey.typed.num_rows:,} rows drawn at random")
    itemsize = np.dtype(recipe.dtype).itemsize
    blocks = max(1, -(-4 * survey.rows * encoder.width * itemsize // memory))
    target_dtype = recipe.dtype if task.is_regression else "int64"
    with Scratch(blocks, encoder.width, recipe.dtype, target_dtype, recipe.seed) as scratch:
        dropped = source.fill(scratch, survey, encoder, task, odd)
        if dropped:
            note(f"{dropped:,} rows dropped: their target is missing or not finite")
        for line in counts_text(odd):
            note(line)
        if not scratch.rows.any():
            raise TableError(f"{path} leaves no row for training; hold out fewer")
        held_out = None
        if (checked := survey.validation.table()) is not None:
            held_out = (
                encoder.transform(checked, dtype=recipe.dtype),
                loss.targets(task.encode(checked.column(target)), task.width(loss), recipe.dtype),
            )
        held_rows = 0 if held_out is None else len(held_out[1])
        note(
            f"{int(scratch.rows.sum()):,} rows to train in {blocks} shuffled blocks on disk, "
            f"{held_rows:,} to validate; "
            f"{len(encoder.columns)} columns become {encoder.width} inputs"
        )
        sizes = scratch.rows[scratch.rows > 0]
        per_epoch = int(np.sum(-(-sizes // np.minimum(recipe.batch, sizes))))
        steps = recipe.epochs * per_epoch
        network, rule = recipe.network(task, encoder, steps=steps), recipe.make_rule(steps)
        some = encoder.transform(survey.typed.slice(0, SAMPLE), dtype=recipe.dtype)
        init_from_data(network, some, seed=recipe.seed)
        trainer = Trainer(network, loss, rule, batch=recipe.batch, seed=recipe.seed,
                          threads=recipe.threads, matmul_dtype=recipe.matmul_dtype)  # fmt: skip
        training = BlockTraining(
            trainer, scratch, held_out, recipe, per_epoch, checkpoint,
            tuple(callbacks(trainer)) if callbacks else (), time_limit,
        )  # fmt: skip
        ended: BaseException | None = None
        try:
            training.begin(resume)
            training.run()
        except (KeyboardInterrupt, CheckpointError) as error:
            if not trainer.step:
                raise
            ended = error
        finally:
            training.restore_best()
    note(f"{len(training.rows)} epochs in {training.elapsed:.1f} s")
    columns = dict.fromkeys(name for row in training.rows for name in row)
    history = {name: [row[name] for row in training.rows] for name in columns}
    about = {
        "history": history,
        "recipe": plain_recipe(recipe),
        "rows": {"train": int(sizes.sum()), "validation": held_rows},
        "seed": recipe.seed,
    }
    fit = Fit(Model(network, loss, encoder, task, about), notes, ended=ended)
    tested = survey.test.table()
    if tested is not None and ended is None:
        score_fit(fit, tested, survey.typed.column(target), target)
    return fit
