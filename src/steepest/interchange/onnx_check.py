"""Whether what a file says of shapes is so for the layers that were read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..layers import Sequential
from ..onnx_reading import Reading
from ..shape import Shape
from .onnx_file import OnnxFile

__all__ = ["check_shapes"]


def check_shapes(file: OnnxFile, network: Sequential, shape: Shape, pieces: list[Reading]) -> None:
    """Raise `ModelError` where a layer of the network is not what the file says of it.

    Parameters
    ----------
    file : OnnxFile
    network : Sequential
        The layers of ``pieces``.
    shape : tuple of int
        Of one example of the input.
    pieces : list of Reading
    """
    found = _Check(file).children("", network, shape, pieces, False)
    if found:
        raise file.error("it ends with the rows of all examples one under the other")


@dataclass(frozen=True)
class _Check:
    """``rows`` is whether the file has the rows of all examples one under the other."""

    file: OnnxFile

    def children(self, path: str, layer: Any, shape: Shape, pieces: Any, rows: bool) -> bool:
        """Check the layers inside one; return what ``rows`` is behind them."""
        chain = layer.in_a_row
        before = rows
        for (name, child, inner), piece in zip(layer.children_at(shape), pieces, strict=True):
            rows = self.one(f"{path}.{name}" if path else name, child, inner, piece, rows)
            if not chain and rows != before:
                self.refuse(piece, "leaves its branch with rows in place of examples")
        if rows != before and path and not isinstance(layer, Sequential):
            self.refuse(pieces[-1], "leaves its branch with rows in place of examples")
        return rows

    def one(self, path: str, layer: Any, shape: Shape, piece: Reading, rows: bool) -> bool:
        """Check a layer and those inside; return what ``rows`` is behind it."""
        if piece.rows:
            back = piece.shape is not None
            if rows is not back or (back and piece.shape != shape):
                self.refuse(piece, f"makes other rows than those of examples {shape}")
            return not rows
        rank = 1 if rows else len(shape)
        made = layer.output_shape(shape)
        for what, found, said in (
            ("inputs", shape[-1], piece.takes),
            ("outputs", made[-1], piece.makes),
        ):
            if said not in (None, found):
                self.refuse(
                    piece, f"wants {said} columns; layer {path}, {layer!r}, has {found} {what}"
                )
        if piece.rank not in (None, rank):
            self.refuse(piece, f"is for examples of {piece.rank} axes; here they have {rank}")
        if piece.axis not in (None, -1, rank):
            self.refuse(piece, f"does not run over the columns: axis {piece.axis} of {rank + 1}")
        if piece.shape not in (None, made):
            self.refuse(piece, f"makes {piece.shape}; layer {path}, {layer!r}, makes {made}")
        if rows and layer.knows_shapes and not piece.inside:
            self.refuse(piece, "takes the rows of all examples for examples")
        return self.children(path, layer, shape, piece.inside, rows) if piece.inside else rows

    def refuse(self, piece: Reading, why: str) -> None:
        raise self.file.error(f"{piece.said_by or 'a layer'} {why}")
