"""All that is needed to do it again."""

from __future__ import annotations

from typing import Any

from ...system.versions import versions
from .subject import Subject

__all__ = ["section"]


def section(subject: Subject) -> dict[str, Any]:
    """Return the command, the settings, the seed, the versions and what was noted on the way."""
    about = subject.model.about
    return {
        "command": about.get("command"),
        "seed": about.get("seed"),
        "rows": about.get("rows", {}),
        "versions": about.get("versions") or versions(),  # a model that was not loaded
        "settings": {name: _plain(value) for name, value in about.get("recipe", {}).items()},
        "notes": list(subject.known.notes),
    }


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
