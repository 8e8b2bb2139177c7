"""Files of tables from strangers, read within a share of this machine's memory.

A few kilobytes may unpack to anything: compressed pages, a long text that a thousand rows refer to,
or a run of a million values. So a file is watched while Arrow reads it, and what may unfold is
measured before it does.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import TableError
from ..system.memory import physical_memory

__all__ = ["Bounded", "bounded", "check_texts", "room", "too_large", "unpack"]

_SHARE = 0.25
_NUMBER = 8  # bytes
_CHUNK = 1 << 20


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


def bounded(batches: Iterator[Any], name: object) -> Iterator[Any]:
    """Yield batches; stop once reading them has taken more memory than there is room.

    Raises
    ------
    TableError
        If there is no room for more.
    """
    before = pa.total_allocated_bytes()
    for batch in batches:
        if pa.total_allocated_bytes() - before > room():
            raise too_large(name)
        yield batch


def check_texts(data: Any, name: object) -> None:
    """Check that the values of a table or batch would fit if each row had its own.

    Raises
    ------
    TableError
        If they would not.
    """
    for column in data.columns:
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        if _may_unfold(column.type) and sum(map(_spelled_out, chunks)) > room():
            raise too_large(name)


def unpack(source: IO[bytes], sink: IO[bytes], name: object, folder: os.PathLike[str]) -> None:
    """Copy to a file in ``folder``.

    Raises
    ------
    TableError
        If it takes more than half of the room on the disk: a small archive may unpack to anything.
    """
    room = shutil.disk_usage(folder).free // 2
    while chunk := source.read(_CHUNK):
        room -= len(chunk)
        if room < 0:
            raise TableError(
                f"{name} needs more than half of the free space of the disk once it is unpacked"
            )
        sink.write(chunk)


def too_large(name: object) -> TableError:
    """Return the error that says so."""
    return TableError(
        f"{name} unpacks to more than {room() / 1e9:,.2g} GB, a quarter of this machine's memory; "
        "if that is what it should hold, cut it in parts, or train on it with --memory"
    )


def _may_unfold(kind: Any) -> bool:
    """Say whether values of a type may take less room than one for each row would."""
    tests = (
        pa.types.is_dictionary,
        pa.types.is_string_view,
        pa.types.is_binary_view,
        pa.types.is_run_end_encoded,
        pa.types.is_null,
    )
    return any(test(kind) for test in tests)


def _spelled_out(chunk: Any) -> float:
    """Return the bytes that the values of an array take with one for each row, about."""
    if not pa.types.is_run_end_encoded(chunk.type):
        return float(_lengths(chunk).sum())
    first, last = chunk.offset, chunk.offset + len(chunk)
    ends = np.clip(chunk.run_ends.to_numpy(zero_copy_only=False).astype(np.int64), first, last)
    runs = np.diff(ends, prepend=first).astype(np.float64)
    return float(runs @ np.maximum(_lengths(chunk.values), _NUMBER)[: len(runs)])


def _lengths(array: Any) -> Any:
    """Return about how many bytes each value takes."""
    kind = array.type
    if not len(array):
        return np.zeros(0, np.int64)
    if pa.types.is_dictionary(kind):
        lengths = _lengths(array.dictionary)
        indices = array.indices.drop_null().to_numpy(zero_copy_only=False)
        return lengths[indices] if len(lengths) else lengths
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        views = np.frombuffer(array.buffers()[1], np.int32)[::4]  # a view begins with its length
        return views[array.offset : array.offset + len(array)].astype(np.int64)
    tests = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_binary,
        pa.types.is_large_binary,
    )
    if any(test(kind) for test in tests):
        return pc.fill_null(pc.binary_length(array), 0).to_numpy(zero_copy_only=False)
    return np.broadcast_to(np.int64(_NUMBER), len(array))
