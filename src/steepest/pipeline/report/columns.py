"""What each column turned into, how much the scores depend on it, and which are not used."""

from __future__ import annotations

from typing import Any

from ..scores import main_metric
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
        name, _ = main_metric(subject.model)
        measured = {"rows": f"{count:,}", "metric": name, "score": importance.loss}
        slopes = max(float(importance.gradient.sum()), 1e-300)
        for k, name in enumerate(importance.names):
            found[name]["rise"] = float(importance.permutation[k])
            found[name]["spread"] = float(importance.spread[k])
            if name not in embedded:
                found[name]["slope"] = float(importance.gradient[k]) / slopes
    return {
        "columns": list(found.values()),
        "dropped": [{"name": name, "why": why} for name, why in encoder.dropped.items()],
        **measured,
    }
