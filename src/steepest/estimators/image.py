"""Classifier for images: arrays of pixels, or a folder of pictures with a folder a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array, within_memory
from ..errors import InputError
from ..images.arrays import as_images
from ..images.encoder import ImageEncoder
from ..images.files import read_parts
from ..pipeline.image_recipe import ImageRecipe
from ..pipeline.train import TrainingData
from ..sampling import Augment
from ..tables.task import Task
from .docstrings import with_lists_of
from .trained import BaseTrained, Examples
from .trained_classifier import TrainedClassifier

__all__ = ["ImageClassifier"]

_CHANGES = ("shift", "cutout", "flip")


@dataclass
class _Images(Examples):
    """Some of the images in ``data``, which are not copied until they are wanted alone.

    ``numbers`` are their places there; None for all. ``y`` and ``w`` are of these alone.
    """

    numbers: Array | None = None

    def take(self, chosen: Array) -> Self:
        """Return these of them."""
        found = super().take(chosen)
        found.numbers = chosen if self.numbers is None else self.numbers[chosen]
        return found

    def picked(self, chosen: Array) -> Any:
        """Return the data of these of them, which are all here."""
        return self.data

    def alone(self) -> Array:
        """Return the images."""
        images: Array = self.data if self.numbers is None else self.data[self.numbers]
        return images

    def among_all(self, values: Array | None) -> Array | None:
        """Return a value of each image of ``data``, from one for each of these."""
        if values is None or self.numbers is None:
            return values
        found = np.zeros(len(self.data), values.dtype)
        found[self.numbers] = values
        return found


@with_lists_of(BaseTrained)
class ImageClassifier(TrainedClassifier):
    """Classifier for images, with the defaults of `steepest.pipeline.image_recipe.ImageRecipe`.

    A small residual network whose size follows that of the images, trained on images that are moved
    a little at random. Images of uint8 are never copied as real numbers.

    Parameters
    ----------
    augment : "auto", Augment or None
        How images are changed while the network trains on them. By default they are moved by up to
        a fourteenth of their side; None leaves them as they are.
    size : (int, int), optional
        Height and width that the pictures of a folder are scaled to.
    skip : bool
        Whether pictures of a folder that can't be read are left out, and counted in ``skipped_``.
    class_weight : dict or "balanced", optional
        Weights of the classes: in training they multiply the weights of the images, and `predict`
        takes the class of the greatest weight × probability.
    **others
        See `steepest.estimators.trained.BaseTrained`.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    skipped_ : list of str
        The pictures of a folder that could not be read, if they were to be skipped.
    **others
        See `steepest.estimators.trained.BaseTrained`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from steepest import ImageClassifier
    >>> digits = load_digits()
    >>> model = ImageClassifier(settings={"epochs": 8}).fit(digits.images, digits.target)
    >>> model.score(digits.images, digits.target) > 0.95
    True
    """

    _recipes = ImageRecipe
    _examples = _Images
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TrainedClassifier._parameter_constraints,
        "augment": [StrOptions({"auto"}), Augment, None],
        "size": [tuple, list, None],
        "skip": ["boolean"],
    }

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        augment: Any = "auto",
        size: tuple[int, int] | None = None,
        skip: bool = False,
        ensemble: int = 1,
        class_weight: Any = None,
        validation_fraction: Any = 0.1,
        metrics: Any = None,
        callbacks: Any = None,
        verbose: bool | int = False,
        progress_bar: bool = False,
        time_limit: float | None = None,
        n_threads: int | None = None,
        random_state: Any = 0,
        ranks: Any = None,
    ) -> None:
        self._set(locals())

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, eval_set: Any = None) -> Any:
        """Train on images.

        Parameters
        ----------
        X : array-like, (n, height, width) or (n, height, width, channels); or str or path
            Pixels, uint8 or any other numbers. Or, without ``y``, a folder with a folder of
            pictures for each class, all of one size. If it has such folders in train and in test or
            validation, training is on the first, the epoch is chosen by the last, and the test's
            are left alone.
        y : array-like (n,), optional
            Classes, none missing.
        sample_weight : array-like (n,), optional
            An image of weight 0 has no part in anything.
        eval_set : tuple, optional
            ``(X, y)`` or ``(X, y, sample_weight)``: images to choose the best epoch by, in place of
            a share of the others.

        Returns
        -------
        self
            The estimator, fitted.

        Raises
        ------
        InputError
            If ``X``, ``y`` and the weights don't fit one another, or there is only one class.
        ImageError
            If a picture can't be read, or pictures are of unequal sizes.
        """
        if isinstance(X, str | PathLike):
            if y is not None:
                raise InputError(
                    f"{type(self).__name__}.fit: the folders' names are the classes; leave y out"
                )
            parts = read_parts(X, size=self.size, skip=self.skip)
            X, y = parts["train"].images, parts["train"].labels
            self.skipped_ = [text for read in parts.values() for text in read.skipped]
            if eval_set is None and "validation" in parts:
                eval_set = parts["validation"].images, parts["validation"].labels
        return self._fit(X, y, sample_weight, eval_set)

    def _read(self, X: Any, reset: bool) -> Array:
        if not reset and isinstance(X, str | PathLike):
            opened: Array = self.model_.encoder.open(X)
            return opened
        images = as_images(X, f"{type(self).__name__}.{'fit' if reset else 'predict'}")
        if reset and not len(images):
            raise InputError(f"{type(self).__name__}.fit: X has no images")
        return images

    def _own_settings(self) -> dict[str, Any]:
        given = [name for name in _CHANGES if name in (self.settings or {})]
        if self.augment == "auto":
            return {}
        if given:
            raise InputError(f"settings: give augment or {given[0]!r}, not both")
        augment = Augment(shift=0) if self.augment is None else self.augment
        return {name: getattr(augment, name) for name in _CHANGES}

    def _recipe(
        self, task: Task, settings: dict[str, Any], rows: Any, encoder: Any = None
    ) -> ImageRecipe:
        return ImageRecipe.for_images(rows.data, settings, len(rows.y))

    def _encode(
        self, task: Task, recipe: ImageRecipe, rows: Any, held: Any
    ) -> tuple[ImageEncoder, TrainingData]:
        encoder, held_out = ImageEncoder.fit(rows.data, self.size is not None), None
        if held is not None:
            X = encoder.transform(held.alone(), None, recipe.dtype)
            held_out = X, *self._targets(task, held)
        y, w = (rows.among_all(values) for values in self._targets(task, rows))
        X = encoder.transform(rows.data, None, recipe.dtype)
        return encoder, TrainingData(X, y, w, held_out, rows.numbers)

    def _outputs(self, X: Any) -> Array:
        """Return the outputs for images as a user gives them, (n, q)."""
        check_is_fitted(self)
        with within_memory(f"{type(self).__name__}.predict"):
            return self.model_.outputs(self._read(X, reset=False), threads=self.n_threads)
