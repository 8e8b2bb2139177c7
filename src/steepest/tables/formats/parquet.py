"""Parquet."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from ..limits import Bounded, room, too_large
from ._format import BLOCK_CELLS, UNREADABLE, Format, Writer, check_names, checked, line_of

__all__ = ["FORMATS", "Parquet"]

_PAGES = 1 << 16  # bytes read at once
_TEXTS = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())


class Parquet:
    """Parquet files; texts are measured before they are spelled out."""

    name: ClassVar[str] = "Parquet"
    unreadable: ClassVar[tuple[type[Exception], ...]] = UNREADABLE

    def read(self, file: Path) -> pa.Table:
        with Bounded(file) as raw, self._open(file, raw) as (source, schema):
            least = source.metadata.num_rows * sum(map(_least_bytes, schema.types))
            if least > room():
                raise too_large(file)
            return checked(source.read(), file).cast(schema)

    def parts(self, file: Path) -> list[int]:
        with Bounded(file) as raw:
            found = pq.read_metadata(raw)
            return [found.row_group(k).num_rows for k in range(found.num_row_groups)]

    def stream(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        rows: int,
        parts: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        with Bounded(file) as raw, self._open(file, raw) as (source, types):
            size = max(1, min(rows, BLOCK_CELLS // max(1, len(types))))
            for batch in source.iter_batches(size, row_groups=parts):
                yield checked(batch, file).cast(types)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> Writer:
        writer: Writer = pq.ParquetWriter(sink, schema)
        return writer

    def fault(self, file: Path, error: Exception) -> str:
        return f"is not a whole Parquet file: {line_of(error)}"

    @contextlib.contextmanager
    def _open(self, file: Path, raw: Bounded) -> Iterator[tuple[Any, pa.Schema]]:
        """Open a file so that texts stay references to a dictionary until they are measured."""
        metadata = pq.read_metadata(raw)
        schema = metadata.schema.to_arrow_schema()
        check_names(file, schema.names)
        texts = [field.name for field in schema if field.type in _TEXTS]
        with pq.ParquetFile(
            raw, metadata=metadata, read_dictionary=texts, buffer_size=_PAGES, pre_buffer=False
        ) as source:
            yield source, schema


def _least_bytes(kind: pa.DataType) -> float:
    """Return what a value of a type takes at least."""
    try:
        return float(kind.bit_width) / 8
    except ValueError:  # of no fixed width
        return 1 / 8


FORMATS: dict[str, Format] = {".parquet": Parquet()}
