"""Arrow's own format, as a file or a stream; Feather is another name of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import pyarrow as pa

from ..limits import Bounded
from ._format import UNREADABLE, Format, Writer, check_names, checked, line_of

__all__ = ["FORMATS", "Arrow"]


class Arrow:
    """Arrow IPC."""

    name: ClassVar[str] = "Arrow"
    unreadable: ClassVar[tuple[type[Exception], ...]] = UNREADABLE

    MAGIC: ClassVar[bytes] = b"ARROW1"

    def read(self, file: Path) -> pa.Table:
        with Bounded(file) as source, self._reader(source) as reader:
            check_names(file, reader.schema.names)
            return checked(reader.read_all(), file)

    def parts(self, file: Path) -> list[int]:
        return []

    def stream(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        rows: int,
        parts: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        with Bounded(file) as source, self._reader(source) as reader:
            check_names(file, reader.schema.names)
            if isinstance(reader, pa.RecordBatchStreamReader):
                batches = iter(reader)
            else:
                batches = map(reader.get_batch, range(reader.num_record_batches))
            for batch in batches:
                yield checked(batch, file)

    def _reader(self, source: Any) -> Any:
        is_file = source.read(len(self.MAGIC)) == self.MAGIC
        source.seek(0)
        return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> Writer:
        writer: Writer = pa.ipc.new_file(sink, schema)
        return writer

    def fault(self, file: Path, error: Exception) -> str:
        return f"can't be read as an Arrow IPC file: {line_of(error)}"


FORMATS: dict[str, Format] = dict.fromkeys((".arrow", ".feather", ".ipc"), Arrow())
