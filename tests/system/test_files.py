"""Files that are written among names that others have taken, by processes that may be killed."""

import contextlib
import os
import re
import shutil
import signal
import stat
from pathlib import Path

import pytest

from steepest.system.files import (
    Part,
    PartFolder,
    check_replaceable,
    read_plain,
    remove_folder,
    remove_parts,
    write_durably,
)

NAMES = ("record", "rest")
TAKEN = {
    "link": lambda path: path.symlink_to(path.parent / "victim"),
    "dangling": lambda path: path.symlink_to(path.parent / "nothing"),
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def killed(work):
    """Do some work in a process that is killed then."""
    child = os.fork()
    if child == 0:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.parametrize("sync", [True, False])
def test_a_file_is_replaced_and_nothing_is_left(sync, tmp_path):
    for content in (b"one", b"two"):
        write_durably(tmp_path / "a", content, sync=sync)
        assert read_plain(tmp_path / "a", 3) == content
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_no_plain_file_is_not_read_and_not_replaced(kind, tmp_path):
    (tmp_path / "victim").write_bytes(b"years")
    TAKEN[kind](tmp_path / "a")
    for work in (
        lambda: write_durably(tmp_path / "a", b"x"),
        lambda: read_plain(tmp_path / "a", 9),
    ):
        with pytest.raises(OSError, match=r"a is (a link|a folder|not a plain file)"):
            work()
    assert names(tmp_path) == ["a", "victim"]
    assert (tmp_path / "victim").read_bytes() == b"years"


def test_what_comes_while_a_file_is_written_is_not_replaced(tmp_path):
    with Part(tmp_path / "a") as part:
        (tmp_path / "a").symlink_to(tmp_path / "victim")
        with pytest.raises(OSError, match="a is a link"):
            part.finish(sync=True)
    assert names(tmp_path) == ["a"]


def test_a_file_longer_than_allowed_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1234")
    with pytest.raises(OSError, match="it has 4 bytes, expected at most 3"):
        read_plain(tmp_path / "a", 3)


@pytest.mark.usefixtures("umask")
def test_parts_are_for_their_writer_alone_and_what_comes_of_them_is_for_whom_the_mask_says(
    tmp_path,
):
    seen = set()
    for _ in range(3):
        with Part(tmp_path / "a") as part, PartFolder(tmp_path, NAMES) as folder:
            for path in tmp_path.iterdir():
                if path.name == "a":
                    continue
                assert re.fullmatch(r"\.steepest-[0-9a-f]{32}\.part", path.name)
                assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
                seen.add(path.name)
            folder.write("record", b"x")
            folder.finish()
            part.finish(sync=False)
            assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640
            assert stat.S_IMODE(folder.path.stat().st_mode) == 0o750
            assert stat.S_IMODE((folder.path / "record").stat().st_mode) == 0o640
    assert len(seen) == 6
    assert names(tmp_path) == ["a"]


def test_a_name_that_is_taken_after_all_is_not_opened(tmp_path, monkeypatch):
    taken, free = (bytes([number]) * 16 for number in (1, 2))
    path = tmp_path / f".steepest-{taken.hex()}.part"
    for strange in TAKEN.values():
        strange(path)
        if stat.S_ISDIR(path.lstat().st_mode):
            (path / "thesis").write_bytes(b"years")
        monkeypatch.setattr(os, "urandom", lambda n: taken)
        with pytest.raises(FileExistsError):
            write_durably(tmp_path / "a", b"x")
        with pytest.raises(FileExistsError):
            PartFolder(tmp_path, NAMES)
        monkeypatch.setattr(os, "urandom", lambda n: free)
        write_durably(tmp_path / "a", b"x")
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
        assert names(tmp_path) == ["a"]


def test_a_write_that_fails_leaves_nothing(tmp_path):
    with contextlib.suppress(ZeroDivisionError), Part(tmp_path / "a") as part:
        part.file.write(b"x")
        raise ZeroDivisionError
    with contextlib.suppress(ZeroDivisionError), PartFolder(tmp_path, NAMES) as folder:
        folder.write("record", b"x")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_what_killed_writers_left_goes_and_what_is_being_written_stays(tmp_path):
    killed(lambda: PartFolder(tmp_path, NAMES).write("rest", b"x"))
    killed(lambda: Part(tmp_path / "a").file.write(b"x"))
    assert len(names(tmp_path)) == 2
    with Part(tmp_path / "b") as part, PartFolder(tmp_path, NAMES) as folder:
        assert len(names(tmp_path)) == 2
        remove_parts(tmp_path, NAMES)
        folder.write("record", b"x")
        part.finish(sync=True)
    assert names(tmp_path) == ["b"]


def test_a_part_that_was_taken_for_a_remainder_is_made_again(tmp_path, monkeypatch):
    chmod, seen = os.fchmod, []

    def late(handle, mode):
        seen.append(names(tmp_path))
        if len(seen) == 1:  # another process looks before the part is locked
            remove_parts(tmp_path)
            assert names(tmp_path) == []
        chmod(handle, mode)

    monkeypatch.setattr(os, "fchmod", late)
    write_durably(tmp_path / "a", b"x")
    assert seen[0] != seen[1]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", TAKEN)
def test_what_only_looks_like_a_part_stays(kind, tmp_path):
    path = tmp_path / f".steepest-{'0' * 32}.part"
    TAKEN[kind](path)
    if kind == "folder":
        (path / "thesis").write_bytes(b"years")
    (tmp_path / f".steepest-{'0' * 31}.part").write_bytes(b"years")
    before = names(tmp_path)
    remove_parts(tmp_path, NAMES)
    assert names(tmp_path) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_parts_of_another_user_stay(tmp_path):
    path = tmp_path / f".steepest-{'0' * 32}.part"
    path.write_bytes(b"x")
    os.chown(path, 65534, 65534)
    remove_parts(tmp_path)
    assert path.exists()


def test_a_folder_is_removed_if_it_holds_known_plain_files_alone(tmp_path):
    for kind in TAKEN:
        (folder := tmp_path / kind).mkdir()
        (folder / "record").write_bytes(b"x")
        TAKEN[kind](folder / "rest")
        assert not remove_folder(folder, NAMES)
        assert names(folder) == ["record", "rest"]
    (folder := tmp_path / "good").mkdir()
    for name in NAMES:
        (folder / name).write_bytes(b"x")
    (tmp_path / "to it").symlink_to(folder)
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        remove_folder(tmp_path / "to it", NAMES)
    assert names(folder) == ["record", "rest"]
    assert remove_folder(folder, NAMES)
    assert not folder.exists()


def test_what_is_read_is_not_written_over(tmp_path):
    (tmp_path / "t.csv").write_text("x")
    (tmp_path / "link").symlink_to("t.csv")
    check_replaceable(tmp_path / "t.csv", None, tmp_path / "none", Path("-"))
    for source in ("t.csv", "link"):
        with pytest.raises(OSError, match="it is also read; choose another name to write to"):
            check_replaceable(tmp_path / "t.csv", tmp_path / source)
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        check_replaceable(tmp_path / "no" / "t.csv")
