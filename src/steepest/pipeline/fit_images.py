"""From images and their classes to a trained model and an honest account of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa

from ..arrays import Array, within_memory
from ..errors import InputError
from ..images.archives import read_archive
from ..images.encoder import ImageEncoder
from ..images.files import read_parts
from ..printing import counted
from ..settings import Setting
from ..tables.split import SplitBy
from ..tables.task import Task, infer_task
from ..tables.values import column_of_values
from .fit import Fit, plain_recipe, score_fit
from .image_recipe import ImageRecipe
from .model import Model
from .notes import training_line
from .request import Request
from .train import TrainingData, train_recipe

__all__ = ["ImageFiles", "ImageSource", "fit_images", "label_column", "read_images"]


@dataclass(frozen=True)
class ImageFiles:
    """How pictures are read.

    Attributes
    ----------
    size : str, optional
        What all are scaled to, like ``64x48``: width and height.
    skip : bool
        Whether to leave out those that can't be read.
    """

    size: Annotated[
        str | None,
        Setting(
            "Images",
            "Scale every picture to this width and height, like 64x48.",
            "all must be of one size",
            "WxH",
        ),
    ] = None
    skip: Annotated[
        bool, Setting("Images", "Leave out pictures that can't be read, and count them.")
    ] = False

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width."""
        if self.size is None:
            return None
        found = re.fullmatch(r"([1-9]\d{0,4})[x×]([1-9]\d{0,4})", self.size)
        if not found:
            raise InputError(f"size must be a width and a height like 64x48, got {self.size!r}")
        return int(found[2]), int(found[1])


@dataclass
class ImageSource:
    """Images with their labels; those for the test and to choose the epoch by, if known."""

    X: Array
    y: Array
    test: tuple[Array, Array] | None = None
    validation: tuple[Array, Array] | None = None
    scaled: bool = False


def read_images(path: Path, files: ImageFiles, request: Request) -> ImageSource:
    """Read a folder of classes or an .npz file, and say what was skipped."""
    if path.suffix.lower() == ".npz" and not path.is_dir():
        if files.size is not None or files.skip:
            raise InputError("size and skip are for pictures, not for the arrays of an .npz")
        X, y, X_test, y_test = read_archive(path)
        return ImageSource(X, y, None if X_test is None or y_test is None else (X_test, y_test))
    parts = read_parts(path, size=files.shape, skip=files.skip)
    skipped = [text for read in parts.values() for text in read.skipped]
    for text in skipped:
        request.say(f"skipped: {text.partition(';')[0]}")
    if skipped:
        left = sum(len(read.images) for read in parts.values())
        request.say(f"{counted(len(skipped), 'picture')} skipped, {left} left")
    found = {part: (read.images, read.labels) for part, read in parts.items()}
    test, validation = found.get("test"), found.get("validation")
    return ImageSource(*found["train"], test, validation, scaled=files.size is not None)


@within_memory("fit_images")
def fit_images(source: ImageSource, request: Request) -> Fit:
    """Split, train, and test on images that were held out.

    Raises
    ------
    TableError
        If there are not two classes, or too many.
    InputError
        If a setting makes no sense.
    """
    notes: list[str] = []

    def note(text: str) -> None:
        notes.append(text)
        request.say(text)

    task = infer_task(label_column(source.y), request.target, "classification")
    note(task.describe())
    codes, seed = task.encode(label_column(source.y)), _seed(request)
    train, tested, by = np.arange(len(codes)), np.arange(0), SplitBy(codes)
    if source.test is None:
        train, tested = by.hold_out(train, request.test, seed)
    if source.validation is None:
        train, checked = by.hold_out(train, request.validation, seed)
        held_out = (source.X[checked], codes[checked]) if len(checked) else None
    else:
        held_out = source.validation[0], task.encode(label_column(source.validation[1]))
    validated = 0 if held_out is None else len(held_out[0])
    recipe = ImageRecipe.for_images(source.X, request.settings, len(train))
    encoder = ImageEncoder.fit(source.X, source.scaled)
    weights = request.class_weights(task, codes[train])
    data = TrainingData(source.X, codes, held_out=held_out, rows=train, class_weights=weights)
    note(f"{counted(len(train), 'image')} for training, {validated:,} to choose the epoch by")
    note(_describe(recipe, task, encoder))
    began = time.perf_counter()
    trained = train_recipe(recipe, task, encoder, data, request.options)
    note(training_line(trained, time.perf_counter() - began, chosen=bool(held_out)))
    about: dict[str, Any] = {
        "history": trained.histories[0].to_dict(),
        "recipe": plain_recipe(recipe),
        "rows": {"train": len(train), "validation": validated},
        "seed": recipe.seed,
    }
    loss = recipe.make_loss(task)
    model = Model(trained.network, loss, encoder, task, about, trained.calibration)
    fit = Fit(model, notes, ended=trained.ended)
    if fit.ended is None:
        _test(fit, source, (tested, codes), codes[train])
    return fit


def _test(fit: Fit, source: ImageSource, rows: tuple[Array, Array], known: Array) -> None:
    """Note how the model scores on images for the test."""
    tested, codes = rows
    X, y = source.X[tested], codes[tested]
    try:
        if source.test is not None:
            X, y = source.test[0], fit.model.task.encode(label_column(source.test[1]))
        if len(X):
            score_fit(fit, X, y, known)
    except BaseException as error:  # whatever it is, the model is there to be saved
        fit.ended = error


def _seed(request: Request) -> int:
    return int(request.settings.get("seed", 0))


def label_column(labels: Array) -> Any:
    """Return labels as a column; texts are classes, whatever they look like."""
    column = column_of_values("class", labels)
    return column.dictionary_encode() if pa.types.is_string(column.type) else column


def _describe(recipe: ImageRecipe, task: Task, encoder: ImageEncoder) -> str:
    """Return a line about the network and its training."""
    network = recipe.network(task, encoder)
    return (
        f"images of {encoder.sizes}; a residual network of {network.theta.size:,} parameters; "
        f"lr {recipe.lr:g}, batch {recipe.batch}, {recipe.augment}"
    )
