"""Padding and starts of sequences, given to the layer of tokens that is read from an ONNX file.

In a file the mask of each attention says which steps belong together. In a network the
`TokenEmbedding` says it, for all layers behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ..errors import InputError
from ..layers import Attention, LearnedPositions, TokenEmbedding
from ..onnx_reading import Reading, Spans
from .onnx_file import OnnxFile

__all__ = ["with_spans"]


def with_spans(file: OnnxFile, pieces: list[Reading]) -> list[Reading]:
    """Return the layers with what their masks say of tokens in the `TokenEmbedding` in front.

    Raises
    ------
    ModelError
        If masks differ, a layer has none where others have, or they are not those of the tokens
        that the first layer reads.
    """
    told = [(piece, piece.spans) for piece in _flat(pieces) if piece.spans is not None]
    if not told:
        return pieces
    one, spans = told[0]
    for piece in _flat(pieces):
        has_own = isinstance(piece.layer, Attention) or (
            isinstance(piece.layer, LearnedPositions) and spans.start is not None
        )
        if piece.spans != spans and (has_own or piece.spans is not None):
            raise file.error(
                f"{piece.said_by} knows {_shown(piece.spans)}, {one.said_by} knows "
                f"{_shown(spans)}; expected the same of all, since TokenEmbedding tells all of "
                "them; export it with one mask",
            )
    first, *rest = pieces
    if not isinstance(first.layer, TokenEmbedding) or first.x != spans.tokens:
        raise file.error(
            f"{one.said_by} knows {_shown(spans)}; expected them among the tokens that the first "
            f"layer reads, a TokenEmbedding, found {first.layer!r} of {first.x!r}; make the mask "
            "of the tokens of the embedding that the network begins with",
        )
    if spans.padding is not None and first.theta["E"][spans.padding : spans.padding + 1].any():
        raise file.error(
            f"{one.said_by} knows {_shown(spans)}; expected zeros in row {spans.padding} of the "
            f"table of {first.said_by}, found other numbers; set that row to 0 before the export",
        )
    try:
        layer = replace(first.layer, padding=spans.padding, start=spans.start)
    except InputError as error:
        raise file.error(f"{one.said_by} makes no layer: {error}") from error
    return [replace(first, layer=layer), *rest]


def _flat(pieces: Sequence[Reading]) -> Iterator[Reading]:
    for piece in pieces:
        yield piece
        yield from _flat(piece.inside)


def _shown(spans: Spans | None) -> str:
    """Say what is known of steps that don't belong together."""
    if spans is None:
        return "neither padding nor starts"
    return f"padding={spans.padding} and start={spans.start} of the tokens {spans.tokens!r}"
