"""Every error that Steepest raises on purpose.

SteepestError
├── InputError        an argument, a table or an array is not what was asked for (also ValueError)
│   ├── ArgumentTypeError  … because it is of another type (also TypeError)
│   ├── LayerInputError    … a layer in a network can't take what comes to it
│   ├── HistoryKeyError    … a history has no such column or row (also KeyError and IndexError)
│   ├── ImageError    a picture can't be read or used
│   ├── TableError    a table can't be read or used
│   │   └── ColumnTypeError   a value is of no type that a column can hold (also TypeError)
│   └── MissingKernelError   a layer, loss or rule lacks a kernel (also AttributeError)
├── ModelError        a model folder can't be read or written
├── CheckpointError   a checkpoint can't be read or written
├── KernelError       a kernel of a layer, a loss or a rule raised an exception
├── PluginError       a user's file is needed, can't be imported, or holds nothing to use
├── CheckError        a layer, loss, rule or network computes something else than it should
├── DivergenceError   training met a number that is not finite (also ArithmeticError)
├── OutOfMemoryError  there is no memory for what was asked (also MemoryError)
├── RankError         a process that trains with this one has failed (also RuntimeError)
├── ThreadError       the operating system starts no more threads (also RuntimeError)
└── UnsupportedSystemError  Steepest does not run on this system (also ImportError)

A message says where, what was expected, what came, and what to do. An error must be able to leave a
worker process: one with attributes says in its ``__reduce__`` how it is made again.
`TableWarning` is the one kind of warning about the values of a table.
"""

from __future__ import annotations

from typing import Any

from .printing import harmless

__all__ = [
    "ArgumentTypeError",
    "CheckError",
    "CheckpointError",
    "ColumnTypeError",
    "DivergenceError",
    "HistoryKeyError",
    "ImageError",
    "InputError",
    "KernelError",
    "LayerInputError",
    "MissingKernelError",
    "ModelError",
    "OutOfMemoryError",
    "PluginError",
    "RankError",
    "SteepestError",
    "TableError",
    "TableWarning",
    "ThreadError",
    "UnsupportedSystemError",
]


class SteepestError(Exception):
    """Base of all errors of this package."""

    def __str__(self) -> str:
        """Return the message, without control characters of the names in it."""
        return harmless(BaseException.__str__(self), lines=True)  # (KeyError's has quotes)


class InputError(SteepestError, ValueError):
    """An argument is not what was asked for."""


class ArgumentTypeError(InputError, TypeError):
    """An argument is of a type that was not asked for."""


class LayerInputError(InputError):
    """A layer in a network can't take what comes to it.

    Attributes
    ----------
    layer : str
        Its path in the network, like "2.0".
    reason : str
        Why not.
    """

    def __init__(self, layer: str, reason: str) -> None:
        super().__init__(f"layer {layer}: {reason}")
        self.layer, self.reason = layer, reason

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.layer, self.reason)


class HistoryKeyError(InputError, KeyError, IndexError):
    """A history has no such column or row."""


class ImageError(InputError):
    """A picture can't be read, or pictures can't be used for what was asked."""


class TableError(InputError):
    """A table can't be read, or can't be used for what was asked."""


class ColumnTypeError(TableError, TypeError):
    """A value is of no type that a column of a table can hold."""


class TableWarning(UserWarning):
    """Something of a table is not used, or was read otherwise than it may have been meant."""

    def __str__(self) -> str:
        """Return the message, without control characters of the names in it."""
        return harmless(super().__str__(), lines=True)


class MissingKernelError(InputError, AttributeError):
    """A layer, a loss or a rule lacks a kernel that its contract asks for."""


class ModelError(SteepestError):
    """A model folder can't be read or written."""


class CheckpointError(SteepestError):
    """A checkpoint can't be read or written."""


class OutOfMemoryError(SteepestError, MemoryError):
    """There is no memory for what was asked."""


class ThreadError(SteepestError, RuntimeError):
    """The operating system starts no more threads."""


class UnsupportedSystemError(SteepestError, ImportError):
    """Steepest does not run on this Python or this system."""


class KernelError(SteepestError, RuntimeError):
    """A kernel raised an exception.

    Compiled code can't say which, nor at which line; run as plain Python, the kernel does.

    Attributes
    ----------
    layer : str
        What the kernel belongs to: a layer with its path, like "2.0 ReLU()"; empty for what belongs
        to none, such as the loss.
    formula : str
        The kernel's formula, with the names of its arrays.
    """

    def __init__(self, layer: str, formula: str) -> None:
        super().__init__(
            f"{layer or 'loss, rule or sampling'}: a kernel raised an exception while computing "
            f"{formula}; call it as plain Python on the same arrays to see which"
        )
        self.layer = layer
        self.formula = formula

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (self.layer, self.formula)


class PluginError(SteepestError):
    """A user's file of layers, losses, … is needed, can't be imported, or doesn't fit."""


class CheckError(SteepestError):
    """`steepest.check` found something that computes what it should not.

    Attributes
    ----------
    layer : str
        What was checked: the layer, loss or rule, with its place if it stands in a network.
    array : str
        The first array that is wrong: ``y``, ``dx``, ``dA``, ….
    report : Report
        Everything that was found.
    """

    def __init__(self, message: str, layer: str, array: str, report: Any) -> None:
        super().__init__(message)
        self.layer, self.array, self.report = layer, array, report

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (*self.args, self.layer, self.array, self.report)


class RankError(SteepestError, RuntimeError):
    """Another of the processes that train together has failed, or does not come to a meeting.

    Attributes
    ----------
    rank : int or None
        Its number, from 0; None if nobody knows.
    is_lost : bool
        Whether it gives no sign of life, so that it can't say anything.
    """

    def __init__(self, message: str, rank: int | None, is_lost: bool = False) -> None:
        super().__init__(message)
        self.rank, self.is_lost = rank, is_lost

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (*self.args, self.rank, self.is_lost)


class DivergenceError(SteepestError, ArithmeticError):
    """Training met a loss or a parameter that is not finite.

    The network holds the last finite parameters when this is raised.

    Attributes
    ----------
    step : int
        The step, counted from 0 over the life of the trainer, at which it began.
    layer : str
        The layer, or "loss", whose result was the first that was not finite.
    """

    def __init__(self, message: str, step: int, layer: str) -> None:
        super().__init__(message)
        self.step = step
        self.layer = layer

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (*self.args, self.step, self.layer)
