"""Everything that Steepest brings, with settings that between them reach every kernel.

Each module of `steepest.layers`, `losses`, `rules` and `schedules` has such settings of its own in
``examples``; here they are collected. The tests and `steepest check` walk these lists, and
`steepest warmup` compiles what they need.
"""

from __future__ import annotations

from typing import Any

from .. import layers, losses, rules, schedules
from ..collect import modules
from ..layer import Layer
from ..loss import Loss
from ..rule import Rule
from ..schedule import Schedule

__all__ = ["LAYERS", "LOSSES", "RULES", "SCHEDULES"]


def _examples(package: str) -> tuple[Any, ...]:
    return tuple(thing for each in modules(package) for thing in getattr(each, "examples", ()))


LAYERS: tuple[Layer, ...] = _examples(layers.__name__)
LOSSES: tuple[Loss, ...] = _examples(losses.__name__)
RULES: tuple[Rule, ...] = _examples(rules.__name__)
SCHEDULES: tuple[Schedule, ...] = _examples(schedules.__name__)
