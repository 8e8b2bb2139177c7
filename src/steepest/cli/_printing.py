"""Text from models and tables of strangers, on a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

__all__ = ["folded", "harmless", "width"]


def harmless(text: str) -> str:
    """Return a text with control characters spelled out: none of them reaches the terminal."""
    return "".join(
        mark if mark.isprintable() or mark == "\n" else repr(mark)[1:-1] for mark in text
    )


def width() -> int | None:
    """Return how many columns the terminal has; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def folded(text: str, indent: int) -> str:
    """Return a line in lines that fit into the terminal; those behind the first are indented."""
    columns = width()
    if columns is None or len(text) <= columns:
        return text
    return textwrap.fill(
        text, max(columns, indent + 20), subsequent_indent=" " * indent, break_long_words=False
    )
