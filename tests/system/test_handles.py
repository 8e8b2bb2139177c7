"""What Windows does otherwise with files and folders that are open, seen here on any system."""

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

import pytest

from steepest.pipeline.model import Model
from steepest.saved import folder as saved_folder
from steepest.system import files, handles
from steepest.system.files import Part, PartFolder, remove_folder, remove_parts, write_durably
from steepest.system.handles import FolderByName, Handle, exchange, rename

FIXTURE = Path(__file__).parents[1] / "fixtures" / "model_schema_1"
NAMES = ("record", "rest")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def windows(monkeypatch):
    """No locks, modes that say nothing, folders without handles, and no file that is open moves."""
    opened = set()

    class Watched(Handle):
        def __init__(self, number):
            super().__init__(number)
            opened.add(number)

        def lock(self):
            raise OSError(errno.ENOTSUP, "no locks")

        def set_mode(self, mode):
            pass

    def is_open(path):
        for number in opened:
            with contextlib.suppress(OSError):  # by now it is closed
                if os.path.samestat(os.fstat(number), path.stat()):
                    return True
        return False

    def unless_open(method):
        def change(path, *arguments):
            if is_open(path):
                raise PermissionError(errno.EACCES, "a file is open", str(path))
            return method(path, *arguments)

        return change

    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, unless_open(getattr(Path, name)))
    monkeypatch.setattr(files, "Folder", FolderByName)
    monkeypatch.setattr(files, "Handle", Watched)
    monkeypatch.setattr(handles, "_CLOSE_FIRST", True)
    monkeypatch.setattr(saved_folder, "exchange", lambda first, second: False)


@pytest.mark.usefixtures("windows")
def test_files_are_closed_before_they_move_or_go(tmp_path):
    for content in (b"one", b"two"):
        write_durably(tmp_path / "a", content)
        assert (tmp_path / "a").read_bytes() == content
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("windows")
def test_parts_without_locks_go_an_hour_after_they_were_written(tmp_path):
    with Part(tmp_path / "a") as part, PartFolder(tmp_path, NAMES) as folder:
        folder.write("rest", b"x")
        left = names(tmp_path)
        remove_parts(tmp_path, NAMES)
        assert names(tmp_path) == left
        for name in left:
            os.utime(tmp_path / name, (time.time() - 4000,) * 2)
        part.file.close()
        remove_parts(tmp_path, NAMES)
        assert names(tmp_path) == []


@pytest.mark.usefixtures("windows")
def test_folders_are_known_by_their_names(tmp_path):
    with PartFolder(tmp_path, NAMES) as folder:
        folder.write("record", b"x")
        folder.finish()
        with pytest.raises(FileExistsError):
            folder.write("record", b"y")
        rename(folder.path, tmp_path / "m")
    assert names(tmp_path) == ["m"]
    (tmp_path / "m" / "thesis").write_bytes(b"years")
    assert not remove_folder(tmp_path / "m", NAMES)
    assert names(tmp_path / "m") == ["record", "thesis"]
    (tmp_path / "m" / "thesis").unlink()
    assert remove_folder(tmp_path / "m", NAMES)
    for name in ("nothing", "file"):
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(OSError, match=name):
            remove_folder(tmp_path / name, NAMES)


@pytest.mark.usefixtures("windows")
def test_a_model_is_saved_again_and_again(tmp_path):
    model = Model.load(FIXTURE)
    for _ in range(3):
        model.save(tmp_path / "m")
        assert Model.load(tmp_path / "m").about == model.about
        assert names(tmp_path) == ["m"]


def test_what_somebody_reads_is_renamed_when_they_have_done(tmp_path, monkeypatch):
    refused, replace = [], Path.replace

    def busy(source, place):
        if len(refused) < 2:
            refused.append(source)
            raise PermissionError(errno.EACCES, "somebody reads it")
        return replace(source, place)

    (tmp_path / "a").write_bytes(b"x")
    monkeypatch.setattr(Path, "replace", busy)
    with pytest.raises(PermissionError):
        rename(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(handles, "_PAUSES", (0.0, 0.0))
    refused.clear()
    rename(tmp_path / "a", tmp_path / "b")
    assert names(tmp_path) == ["b"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EACCES])
def test_folders_that_can_not_be_exchanged_in_one_step(number, tmp_path, monkeypatch):
    monkeypatch.setattr(handles, "_renameat2", lambda: lambda *arguments: -1)
    monkeypatch.setattr("ctypes.get_errno", lambda: number)
    if number == errno.EACCES:
        with pytest.raises(PermissionError):
            exchange(tmp_path, tmp_path)
    else:
        assert not exchange(tmp_path, tmp_path)
    monkeypatch.setattr(handles, "_renameat2", lambda: None)
    assert not exchange(tmp_path, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="a step of Linux")
def test_two_folders_are_exchanged_in_one_step(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / f"of {name}").touch()
    if exchange(tmp_path / "a", tmp_path / "b"):  # not every disk can
        assert names(tmp_path / "a") == ["of b"]
        assert names(tmp_path / "b") == ["of a"]
