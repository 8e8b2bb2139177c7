"""``steepest show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import PluginOption

__all__ = ["show"]


def show(
    model: Annotated[Path, typer.Argument(help="A folder that train wrote.", metavar="MODEL")],
    batch: Annotated[int, typer.Option(help="Rows of the program shown.", min=1)] = 1,
    plugin: PluginOption = None,
) -> None:
    """Show a model: its task, inputs, layers, scores, and the program that predicts."""
    from ..model import Model

    loaded = Model.load(model, plugins=plugin or ())
    print(loaded.task.describe())
    for name, score in loaded.about.get("metrics", {}).items():
        print(f"test {name}: {score:.5g}")
    print("\ninputs")
    for name, text in loaded.encoder.describe().items():
        print(f"  {name}: {text}")
    for name, why in loaded.encoder.dropped.items():
        print(f"  {name}: not used: {why}")
    print(f"\n{loaded.network}\n\nloss {loaded.loss!r}\n\n{loaded.network.program(batch)}")
