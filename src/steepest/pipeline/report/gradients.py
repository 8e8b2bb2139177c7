"""How large gradients and steps were, layer by layer, while the network was trained."""

from __future__ import annotations

from typing import Any

from ...inspection.watch import verdict
from .subject import Subject

__all__ = ["section"]

_SEEN = ("dy", "dtheta", "update", "dead", "saturated")


def section(subject: Subject) -> dict[str, Any] | None:
    """Return what `Watch` saw, by quantity and layer, and what the noise says of the batch."""
    watch = subject.known.watch
    if watch is None or not watch.noise:
        return None
    epochs = [row["epoch"] for row in watch.noise]
    layers: dict[str, dict[str, Any]] = {}
    for row in watch.rows:
        layer = layers.setdefault(row["layer"], {"path": row["layer"], "kind": row["kind"]})
        for name in _SEEN:
            if name in row:
                layer.setdefault(name, {})[row["epoch"]] = row[name]
    for layer in layers.values():
        for name in _SEEN:
            if name in layer:
                layer[name] = [layer[name].get(epoch) for epoch in epochs]
    last = watch.noise[-1]
    return {
        "epoch": epochs,
        "layers": list(layers.values()),
        "scale": [row["scale"] for row in watch.noise],
        "batch": last["batch"],
        "verdict": verdict(last["batch"], last["scale"], last["looks"] * watch.examples),
    }
