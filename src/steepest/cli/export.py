"""``steepest export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    model: Annotated[Path, typer.Argument(help="A folder that train wrote.", metavar="MODEL")],
    out: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE.onnx")],
) -> None:
    """Write a model with its preprocessing as an ONNX file.

    The file has one input for each column: numbers, truth values and times (seconds since 1970 in
    UTC) as float64, NaN where missing; categories as text, empty where missing.

    Example: steepest export model model.onnx
    """
    from ..errors import InputError
    from ..interchange.onnx_export import export_onnx
    from ..pipeline.model import Model

    if out.suffix.lower() != ".onnx":
        raise InputError(f"{out} must end in .onnx, the only format that models are exported to")
    loaded = Model.load(model)
    export_onnx(loaded, out)
    print(f"{len(loaded.encoder.columns)} columns to {loaded.task.name!r} written to {out}")
