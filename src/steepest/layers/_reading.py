"""What layers that are made of layers share when they are read from ONNX."""

from __future__ import annotations

from ..onnx_reading import Reading
from .identity import Identity
from .sequential import Sequential

__all__ = ["joined"]


def joined(branch: list[Reading]) -> Reading:
    """Return a chain of layers as one."""
    if not branch:
        return Reading(Identity(), "")
    if len(branch) == 1:
        return branch[0]
    layer = Sequential(*(piece.layer for piece in branch))
    return Reading(layer, branch[0].x, {}, branch, branch[0].takes, branch[-1].makes)
