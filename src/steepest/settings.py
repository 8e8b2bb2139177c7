"""What the fields of a class say: its numbers."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["numbers_of"]


def numbers_of(thing: Any) -> dict[str, Any]:
    """Return the numbers among the fields of a dataclass, by name; of anything else, none.

    Those declared ``float`` come as floats.
    """
    found: dict[str, Any] = {}
    for f in fields(thing) if is_dataclass(thing) else ():
        value = getattr(thing, f.name)
        if isinstance(value, int | float | np.number):
            whole = isinstance(value, int | np.integer) and f.type not in ("float", float)
            found[f.name] = int(value) if whole else float(value)
    return found
