"""How the training went: the losses and metrics of every epoch."""

from __future__ import annotations

from typing import Any

from .subject import Subject

__all__ = ["section"]

_UNSHOWN = ("epoch", "step", "lr", "seconds")


def section(subject: Subject) -> dict[str, Any] | None:
    """Return the history by columns, and which epoch was kept, if there is one."""
    about = subject.model.about
    history = about.get("history", {})
    if not history.get("epoch"):
        return None
    rows = about.get("rows", {})
    losses = [name for name in ("loss", "validation_loss") if name in history]
    others = [name for name in history if name not in (*_UNSHOWN, *losses)]
    return {
        "epoch": history["epoch"],
        "losses": {name: history[name] for name in losses},
        "metrics": {name: history[name] for name in others},
        "lr": history.get("lr", []),
        "seconds": history["seconds"][-1] if history.get("seconds") else None,
        "best": about.get("best_epoch"),
        "train": rows.get("train"),
        "validation": rows.get("validation"),
    }
