"""The card of a model: what it does, for people, as the README of its folder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..losses import Hinge
from ..printing import counted
from .record import Parts

__all__ = ["card"]

_SHOWN = 200  # columns and classes that are listed


def card(parts: Parts) -> str:
    """Return the card in Markdown. Names and labels stand in it as text only."""
    sections = _purpose, _scores, _columns, _training, _tells, _limits
    return "\n".join(line for section in sections for line in section(parts)) + "\n"


def _purpose(parts: Parts) -> Iterator[str]:
    task, encoder = parts.task, parts.encoder
    yield f"# Predicts {_code(task.name)}\n"
    if task.is_regression:
        what = (
            f"A number: in training from {task.low:g} to {task.high:g}, on average {task.mean:g}."
        )
    else:
        classes = ", ".join(map(_code, task.classes[:_SHOWN]))
        more = f" and {len(task.classes) - _SHOWN} more" if len(task.classes) > _SHOWN else ""
        what = f"One of {len(task.classes)} classes: {classes}{more}."
    yield f"{what} From {encoder.source}{encoder.manner}:\n"
    yield f"    steepest predict MODEL {encoder.argument}\n"


def _scores(parts: Parts) -> Iterator[str]:
    about = parts.about
    metrics, trivial = about.get("metrics", {}), about.get("trivial", {})
    yield "## How well\n"
    if not metrics:
        yield "Not tested.\n"
        return
    rows = about.get("rows", {}).get("test")
    says = f", which says {_text(about['trivial_says'])}" if "trivial_says" in about else ""
    yield (
        f"On {f'{rows:,} ' if rows is not None else ''}rows that had no part in the training, "
        f"beside the trivial predictor{says}:\n"
    )
    yield from _table(
        ("", "model", "trivial"),
        (
            (_code(name), f"{score:.5g}", f"{trivial[name]:.5g}" if name in trivial else "")
            for name, score in metrics.items()
        ),
    )


def _columns(parts: Parts) -> Iterator[str]:
    yield "## From which columns\n"
    described = list(parts.encoder.describe().items())
    yield from _table(
        ("column", "taken as"), ((_code(n), _text(what)) for n, what in described[:_SHOWN])
    )
    if len(described) > _SHOWN:
        yield f"and {len(described) - _SHOWN} more.\n"
    dropped = list(parts.encoder.dropped.items())
    if dropped:
        yield "Not used:\n"
        yield from (f"- {_code(name)}: {_text(why)}" for name, why in dropped[:_SHOWN])
        yield f"- and {len(dropped) - _SHOWN} more\n" if len(dropped) > _SHOWN else ""


def _training(parts: Parts) -> Iterator[str]:
    network, about = parts.network, parts.about
    yield "## How it was made\n"
    rows = about.get("rows", {})
    if "train" in rows:
        checked = (
            f", {rows['validation']:,} to choose the epoch by" if rows.get("validation") else ""
        )
        yield f"- {counted(rows['train'], 'row')} to learn from{checked}"
    yield (
        f"- network: {network.inputs} inputs, {network.theta.size:,} parameters, "
        f"{counted(len(network.layer.layers), 'layer')}; {_text(repr(parts.loss))} loss"
    )
    epochs = len(about.get("history", {}).get("epoch", ()))
    if epochs:
        yield f"- {counted(epochs, 'epoch')}, seed {about.get('seed', network.seed)}"
    if "command" in about:
        yield f"- command: {_code(about['command'])}"
    versions = about.get("versions", {})
    if versions:
        yield f"- versions: {_text(', '.join(f'{k} {v}' for k, v in versions.items()))}"
    yield ""


def _tells(parts: Parts) -> Iterator[str]:
    """Say what the folder tells of the rows that it was trained on."""
    encoder = parts.encoder
    yield "## What it tells of its training rows\n"
    yield (
        "- No row stands in it. Parameters may still remember single rows, and nothing is promised "
        "of what can be got out of them."
    )
    yield from (f"- {line}" for line in encoder.tells())
    if parts.task.is_regression:
        yield "- Of the target: the mean, the deviation and the rounded range."
    else:
        yield "- Of the target: its classes, word for word."
    if many := len(parts.calibration.scores):
        yield (
            f"- Of the rows that probabilities were calibrated by: {many:,} numbers, in order, "
            "each of which says how right the model was about one of them."
        )
    yield (
        "- How it was trained"
        + ", how many rows there were, and the scores" * bool(parts.about.get("rows"))
        + ", and how the training went" * ("history" in parts.about)
        + ".\n"
    )


def _limits(parts: Parts) -> Iterator[str]:
    yield "## Limits\n"
    yield (
        "- The scores hold for rows that come about as the tested ones did. Of other times, places "
        "and ways of measuring they say nothing."
    )
    yield from (f"- {line}" for line in parts.encoder.limits())
    if parts.task.is_regression:
        yield "- A prediction never lies outside the range seen in training, rounded."
    elif isinstance(parts.loss, Hinge):
        yield "- It says which class, not how probable it is."
    else:
        yield "- The probabilities have not been calibrated on rows of their own."
    yield (
        "- It has learned what goes together, not what causes what, and whatever bias the rows "
        "have. How it serves single groups of people has not been tested."
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


def _text(value: Any) -> str:
    """Return a text on one line, in which nothing is Markdown or HTML."""
    line = " ".join(str(value).split())
    return re.sub(r"([\\`*_{}\[\]<>#|&])", r"\\\1", _printable(line))


def _code(value: Any) -> str:
    """Return a text as code: on one line, without what would end the code or a table's cell."""
    line = " ".join(_printable(str(value)).split()).replace("`", "'").replace("|", "¦")
    return f"`{line or ' '}`"


def _printable(text: str) -> str:
    return "".join(
        c if c.isprintable() or c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
