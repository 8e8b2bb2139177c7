"""Trainings in TensorBoard: event files, written without TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..errors import InputError
from ..validate import flag, folder, instance
from .watch import Watch

if TYPE_CHECKING:
    from ..training.progress import Progress

__all__ = ["TensorBoard"]

_NOT_SCALARS = ("epoch", "step")
_SEEN = ("dy", "dtheta", "update", "dead", "saturated")


class TensorBoard:
    """A callback that writes losses, metrics and gradients to a folder that TensorBoard shows.

    It needs tensorboardX (``pip install steepest[tensorboard]``), which writes the files;
    ``tensorboard --logdir FOLDER`` shows them. Values stand at the step at which an epoch ended.

    Parameters
    ----------
    path : str or path
        The folder; each training gets a file of its own in it.
    watch : Watch, optional
        Sees the gradients; it is called by this callback and need not be given to the trainer. Its
        values are ``gradients/LAYER/dy``, ``dtheta``, ``update``, ``dead`` and ``saturated``, and
        ``noise_scale``.
    histograms : bool
        Whether to write how the numbers of each parameter are spread, too.

    Raises
    ------
    InputError
        If tensorboardX is not installed.

    Examples
    --------
    Give ``callbacks=[TensorBoard("runs/first", watch=Watch())]`` to `Trainer.fit`, and run
    ``tensorboard --logdir runs``.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, watch: Watch | None = None, histograms: bool = False
    ) -> None:
        folder("TensorBoard", "path", path)
        flag("TensorBoard", "histograms", histograms)
        if watch is not None:
            instance("TensorBoard", "watch", watch, Watch, "Watch()")
        try:
            from tensorboardX import SummaryWriter
        except ImportError as error:
            raise InputError(
                "TensorBoard: tensorboardX is not installed; pip install steepest[tensorboard]"
            ) from error
        self.path, self.watch, self.histograms = Path(path), watch, histograms
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"TensorBoard: {self.path} is no folder; give the name of one")
        self._kind: Any = SummaryWriter
        self._writer: Any = None
        self._seen = 0

    def __call__(self, progress: Progress) -> None:
        """Write what is new at the end of an epoch."""
        if self.watch is not None:
            self.watch(progress)
        if not progress.epoch_ended:
            return
        if self._writer is None:
            self._writer = self._begun()
        step = progress.step
        for name, value in progress.row.items():
            if name not in _NOT_SCALARS:
                self._writer.add_scalar(name, value, step)
        if self.watch is not None:
            self._write_watch(self.watch, step)
        if self.histograms:
            for name, array in progress.network.parameters.items():
                self._writer.add_histogram(f"parameters/{name}", array, step)
        self._writer.flush()

    def _begun(self) -> Any:
        """Return what writes a new file, of a name that nobody can have given to anything."""
        try:
            return self._kind(str(self.path), filename_suffix=f".{os.urandom(16).hex()}")
        except OSError as error:
            raise InputError(
                f"TensorBoard: can't write in {self.path}: {error.strerror or error}"
            ) from error

    def _write_watch(self, watch: Watch, step: int) -> None:
        for row in watch.rows[self._seen :]:
            for name in _SEEN:
                if name in row:
                    self._writer.add_scalar(f"gradients/{row['layer']}/{name}", row[name], step)
        self._seen = len(watch.rows)
        if watch.noise:
            self._writer.add_scalar("noise_scale", watch.noise[-1]["scale"], step)

    def close(self) -> None:
        """Close the file; what was written is on the disk already."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"TensorBoard({str(self.path)!r})"
