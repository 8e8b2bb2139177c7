"""Which words of a text move the prediction: what it would be without each."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from ...arrays import Array
from .subject import Rows, Subject

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TEXTS", "words"]

_WORD = re.compile(r"[^\W_][\w'’-]*")
TEXTS = 600
_OF_A_TEXT, _LONGEST = 40, 40
_SEEN, _SHOWN = 3, 10
_LEAST = 1e-6  # of a probability whose log-odds are taken


def words(
    subject: Subject, known: Rows, name: str, lines: dict[int, str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the words that raise an output the most, and that lower it, by the output's name.

    A word is taken out of every text of the sample that has it, one text at a time. Its effect is
    the mean of what the output loses: in log-odds of a class, or in the units of a number.

    Parameters
    ----------
    subject : Subject
    known : Rows
        Of which `TEXTS` at most are drawn.
    name : str
        The column.
    lines : dict of int to str
        The outputs to look at, with their names.
    """
    import pyarrow as pa

    drawn = subject.rng().permutation(len(known))[:TEXTS]
    sample = known.table.take(pa.array(np.sort(drawn)))
    texts = [text or "" for text in sample.column(name).cast(pa.string()).to_pylist()]
    changed, rows, taken = list(texts), list(range(len(texts))), [""] * len(texts)
    for row, text in enumerate(texts):
        found = dict.fromkeys(word.lower() for word in _WORD.findall(text))
        for word in [one for one in found if len(one) <= _LONGEST][:_OF_A_TEXT]:
            pattern = rf"(?<!\w){re.escape(word)}(?!\w)"
            changed.append(re.sub(pattern, " ", text, flags=re.IGNORECASE))
            rows.append(row)
            taken.append(word)
    table = sample.take(pa.array(rows))
    place = table.column_names.index(name)
    said = _said(subject, table.set_column(place, name, pa.array(changed)))[:, list(lines)]
    lost: dict[str, list[Array]] = defaultdict(list)
    for k in range(len(texts), len(rows)):
        lost[taken[k]].append(said[rows[k]] - said[k])
    often = {word: np.mean(all_, axis=0) for word, all_ in lost.items() if len(all_) >= _SEEN}
    return {
        label: [
            {"word": word, "texts": len(lost[word]), "effect": float(often[word][k])}
            for word in _extreme({word: float(mean[k]) for word, mean in often.items()})
        ]
        for k, label in enumerate(lines.values())
    }


def _extreme(effects: dict[str, float]) -> list[str]:
    """Return the words of the greatest effects, then those of the least, each below 0."""
    order = sorted(effects, key=lambda word: -effects[word])
    first = [word for word in order[:_SHOWN] if effects[word] > 0]
    return first + [word for word in order[::-1][:_SHOWN] if effects[word] < 0][::-1]


def _said(subject: Subject, table: pa.Table) -> Array:
    """Return the log-odds of each class, or outputs in the user's units."""
    model = subject.model
    outputs = model.outputs(table)
    if model.task.is_regression:
        return np.asarray(model.task.decode(outputs)).reshape(len(outputs), -1)
    p = np.clip(np.asarray(model.judge(outputs), np.float64), _LEAST, 1 - _LEAST)
    return np.log(p) - np.log1p(-p)
