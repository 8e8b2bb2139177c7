"""Figures of Matplotlib, where it is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["curves", "figures", "panels"]

_WIDE, _HIGH = 4.5, 3.4  # inches of a panel
_ACROSS = 3


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


def panels(figure_class: type[Figure], count: int) -> tuple[Figure, list[Any]]:
    """Return a figure and so many empty panels of it.

    A notebook shows the figure whether or not it was told to draw Matplotlib's.
    """
    across = min(count, _ACROSS)
    down = -(-count // across)
    figure = figure_class(figsize=(_WIDE * across, _HIGH * down), layout="constrained")
    vars(figure)["_repr_png_"] = partial(_png, figure)
    every = list(figure.subplots(down, across, squeeze=False).ravel())
    for axes in every[count:]:
        axes.set_axis_off()
    return figure, every[:count]


def _png(figure: Figure) -> bytes:
    picture = BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def curves(
    figure_class: type[Figure],
    epochs: Sequence[float],
    wanted: Sequence[tuple[str, Mapping[str, Sequence[float]]]],
    kept: int | None = None,
) -> Figure:
    """Return a figure of values over epochs: a panel for each title, a line for each name."""
    figure, every = panels(figure_class, len(wanted))
    for axes, (title, lines) in zip(every, wanted, strict=True):
        for name, values in lines.items():
            axes.plot(epochs, values, label=name)
        if kept is not None:
            axes.axvline(kept, color="grey", linestyle="--", label="kept")
        axes.set(xlabel="epoch", title=title)
        axes.legend()
    return figure
