"""Text from models and tables of strangers, on a terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap

from ..printing import harmless

__all__ = ["folded", "say", "width"]


def say(text: str, *, error: bool = False) -> None:
    """Print a line that may hold names and values of a table, on the standard error if asked."""
    print(harmless(text), file=sys.stderr if error else sys.stdout)


def width() -> int | None:
    """Return how many columns the terminal has; None if the output goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def folded(text: str, indent: int) -> str:
    """Return a line in lines that fit into the terminal; those behind the first are indented.

    What it holds of a table is made harmless.
    """
    text = harmless(text)
    columns = width()
    if columns is None or len(text) <= columns:
        return text
    return textwrap.fill(
        text, max(columns, indent + 20), subsequent_indent=" " * indent, break_long_words=False
    )
