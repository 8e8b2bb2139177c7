"""One row at a time, as fast as Python calls: the program for one row, and nothing around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..arrays import Array
from ..engine.arena import Arena
from ..engine.driver import Control, straight
from ..engine.operands import Buffer
from ..engine.program import Program
from ..errors import InputError
from ..lowering.lowering import Lowering
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
        assert network.inputs is not None
        program = Program("predict", 1, network.dtype, 1)
        arena = Arena(network.dtype)
        low = Lowering(program, arena, network.built, Control(), Buffer.number("t"))
        x = arena.array("x", 1, *network.built.input_shape)
        z, _ = network.layer.lower(low, x)
        arena.allocate()
        program.assemble()
        self._network, self._read, self._mean = (
            network,
            read,
            mean,
        )  # the program reads the network's memory
        self.x, self.z = x.array[0], z.array[0]
        self._run = straight(program)

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
