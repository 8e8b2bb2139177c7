"""Lines of texts with labels as fastText has them: ``__label__spam win a prize``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import pyarrow as pa

from ...errors import TableError
from ..limits import Bounded
from ._format import UNREADABLE, Format, Writer, line_of

__all__ = ["FORMATS", "Labelled"]

LABEL = "__label__"
COLUMNS = "label", "text"


class Labelled:
    """A line a text, which begins with its label; read as the columns ``label`` and ``text``.

    The label of a line without one is missing.
    """

    name: ClassVar[str] = "lines with labels"
    unreadable: ClassVar[tuple[type[Exception], ...]] = UNREADABLE

    def read(self, file: Path) -> pa.Table:
        found = pa.Table.from_batches(self.stream(file, {}, 1 << 16))
        if found["label"].null_count == len(found):
            raise TableError(
                f"{file} has no line that begins with {LABEL}; a table of another kind needs a "
                "suffix such as .csv"
            )
        return found

    def parts(self, file: Path) -> list[int]:
        return []

    def stream(
        self,
        file: Path,
        schema: Mapping[str, pa.DataType],
        rows: int,
        parts: Sequence[int] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        labels: list[str | None] = []
        texts: list[str] = []
        yielded = False
        with Bounded(file) as raw, pa.input_stream(raw) as source:
            for k, line in enumerate(_lines(source)):
                label, text = _parsed(line, f"{file}: line {k + 1}")
                labels.append(label)
                texts.append(text)
                if len(labels) >= rows:
                    yield _batch(labels, texts)
                    yielded = True
                    labels, texts = [], []
        if labels or not yielded:
            yield _batch(labels, texts)

    def writer(self, sink: IO[bytes], schema: pa.Schema) -> Writer:
        raise TableError(f"{self.name} are read, and not written; take .csv or .parquet")

    def fault(self, file: Path, error: Exception) -> str:
        return f"can't be read as {self.name}: {line_of(error)}"


def _lines(source: Any) -> Iterator[str]:
    """Yield the lines of a file that are not empty."""
    rest = b""
    while block := source.read(1 << 20):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line.decode("utf-8-sig").rstrip("\r")
    if rest:
        yield rest.decode("utf-8-sig").rstrip("\r")


def _parsed(line: str, where: str) -> tuple[str | None, str]:
    """Return the label of a line and its text."""
    if not line.startswith(LABEL):
        return None, line
    label, _, text = line.partition(" ")
    if text.lstrip().startswith(LABEL):
        raise TableError(
            f"{where} has several labels; a classifier predicts one class, so give one a line"
        )
    return label.removeprefix(LABEL), text


def _batch(labels: list[str | None], texts: list[str]) -> pa.RecordBatch:
    arrays = [pa.array(column, pa.string()) for column in (labels, texts)]
    return pa.record_batch(arrays, names=list(COLUMNS))


FORMATS: dict[str, Format] = dict.fromkeys((".txt", ".train", ".valid"), Labelled())
