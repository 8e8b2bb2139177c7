"""Tables of text: what is printed of networks, histories and gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Cells",
    "Printed",
    "aligned_table",
    "as_text",
    "counted",
    "harmless",
    "html_table",
    "shortened",
    "shortened_text",
    "shown",
]


@dataclass(frozen=True)
class Cells:
    """Rows of cells as a table.

    Attributes
    ----------
    rows : sequence of sequence of str
        The first one is the head; all are as long.
    left : int
        So many columns, the first ones, stand to the left; the others to the right.
    """

    rows: Sequence[Sequence[str]]
    left: int = 0


class Printed(ABC):
    """What is printed as lines and tables; a notebook shows the same as HTML."""

    __slots__ = ()

    @abstractmethod
    def _printed(self) -> Iterable[str | Cells]:
        """Return lines and tables, in order."""

    def __str__(self) -> str:
        return as_text(self._printed())

    def _repr_html_(self) -> str:
        """Return the same as HTML, for notebooks."""
        from html import escape

        return "\n".join(
            f"<div>{escape(part)}</div>" if isinstance(part, str) else html_table(part)
            for part in self._printed()
        )


def as_text(parts: Iterable[str | Cells]) -> str:
    """Return lines and tables as text."""
    return "\n".join(
        part if isinstance(part, str) else aligned_table(part.rows, part.left) for part in parts
    )


def html_table(cells: Cells) -> str:
    """Return a table as HTML; what stands in the cells is text, whatever it looks like."""
    from html import escape

    def row(texts: Sequence[str], tag: str) -> str:
        sides = ["left" if column < cells.left else "right" for column in range(len(texts))]
        inner = "".join(
            f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>'
            for side, text in zip(sides, texts, strict=True)
        )
        return f"<tr>{inner}</tr>"

    head, *others = cells.rows
    body = "".join(row(texts, "td") for texts in others)
    return f"<table><thead>{row(head, 'th')}</thead><tbody>{body}</tbody></table>"


def harmless(text: str, *, lines: bool = False) -> str:
    """Return a text of strangers for a terminal: what it would obey is spelled out.

    That is every control character, such as those of escape sequences, what turns the direction of
    writing, and the end of a line unless ``lines``.
    """
    if text.isprintable():
        return text
    return "".join(
        mark if mark.isprintable() or (lines and mark == "\n") else repr(mark)[1:-1]
        for mark in text
    )


def aligned_table(rows: Iterable[Sequence[str]], left: int = 0) -> str:
    """Return rows of cells as lines, in columns that are as wide as their longest cell.

    Parameters
    ----------
    rows : iterable of sequence of str
        The first one is the head; all are as long.
    left : int
        So many columns, the first ones, stand to the left; the others to the right.
    """
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if c < left else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def shortened(rows: Sequence[Sequence[str]], most: int) -> list[Sequence[str]]:
    """Return at most ``most`` rows: of more, the first and the last ones around a row of dots."""
    if len(rows) <= most:
        return list(rows)
    first = (most - 1) // 2
    dots = ["…"] * len(rows[0])
    return [*rows[:first], dots, *rows[len(rows) - (most - 1 - first) :]]


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a number of things in words: ``1 row``, ``3,024 rows``.

    Parameters
    ----------
    count : int
    one, several : str
        What one of them is called, and more of them; by default with an s.
    """
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def shortened_text(text: str, most: int | None) -> str:
    """Return a text of at most ``most`` characters, if that is given; a longer one ends in dots."""
    return text if most is None or len(text) <= most else f"{text[: most - 1]}…"


def shown(value: Any, most: int = 80) -> str:
    """Return what a message says of a value that is not what it should be: a few words, one line.

    Of arrays and tables that is their shape, of others what Python shows, shortened.
    """
    kind = type(value).__name__
    if isinstance(value, type):
        return f"the class {value.__name__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        dtype = getattr(value, "dtype", None)
        return f"{kind} of shape {shape}" + (f" of {dtype}" if dtype is not None else "")
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes out
        return f"{kind} that is too long to show"
    return shortened_text(" ".join(text.split()), most)
