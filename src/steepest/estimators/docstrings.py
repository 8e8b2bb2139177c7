"""What estimators say of themselves: what they share is written once, and shown by each.

Where a docstring has the entry ``**others`` in a list, the class shows all of that list of its
base's, so that ``help`` and editors know each parameter and each fitted attribute; parameters in
the order in which they are given.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TypeVar

__all__ = ["with_lists_of"]

_Class = TypeVar("_Class", bound=type)
_OTHERS = re.compile(r"^\*\*others\n(?: +.+\n?)+", re.MULTILINE)


def with_lists_of(base: type) -> Callable[[_Class], _Class]:
    """Return a decorator that puts ``base``'s lists in the stead of ``**others``."""

    def decorate(kind: _Class) -> _Class:
        if kind.__doc__ and base.__doc__:  # there are none under `python -OO`
            shared = _sections(inspect.cleandoc(base.__doc__))
            own = inspect.cleandoc(kind.__doc__) + "\n"
            for title, text in _sections(own).items():
                found = _OTHERS.search(text)
                if found is not None:
                    whole = text.replace(found[0], shared[title])
                    whole = _in_order(whole, kind) if title == "Parameters" else whole
                    own = own.replace(text, whole, 1)
            kind.__doc__ = own
        return kind

    return decorate


def _in_order(text: str, kind: type) -> str:
    """Return a list of parameters, those that the class is made of in the order of these."""
    entries = re.split(r"^(?=\w)", text.strip("\n"), flags=re.MULTILINE)[1:]
    places = {name: k for k, name in enumerate(inspect.signature(kind).parameters)}
    entries.sort(key=lambda entry: places.get(re.split(r"\W", entry)[0], len(places)))
    return "\n".join(entry.strip("\n") for entry in entries)


def _sections(doc: str) -> dict[str, str]:
    """Return the sections of a docstring by their titles."""
    parts = re.split(r"^(\w[\w ]*)\n-+\n", doc, flags=re.MULTILINE)
    return {title: text.rstrip("\n") for title, text in zip(parts[1::2], parts[2::2], strict=True)}
