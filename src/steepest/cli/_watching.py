"""What looks at a training of the command line: gradients in print, on a page, in a report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ._printing import say

if TYPE_CHECKING:
    from ..inspection.live import Live
    from ..inspection.watch import Watch
    from ..pipeline.fit import Fit
    from ..pipeline.train import Callbacks
    from ..trainer import Trainer
    from ..training.progress import Progress

__all__ = ["Watching"]

_SHARE, _LIVE_SHARE = 0.05, 0.005
"""Of the time of a training that looks at gradients may take; the smaller one for a page alone."""
_EXAMPLES = 256  # of a look: many small ones follow a short training better than few large ones


class Watching:
    """Who watches a training, and what they saw.

    Parameters
    ----------
    aloud : bool
        Whether gradients are printed after every epoch.
    report : Path, optional
        Where a report goes.
    live : bool
        Whether there is a page of the training.
    """

    def __init__(self, aloud: bool, report: Path | None, live: bool) -> None:
        self._aloud, self._report, self._live = aloud, report, live
        self._watches: list[Watch] = []

    @property
    def follows_one(self) -> bool:
        """Whether somebody follows a network as it trains."""
        return self._aloud or self._live

    def check(self, images: bool, tables: Iterable[Path | None]) -> None:
        """Raise `InputError` or OSError before the training for what can't be written after it."""
        from ..system.files import check_replaceable

        if self._report is not None:
            check_replaceable(self._report, *tables)
        if images and self._report is not None:
            raise InputError("--report is for tables, and these are images; see steepest explain")

    @contextmanager
    def callbacks(self, table: Path, others: Callbacks | None) -> Iterator[Callbacks | None]:
        """Give what makes the callbacks of each network; the page is there until the end."""
        if not self._live:
            watched = self._aloud or self._report is not None
            yield self._watched(others, None) if watched else others
            return
        from ..inspection.live import Live

        with Live(f"Training on {table.name}") as page:
            say(f"live at {page.address}", error=True)
            yield self._watched(others, page)
            page.end("The training has ended.")

    def _watched(self, others: Callbacks | None, page: Live | None) -> Callbacks:
        from ..inspection.watch import Watch

        often = self._aloud or self._report is not None

        def callbacks(trainer: Trainer) -> tuple[Callable[[Progress], object], ...]:
            say, share = print if self._aloud else None, _SHARE if often else _LIVE_SHARE
            watch = Watch(examples=_EXAMPLES, share=share, say=say, strict=not often)
            self._watches.append(watch)
            found: list[Callable[[Progress], object]] = [*(others(trainer) if others else ())]
            found.append(watch)
            if page is not None:
                page.watch = watch
                found.append(page)
            return tuple(found)

        return callbacks

    def write_report(self, fit: Fit) -> None:
        """Write the report of a model on the rows of its test, if one is wanted."""
        if self._report is None:
            return
        from ..pipeline.report import Known, report
        from ..system.files import write_durably

        known = Known(
            fit.tested if fit.scores else None,
            "test rows" if fit.time is None else "test rows, the latest",
            numbers=fit.tested_rows,
            of_table=fit.tested_rows is not None,
            data=fit.data,
            watch=self._watches[0] if self._watches else None,
            time=fit.time,
            notes=fit.notes,
        )
        write_durably(self._report, report(fit.model, known))
