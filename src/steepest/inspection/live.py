"""A training on a page while it goes: losses, metrics, gradients, time left, and a button to stop.

The page is served to this machine alone (`steepest.pages.server`). Whether anybody looks makes no
difference to what is computed; a page that is closed or cut off is no fault.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from ..pages.server import PageServer
from ..training.history import History
from .sections import gradients_section, training_section

if TYPE_CHECKING:
    from ..training.progress import Progress
    from .watch import Watch

__all__ = ["Live"]

_EVERY = 0.5  # seconds between two pieces of news
_SHARE = 0.002  # of the time that they may take
_POINTS = 400  # of a curve


class Live:
    """A callback that shows a training on a page of this machine; a context manager.

    Parameters
    ----------
    title, says : str
        At the top of the page.
    watch : Watch, optional
        Sees the gradients. It must be called before this callback.

    Attributes
    ----------
    address : str
        Of the page, with the token that it takes to see it.
    """

    def __init__(self, title: str, says: str = "", watch: Watch | None = None) -> None:
        self.watch = watch
        self._server = PageServer({"title": title, "says": says}, "live.js")
        self.address = self._server.address
        self._history, self._next = History(), 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        _, error, _ = exception
        if error is not None:
            self.end(f"The training has ended: {error or type(error).__name__}")
        self._server.close()

    def __call__(self, progress: Progress) -> bool:
        """Send what is new, now and then; return whether the button was pressed."""
        if progress.epoch_ended:
            self._history.append(**progress.row)
        now = time.perf_counter()
        if self._server.watched and now >= self._next:
            self._server.send({**self._curves(), "progress": _progress(progress)})
            told = time.perf_counter()
            self._next = told + max(_EVERY, (told - now) / _SHARE)
        return self._server.pressed("stop")

    def end(self, text: str) -> None:
        """Send the last curves, and how it ended."""
        self._server.send({**self._curves(), "ended": text})

    def _curves(self) -> dict[str, Any]:
        """Return what the sections of the page show, with curves of so many points at most."""
        thinned = History(_thinned(self._history.rows))
        found = {
            "training": training_section(thinned.to_dict()),
            "gradients": gradients_section(self.watch),
            "awaited": self._awaited(),
        }
        return {name: section for name, section in found.items() if section is not None}

    def _awaited(self) -> dict[str, float] | None:
        """Return from when on gradients are looked at, and what share of the time that takes."""
        if self.watch is None:
            return None
        return {"seconds": self.watch.waits, "share": self.watch.share}


def _thinned(rows: list[Any]) -> list[Any]:
    """Return rows at equal distances, with the last one."""
    step = -(-len(rows) // _POINTS) or 1
    return rows[::-1][::step][::-1]


def _progress(progress: Progress) -> dict[str, float]:
    return {
        "epoch": progress.epoch,
        "epochs": progress.epochs,
        "step": progress.step,
        "steps": progress.steps,
        "loss": progress.loss,
        "rate": progress.examples_per_second,
        "left": progress.seconds_left,
    }
