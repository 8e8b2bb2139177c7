"""A model of a table as a function of one raw row, for servers and control loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from ..lowering.one_row import OneRow
from ..tables.encoder import Encoder
from ..tables.one_row import RowReader

if TYPE_CHECKING:
    from .fitted_model import FittedModel

__all__ = ["CompiledModel"]


class CompiledModel:
    """A model as a function of one row, in some ten microseconds.

    It says what `Model.predict` says, up to the rounding of float32, and reads values as that does;
    but it warns of none that were not seen in training, or can't be read. It keeps its memory from
    call to call: use one for each thread.

    Parameters
    ----------
    model : FittedModel
        Of a table. Its parameters are read where they lie, so further training is followed.
    read : callable
        Turns what `Model.outputs` returns into predictions, (n,) or (n, levels).
    names : sequence of str, optional
        What the values of a row without names are called; by default the columns in use.

    Attributes
    ----------
    names : tuple of str
        The same.

    Raises
    ------
    ModelError
        If the model takes images.
    """

    def __init__(
        self,
        model: FittedModel,
        read: Callable[[Array], Array],
        names: Sequence[str] | None = None,
    ) -> None:
        encoder = model.encoder
        if not isinstance(encoder, Encoder):
            raise ModelError("compiled: this model takes images, and only rows of tables compile")
        self.names = tuple(encoder.columns if names is None else names)
        self._model, self._one = model, OneRow(model.network.built)
        self._reader = RowReader(encoder, self._one.x, self.names)
        self._read = read

    def __call__(self, row: Any) -> Any:
        """Return what a row predicts: a class, a number, or one for each quantile (levels,).

        Parameters
        ----------
        row : mapping of str to value, or sequence of values
            With the columns that the model uses, among any others; or the values of `names`, in
            their order.

        Raises
        ------
        TableError
            If a column lacks, or a value is of no type that a column can hold.
        InputError
            If it is no row, or has not as many values as there are `names`.
        """
        return self._read(self._outputs(row))[0]

    def proba(self, row: Any) -> Array:
        """Return how probable each class is for a row, (classes,), as `Model.predict_proba` does.

        Raises
        ------
        ModelError
            If the model predicts a number, or was trained with hinge loss.
        TableError, InputError
            As of a call.
        """
        if not self._model.has_probabilities:
            raise ModelError("compiled: this model has no probabilities of classes")
        shares: Array = self._model.judge(self._outputs(row))[0]
        return shares

    def _outputs(self, row: Any) -> Array:
        self._reader(row)
        self._one.run()
        return self._model.said(np.array(self._one.z[None]))
