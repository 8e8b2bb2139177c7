"""How a training goes, for who watches it: a bar, or a line now and then.

A terminal gets a bar, and so does a notebook that has ipywidgets. Anything else, such as a file or
the log of a service, gets a line every ten seconds. While kernels are compiled, both say so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, Self

from ..compiler import waiting
from .progress import Callback, Progress

__all__ = ["Bar", "describe", "showing"]


class Bar:
    """A callback that shows how a training goes, on the standard error; a context manager.

    Parameters
    ----------
    leaves : bool
        Whether the bar stays when all is done.
    every : float
        Seconds between two lines, where there is no terminal.
    """

    def __init__(self, *, leaves: bool = True, every: float = 10.0) -> None:
        self._leaves, self._every = leaves, every
        self._told = time.perf_counter()
        self._bar: Any = None
        self._news = ""
        self._done: dict[int, tuple[int, int]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True)
        # In a notebook, Rich draws by ipywidgets.
        if console.is_terminal or (console.is_jupyter and find_spec("ipywidgets")):
            columns = (
                TextColumn("{task.fields[news]}", markup=False),
                BarColumn(bar_width=None),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
            )
            self._bar = self._stack.enter_context(
                RichProgress(*columns, console=console, transient=not self._leaves, expand=True)
            )
            self._task = self._bar.add_task("", total=None, news="starting", rate="")
        self._stack.enter_context(waiting.listening(self.compiling))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()
        if self._bar is None and self._news and self._leaves:
            self._write(self._news)

    def compiling(self, done: int, total: int) -> None:
        """Show that kernels are compiled."""
        self._show(waiting.text(done, total), "", done, total)

    def __call__(self, progress: Progress) -> None:
        """Show how far the training has come, of all networks together."""
        self._done[progress.fit] = progress.epoch, progress.step
        epoch, step = (sum(of_each) for of_each in zip(*self._done.values(), strict=True))
        fits = progress.fits
        progress = replace(progress, epoch=epoch, epochs=fits * progress.epochs)
        progress = replace(progress, step=step, steps=fits * progress.steps)
        rate = f"{progress.examples_per_second:,.0f} rows/s"
        self._show(describe(progress), rate, progress.step, progress.steps)

    def _show(self, news: str, rate: str, done: int, total: int) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total or None, news=news, rate=rate)
            return
        self._news = f"{news}, {rate}" if rate else ""
        if time.perf_counter() - self._told >= self._every:
            self._write(f"{news}, {rate}".rstrip(", "))
            self._told, self._news = time.perf_counter(), ""

    def _write(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


def describe(progress: Progress) -> str:
    """Return the epoch and the losses, as far as they are known."""
    text = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.4g}"
    found = progress.row.get("validation_loss")
    return text if found is None else f"{text}, validation {found:.4g}"


@contextmanager
def showing(verbose: bool) -> Iterator[tuple[Callback, ...]]:
    """Give the callbacks that show how a training goes: a `Bar`, if ``verbose``."""
    if not verbose:
        yield ()
        return
    with Bar() as bar:
        yield (bar,)
