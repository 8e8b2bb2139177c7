"""The forms in which layers are known in ONNX files, by the operator that each ends in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from ..layer import Layer
from ..onnx_form import Operator
from ..onnx_reading import Form, OnnxNode, Op, Reading

__all__ = ["Known", "forms"]

Known = Mapping[str, list[tuple[type[Layer], Form]]]
"""Layers and their forms by the last operator, those of most operators first."""

_ALSO = {"Add": "Sub", "Mul": "Div"}
"""Operators that the patterns of sums and products end in too, with a constant."""


def forms(layers: Iterable[type[Layer]]) -> Known:
    """Return the forms of layers, by the operator that each ends in."""
    found: dict[str, list[tuple[type[Layer], Form]]] = {}
    for layer in layers:
        own = list(layer.onnx_import()) if "onnx_import" in vars(layer) else []
        operator = vars(layer).get("onnx")
        if isinstance(operator, Operator):
            own.append(_of_operator(operator))
        for form in own:
            kind = form.pattern.kind
            found.setdefault(kind, []).append((layer, form))
            if kind in _ALSO and form.pattern.inputs:
                found.setdefault(_ALSO[kind], []).append((layer, form))
    for each in found.values():
        each.sort(key=lambda pair: -pair[1].pattern.size)
    return found


def _of_operator(operator: Operator) -> Form:
    """Return the form of an operator that is a layer."""

    def read(layer: Any, node: OnnxNode) -> Reading:
        given = node.given(1, **dict(operator.fields.values()), **operator.fixed)
        for name, value in operator.fixed.items():
            found = given[name]
            close = found == value
            if isinstance(value, float) and isinstance(found, float):
                close = abs(found - value) < 1e-6
            if not close:
                raise node.error(f"has {name} {found!r}; only {value!r} is known")
        defaults: dict[str, Any] = {each.name: each.default for each in fields(layer)}
        settings = {f: given[name] for f, (name, _) in operator.fields.items()}
        for name, value in settings.items():  # a file has them in single precision
            if np.float32(value) == np.float32(defaults[name]):
                settings[name] = defaults[name]
        return Reading(layer(**settings), node.value(0))

    return Form(Op(operator.kind), read)
