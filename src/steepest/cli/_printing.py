"""Text from models and tables of strangers, on a terminal."""

from __future__ import annotations

__all__ = ["harmless"]


def harmless(text: str) -> str:
    """Return a text with control characters spelled out: none of them reaches the terminal."""
    return "".join(
        mark if mark.isprintable() or mark == "\n" else repr(mark)[1:-1] for mark in text
    )
