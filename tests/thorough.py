"""What waits for ORACLES=1: cases that reach no code which the others don't reach."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

THOROUGH = bool(os.environ.get("ORACLES"))


def all_or(some: Sequence[Any], everything: Sequence[Any]) -> Sequence[Any]:
    """Return ``some`` of the cases, or with ORACLES=1 ``everything``."""
    assert all(case in everything for case in some)
    return everything if THOROUGH else some
