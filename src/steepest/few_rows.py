"""A large table among the parameters of a layer, of which an example touches few rows.

Updates, memory for going back, and checkpoints then grow with the rows that steps touch, and not
with the table (`steepest.training.touched`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FewRows"]


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
