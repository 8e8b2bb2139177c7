"""A report on a model: how good it is, where it is bad, what it looks at, and how it came to be.

`document` returns it in plain JSON types, a list of sections; `report` returns it as a page, one
self-contained file of HTML. A section is one file here, that finds the numbers, and one module in
``pages/web/sections``, that draws them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...arrays import within_memory
from ...pages import page
from ...printing import shortened_text
from . import (
    again,
    answer,
    classes,
    columns,
    effects,
    gradients,
    hardest,
    network,
    numbers,
    slices,
    training,
)
from .subject import Known, Subject, subject

if TYPE_CHECKING:
    from ..fitted_model import FittedModel

__all__ = ["Known", "Subject", "document", "report"]

_LONGEST = 80  # letters of a name in the title

SECTIONS = (
    answer,
    classes,
    numbers,
    slices,
    columns,
    effects,
    hardest,
    training,
    gradients,
    network,
    again,
)
"""In the order of the page; each has a function ``section`` and a module of the same name."""


@within_memory("report")
def document(model: FittedModel, known: Known) -> dict[str, Any]:
    """Return the numbers of a report, in plain JSON types.

    Parameters
    ----------
    model : Model
        Of a table.
    known : Known
        What is known beside the model. Sections that need what is not are left out.

    Returns
    -------
    dict
        ``title``, ``says`` (a line on what is predicted), and ``sections``: each with its ``name``
        and what the module of that name draws.

    Raises
    ------
    TableError
        If the table lacks a column, or no row has a known target.
    """
    about = subject(model, known)
    found = {part.__name__.rpartition(".")[2]: part.section(about) for part in SECTIONS}
    return {
        "title": f"A model of {shortened_text(model.task.name, _LONGEST)}",
        "says": model.task.describe(),
        "sections": [{"name": name, **what} for name, what in found.items() if what is not None],
    }


def report(model: FittedModel, known: Known) -> bytes:
    """Return a report as a file of HTML.

    Parameters and errors are those of `document`.
    """
    return page(document(model, known))
