"""What the layers made of layers share."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..layer import Layer

__all__ = ["Combinator"]


class Combinator(Layer):
    """A layer made of layers. It has no parameters of its own."""

    def __init__(self, *layers: Layer) -> None:
        name = type(self).__name__
        if not layers:
            raise InputError(f"{name}: give at least one layer")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise InputError(f"{name}: expected layers, got {layer!r}")
        self.layers = layers

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.layers == other.layers

    def __hash__(self) -> int:
        return hash((type(self), self.layers))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.layers))})"

    def flops(self, p: int) -> int:
        return sum(layer.flops(width) for _, layer, width in self.children(p))
