"""A network of numbers as a function of one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..lowering.one_row import OneRow
from ..network import Network

__all__ = ["Compiled"]


class Compiled:
    """A network as a function of one row.

    Parameters
    ----------
    network : Network
        Built. Its parameters are read where they lie, so further training is followed.
    read : callable
        Turns the outputs (q,) into the prediction.
    mean : callable
        Turns the outputs (1, q) into probabilities, or into means.

    Attributes
    ----------
    x : ndarray, (p,)
        Where the row is put.
    z : ndarray, (q,)
        Where the outputs are found.
    """

    def __init__(
        self, network: Network, read: Callable[[Array], Any], mean: Callable[[Array], Array]
    ) -> None:
        self._one, self._read, self._mean = OneRow(network.built), read, mean
        self.x, self.z, self._run = self._one.x, self._one.z, self._one.run

    def __call__(self, row: Any) -> Any:
        """Return what ``row`` (p,) predicts: a number, a class, or (k,) of them."""
        try:
            self.x[...] = row
        except (TypeError, ValueError) as error:
            raise self._unfit(error) from error
        self._run()
        return self._read(self.z)

    def proba(self, row: Any) -> Array:
        """Return the probabilities of the classes for ``row`` (p,), or of the labels."""
        try:
            self.x[...] = row
        except (TypeError, ValueError) as error:
            raise self._unfit(error) from error
        self._run()
        return np.array(self._mean(self.z[None])[0])

    def _unfit(self, error: Exception) -> InputError:
        return InputError(f"compiled: the row must be {len(self.x)} numbers, dense: {error}")
