"""``steepest show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._options import PluginOption
from ._printing import harmless

__all__ = ["show"]


def show(
    model: Annotated[Path, typer.Argument(help="A folder that train wrote.", metavar="MODEL")],
    batch: Annotated[int, typer.Option(help="Rows of the program shown.", min=1)] = 1,
    plugin: PluginOption = None,
) -> None:
    """Show a model: its task, inputs, layers, scores, and the program that predicts."""
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
