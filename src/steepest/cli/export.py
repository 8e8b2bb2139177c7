"""``steepest export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import MODEL_HELP, PluginOption
from ._printing import say

__all__ = ["export"]


def export(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    out: Annotated[
        Path,
        typer.Argument(help="The file to write; its name must end in .onnx.", metavar="FILE.onnx"),
    ],
    plugin: PluginOption = None,
) -> None:
    """Write a model as an ONNX file, which other programs can run without Steepest.

    The file takes the plain columns of the table, one input each. Numbers, booleans and times
    (seconds since 1970 in UTC) are given as float64, NaN if missing; categories as text, empty if
    missing. A network that Python saved has one input instead, x.

    Example: steepest export model model.onnx
    """
    from ..errors import InputError
    from ..interchange.onnx_export import export_onnx
    from ..network import Network
    from ..pipeline.folders import load

    if out.suffix.lower() != ".onnx":
        raise InputError(f"{out} must end in .onnx, the only format that models are exported to")
    loaded = load(model, plugins=plugin or ())
    export_onnx(loaded, out)
    if isinstance(loaded, Network):
        say(f"a network of {loaded.inputs} inputs written to {out}")
    else:
        say(f"{loaded.encoder.source} to {loaded.task.name!r} written to {out}")
