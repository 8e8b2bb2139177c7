"""What a layer says of its parameters.

Of a large table among them an example touches few rows. A layer that says which has updates, memory
for going back, and checkpoints grow with the rows that steps touch, and not with the table
(`steepest.training.touched`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .validate import axes_of, flag, function, instance, positive_count

__all__ = ["FewRows", "Parameter"]


@dataclass(frozen=True)
class Parameter:
    """What a layer says of one of its parameters."""

    shape: tuple[int, ...]
    by_columns: bool = False
    """Stored column after column. Kernels then get the transpose, named with a t: ``At``."""
    decays: bool = False
    """Whether penalties and weight decay apply to it."""
    rows: FewRows | None = None
    """Which of its rows an example touches, of a large table; ∇_θ ℓ is 0 in all others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", axes_of("Parameter", "shape", self.shape, least=0))
        flag("Parameter", "by_columns", self.by_columns)
        flag("Parameter", "decays", self.decays)
        if self.rows is not None:
            instance("Parameter", "rows", self.rows, FewRows, "FewRows(1, touches)")


@dataclass(frozen=True)
class FewRows:
    """What a layer says of a parameter (rows, width) that is such a table."""

    each: int
    """How many of its rows one row of x touches, at most."""
    touches: Callable[..., None]
    """A kernel: places[r] = the rows that row r of x touches; (n, each), int32. It may ask for
    ``x``, ``rows``, and the layer's fields and parameters."""
    lazy: bool = False
    """Whether a step leaves all other rows alone, whatever the rule, and what the rule remembers of
    them. By default every rule does what it does to all parameters."""

    def __post_init__(self) -> None:
        positive_count("FewRows", "each", self.each)
        function("FewRows", "touches", self.touches)
        flag("FewRows", "lazy", self.lazy)
