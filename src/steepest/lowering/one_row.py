"""One row at a time, as fast as Python calls: the program for one row, and nothing around it."""

from __future__ import annotations

from ..engine.arena import Arena
from ..engine.driver import Control, straight
from ..engine.operands import Buffer
from ..engine.program import Program
from ..parameters import Parameters
from .lowering import Lowering

__all__ = ["OneRow"]


class OneRow:
    """A network as a function of the row that lies in `x`: `run` computes `z`.

    It keeps its memory from call to call, so it is not safe to call from two threads at once.

    Parameters
    ----------
    network : Parameters
        Of a built network. They are read where they lie, so further training is followed.

    Attributes
    ----------
    x : ndarray, the input's shape
        Where the row is put.
    z : ndarray, (q,)
        Where the outputs are found.
    run : callable
        Takes nothing, and lives no longer than this.
    """

    def __init__(self, network: Parameters) -> None:
        program = Program("predict", 1, network.dtype, 1)
        arena = Arena(network.dtype)
        low = Lowering(program, arena, network, Control(), Buffer.number("t"))
        x = arena.array("x", 1, *network.input_shape)
        z, _ = network.layer.lower(low, x)
        arena.allocate()
        program.assemble()
        self._network = network  # the program reads its memory
        self.x, self.z = x.array[0], z.array[0]
        self.run = straight(program)
