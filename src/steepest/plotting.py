"""Figures of Matplotlib, where it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figures"]


def figures(where: str) -> type[Figure]:
    """Return the class of figures, which need no window and no global state.

    Raises
    ------
    InputError
        If Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError(
            f"{where}: Matplotlib is not installed; pip install matplotlib, or steepest[plot]"
        ) from error
    return Figure
