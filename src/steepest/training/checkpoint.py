"""Checkpoints: the whole state of a training in a file, to go on from after anything.

A folder holds the last two, ``step-000001200.safetensors``. In a file lie the arrays

    theta, state, rule.m, …           all that a step changes (`steepest.training.run.lasting`)
    pending (k, 2)                    loss and learning rate of each step of the current epoch
    best.theta, best.state            the network of the best epoch, if one is looked for

and in its header, as JSON: the numbers of the first and the next step of the fit, the history, the
settings, and a checksum of all this. JSON has no numbers that are not finite: NaN in a history is
``{"not finite": "nan"}``. A step depends on the state, the seed and its number only, so
there is no state of a generator to keep, and what goes on from a checkpoint computes the same bits
as what was never stopped. A file appears whole or not at all; one that is damaged all the same is
noticed by its checksum, and the one before it serves.

Where little of large arrays has changed since an earlier file, as of tables of which steps touch
few rows, only that is written (`steepest.training.changes`). The earlier file, the base, stays in
the folder as long as it is needed; the header has its step and its checksum.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import math
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from ..arrays import Array, is_sparse
from ..errors import CheckpointError, InputError
from ..printing import shown
from ..records import fits, parse
from ..settings import Setting
from ..system.files import is_plain, read_plain, remove_parts, write_durably
from ..system.memory import physical_memory
from ..validate import folder as check_folder
from ..validate import function, one_of
from .changes import BEST, Base, changed_since, with_changes

__all__ = ["BEST", "Checkpoint", "State", "check_arrays", "fingerprint", "how_to_resume"]

SCHEMA = 4
"""The version of a file's layout; a reader refuses later ones."""
KEPT = 2
"""Checkpoints in a folder."""

_FORMAT = "steepest checkpoint"
_NAMED_BY_OWNER = 3  # the schema since which arrays of the rule and of the best epoch are called so
_WITH_BASE = 4  # the schema since which a file may have a base
_EVERY = re.compile(r"(\d+(?:\.\d+)?)\s*(epoch|step|second)s?")
_DIGITS = 12
_FAULTS = ("continue", "stop")
_LONGEST = 1 << 26  # bytes of a record: more than half a million epochs
_HEADER = 2 * _LONGEST  # of the header, in which its quotation marks are escaped
_RECORD: dict[str, Any] = {
    "format": str,
    "schema": int,
    "first": int,
    "step": int,
    "elapsed": float,
    "before": list[Mapping[str, Any]],
    "rows": list[Mapping[str, Any]],
    "best": None | tuple[Any, int],
    "settings": Mapping[str, str],
    "base": None | tuple[int, str],
}
_COUNTS = ("epoch", "step")
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass
class State:
    """All that a fit needs to go on.

    Attributes
    ----------
    first, step : int
        The first step of the fit, and the next.
    elapsed : float
        Seconds of training so far.
    arrays : dict of str to ndarray
        What `steepest.training.run.lasting` has, ``pending``, and ``best.theta`` or not.
    before, rows : list of dict
        The history of earlier fits, and of this one.
    best : (float, int), optional
        The best monitored value so far, and its epoch.
    settings : dict of str to str
        What must be the same for the training to be the same.
    """

    first: int
    step: int
    elapsed: float
    arrays: dict[str, Array]
    before: list[dict[str, float]]
    rows: list[dict[str, float]]
    best: tuple[float, int] | None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def best_vectors(self) -> dict[str, Array]:
        """The network of the best epoch, by name; nothing if none was looked for."""
        return {
            name.removeprefix(BEST): array
            for name, array in self.arrays.items()
            if name.startswith(BEST)
        }


_RULE = "rule."
_FORMER_NAMES = {"products": "matmul_dtype"}
_FORMER_SAMPLERS = {"Sequential()": "InOrder()"}
_FORMER_SETTINGS = {"threads"}  # results depended on their number


class Checkpoint:
    """Where a training keeps its state, and how often.

    Parameters
    ----------
    folder : str or path-like
        Is made if its parent exists. One folder serves one training.
    every : str
        A number and a unit: ``"2 epochs"``, ``"500 steps"`` or ``"30 seconds"``. A checkpoint is
        also written at the end, and when Ctrl-C ends the training.
    on_fault : {"continue", "stop"}
        Whether training goes on when a checkpoint can't be written. It is reported either way, and
        the last good one stays.
    report : callable, optional
        Gets a line about each such fault; by default it becomes a warning.

    Raises
    ------
    InputError
        If ``every`` or ``on_fault`` says something else.

    Examples
    --------
    >>> Checkpoint("run", every="500 steps")
    Checkpoint('run', every='500 steps', on_fault='continue')
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: Annotated[
            str,
            Setting(
                "Checkpoints",
                "How often to save the state, like '2 epochs', '500 steps' or '30 seconds'.",
            ),
        ] = "30 seconds",
        *,
        on_fault: Annotated[
            str,
            Setting(
                "Checkpoints",
                "Whether to continue or to stop if the state can't be saved.",
            ),
        ] = "continue",
        report: Callable[[str], None] | None = None,
    ) -> None:
        found = _EVERY.fullmatch(every.strip()) if isinstance(every, str) else None
        count, unit = (float(found[1]), found[2]) if found else (0.0, "")
        if count <= 0 or (unit != "second" and count != int(count)):
            raise InputError(
                "Checkpoint: every must be a number and a unit, like '2 epochs', '500 steps' or "
                f"'30 seconds', got {shown(every)}"
            )
        one_of("Checkpoint", "on_fault", on_fault, _FAULTS)
        check_folder("Checkpoint", "folder", folder)
        if report is not None:
            function("Checkpoint", "report", report)
        self.folder, self.every, self.on_fault = Path(folder), every, on_fault
        self._count, self._unit = count, unit
        self._report = report or (lambda text: warnings.warn(text, stacklevel=2))
        self._good: list[Path] = []  # what this object wrote or read, the last at the end
        self._needed: dict[Path, Path] = {}  # the base of each
        self._base: Base | None = None
        self._saved = time.perf_counter()
        self._fault = ""

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.folder)!r}, every={self.every!r}, on_fault={self.on_fault!r})"

    @property
    def steps(self) -> list[int]:
        """The steps of the checkpoints in the folder, damaged or not, the latest at the end."""
        return [int(file.stem.removeprefix("step-")) for file in self._files()]

    def begin(self, settings: Mapping[str, str], resume: bool) -> State | None:
        """Make the folder ready for a training of these settings; return what to go on from.

        Raises
        ------
        InputError
            If there are checkpoints, and they belong to another training or ``resume`` is false.
        CheckpointError
            If the folder can't be used, or all checkpoints in it are damaged.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            found = self._files()
            remove_parts(self.folder)
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{self.folder} can't be used: {_reason(error)}") from error
        if not resume:
            self._base = None
            strange = [file for file in found if file not in self._kept]
            if strange:
                raise InputError(
                    f"{self.folder} holds a checkpoint already ({strange[-1].name}); resume it, or "
                    "give another folder"
                )
            return None
        self._saved = time.perf_counter()
        state = self._last(found)
        if state is not None:
            written = _under_new_names(state.settings)
            for name in dict.fromkeys((*settings, *written)):
                before, value = written.get(name), settings.get(name)
                if before != value:
                    raise InputError(
                        f"{self._good[-1]} is of another training: its {name} is "
                        f"{before}, here it is {value}"
                    )
        return state

    def load(self) -> State | None:
        """Return the last good checkpoint, or None if there is none at all.

        Raises
        ------
        CheckpointError
            If there are some, but all are damaged or of a later version.
        """
        return self._last(self._files())

    def _last(self, files: list[Path]) -> State | None:
        faults = []
        for file in reversed(files):
            try:
                state, base = _read_whole(file)
            except CheckpointError as error:
                faults.append(str(error))
                continue
            if faults:
                self._report(f"{faults[0]}; going on from the one before, of step {state.step}")
            self._good, self._needed, self._base = [file], {file: base.file}, base
            return state
        if faults:
            raise CheckpointError(f"{faults[0]}, and there is no other good one in {self.folder}")
        return None

    def _files(self) -> list[Path]:
        """Return the checkpoints in the folder, the latest at the end."""
        found = self.folder.glob(f"step-{'[0-9]' * _DIGITS}.safetensors")
        return sorted(filter(is_plain, found))

    @property
    def _kept(self) -> set[Path]:
        """The good checkpoints, and what they need."""
        return {*self._good, *(self._needed[file] for file in self._good)}

    def span(self, per_epoch: int) -> int | None:
        """Return the steps from one to the next; None if time decides."""
        if self._unit == "second":
            return None
        return int(self._count) * (per_epoch if self._unit == "epoch" else 1)

    def due(self, before: int, done: int, per_epoch: int) -> bool:
        """Whether one is to be written now that a fit has gone on ``before`` → ``done`` steps."""
        span = self.span(per_epoch)
        if span is None:
            return time.perf_counter() - self._saved >= self._count
        return done // span > before // span

    def save(self, state: State, *, must: bool = False) -> None:
        """Write a checkpoint, and remove all but the last two and what they need.

        Raises
        ------
        CheckpointError
            If it can't be written and that is to stop the training, or it ``must`` be written.
        """
        file = _file_of(self.folder, state.step)
        base = self._base if self._base is not None and self._base.file != file else None
        try:
            changed = None if base is None else changed_since(base, state.arrays)
            base = None if changed is None else base
            content = _bytes(state, base, changed)
            write_durably(file, content)
            if base is None:
                base = self._base = _base_of(file, content, state.arrays)
            good = [f for f in self._good if f != file and self._needed[f] != file]
            self._good, self._needed[file] = [*good, file][-KEPT:], base.file
            self._needed = {f: self._needed[f] for f in self._good}
            for old in self._files():
                if old not in self._kept:
                    old.unlink(missing_ok=True)
        except OSError as error:
            self._failed(state.step, _reason(error), must)
        else:
            self._fault = ""
        self._saved = time.perf_counter()

    def _failed(self, step: int, reason: str, must: bool) -> None:
        good = f"the last good one is {self._good[-1].name}" if self._good else "there is none yet"
        text = f"can't write a checkpoint of step {step} to {self.folder}: {reason}; {good}"
        if must or self.on_fault == "stop":
            raise CheckpointError(text)
        if reason != self._fault:  # say it once, not at every try
            self._report(f"{text}; training goes on")
        self._fault = reason


def _under_new_names(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a checkpoint as they are called today."""
    found = {
        _FORMER_NAMES.get(name, name): value
        for name, value in settings.items()
        if name not in _FORMER_SETTINGS
    }
    if "sampling" in found:
        found["sampling"] = _FORMER_SAMPLERS.get(found["sampling"], found["sampling"])
    return found


def _under_new_array_names(arrays: dict[str, Array], schema: int) -> dict[str, Array]:
    """Return the arrays of a file of any schema under the names of today."""
    if schema >= _NAMED_BY_OWNER:
        return arrays
    known = {"theta": "theta", "pending": "pending", "best": f"{BEST}theta"}
    return {known.get(name, f"{_RULE}{name}"): array for name, array in arrays.items()}


def how_to_resume(kept: Checkpoint | None) -> str:
    """Return what to do when one of several processes has ended a training."""
    if kept is None:
        return "no checkpoint was kept, so start again, with any number of ranks"
    return (
        f"go on from the last checkpoint in {kept.folder} by resume=True, with any number of ranks"
    )


def fingerprint(*arrays: Any) -> str:
    """Return a short name of the contents of arrays and CSR matrices."""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        parts = (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
        for part in parts:
            if part is not None:
                digest.update(f"{part.dtype}{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _file_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:0{_DIGITS}d}.safetensors"


def _bytes(
    state: State, base: Base | None = None, changed: Mapping[str, Array] | None = None
) -> bytes:
    """Return the content of a file: of all arrays, or of what has ``changed`` since a base."""
    from safetensors.numpy import save

    values = {
        "format": _FORMAT,
        "schema": SCHEMA,
        "first": state.first,
        "step": state.step,
        "elapsed": state.elapsed,
        "before": state.before,
        "rows": state.rows,
        "best": state.best,
        "settings": state.settings,
        "base": None if base is None else (base.step, base.checksum),
    }
    arrays = dict(state.arrays if changed is None else changed)
    record = json.dumps(_pack(values), allow_nan=False)
    if len(record) > _LONGEST:
        raise OSError(
            errno.EFBIG, f"its history is too long: {len(record):,} bytes, at most {_LONGEST:,}"
        )
    header = {"checkpoint": record, "checksum": _checksum(record, arrays)}
    return bytes(save(arrays, header))


def _pack(value: Any) -> Any:
    """Return a value with an object in the stead of each number that is not finite."""
    if isinstance(value, Mapping):
        return {key: _pack(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"not finite": str(float(value))}
    return value


def _unpack(value: Any) -> float:
    """Return the number that `_pack` made this of; raise a ValueError if it is none."""
    if fits(value, float):
        number: float = value  # a whole one stays one
        return number
    if isinstance(value, dict) and list(value) == ["not finite"]:
        return _NOT_FINITE[value["not finite"]]
    raise ValueError("it has something else than a number where one should be")


def _checksum(record: str, arrays: Mapping[str, Array]) -> str:
    named = "".join(sorted(arrays)) + record
    digest = hashlib.blake2b(named.encode(), digest_size=16)
    digest.update(fingerprint(*(arrays[name] for name in sorted(arrays))).encode())
    return digest.hexdigest()


def _read(file: Path) -> State:
    return _read_whole(file)[0]


def _read_whole(file: Path) -> tuple[State, Base]:
    """Return the state in a file, and the base for what is to be written next."""
    with _as_damage(file):
        record, arrays, base = _parts_of(file)
        if record["base"] is not None:
            base, arrays = _with_base(file, record["base"], arrays)
        return _state(record, arrays), base


def _with_base(
    file: Path, named: Any, written: Mapping[str, Array]
) -> tuple[Base, dict[str, Array]]:
    """Return the base of a file, and the file's arrays."""
    if not fits(named, _RECORD["base"]):
        raise ValueError("it has no base")
    step, checksum = named
    place = _file_of(file.parent, step)
    try:
        with _as_damage(place):
            record, arrays, base = _parts_of(place)
            if record["base"] is not None or base.checksum != checksum:
                raise ValueError("it is another one")
    except CheckpointError as error:
        raise CheckpointError(f"{file} is made of changes, and {error}") from error
    return base, with_changes(arrays, written)


def _parts_of(file: Path) -> tuple[dict[str, Any], dict[str, Array], Base]:
    """Return the record of a file, its arrays, and itself as a base."""
    from safetensors.numpy import load

    content = read_plain(file, physical_memory() // 3)  # twice here, once in the trainer
    arrays: dict[str, Array] = load(content)
    header = _header_of(content)["__metadata__"]
    text = header["checkpoint"]
    if header["checksum"] != _checksum(text, arrays):
        raise ValueError("its checksum is wrong")
    record = parse(text.encode(), _LONGEST)
    if record["format"] != _FORMAT:
        raise ValueError("it is no checkpoint")
    if not fits(record["schema"], int) or record["schema"] < 1:
        raise ValueError("it has no schema")
    if record["schema"] > SCHEMA:
        raise CheckpointError(
            f"{file} is of schema {record['schema']}, written by a later Steepest; this one "
            f"reads up to {SCHEMA}, so upgrade it"
        )
    if record["schema"] < _WITH_BASE:
        record = {**record, "base": None}
    arrays = _under_new_array_names(arrays, record["schema"])
    return record, arrays, _base_of(file, content, arrays)


def _base_of(file: Path, content: bytes, arrays: Mapping[str, Array]) -> Base:
    """Return a file as a base for the changes since."""
    header, begin = _header_of(content), 8 + int.from_bytes(content[:8], "little")
    return Base(
        file,
        int(file.stem.removeprefix("step-")),
        header["__metadata__"]["checksum"],
        {name: begin + header[name]["data_offsets"][0] for name in arrays if name in header},
        {name: (str(a.dtype), a.shape) for name, a in arrays.items() if name in header},
    )


def _header_of(content: bytes) -> dict[str, Any]:
    """Return what safetensors says of the arrays, and the metadata."""
    found: dict[str, Any] = parse(content[8 : 8 + int.from_bytes(content[:8], "little")], _HEADER)
    return found


@contextlib.contextmanager
def _as_damage(file: Path) -> Iterator[None]:
    """Raise a `CheckpointError` for whatever goes wrong with a file."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as error:
        raise CheckpointError(f"{file} can't be read: {_reason(error)}") from error
    except MemoryError as error:
        raise CheckpointError(f"{file} does not fit into memory") from error
    except (SafetensorError, AttributeError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{file} is truncated or damaged") from error


def _state(record: Mapping[str, Any], arrays: dict[str, Array]) -> State:
    """Return the state that a record describes; raise a ValueError if no fit can be in it."""
    if set(record) != set(_RECORD):
        raise ValueError("its record lacks something, or has more than it should")
    for name, hint in _RECORD.items():
        if not fits(record[name], hint):
            raise ValueError(f"{name} is not of the type it should be")
    before, rows = (
        [{name: _unpack(value) for name, value in row.items()} for row in record[part]]
        for part in ("before", "rows")
    )
    best = None if record["best"] is None else (_unpack(record["best"][0]), record["best"][1])
    state = State(
        record["first"],
        record["step"],
        float(record["elapsed"]),
        arrays,
        before,
        rows,
        best,
        dict(record["settings"]),
    )
    _check_history(before, rows)
    if not 0 <= state.first <= state.step < 1 << 62 or state.elapsed < 0:
        raise ValueError("its steps are not in order")
    if not all(state.first < row["step"] <= state.step for row in rows):
        raise ValueError("its epochs end at steps that were not done")
    if best is not None:
        value, epoch = best
        if not 1 <= epoch <= len(rows):
            raise ValueError("its best epoch is none that it has")
        found = [abs(number) for number in rows[epoch - 1].values()]  # what is best may be most
        if abs(value) not in found and (math.isfinite(value) or not any(map(math.isnan, found))):
            raise ValueError("its best epoch has no such value")
    if (best is None) != (f"{BEST}theta" not in arrays):
        raise ValueError("its best epoch has no parameters")
    pending = arrays["pending"]
    if pending.dtype != np.float64 or pending.shape != (len(pending), 2):
        raise ValueError("its steps have no losses")
    for name, array in arrays.items():
        if not name.startswith(_RULE) and not np.isfinite(array).all():
            raise ValueError(f"{name} holds a number that is not finite")
    return state


def _check_history(before: list[dict[str, float]], rows: list[dict[str, float]]) -> None:
    """Raise a ValueError if these are not epochs one after the other."""
    both = [*before, *rows]
    if not all({"epoch", "step", "loss"} <= set(row) for row in both):
        raise ValueError("its history lacks a column")
    if any(set(row) != set(rows[0]) for row in rows):
        raise ValueError("its epochs have different columns")
    if not all(fits(row[name], int) and row[name] > 0 for row in both for name in _COUNTS):
        raise ValueError("its history has parts of epochs or steps")
    if any(one["epoch"] + 1 != next_["epoch"] for one, next_ in itertools.pairwise(both)):
        raise ValueError("its epochs are not in order")
    if any(one["step"] >= next_["step"] for one, next_ in itertools.pairwise(rows)):
        raise ValueError("its steps are not in order")


def check_arrays(
    state: State, wanted: Mapping[str, Array], vectors: Mapping[str, Array], where: Any
) -> None:
    """Check that a state has arrays like those wanted, and a best network like these vectors.

    Raises
    ------
    CheckpointError
        If one lacks, or is of another shape or dtype.
    """
    best = {} if state.best is None else {f"{BEST}{k}": like for k, like in vectors.items()}
    for name, like in {**wanted, **best}.items():
        found = state.arrays.get(name)
        if found is None or (found.shape, found.dtype) != (like.shape, like.dtype):
            raise CheckpointError(f"{where}: {name} does not fit this training")


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)
