"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["PluginOption"]

PluginOption = Annotated[
    list[str] | None,
    typer.Option(
        "--plugin",
        help="A Python file or module of yours with layers, losses or rules; it is imported. May "
        "be repeated.",
        metavar="FILE|MODULE",
    ),
]
