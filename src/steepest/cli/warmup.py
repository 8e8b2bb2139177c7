"""``steepest warmup``."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["warmup"]


def warmup(
    dtype: Annotated[
        list[str] | None, typer.Option(help="float32 or float64; by default both.")
    ] = None,
) -> None:
    """Compile all kernels ahead, so that no later process waits for one."""
    from .. import warmup as ahead
    from ..compiler.store import cache_folder

    kernels, seconds = ahead.warm_up(tuple(dtype or ("float32", "float64")))
    print(f"{kernels} kernels ready in {cache_folder()}, after {seconds:.0f} s")
