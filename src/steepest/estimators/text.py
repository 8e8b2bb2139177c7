"""Classifier for texts alone: hashed n-grams, the sum of their embeddings, and classes of that."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from ..arrays import Array
from ..errors import InputError, TableError
from ..pipeline.recipe import Recipe
from ..pipeline.train import TrainingData
from ..printing import shortened_text, shown
from ..tables.columns import Counts, Source, Text, UnusableColumn
from ..tables.encoder import Encoder
from ..tables.files import read_table
from ..tables.task import Task
from ..validate import iterated, plain, positive_count
from .docstrings import with_lists_of
from .tabular import TabularClassifier
from .trained import BaseTrained, Examples

__all__ = ["TextClassifier"]

COLUMN = "text"
SETTINGS: dict[str, Any] = {
    "layers": (),
    "batch": 32,
    "rule": "adagrad",
    "lr": 0.05,
    "schedule": "constant",
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
}
"""What texts alone have in place of the defaults for tables: no hidden layer, and steps that
shrink where an n-gram is frequent. Of one split of newsgroups20, 0.924 are right, 0.916 by Adam."""
EPOCHS, STEPS = 3, 1000
"""So many epochs are run; more of few texts, until there are so many steps."""


@with_lists_of(BaseTrained)
class TextClassifier(TabularClassifier):
    """Classifier for texts, by the n-grams of words, and of characters where texts are short.

    What a text becomes is told in `steepest.tables.columns.text.Text`; the sum of the embeddings of
    its n-grams (`EmbeddingBag`) goes to one `Dense` layer. Texts of other columns are for
    `TabularClassifier`.

    By default no texts are held out: all are trained on, a fixed number of times. With
    ``validation_fraction`` the best epoch is chosen and probabilities are calibrated by some.

    Parameters
    ----------
    class_weight : dict or "balanced", optional
        Weights of the classes: in training they multiply the weights of the rows, and `predict`
        takes the class of the greatest weight × probability.
    **others
        See `steepest.estimators.trained.BaseTrained`.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        The labels, sorted.
    **others
        See `steepest.estimators.trained.BaseTrained`.

    Examples
    --------
    >>> from steepest import TextClassifier
    >>> texts = ["a good film", "good fun", "a bad film", "bad and dull"] * 9
    >>> model = TextClassifier().fit(texts, ["yes", "yes", "no", "no"] * 9)
    >>> str(model.predict(["good"])[0])
    'yes'
    """

    _parameters: ClassVar[Mapping[str, str]] = BaseTrained._parameters

    def __init__(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        ensemble: int = 1,
        class_weight: Any = None,
        validation_fraction: Any = 0.0,
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

    @staticmethod
    def read(path: str | PathLike[str]) -> tuple[list[str], list[str]]:
        """Read a file of lines that begin with ``__label__NAME``, as fastText has them.

        Parameters
        ----------
        path : str or path
            With the suffix .txt, .train or .valid.

        Returns
        -------
        texts, labels : list of str

        Raises
        ------
        TableError
            If it can't be read, has no labels, or a line lacks one or has several.
        """
        table = read_table(path)
        if table.column_names != ["label", COLUMN]:
            raise TableError(f"{path} is a table; lines with labels have the suffix .txt")
        labels = table["label"].to_pylist()
        if None in labels:
            raise TableError(f"{path}: text {labels.index(None) + 1} has no __label__")
        return table[COLUMN].to_pylist(), labels

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, eval_set: Any = None) -> Any:
        """Train on texts.

        Parameters
        ----------
        X : list, array or Series of str, (n,)
            Texts; they may be empty.
        y : array-like (n,)
            Classes, none missing.
        sample_weight : array-like (n,), optional
            A text of weight 0 has no part in anything.
        eval_set : tuple, optional
            ``(X, y)`` or ``(X, y, sample_weight)``: texts to choose the best epoch by, in place of
            a share of the others.

        Returns
        -------
        self
            The estimator, fitted.

        Raises
        ------
        InputError
            If something in ``X`` is no text, or ``X``, ``y`` and the weights don't fit one another.
        TableError
            If there are not two classes, or no two texts have a word in common.
        """
        return self._fit(X, y, sample_weight, eval_set)

    def explain(self, text: str, most: int = 10, *, label: Any = None) -> list[tuple[str, float]]:
        """Say which n-grams speak for a class: what its log-odds lose without each.

        Parameters
        ----------
        text : str
            Any text, of training or not.
        most : int
            So many at most; those whose absolute effect is the greatest.
        label : object, optional
            The class; by default the one that is predicted.

        Returns
        -------
        list of (str, float)
            N-grams, and by how much log p/(1 − p) of the class is less without them; below 0 where
            they speak against it. It is that of the network, before `predict_proba` calibrates.

        Raises
        ------
        InputError
            If ``text`` is no text, or there is no such class.
        """
        check_is_fitted(self)
        positive_count("TextClassifier.explain", "most", most)
        rows = self.model_.encoder.transform(self._read([text], reset=False))
        column = self.model_.encoder.columns[COLUMN]
        codes = rows[0, : column.most].astype(np.int64)
        many = int(np.count_nonzero(rows[0, column.most :]))
        without = np.repeat(rows, many + 1, axis=0)
        without[np.arange(many), column.most + np.arange(many)] = 0
        odds = _log_odds(self.model_.network.predict(without, threads=self.n_threads))
        if label is None:
            which = int(odds[-1].argmax())
        else:
            known = {own: k for k, own in enumerate(self.classes_.tolist())}
            try:
                which = known[plain(label)]
            except (KeyError, TypeError) as error:  # no class, or nothing that could be one
                raise InputError(
                    f"TextClassifier.explain: there is no class {shown(label)}; there are "
                    f"{shortened_text(', '.join(map(repr, known)), 200)}"
                ) from error
        effects, names = odds[-1, which] - odds[:-1, which], column.named(text)
        order = np.argsort(-np.abs(effects), kind="stable")[:most]
        return [(" / ".join(names[int(codes[k])]), float(effects[k])) for k in order]

    def _read(self, X: Any, reset: bool) -> pa.Table:
        where = f"{type(self).__name__}.{'fit' if reset else 'predict'}"
        items = None if isinstance(X, str | bytes | Mapping) else iterated(X)
        if items is None or getattr(X, "ndim", 1) != 1:
            raise InputError(
                f"{where}: expected a list, an array or a Series of texts, got {shown(X)}"
            )
        for k, item in enumerate(items):
            if not isinstance(item, str):
                raise InputError(f"{where}: text {k} must be a str, got {shown(item)}")
        if reset and not items:
            raise InputError(f"{where}: there are no texts")
        if reset:
            self._columns = [COLUMN]
        texts = [text.encode("utf-8", "replace").decode() for text in items]
        return pa.table({COLUMN: pa.array(texts, pa.large_string())})

    def _split_by(
        self, data: pa.Table, time: Any, groups: Any
    ) -> tuple[Array | None, Array | None]:
        return None, None

    def _recipe(
        self, task: Task, settings: dict[str, Any], rows: Examples, encoder: Any = None
    ) -> Recipe:
        steps = -(-len(rows.y) // SETTINGS["batch"])
        own = {**SETTINGS, "epochs": max(EPOCHS, -(-STEPS // steps))}
        return Recipe.for_task(task, {**own, **settings}, len(rows.y), texts=True)

    def _encode(
        self, task: Task, recipe: Recipe, rows: Examples, held: Examples | None
    ) -> tuple[Encoder, TrainingData]:
        try:
            column = Text.fit(Source(COLUMN, rows.data[COLUMN], Counts(), ()), 1)
        except UnusableColumn as reason:
            raise TableError(f"{type(self).__name__}.fit: {reason}") from reason
        encoder, held_out = Encoder({COLUMN: column}, {}, missing=(), shared=2), None
        self.notes_: list[str] = []
        self.hints_: list[str] = []
        if held is not None:
            checked = encoder.transform(held.data, dtype=recipe.dtype)
            held_out = checked, *self._targets(task, held)
        X = encoder.transform(rows.data, dtype=recipe.dtype)
        return encoder, TrainingData(X, *self._targets(task, rows), held_out)

    def _outputs(self, X: Any) -> Array:
        """Return what the model says of texts, (n, q)."""
        check_is_fitted(self)
        outputs: Array = self.model_.outputs(self._read(X, reset=False), threads=self.n_threads)
        return outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string, tags.input_tags.two_d_array = True, False
        return tags


def _log_odds(z: Array) -> Array:
    """Return log p/(1 − p) of each class, from the outputs (n, q) of a network."""
    z = z.astype(np.float64)
    if z.shape[1] == 1:
        return np.hstack([-z, z])
    others = np.where(np.eye(z.shape[1], dtype=bool)[:, None], -np.inf, z)
    odds: Array = z - np.logaddexp.reduce(others, axis=2).T
    return odds
