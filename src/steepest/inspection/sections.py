"""What pages show of a training: the history by columns, and what was seen of the gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .watch import Watch, verdict

__all__ = ["gradients_section", "training_section"]

_UNSHOWN = ("epoch", "step", "lr", "seconds")
_LOSSES = ("loss", "validation_loss")
_SEEN = ("dy", "dtheta", "update", "dead", "saturated")


def training_section(
    history: Mapping[str, Sequence[float]], best: int | None = None
) -> dict[str, Any] | None:
    """Return losses, metrics and learning rates by epoch; None if there is no epoch.

    Parameters
    ----------
    history : mapping of str to sequence
        Columns, as of `History.to_dict`.
    best : int, optional
        The epoch that is kept, from 1.
    """
    if not history.get("epoch"):
        return None
    losses = [name for name in _LOSSES if name in history]
    others = [name for name in history if name not in (*_UNSHOWN, *_LOSSES)]
    return {
        "epoch": list(history["epoch"]),
        "losses": {name: list(history[name]) for name in losses},
        "metrics": {name: list(history[name]) for name in others},
        "lr": list(history.get("lr", ())),
        "seconds": history["seconds"][-1] if history.get("seconds") else None,
        "best": best,
    }


def gradients_section(watch: Watch | None) -> dict[str, Any] | None:
    """Return what was seen by quantity and layer, and what the noise says of the batch."""
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
