"""How large gradients and steps were, layer by layer, while the network was trained."""

from __future__ import annotations

from typing import Any

from ...inspection.sections import gradients_section
from .subject import Subject

__all__ = ["section"]


def section(subject: Subject) -> dict[str, Any] | None:
    """Return what `Watch` saw, by quantity and layer, and what the noise says of the batch."""
    return gradients_section(subject.known.watch)
