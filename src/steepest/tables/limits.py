"""Files of tables from strangers, read within a share of this machine's memory.

A few kilobytes may unpack to anything: compressed pages, or one long text that a thousand rows
refer to. So a file is watched while Arrow reads it, and texts are measured before they are spelled
out.
"""

from __future__ import annotations

import io
import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import TableError
from ..system.memory import physical_memory

__all__ = ["Bounded", "check_texts", "room", "too_large"]

_SHARE = 0.25


def room() -> float:
    """Return the most bytes that reading a table, or a block of one, may take."""
    return _SHARE * physical_memory()


class Bounded(io.FileIO):
    """A file that is read no further once reading it has taken more memory than there is room.

    What Arrow has allocated since is what counts, whoever did it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self._before = pa.total_allocated_bytes()

    def read(self, size: int | None = -1, /) -> Any:
        """Read bytes.

        Raises
        ------
        TableError
            If there is no room for more.
        """
        if pa.total_allocated_bytes() - self._before > room():
            raise too_large(self.name)
        return super().read(-1 if size is None else size)


def check_texts(data: Any, name: object) -> None:
    """Check that the texts of a table or batch would fit if each row had its own.

    Raises
    ------
    TableError
        If they would not.
    """
    for column in data.columns:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        shared = pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)
        if shared and sum(map(_spelled_out, chunks)) > room():
            raise too_large(name)


def too_large(name: object) -> TableError:
    """Return the error that says so."""
    return TableError(
        f"{name} unpacks to more than {room() / 1e9:,.2g} GB, a quarter of this machine's memory; "
        "if that is what it should hold, cut it in parts, or train on it with --memory"
    )


def _is_text(kind: Any) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary,
             pa.types.is_large_binary)  # fmt: skip
    return any(test(kind) for test in tests)


def _spelled_out(chunk: Any) -> int:
    """Return the bytes that the texts of a dictionary array take with one for each row."""
    lengths = pc.fill_null(pc.binary_length(chunk.dictionary), 0).to_numpy(zero_copy_only=False)
    indices = chunk.indices.drop_null().to_numpy(zero_copy_only=False)
    return int(np.bincount(indices, minlength=len(lengths)) @ lengths.astype(np.float64))
