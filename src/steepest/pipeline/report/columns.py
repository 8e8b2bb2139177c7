"""What each column turned into, how much the loss depends on it, and which are not used."""

from __future__ import annotations

from typing import Any

from .subject import Subject

__all__ = ["section"]


def section(subject: Subject) -> dict[str, Any]:
    """Return the columns in use, the most important ones first, and the others with the reason."""
    encoder = subject.model.encoder
    described, embedded = encoder.describe(), set(encoder.embedded)
    found: dict[str, dict[str, Any]] = {
        name: {"name": name, "becomes": described[name]} for name in subject.ranked
    }
    measured: dict[str, Any] = {}
    if subject.importance is not None:
        importance, count = subject.importance
        measured = {"rows": f"{count:,}", "loss": importance.loss}
        for k, name in enumerate(importance.names):
            found[name]["rise"] = float(importance.permutation[k])
            found[name]["spread"] = float(importance.spread[k])
            if name not in embedded:
                found[name]["slope"] = float(importance.gradient[k])
    return {
        "columns": list(found.values()),
        "dropped": [{"name": name, "why": why} for name, why in encoder.dropped.items()],
        **measured,
    }
