"""What scikit-learn's checks refuse, as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.exceptions import NotFittedError

from ..errors import ArgumentTypeError, InputError, SteepestError

__all__ = ["checked"]


@contextmanager
def checked(where: str) -> Iterator[None]:
    """Have checks of scikit-learn raise an `InputError` that says where, of the same built-in kind.

    Nothing but its checks, and conversions to arrays, is to be called in it.
    """
    try:
        yield
    except (SteepestError, NotFittedError):
        raise
    except TypeError as error:
        raise ArgumentTypeError(f"{where}: {_line(error)}") from error
    except (ValueError, ArithmeticError, RuntimeError) as error:  # RuntimeError: of PyTorch
        raise InputError(f"{where}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
