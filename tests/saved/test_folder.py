"""Model folders in real processes that die, and folders that are not what they seem."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from steepest import ModelError
from steepest.pipeline.model import Model
from steepest.saved import folder

HERE = Path(__file__).parent
FIXTURE = HERE.parent / "fixtures" / "model_schema_1"


@pytest.fixture
def saved(tmp_path):
    Model.load(FIXTURE).save(tmp_path / "m")
    return tmp_path / "m"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes by fork and SIGKILL")
@pytest.mark.parametrize("mode", ["one-step", "two-steps"])
def test_a_reader_finds_a_whole_model_whenever_a_save_is_killed(tmp_path, mode):
    kills = 40
    place = tmp_path / "m*"  # a name that is also a pattern
    child = subprocess.Popen(
        [sys.executable, HERE / "save_in_a_loop.py", FIXTURE, place, str(kills), mode],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen, reads = set(), 0
    while child.poll() is None:
        try:
            model = Model.load(place)
        except ModelError:
            assert not seen  # once there is a model, there always is one
            time.sleep(0.01)
            continue
        assert set(np.unique(model.network.theta)) == {model.about["seed"]}
        seen.add(model.about["seed"])
        reads += 1
        if len(seen) > 1:
            child.stdin.close()
    assert child.returncode == 0
    assert len(child.stdout.read().split()) >= kills
    child.stdout.close()
    assert len(seen) > 1
    assert reads > 1
    model = Model.load(place)
    model.save(place)
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


def test_what_a_killed_save_put_aside_is_found_and_put_back(saved):
    saved.rename(saved.with_name(".m.steepest-old"))
    model = Model.load(saved)
    model.save(saved)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["m"]


def test_what_a_save_emptied_before_it_was_killed_goes_with_the_next(saved):
    saved.with_name(".m.steepest-old").mkdir()
    Model.load(saved).save(saved)
    assert [path.name for path in saved.parent.iterdir()] == ["m"]


def test_a_save_that_fails_leaves_the_old_model(saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.iterdir()}
    model = Model.load(saved)
    model.network.theta[:] = 7

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.os, "fsync", full)
    with pytest.raises(ModelError, match="No space left"):
        model.save(saved)
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == before
    assert [path.name for path in saved.parent.iterdir()] == ["m"]


def test_a_file_beside_the_model_is_not_lost(saved):
    (saved / "notes.txt").write_text("years")
    with pytest.raises(ModelError, match="not a model folder"):
        Model.load(saved).save(saved)


@pytest.mark.parametrize("name", ["model.json", "theta.safetensors", "encoder.safetensors"])
def test_links_and_other_files_are_refused(saved, name):
    content = (saved / name).read_bytes()
    (saved / name).unlink()
    with pytest.raises(ModelError, match="is missing"):
        Model.load(saved)
    outside = saved.parent / "outside"
    outside.write_bytes(content)
    (saved / name).symlink_to(outside)
    with pytest.raises(ModelError, match="is a link"):
        Model.load(saved)
    (saved / name).unlink()
    os.mkfifo(saved / name)  # opening it would wait for ever
    with pytest.raises(ModelError, match="not a plain file"):
        Model.load(saved)
    (saved / name).unlink()
    (saved / name).mkdir()
    with pytest.raises(ModelError, match="is a folder; expected a file"):
        Model.load(saved)


def test_names_that_are_none(saved, monkeypatch):
    for name, words in (("x" * 5000, "can't be read"), ("x\0y", "does not exist")):
        with pytest.raises(ModelError, match=words):
            Model.load(name)
    monkeypatch.chdir(saved)
    for name in (".", "../m"):
        Model.load(name)


@pytest.mark.parametrize("name", ["", ".", "../empty"])
def test_the_folder_that_we_are_in_is_not_replaced(saved, tmp_path, monkeypatch, name):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(ModelError, match="empty is the folder that we are in; give another name"):
        Model.load(saved).save(name)
    assert Path.cwd() == tmp_path / "empty"


def test_a_record_is_in_utf_8(saved):
    record = (saved / "model.json").read_text("utf-8")
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        (saved / "model.json").write_bytes(record.encode(encoding))
        with pytest.raises(ModelError, match="truncated or damaged"):
            Model.load(saved)


def test_a_flipped_bit_is_found(saved):
    file = saved / "theta.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match="describes other content"):
        Model.load(saved)


def test_a_file_longer_than_declared_is_not_read(saved):
    with (saved / "theta.safetensors").open("r+b") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(ModelError, match="expected at most"):
        Model.load(saved)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([{"type": "Dense", "units": 10**12}, {"type": "Dense", "units": 1}], "too large"),
        (
            [{"type": "Dense", "units": 1_000_000}, {"type": "Dense", "units": 1}],
            "theta.safetensors",
        ),
        ([{"type": "Concat", "layers": [{"type": "Identity"}] * 2}] * 99, "too large|damaged"),
        ([{"type": "ReLU"}] * 10_001 + [{"type": "Dense", "units": 1}], "too large"),
        (
            [{"type": "Embedding", "codes": 2**62, "dim": 1}, {"type": "Dense", "units": 1}],
            "memory",
        ),
    ],
)
def test_declared_sizes_are_checked_before_memory_is_taken(saved, layers, words):
    file = saved / "model.json"
    record = json.loads(file.read_text())
    record["network"]["layers"] = layers
    file.write_text(json.dumps(record))
    with pytest.raises(ModelError, match=words):
        Model.load(saved)


def test_a_folder_that_was_only_put_aside_is_read_there(saved, monkeypatch):
    from steepest.pipeline import model

    looks = []

    def read_late(place):
        if not looks:  # between the look and the reading, a save puts the folder aside
            saved.rename(saved.with_name(".m.steepest-old"))
        looks.append(place)
        return unpack(place)

    unpack = model.unpack
    monkeypatch.setattr(model, "unpack", read_late)
    Model.load(saved)
    assert looks == [saved, saved.with_name(".m.steepest-old")]


@pytest.mark.parametrize("name", [".m.old", ".m.new", ".m.part", ".m.steepest-old"])
@pytest.mark.parametrize("before", [True, False])
def test_a_folder_of_the_user_beside_the_model_is_left_alone(saved, name, before):
    model, aside = Model.load(saved), saved.with_name(name)
    if not before:
        saved.rename(saved.with_name("elsewhere"))
    aside.mkdir()
    (aside / "thesis.txt").write_text("ten years of work")
    if not before:
        with pytest.raises(ModelError, match=r"does not exist|is missing"):
            Model.load(saved)
    model.save(saved)
    Model.load(saved)
    assert [path.name for path in aside.iterdir()] == ["thesis.txt"]
    assert {path.name for path in saved.iterdir()} == {*folder._FILES} - {folder.STATE}


@pytest.mark.parametrize("strange", [
    os.mkfifo, Path.mkdir, Path.touch, lambda path: path.symlink_to("/nonexistent"),
    lambda path: (path.mkdir(), (path / "thesis.txt").touch()),
])  # fmt: skip
def test_a_save_by_two_steps_takes_no_name_that_is_taken(saved, strange, monkeypatch):
    monkeypatch.setattr(folder, "exchange", lambda first, second: False)
    model, aside = Model.load(saved), saved.with_name(".m.steepest-old")
    strange(aside)
    kind = aside.lstat().st_mode
    if strange is Path.mkdir:
        model.save(saved)  # an empty folder holds nothing
    else:
        with pytest.raises(ModelError, match="can't write"):
            model.save(saved)
        assert aside.lstat().st_mode == kind
    Model.load(saved)


@pytest.mark.parametrize("strange", [
    os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/nonexistent"),
    lambda path: path.symlink_to("theta.safetensors"),
])  # fmt: skip
@pytest.mark.parametrize("name", ["model.json", "theta.safetensors", "README.md"])
def test_a_folder_with_odd_files_is_not_replaced(saved, strange, name):
    model = Model.load(saved)
    (saved / name).unlink()
    strange(saved / name)
    with pytest.raises(ModelError, match="is not a model folder"):
        model.save(saved)
    assert (saved / name).lstat()


def test_places_that_are_none(saved):
    model = Model.load(saved)
    link = saved.with_name("link")
    link.symlink_to(saved)
    with pytest.raises(ModelError, match="link is a link"):
        model.save(link)
    Model.load(link)
    link.unlink()
    link.symlink_to("/nonexistent/model")
    fifo = saved.with_name("fifo")
    os.mkfifo(fifo)
    for place, words in ((link, "is a link"), (fifo, "not a model folder"), ("x\0y", "null"),
                         ("x" * 300, "too long"), ("/", "not a model folder")):  # fmt: skip
        with pytest.raises(ModelError, match=words):
            model.save(place)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["fifo", "link", "m"]
