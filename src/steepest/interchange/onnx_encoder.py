"""The ONNX form of an `Encoder`: one input a column of the table, (n, 1), in its own type.

    number     float64, of durations and times of day in seconds; NaN where missing
    rising     float64, as a number
    truth      float64: 1, 0, and NaN where missing
    category   text; empty where missing, unless the empty text is one of the values
    moment     float64: seconds since 1970 in UTC; NaN where missing

An input has the name of its column; a column without a name is called ``_``.
Numbers are reckoned in float64, as the encoder does, and handed on as float32. What the encoder
does for text that holds numbers or dates is done by whoever makes the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ModelError
from ..images.encoder import ImageEncoder
from ..tables.columns import HUGE, Boolean, Category, Date, Number, Rising
from ..tables.encoder import Encoder
from .graph import Graph

__all__ = ["FORMS", "add_encoder"]


def add_encoder(graph: Graph, encoder: Encoder | ImageEncoder) -> str:
    """Add the inputs and what they turn into; return the name of x (n, width), float32.

    Of images that is the input itself, x (n, height, width, channels): pixels as they are.

    Raises
    ------
    ModelError
        If a column's kind has no ONNX form.
    """
    if isinstance(encoder, ImageEncoder):
        return graph.input("x", np.float32, *encoder.shape)
    inputs = []
    for name, kind in encoder.columns.items():
        form = FORMS.get(type(kind))
        if form is None:
            raise ModelError(
                f"column {name!r}, a {kind.label}, has no ONNX form; export the network by itself: "
                "model.network takes what model.encoder.transform(table) makes"
            )
        if getattr(getattr(kind, "number", kind), "origin", ""):
            raise ModelError(
                f"column {name!r} has whole numbers beyond 2**53, which the float64 of an ONNX "
                "graph can't hold; train without it, or subtract a constant from it first"
            )
        text = isinstance(kind, Category)
        inputs.append((form, kind, graph.input(name, np.str_ if text else np.float64, 1)))
    parts = [part for form, kind, x in inputs for part in form(Column(graph), kind, x)]
    x = graph.op("Concat", *(graph.cast(part, np.float32) for part in parts), axis=1)
    order = np.argsort([place for places in encoder.places.values() for place in places])
    x = graph.op("Gather", x, graph.constant(order, np.int64), axis=1)
    if not encoder.codes:
        return x
    starts, last = np.zeros(encoder.width, np.float32), encoder.width - encoder.rising
    starts[last - len(encoder.codes) : last] = np.cumsum([0, *encoder.codes])[:-1]
    return graph.op("Add", x, graph.constant(starts))


class Column:
    """Arithmetic on values (n, 1) of float64; whatever is no text or array is a number."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def op(self, kind: str, *inputs: str | float, **attributes: Any) -> str:
        """Add an operator."""
        names = [v if isinstance(v, str) else self.graph.constant(v, np.float64) for v in inputs]
        return self.graph.op(kind, *names, **attributes)

    def chain(self, x: str, *steps: tuple[str, float]) -> str:
        """Add operators one after the other, each with a number as its second input."""
        for kind, number in steps:
            x = self.op(kind, x, number)
        return x

    def real(self, x: str) -> str:
        """Turn truth values into 1 and 0."""
        return self.graph.cast(x, np.float64)

    def pick(self, table: Any, index: str) -> str:
        """Return the rows of a table (k, width) at indices (n, 1): (n, width)."""
        rows = self.graph.op("Gather", self.graph.constant(table, np.float64), index)
        return self.graph.op("Flatten", rows, axis=1)


def number(column: Column, kind: Number, x: str) -> list[str]:
    """z/√(1 + (z/3)²), z = (x − median)/spread; the normal score; missing or not; the code."""
    gone = column.op("Or", column.op("IsNaN", x), column.op("IsInf", x))
    x = column.op("Where", gone, kind.median, column.op("Clip", x, -HUGE, HUGE))
    if kind.spread:
        z = column.chain(x, ("Sub", kind.median), ("Div", kind.spread))
        z = column.op("Clip", z, -1e6, 1e6)
        third = column.op("Div", z, 3.0)
        root = column.op("Sqrt", column.op("Add", column.op("Mul", third, third), 1.0))
        parts = [column.op("Div", z, root)]
    else:
        parts = [column.op("Mul", x, 0.0)]
    if len(kind.knots):
        parts.append(_interpolate(column, x, np.array(kind.knots), np.array(kind.scores)))
    if kind.missing:
        parts.append(column.real(gone))
    if len(kind.values):
        codes = np.full(2 * len(kind.values) + 1, len(kind.values))
        codes[1::2] = np.arange(len(kind.values))
        code = column.pick(codes[:, None], _reached(column, x, kind.edges))
        parts.append(column.op("Where", gone, float(len(kind.values)), code))
    return parts


def rising(column: Column, kind: Rising, x: str) -> list[str]:
    """Whether x is missing; the other parts of a number, times the sign."""
    parts, gone = number(column, kind.number, x), []
    if kind.number.missing:
        *parts, last = parts
        gone = [last]
    return [*gone, *(column.op("Mul", part, float(kind.sign)) for part in parts)]


def _interpolate(column: Column, x: str, knots: Any, scores: Any) -> str:
    """Linear between the knots, constant outside: how many knots x reaches tells its interval."""
    x = column.op("Clip", x, float(knots[0]), float(knots[-1]))
    index = _reached(column, x, knots[1:-1])
    slopes = np.diff(scores) / np.diff(knots)
    start, base, slope = (
        column.pick(values[:, None], index) for values in (knots[:-1], scores[:-1], slopes)
    )
    return column.op("Add", column.op("Mul", column.op("Sub", x, start), slope), base)


def _reached(column: Column, x: str, bounds: Any) -> str:
    """How many of some bounds x reaches."""
    reached = column.op("GreaterOrEqual", x, column.graph.constant(bounds[None], np.float64))
    axis = column.graph.constant([1], np.int64)
    return column.graph.op("ReduceSum", column.graph.cast(reached, np.int64), axis, keepdims=1)


def truth(column: Column, kind: Boolean, x: str) -> list[str]:
    """−1 or 1, 0 where missing; whether it is missing."""
    gone = column.op("IsNaN", x)
    signs = column.op("Where", column.op("Equal", x, 0.0), -1.0, 1.0)
    return [column.op("Where", gone, 0.0, signs), *[column.real(gone)] * kind.missing]


def category(column: Column, kind: Category, x: str) -> list[str]:
    """The row of a table, at the place of the text among the values, the missing or the rest."""
    kept, width = len(kind.values), len(kind.parts)
    rows = np.zeros((kept + 2, width))
    if kind.code:
        rare = kept if kind.rare else kept + kind.rare if kind.missing else 0
        rows[:, 0] = *range(kept), kept + kind.rare if kind.missing else rare, rare
    elif width == 1 and kept == 2:
        rows[:2, 0] = -1, 1
    else:
        rows[range(kept), range(kept)] = 1
        rows[kept:, kept : kept + kind.rare] = 1
        if kind.missing:
            rows[kept] = np.arange(width) == kept + kind.rare
    texts = dict(zip(kind.values, range(kept), strict=True))
    texts.setdefault("", kept)
    index = column.graph.op(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        keys_strings=list(texts),
        values_int64s=list(texts.values()),
        default_int64=kept + 1,
    )
    return [column.pick(rows, index)]


def moment(column: Column, kind: Date, x: str) -> list[str]:
    """The time as a number; sin and cos of the year; the week; sin and cos of a day; the day."""
    x = column.op("Floor", x)
    gone = column.op("IsNaN", x)
    known = column.real(column.op("Not", gone))
    seconds = column.op("Where", gone, 0.0, x)
    days = column.op("Floor", column.op("Div", seconds, 86400.0))
    year = _circle(column, column.op("Div", _day_of_year(column, days), 365.25))
    weekday = _rest(column, column.op("Add", days, 3.0), 7.0)
    week = column.op("Equal", weekday, column.graph.constant([np.arange(7)], np.float64))
    parts = [*year, column.real(week)]
    if kind.hours:
        parts += _circle(column, column.op("Div", _rest(column, seconds, 86400.0), 86400.0))
    parts = [*number(column, kind.time, x), *(column.op("Mul", part, known) for part in parts)]
    if kind.days:
        middle = np.floor(kind.time.median / 86400)
        days = column.op("Where", gone, float(middle), days)
        code = column.real(_reached(column, days, kind.edges))
        if kind.time.missing:
            code = column.op("Where", gone, float(len(kind.days)), code)
        parts.append(code)
    return parts


def _rest(column: Column, x: str, by: float) -> str:
    """x mod by, at least 0."""
    times = column.op("Floor", column.op("Div", x, by))
    return column.op("Sub", x, column.op("Mul", times, by))


def _circle(column: Column, turn: str) -> list[str]:
    angle = column.op("Mul", turn, 2 * np.pi)
    ahead = column.op("Add", angle, np.pi / 2)  # of float64, older ONNX Runtimes know no cosine
    return [column.op("Sin", angle), column.op("Sin", ahead)]


def _day_of_year(column: Column, days: str) -> str:
    """The day of the year, from 0, of days since 1970 in the Gregorian calendar.

    Years that begin in March have their leap day at the end, and 400 of them 146,097 days (Hinnant,
    "chrono-compatible low-level date algorithms").
    """
    day = _rest(column, column.op("Add", days, 719468.0), 146097.0)  # in the era of 400 years

    def whole(x: str, by: float) -> str:
        return column.op("Floor", column.op("Div", x, by))

    leaps = [whole(day, 1460.0), whole(day, 36524.0), whole(day, 146096.0)]
    days_365 = column.op(
        "Sub", column.op("Add", column.op("Sub", day, leaps[0]), leaps[1]), leaps[2]
    )
    year = whole(days_365, 365.0)
    before = column.op("Mul", year, 365.0)
    before = column.op("Sub", column.op("Add", before, whole(year, 4.0)), whole(year, 100.0))
    march = column.op("Sub", day, before)  # days since 1 March
    none = column.op("Equal", _rest(column, year, 4.0), 0.0)
    century = column.op("Equal", _rest(column, year, 100.0), 0.0)
    era = column.op("Equal", _rest(column, year, 400.0), 0.0)
    leap = column.op("And", none, column.op("Or", column.op("Not", century), era))
    spring = column.op("Add", column.op("Add", march, 59.0), column.real(leap))
    winter = column.op("Sub", march, 306.0)
    return column.op("Where", column.op("GreaterOrEqual", march, 306.0), winter, spring)


FORMS: dict[type[Any], Callable[[Column, Any, str], list[str]]] = {
    Category: category,
    Date: moment,
    Number: number,
    Rising: rising,
    Boolean: truth,
}
"""The form of each kind of column."""
