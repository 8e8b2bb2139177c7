"""``steepest show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import MODEL_HELP, PluginOption
from ._printing import harmless

__all__ = ["show"]


def show(
    model: Annotated[Path, typer.Argument(help=MODEL_HELP, metavar="MODEL")],
    batch: Annotated[
        int,
        typer.Option(
            help="Show the steps of a prediction of this many rows at once.", min=1, metavar="<int>"
        ),
    ] = 1,
    plugin: PluginOption = None,
) -> None:
    """Show what a model is made of, and how it predicts.

    That is: what it predicts, its scores in the test, what became of each column, its layers, and
    every step of the computation from the inputs to the prediction.

    Example: steepest show model
    """
    from ..pipeline.model import Model

    loaded = Model.load(model, plugins=plugin or ())
    lines = [loaded.task.describe()]
    lines += [
        f"test {name}: {score:.5g}" for name, score in loaded.about.get("metrics", {}).items()
    ]
    lines += ["", "inputs"]
    lines += [f"  {name}: {text}" for name, text in loaded.encoder.describe().items()]
    lines += [f"  {name}: not used: {why}" for name, why in loaded.encoder.dropped.items()]
    lines += ["", str(loaded.network), "", f"loss {loaded.loss!r}", ""]
    print(harmless("\n".join([*lines, str(loaded.network.program(batch))])))
