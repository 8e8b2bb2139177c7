"""One fit of a trainer at a time."""

from __future__ import annotations

from ..errors import InputError

__all__ = ["Alone"]

_fitted_now: dict[int, object] = {}  # by id: a copy that is made meanwhile is not fitted


class Alone:
    """Refuses whoever would change this trainer's network meanwhile; a context manager."""

    def __init__(self, trainer: object, where: str) -> None:
        self._id, self._where = id(trainer), where

    def __enter__(self) -> None:
        if _fitted_now.setdefault(self._id, self) is not self:
            raise InputError(
                f"{self._where}: this trainer is being fitted already, by another Python thread or "
                "by the fit whose callback this is; wait for that fit's end, or make another "
                "Trainer"
            )

    def __exit__(self, *exception: object) -> None:
        del _fitted_now[self._id]
