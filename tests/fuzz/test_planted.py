"""Folders that others have prepared: whatever lies there under whatever name, it stays as it was.

Three hundred folders are drawn; `planted` draws as many more as there is time for.
"""

import contextlib
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from targets import FIXTURES, train
from typer.testing import CliRunner

from steepest import CheckpointError, Dense, Network, SteepestError, export_onnx
from steepest.cli import app
from steepest.compiler.store import _write
from steepest.pipeline.model import Model
from steepest.saved.folder import _FILES
from steepest.tables.files import TableWriter

MODEL = Model.load(FIXTURES / "model_schema_1")
NETWORK = Network(Dense(1), inputs=2)
STEPS = [f"step-{step:012d}.safetensors" for step in (0, 3, 6)]
TOKEN = "0123456789abcdef" * 2


def write_table(place):
    with TableWriter(place) as writer:
        writer.write(pa.table({"a": [1]}))


def go_on(place):
    with contextlib.suppress(CheckpointError):  # the first try may have met a plain file
        train(place, epochs=1)
    train(place, epochs=2, resume=True)


def by_command(*words):
    done = CliRunner().invoke(app, list(map(str, words)))
    if isinstance(done.exception, OSError):  # which `steepest.cli.run` tells in a line
        raise SteepestError(str(done.exception))
    assert not done.exit_code, done.output


WRITERS = {
    "m": lambda place: MODEL.save(place),
    "run": go_on,
    "t.csv": write_table,
    "n.onnx": lambda place: export_onnx(NETWORK, place),
    "k.o": lambda place: _write(place, b"code"),
    "r.html": lambda place: by_command("report", FIXTURES / "model_schema_1", "-o", place),
    "p.html": lambda place: by_command("play", "-o", place),
}
"""What is written, and by whom."""


def names(name):
    """Return names beside a file that is written, and in a folder of this name."""
    beside = [name, *(f".{name}.{end}" for end in ("old", "new", "part", "steepest-old", "tmp"))]
    inside = [*_FILES, *STEPS] if name in ("m", "run") else []
    inside += [f".{file}.part" for file in inside]
    return [*beside, f".{name}.{TOKEN}.part", f".steepest-{TOKEN}.part"], inside


def plant(path, draw):
    """Put something in a place that is no plain file, or whose name nobody writes."""
    kinds = [
        lambda: path.symlink_to(draw.choice(("../victim", "victim", "/dev/zero", ".", path.name))),
        lambda: os.mkfifo(path),
        lambda: (path.mkdir(), (path / "thesis").write_text("years")),
        lambda: os.mknod(path, 0o140600),  # a socket
    ]
    if path.name.startswith(".") and TOKEN not in path.name:
        kinds.append(lambda: path.write_text("years"))
    draw.choice(kinds)()


def snapshot(path):
    """Return what lies there, without following a link; of a folder what was planted in it."""
    found = path.lstat()
    if path.is_symlink():
        return found.st_ino, path.readlink()
    kept = path / "thesis" if path.is_dir() else path
    return found.st_ino, found.st_mode, kept.is_file() and kept.read_text()


def planted(folder, draw):
    """Write into a folder where something lies; return what it was told, after looking at it."""
    name = draw.choice(list(WRITERS))
    beside, inside = names(name)
    (folder / "victim").write_text("years")
    paths = [folder / one for one in draw.sample(beside, draw.randrange(3))]
    if inside and folder / name not in paths:
        (folder / name).mkdir()
        paths += [folder / name / one for one in draw.sample(inside, draw.randrange(3))]
    for path in paths:
        plant(path, draw)
    paths.append(folder / "victim")
    before = [snapshot(path) for path in paths]
    try:
        WRITERS[name](folder / name)
        told = "written"
    except SteepestError as error:
        told = type(error).__name__
    assert [snapshot(path) for path in paths] == before
    return told


@pytest.mark.filterwarnings("ignore:can't write a checkpoint")
def test_what_lies_in_a_folder_stays(tmp_path):
    draw, told = random.Random(0), set()
    for number in range(300):
        folder = Path(tmp_path / str(number))
        folder.mkdir()
        told.add(planted(folder, draw))
    assert told == {"written", "ModelError", "CheckpointError", "TableError", "SteepestError"}
