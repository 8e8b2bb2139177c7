"""What the network is made of, and what it computes."""

from __future__ import annotations

from typing import Any

from ...parameters import walk
from ..train import first_of
from .subject import Subject

__all__ = ["section"]

_LONGEST = 60_000
"""Letters of a program: that of a large network would fill the page."""


def section(subject: Subject) -> dict[str, Any]:
    """Return the layers with their shapes and parameters, and the program of a prediction.

    Of several networks they are those of the first.
    """
    model = subject.model
    network, networks = first_of(model.network)
    sizes: dict[str, int] = {}
    for name, buffer in network.built.buffers.items():
        path = name.rpartition(".")[0]
        sizes[path] = sizes.get(path, 0) + buffer.size
    layers = [
        {
            "path": path,
            "layer": repr(layer),
            "shape": list(layer.output_shape(shape)),
            "parameters": sizes.get(path, 0),
        }
        for path, layer, shape in walk(network.layer, network.built.input_shape)
    ]
    return {
        "inputs": list(network.built.input_shape),
        "layers": layers,
        "networks": networks,
        "parameters": int(model.network.theta.size),
        "loss": repr(model.loss),
        "program": _begun(str(network.program(1))),
    }


def _begun(program: str) -> str:
    """Return the lines of a program, as many as there is room for, and how many follow."""
    lines = program.split("\n")
    room = max(1, _LONGEST // max(map(len, lines)))
    if len(lines) <= room:
        return program
    return "\n".join([*lines[:room], f"… and {len(lines) - room:,} lines more"])
