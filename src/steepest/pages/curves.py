"""Curves as a small drawing in SVG, for notebooks: it needs no script."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["drawing"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 480, 200, 60, 24, 18, 8
_COLOURS = ("#0072b2", "#d55e00", "#00795a", "#a8457f")


def drawing(lines: Mapping[str, Sequence[float]], x: str) -> str:
    """Return a drawing of values from the first to the last, each line in its colour.

    Parameters
    ----------
    lines : mapping of str to sequence of float
        Values by name, as many each; those that are not finite are left out.
    x : str
        What is counted from left to right.
    """
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    if not values:
        return ""
    low, high = min(values), max(values)
    count = max(len(line) for line in lines.values())
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def point(k: int, value: float) -> str:
        across = _LEFT + wide * k / max(1, count - 1)
        return f"{across:.1f},{_TOP + tall * (high - value) / ((high - low) or 1):.1f}"

    drawn = [
        f'<text x="{_LEFT - 6}" y="{at}" text-anchor="end">{value:.4g}</text>'
        for value, at in ((high, _TOP + 4), (low, _TOP + tall))
    ]
    drawn.append(
        f'<text x="{_LEFT + wide / 2}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{escape(x)} 1 to {count}</text>"
    )
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(point(k, v) for k, v in enumerate(line) if math.isfinite(v))
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        drawn.append(
            f'<text x="{_LEFT + 150 * number}" y="12" fill="{colour}">{escape(name)}</text>'
        )
    label = f"{', '.join(map(escape, lines))} over {escape(x)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" aria-label="{label}" '
        'style="font: 12px system-ui, sans-serif; fill: currentColor">' + "".join(drawn) + "</svg>"
    )
