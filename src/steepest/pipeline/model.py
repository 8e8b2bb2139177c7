"""A trained network with its preprocessing and its task, as a folder.

    model.json            what it is: layers, loss, task, encoder, and how it was trained
    theta.safetensors     every parameter by name, like "0.A" (q, p), rows first
    state.safetensors     what layers keep beside their parameters, if any does
    encoder.safetensors   the arrays of the encoder
    README.md             the model's card, for people

They are read without running any code from them; `steepest.saved` reads and writes them.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..arrays import Array, within_memory
from ..errors import InputError, ModelError, TableError, TableWarning
from ..images.encoder import ImageEncoder
from ..losses import Quantile
from ..metrics import labels
from ..plugins import Plugin, use
from ..printing import Cells, Printed, shown
from ..probabilities.calibration import UNCHANGED, Calibration
from ..saved.card import card
from ..saved.folder import CARD, check_place, read_whole, replace
from ..saved.private import withheld
from ..saved.record import Parts, pack, unpack
from ..tables.door import check_column, is_record
from ..tables.encoder import Counts, not_read
from ..tables.task import Task
from ..tables.values import column_of_values
from ..validate import flag, folder, instance, iterated, number, positive_count, sequence
from .compiled import CompiledModel
from .evaluation import Evaluation, evaluate
from .fitted_model import gives_probabilities
from .slices import slices

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.figure import Figure

    from ..loss import Loss
    from ..network import Network

__all__ = ["Model", "check_place"]

_BATCH = 256

Path_ = str | os.PathLike[str]


@dataclass(repr=False)
class Model(Printed):
    """From a table to predictions in the user's own labels or units.

    `load` reads what ``steepest train`` wrote, or `save`.

    Attributes
    ----------
    network : Network
        Built for the encoder's columns.
    loss : Loss
        What it was trained with; its inverse link makes predictions of the network's outputs.
    encoder : Encoder or ImageEncoder
        What it takes: a table's columns, or images.
    task : Task
    about : dict
        How it came to be, in plain JSON types: metrics, rows, history, seed, command, versions.
    calibration : Calibration
        From what the network says of classes to probabilities and to a class.
    """

    network: Network
    loss: Loss
    encoder: Any
    task: Task
    about: dict[str, Any] = field(default_factory=dict)
    calibration: Calibration = UNCHANGED

    def __repr__(self) -> str:
        """Say what it predicts, from what, and how well it did in the test."""
        scores = "".join(f", {k} {v:.4g}" for k, v in self.about.get("metrics", {}).items())
        return (
            f"Model({self.task.kind} of {self.task.name!r} from {self.encoder.source}, "
            f"{self.network.theta.size:,} parameters{scores})"
        )

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of `predict_proba`; none if it predicts a number."""
        return tuple(self.task.classes)

    @property
    def has_probabilities(self) -> bool:
        """Whether it says how probable each class is."""
        return gives_probabilities(self.task, self.loss)

    @within_memory("Model.predict")
    def outputs(
        self, table: Any, counts: Counts | None = None, *, threads: int | None = None
    ) -> Array:
        """Return what the loss's inverse link makes of the network's outputs, (n, q).

        Of classes what the training made of them, before `calibration`; or standardised values,
        kept within the range of the training targets, in ascending order if they are quantiles
        (Chernozhukov, Fernández-Val & Galichon, "Quantile and probability curves without crossing",
        Econometrica 78, 2010). A row's are the same whatever rows are beside it.
        """
        X = self.encoder.transform(self.encoder.open(table), counts, self.network.dtype)
        # Whole batches only: matrix products of another size may round in another way.
        rest = -len(X) % _BATCH
        padded = np.concatenate([X, np.zeros((rest, *X.shape[1:]), X.dtype)]) if rest else X
        z = self.network.predict(padded, batch=_BATCH, threads=threads)[: len(X)]
        return self.said(z)

    def said(self, z: Array) -> Array:
        """Return what `outputs` makes of the network's outputs z (n, q)."""
        if self.encoder.rising:  # of float32, what rises rises in float64: an exponential's
            z = z.astype(np.float64)  # own rounding is smaller than steps of z
        if isinstance(self.loss, Quantile):
            z = np.sort(z, axis=1)  # what crosses does so by chance
        return self.task.clamp(self.loss.mean(z))

    def judge(self, outputs: Array) -> Array:
        """Return what `metrics` are to compare with targets: probabilities, or ``outputs``.

        Parameters
        ----------
        outputs : ndarray (n, q)
            As `outputs` returns them.

        Returns
        -------
        ndarray
            (n, classes) of a model that has probabilities; else as they came.
        """
        return self.calibration.probabilities(outputs) if self.has_probabilities else outputs

    def decide(self, outputs: Array) -> Array:
        """Return the number of each row's class, (n,), of ``outputs`` as `outputs` returns them.

        It is the class of the greatest cost × probability; costs are alike unless the training had
        class weights, or a threshold was given.
        """
        if self.has_probabilities:
            return self.calibration.classes(self.judge(outputs))
        return labels(outputs)

    def _decoded(self, outputs: Array) -> Array:
        """Return predictions in the user's labels or units."""
        return self.task.decode(outputs if self.task.is_regression else self.decide(outputs))

    def predict(
        self,
        X: Any,
        *,
        proba: bool = False,
        sets: float | None = None,
        counts: Counts | None = None,
        threads: int | None = None,
    ) -> Any:
        """Predict every row of a table.

        Parameters
        ----------
        X : pandas, Polars or Arrow table, mapping of columns, list of records, or one record
            Or images, of a model of images: (n, height, width) or (n, height, width, channels).
            Any rows with the columns that the encoder uses. Missing, unparseable and unseen
            values are all right. A record is a mapping of names to single values.
        proba : bool
            Of an Arrow table: whether to add a column ``proba_CLASS`` for each class. For all
            others there is `predict_proba`.
        sets : float, optional
            Of an Arrow table: add a column ``set`` with the classes that hold the right one so
            often, the most probable first, separated by " | ". For all others there is
            `predict_set`.
        counts : Counter, optional
            Takes up how many values were odd (`steepest.tables.encoder.counts_text`).
        threads : int, optional

        Returns
        -------
        ndarray, one prediction, or pyarrow.Table
            Labels or numbers, (n,), in the order of the rows; for quantiles (n, levels). Of one
            record its prediction alone. Of an Arrow table an Arrow table: a column ``prediction``,
            or for quantiles ``quantile_LEVEL`` for each level.

        Raises
        ------
        TableError
            If a column lacks.
        InputError
            If ``X`` is nothing of this kind.
        ModelError
            If probabilities are asked of a model that has none.
        """
        import pyarrow as pa

        flag("Model.predict", "proba", proba)
        if counts is not None:
            instance("Model.predict", "counts", counts, Counter, "collections.Counter()")
        if proba:
            self._check_probabilities()
        if sets is not None:
            number("Model.predict", "sets", sets, above=0, below=1)
            self._check_sets()
        if isinstance(X, pa.Table):
            return self._predict_table(X, proba, sets, counts, threads)
        if proba:
            raise InputError(
                "Model.predict: proba is for Arrow tables; for other rows call predict_proba(X)"
            )
        if sets is not None:
            raise InputError(
                "Model.predict: sets is for Arrow tables; for other rows call predict_set(X)"
            )
        odd = Counts() if counts is None else counts
        found = self._decoded(self.outputs(X, odd, threads=threads))
        if counts is None:
            self._warn("predict", odd, len(found))
        return found[0] if is_record(X) else found

    def predict_proba(self, X: Any, *, threads: int | None = None) -> Array:
        """Return how probable each class is, for every row.

        Label smoothing and class weights of the training are undone, and what rows not trained on
        taught is put in: `steepest.probabilities.calibration` has the formula.

        Parameters
        ----------
        X : table or record
            As of `predict`.
        threads : int, optional

        Returns
        -------
        ndarray, (n, classes), float64
            In the order of `classes`. Of one record (classes,).

        Raises
        ------
        TableError
            If a column lacks.
        InputError
            If ``X`` is no table.
        ModelError
            If the model predicts a number, or was trained with hinge loss.
        """
        self._check_probabilities()
        odd = Counts()
        shares = self.judge(self.outputs(X, odd, threads=threads))
        self._warn("predict_proba", odd, len(shares))
        return shares[0] if is_record(X) else shares

    def predict_set(
        self, X: Any, coverage: float = 0.9, *, empty: bool = False, threads: int | None = None
    ) -> Array:
        """Return for every row a set of classes that holds the right one as often as is asked.

        They are calibrated on the rows that chose the epoch (`steepest.probabilities.sets`).

        Parameters
        ----------
        X : table or record
            As of `predict`.
        coverage : float
            Above 0 and below 1: the share of rows like those in training whose set has their class.
        empty : bool
            Whether a set may be empty. Else it has at least the most probable class, and more rows
            are covered than asked where that alone is right more often.
        threads : int, optional

        Returns
        -------
        ndarray of bool, (n, classes)
            In the order of `classes`. Of one record (classes,).

        Raises
        ------
        TableError
            If a column lacks.
        InputError
            If ``X`` is no table, or ``coverage`` no share.
        ModelError
            If the model has no probabilities, or no rows were held out when it was trained.
        """
        number("Model.predict_set", "coverage", coverage, above=0, below=1)
        flag("Model.predict_set", "empty", empty)
        self._check_sets()
        odd = Counts()
        outputs = self.outputs(X, odd, threads=threads)
        self._warn("predict_set", odd, len(outputs))
        found = self.calibration.sets(outputs, coverage, empty=empty)
        return found[0] if is_record(X) else found

    def compiled(self) -> CompiledModel:
        """Return a function of one raw row, which takes a microsecond or so a column.

        It holds this moment's network, and is not safe to call from two threads at once.

        Returns
        -------
        CompiledModel
            Takes a mapping of names to values, or a sequence of values in the order of its
            ``names``, and returns what `predict` has for the row; its ``proba`` what
            `predict_proba` has.

        Raises
        ------
        ModelError
            If the model takes images.
        """
        return CompiledModel(self, self._decoded)

    def _check_sets(self) -> None:
        self._check_probabilities()
        if not self.calibration.rows:
            raise ModelError(
                "this model has no sets of classes: they need rows to validate on in the training, "
                "and a model that is not private"
            )

    def _warn(self, method: str, odd: Counts, rows: int) -> None:
        """Warn of the values of a table that could not be read."""
        if isinstance(self.encoder, ImageEncoder):
            return
        lines = not_read(self.encoder, odd, rows)
        if lines:
            text = "\n".join([f"Model.{method}:", *lines])
            warnings.warn(text, TableWarning, stacklevel=3)

    def _check_probabilities(self) -> None:
        if not self.has_probabilities:
            why = "predicts a number" if self.task.is_regression else "was trained with hinge loss"
            raise ModelError(f"this model has no probabilities: it {why}")

    def _predict_table(
        self,
        table: pa.Table,
        proba: bool,
        sets: float | None,
        counts: Counts | None,
        threads: int | None,
    ) -> pa.Table:
        """Return the predictions for an Arrow table as one."""
        import pyarrow as pa

        outputs = self.outputs(table, counts, threads=threads)
        if isinstance(self.loss, Quantile):
            found = self.task.decode(outputs).reshape(len(outputs), -1)
            names = [f"quantile_{level:g}" for level in self.loss.levels]
            return pa.table(list(map(pa.array, found.T)), names)
        columns = {"prediction": column_of_values("prediction", self._decoded(outputs))}
        shares = self.judge(outputs)
        if sets is not None:
            columns["set"] = pa.array(self._told(outputs, sets), pa.string())
        if proba:
            for k, label in enumerate(self.task.classes):
                columns[f"proba_{label}"] = pa.array(shares[:, k])
        return pa.table(columns)

    def _printed(self) -> list[str | Cells]:
        """Return what it predicts, the scores of the test, and the layers."""
        about = self.about
        scores, trivial = about.get("metrics", {}), about.get("trivial", {})
        rows = [("score", "model", "trivial")]
        rows += [
            (name, f"{score:.5g}", f"{trivial[name]:.5g}" if name in trivial else "")
            for name, score in scores.items()
        ]
        parts: list[str | Cells] = [f"from {self.encoder.source}: {self.task.describe()}"]
        if scores:
            tested = about.get("rows", {}).get("test")
            parts += [f"on {tested:,} test rows" if tested else "in the test", Cells(rows, left=1)]
        return [*parts, *self.network._printed()]

    def plot(self, what: str, table: Any = None, *, seed: int = 0) -> Figure:
        """Draw a part of a report.

        Parameters
        ----------
        what : str
            "training", "confusions", "roc", "precision_recall", "calibration", "residuals",
            "importance" or "effects".
        table : table, optional
            Rows whose target is known, as of `report`; all but "training" need them.
        seed : int
            Of the draws.

        Returns
        -------
        matplotlib.figure.Figure
            The drawing. A notebook shows it; ``savefig`` writes it to a file.

        Raises
        ------
        InputError
            If there is no such part, or Matplotlib is not installed.
        ModelError
            If the model or the rows have nothing for it.
        """
        from .report import Known
        from .report.plots import plot

        known = None if table is None else self.encoder.open(table)
        return plot(self, Known(known, seed=seed), what)

    def report(self, table: Any = None, *, which: str = "rows", seed: int = 0) -> bytes:
        """Return a report as one self-contained file of HTML.

        Write it with ``Path("report.html").write_bytes(model.report(table))``. It draws on the
        model alone, or on rows whose target is known, too: with these it has confusions or
        residuals, curves, groups of rows that the model is bad at, and more.

        Parameters
        ----------
        table : table, optional
            As of `predict`, with the target; best of rows that had no part in the training. Of
            more than 20,000 so many are drawn at random.
        which : str
            Which rows these are, for the reader: "test rows".
        seed : int
            Of the draws.

        Returns
        -------
        bytes
            The page, in UTF-8.

        Raises
        ------
        ModelError
            If the model takes images.
        TableError
            If the table lacks a column, or no row has a known target.
        """
        from .report import Known, report

        known = None if table is None else self.encoder.open(table)
        return report(self, Known(known, which, seed=seed))

    @within_memory("Model.evaluate")
    def evaluate(
        self,
        X: Any,
        y: Any = None,
        *,
        by: Iterable[str] = (),
        bins: int = 10,
        threads: int | None = None,
    ) -> Evaluation:
        """Say how good the model is on rows whose target is known; print what comes to read it.

        Parameters
        ----------
        X : table
            As of `predict`, with the target as one of its columns; rows without a target that is
            known are left out. Or images.
        y : sequence, (n,), optional
            The targets, if they are no column of ``X``.
        by : iterable of str
            Columns of ``X``: the scores of the rows with each of their values, or of each quarter
            of their numbers, stand in ``slices``.
        bins : int
            How many groups of rows of like probability there are at most.
        threads : int, optional

        Returns
        -------
        Evaluation
            All of it, as a record and as text.

        Raises
        ------
        TableError
            If a column lacks, or no row has a known target.
        InputError
            If ``X`` is nothing of this kind.
        """
        import pyarrow as pa

        where, task = "Model.evaluate", self.task
        positive_count(where, "bins", bins)
        names = [by] if isinstance(by, str) else iterated(by)
        if names is None or not all(isinstance(name, str) for name in names):
            raise InputError(f"{where}: by must be names of columns, got {shown(by)}")
        rows, is_table = self.encoder.open(X), not isinstance(self.encoder, ImageEncoder)
        if y is None and not is_table:
            raise InputError(f"{where}: give the classes of the images as y")
        if names and not is_table:
            raise InputError(f"{where}: by is for columns of tables, and these are images")
        for name in (*names, *([task.name] if y is None else [])):
            if name not in rows.column_names:
                raise TableError(f"{where}: no column {name!r}")
        column = check_column(rows, task.name) if y is None else column_of_values(task.name, y)
        if len(column) != len(rows):
            raise InputError(f"{where}: {len(rows)} rows of X, {len(column)} of y")
        known = np.flatnonzero(task.rows(column))
        if not len(known):
            raise TableError(f"{where}: no row has a known target {task.name!r}")
        if len(known) < len(rows):
            chosen = pa.array(known)
            rows = rows.take(chosen) if is_table else rows[known]
            column = column.take(chosen)
        sliced = {name: slices(check_column(rows, name), name) for name in names}
        outputs, targets = self.outputs(rows, threads=threads), task.encode(column)
        return evaluate(self, outputs, targets, sliced, bins)

    def _told(self, outputs: Array, coverage: float) -> list[str]:
        """Return the set of each row as a text, the most probable class first."""
        inside, names = self.calibration.sets(outputs, coverage), list(map(str, self.classes))
        order = np.argsort(-self.judge(outputs), axis=1, kind="stable")
        return [
            " | ".join(names[k] for k in ranked if own[k])
            for own, ranked in zip(inside, order, strict=True)
        ]

    def save(self, path: Path_, *, private: bool = False) -> None:
        """Write the folder, whole or not at all.

        A model that is there already is replaced: whoever reads the folder meanwhile, or after a
        crash, finds the old model or the new one.

        Parameters
        ----------
        path : str or path
        private : bool
            Whether to leave out what predicting does not need: the columns that are not used, the
            command, the history and the settings of the training.

        Raises
        ------
        ModelError
            If there is something else in that place, or it can't be written.
        """
        parts = Parts(
            self.network, self.loss, self.encoder, self.task, self.about, self.calibration
        )
        folder("Model.save", "path", path)
        flag("Model.save", "private", private)
        if private:
            parts = withheld(parts)
        check_place(path)  # before the work
        replace(path, {**pack(parts), CARD: card(parts).encode()})

    @classmethod
    def load(cls, path: Path_, *, plugins: Iterable[Plugin] = ()) -> Self:
        """Read the folder that `save` wrote, in this version or an earlier one.

        It runs no code of the folder, and follows no link in it. What it declares is checked before
        memory is taken for it.

        Parameters
        ----------
        path : str or path
        plugins : iterable of str, path or module
            Files or modules of your own with layers or losses that the model is made of. Nothing
            else is imported.

        Raises
        ------
        ModelError
            If the folder or a file of it lacks, is damaged, or is of a later version; or it is a
            network without an encoder.
        PluginError
            If the model needs a plugin that was not given, or one can't be imported.
        """
        folder("Model.load", "path", path)
        sequence("Model.load", "plugins", plugins)
        use(*plugins)
        found = read_whole(path, unpack)
        if isinstance(found, Parts):
            return cls(*found)
        raise ModelError(
            f"{os.fspath(path)} holds a network without an encoder, so it can't read tables; from "
            "Python, steepest.load returns it, and its predict takes arrays of numbers"
        )
