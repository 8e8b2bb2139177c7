"""What estimators say of themselves: what they share is written once, and shown by each.

Where a docstring has the entry ``**others`` in a list, the class shows all of that list of its
base's, so that ``help`` and editors know each parameter and each fitted attribute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

__all__ = ["with_lists_of"]

_Class = TypeVar("_Class", bound=type)
_OTHERS = re.compile(r"^\*\*others\n(?: +.+\n?)+", re.MULTILINE)


def with_lists_of(base: type) -> Callable[[_Class], _Class]:
    """Return a decorator that puts ``base``'s lists in the stead of ``**others``."""

    def decorate(kind: _Class) -> _Class:
        if kind.__doc__ and base.__doc__:  # there are none under `python -OO`
            shared = _sections(cleandoc(base.__doc__))
            own = cleandoc(kind.__doc__) + "\n"
            for title, text in _sections(own).items():
                found = _OTHERS.search(text)
                if found is not None:
                    own = own.replace(text, text.replace(found[0], shared[title]))
            kind.__doc__ = own
        return kind

    return decorate


def _sections(doc: str) -> dict[str, str]:
    """Return the sections of a docstring by their titles."""
    parts = re.split(r"^(\w[\w ]*)\n-+\n", doc, flags=re.MULTILINE)
    return {title: text.rstrip("\n") for title, text in zip(parts[1::2], parts[2::2], strict=True)}
