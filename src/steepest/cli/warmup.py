"""``steepest warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["warmup"]


def warmup(
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help="The precision to compile for: float32 or float64. Repeat it for more.",
            metavar="DTYPE",
            show_default="both",
        ),
    ] = None,
) -> None:
    """Compile everything now, so that no later command waits for it.

    Steepest compiles the code of its layers when it is first needed, and keeps the result on disk
    for all later processes. This does it for all of them at once.

    Example: steepest warmup
    """
    from .. import warmup as ahead
    from ..compiler.store import cache_folder

    kernels, seconds = ahead.warm_up(tuple(dtype or ("float32", "float64")))
    print(f"{kernels} kernels ready in {cache_folder()}, after {seconds:.0f} s")
