"""Kernels that a contract asks for: who lacks one is told which, and how to write it."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from .errors import MissingKernelError
from .printing import shown

__all__ = ["kernel_fault", "required"]

_DOCS = "docs/guide/your_own_layer.md shows how"


class _Required:
    """Stands in a base class for a kernel that its subclasses have to bring."""

    def __init__(self, role: str, example: str) -> None:
        self._role, self._example = role, example

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise MissingKernelError(
            f"{owner.__name__} has no {self._name}, which {self._role}: add a static method, "
            f"@staticmethod def {self._name}({self._example}); {_DOCS}"
        )


def required(role: str, example: str) -> Any:
    """Return what stands for a kernel that a subclass has to bring.

    Parameters
    ----------
    role : str
        What the kernel does, as a verb: "writes y from x".
    example : str
        Arguments that it may have.
    """
    return _Required(role, example)


def kernel_fault(function: Any) -> str:
    """Say why this can't be a kernel; return an empty text if it can."""
    plain = getattr(function, "__func__", function)
    if not isinstance(plain, FunctionType):
        return f"a kernel must be a plain function, got {shown(function)}"
    takes_self = plain.__code__.co_varnames[:1] in (("self",), ("cls",))
    if plain is function and not takes_self:
        return ""
    how = f"put @staticmethod above def {plain.__name__}"
    if takes_self:
        how += f", and take {plain.__code__.co_varnames[0]} out of its arguments"
    return f"{plain.__name__} is no static method: {how}; {_DOCS}"
