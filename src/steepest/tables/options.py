"""What a file or a column of texts can't say of itself: how it is written."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from ..errors import InputError
from ..printing import shown
from ..settings import Setting

__all__ = ["FILE_OPTIONS", "NOTHING_SAID", "TableOptions"]

_DECIMALS = (".", ",")
_THOUSANDS = ("", ",", ".", " ", "'", "_")
_GROUP = "How the table is written"
_FOUND = "found out from the table"


@dataclass(frozen=True)
class TableOptions:
    """How a table is written, where it can't be found out; the defaults find out what they can.

    Attributes
    ----------
    delimiter, encoding, header
        Of a file of text.
    decimal, thousands, date_format, missing
        Of columns of text, wherever they come from.

    Raises
    ------
    InputError
        If a value makes no sense.
    """

    delimiter: Annotated[
        str | None,
        Setting(
            _GROUP, "The character between the columns of a file of text.", _FOUND, "<character>"
        ),
    ] = None
    encoding: Annotated[
        str, Setting(_GROUP, "The encoding of a file of text, like latin-1 or utf-16.")
    ] = "utf-8"
    header: Annotated[
        bool,
        Setting(
            _GROUP,
            "Whether the first line of a file of text has the names of the columns. Without such a "
            "line they are called x0, x1 and so on.",
        ),
    ] = True
    decimal: Annotated[
        str | None,
        Setting(_GROUP, "The decimal mark of numbers: a point or a comma.", _FOUND, "<mark>"),
    ] = None
    thousands: Annotated[
        str | None,
        Setting(
            _GROUP,
            "The mark that groups the digits of numbers: a comma, a point, an apostrophe, an "
            "underscore or a space.",
            _FOUND,
            "<mark>",
        ),
    ] = None
    date_format: Annotated[
        str | None,
        Setting(_GROUP, "How dates are written, like %d/%m/%Y.", _FOUND, "<format>"),
    ] = None
    missing: Annotated[
        Sequence[str],
        Setting(
            _GROUP,
            "A word that means that a value is missing, besides NA, NaN, null, ? and the like. "
            "Repeat it for more.",
            "none",
            "<word>",
        ),
    ] = ()

    def __post_init__(self) -> None:
        for name in ("delimiter", "encoding", "decimal", "thousands", "date_format"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InputError(f"{name} must be a text, got {shown(value)}")
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '"\r\n\0'
        ):
            raise InputError(f"delimiter must be one ASCII character, got {shown(self.delimiter)}")
        if self.decimal not in (None, *_DECIMALS):
            raise InputError(f"decimal must be '.' or ',', got {shown(self.decimal)}")
        if self.thousands not in (None, *_THOUSANDS):
            raise InputError(
                f"thousands must be one of , . ' _ or a space, got {shown(self.thousands)}"
            )
        if self.thousands and self.thousands == self.decimal:
            raise InputError(f"decimal and thousands can't both be {self.decimal!r}")
        if self.date_format is not None and not _is_date_format(self.date_format):
            raise InputError(
                "date_format must say how a date is written, like %d/%m/%Y, got "
                f"{self.date_format!r}"
            )
        if not isinstance(self.header, bool):
            raise InputError(f"header must be true or false, got {shown(self.header)}")
        try:
            "a".encode(self.encoding)  # refuses also what encodes no text, such as base64
            codecs.getincrementaldecoder(self.encoding)
        except (LookupError, ValueError) as error:
            raise InputError(
                f"encoding: there is none called {self.encoding!r}; try latin-1 or utf-16"
            ) from error
        words: Any = self.missing
        if (
            not isinstance(words, Sequence | set | frozenset)
            or isinstance(words, str | bytes)
            or (not all(isinstance(word, str) for word in words))
        ):
            raise InputError(f"missing must be a list of texts, got {shown(self.missing)}")
        object.__setattr__(self, "missing", tuple(word.strip() for word in self.missing))

    @property
    def is_plain(self) -> bool:
        """Whether numbers may be written in the plain way, for all that is known."""
        return not (self.decimal or self.thousands or self.date_format)


def _is_date_format(text: str) -> bool:
    """Say whether a day that is written so is read as one of the same year."""
    day = datetime(2001, 11, 23, tzinfo=UTC)
    try:
        return datetime.strptime(day.strftime(text), text).year == day.year
    except ValueError:
        return False


NOTHING_SAID = TableOptions()
"""The defaults."""
FILE_OPTIONS = ("delimiter", "encoding", "header")
"""The options that a file of text may need each time; a model keeps the others."""
