"""What the layers of ensembles share: examples of shape (k, p), a row for each member."""

from __future__ import annotations

from ..errors import InputError
from ..shape import Shape

__all__ = ["flat_shape", "member_shape"]


def flat_shape(name: str, shape: Shape) -> Shape:
    """Return a shape that must have one axis."""
    if len(shape) != 1:
        raise InputError(f"{name}: takes examples of one axis, got the shape {shape}")
    return shape


def member_shape(name: str, shape: Shape) -> tuple[int, int]:
    """Return (k, p), which a shape must be."""
    if len(shape) != 2:
        raise InputError(
            f"{name}: takes examples of the shape (members, columns), as Adapters(members) makes "
            f"them, got the shape {shape}"
        )
    return shape[0], shape[1]
