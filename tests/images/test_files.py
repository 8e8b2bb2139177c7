"""Pictures in files: all kinds of them, and what can't be read."""

import re

import numpy as np
import pytest
from PIL import Image

from steepest import ImageError
from steepest.images.files import read_files, read_folder, read_parts
from steepest.pipeline.holdings import holds

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 5), np.uint8)
RGB = RNG.integers(0, 256, (6, 5, 3), np.uint8)


def folder(place, **classes):
    """Write pictures: by class, a list of them or of bytes."""
    for name, pictures in classes.items():
        (place / name).mkdir()
        for k, picture in enumerate(pictures):
            file = place / name / f"{k}.png"
            if isinstance(picture, bytes):
                file.write_bytes(picture)
            else:
                picture.save(file)
    return place


def grey(value=7, size=(5, 6)):
    return Image.new("L", size, value)


def test_grey_pictures_have_one_channel_and_their_folder_is_the_class(tmp_path):
    read = read_folder(folder(tmp_path, a=[Image.fromarray(GREY), grey()], b=[grey(9)]))
    assert read.images.shape == (3, 6, 5, 1)
    assert read.images.dtype == np.uint8
    assert (read.images[0, ..., 0] == GREY).all()
    assert (read.images[1] == 7).all()
    assert read.names == ["a/0.png", "a/1.png", "b/0.png"]
    assert read.labels.tolist() == ["a", "a", "b"]


def test_one_picture_with_colours_gives_all_three_channels(tmp_path):
    read = read_folder(folder(tmp_path, a=[Image.fromarray(RGB)], b=[grey()]))
    assert (read.images[0] == RGB).all()
    assert (read.images[1] == 7).all()
    assert read.images.shape[3] == 3


def test_transparent_pixels_are_white(tmp_path):
    half = Image.fromarray(np.dstack([RGB, np.full((6, 5), 0, np.uint8)]))
    whole = Image.fromarray(np.dstack([RGB, np.full((6, 5), 255, np.uint8)]))
    palette = Image.fromarray(GREY % 4).convert("P")
    palette.info["transparency"] = 2
    read = read_folder(folder(tmp_path, a=[half, whole], b=[palette]))
    assert (read.images[0] == 255).all()
    assert (read.images[1] == RGB).all()
    assert (read.images[2][GREY % 4 == 2] == 255).all()


def test_16_bits_are_rounded_to_8(tmp_path):
    deep = Image.fromarray(GREY.astype(np.uint16) * 257)
    read = read_folder(folder(tmp_path, a=[deep], b=[grey()]))
    assert (read.images[0, ..., 0] == GREY).all()


def test_inks_become_colours(tmp_path):
    folder(tmp_path, a=[], b=[grey()])
    Image.new("CMYK", (5, 6), (0, 0, 0, 0)).save(tmp_path / "a" / "0.jpg")
    read = read_folder(tmp_path)
    assert read.images.shape == (2, 6, 5, 3)
    assert (read.images[0] > 250).all()


def test_a_picture_is_turned_as_the_camera_says(tmp_path):
    folder(tmp_path, a=[], b=[grey(size=(5, 6))])
    marks = Image.Exif()
    marks[274] = 6  # a quarter turn
    Image.fromarray(np.rot90(GREY)).save(tmp_path / "a" / "0.png", exif=marks)
    assert (read_folder(tmp_path).images[0, ..., 0] == GREY).all()


def test_what_is_no_picture_is_named_or_skipped_and_counted(tmp_path):
    place = tmp_path / "pictures"
    place.mkdir()
    noise = Image.fromarray(RNG.integers(0, 256, (60, 50), np.uint8))
    noise.save(tmp_path / "noise.png")
    cut = (tmp_path / "noise.png").read_bytes()[:900]
    folder(place, a=[grey(), grey()], b=[b"", cut, noise.resize((5, 6))])
    with pytest.raises(ImageError, match=r"b/0\.png can't be read as a picture"):
        read_folder(place)
    read = read_folder(place, skip=True)
    assert read.names == ["a/0.png", "a/1.png", "b/2.png"]
    assert [text.split()[0] for text in read.skipped] == ["b/0.png", "b/1.png"]


def test_nothing_left_to_learn_from_after_skipping(tmp_path):
    place = folder(tmp_path, a=[grey()], b=[b"no picture"])
    with pytest.raises(ImageError, match="no two classes are left, 1 pictures skipped"):
        read_folder(place, skip=True)


def test_pictures_of_unequal_sizes_are_named_or_scaled(tmp_path):
    place = folder(tmp_path, a=[grey()], b=[grey(size=(50, 60))])
    with pytest.raises(ImageError, match=r"b/0\.png has 50×60 pixels, a/0\.png 5×6"):
        read_folder(place)
    read = read_folder(place, size=(6, 5))
    assert (read.images == 7).all()
    assert read.images.shape == (2, 6, 5, 1)


def test_a_picture_bomb_is_refused(tmp_path, monkeypatch):
    place = folder(tmp_path, a=[grey()], b=[])
    size = 20_000  # pixels a side: a file of 50 kB, 400 MB unpacked
    Image.new("1", (size, size)).save(place / "b" / "bomb.png")
    with pytest.raises(ImageError, match=r"b/bomb\.png unpacks to more than"):
        read_folder(place)
    folder(place, c=[grey()])
    assert len(read_folder(place, skip=True).skipped) == 1
    monkeypatch.setattr("steepest.images.files.physical_memory", lambda: 100.0)
    with pytest.raises(ImageError, match="more than a quarter of this machine's memory"):
        read_folder(place, skip=True)


@pytest.mark.parametrize(
    ("classes", "found"), [({}, "none"), ({"a": 1}, "only 'a'"), ({"a": 1, "b": 0}, "only 'a'")]
)
def test_a_folder_needs_two_classes(tmp_path, classes, found):
    folder(tmp_path, **{name: [grey()] * count for name, count in classes.items()})
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(ImageError, match=f"two classes or more, found {re.escape(found)}"):
        read_folder(tmp_path)


def test_pictures_for_a_model(tmp_path):
    with pytest.raises(ImageError, match="nowhere does not exist; expected a picture or a folder"):
        read_files(tmp_path / "nowhere", (2, 2, 1))
    folder(tmp_path, a=[grey()], b=[grey(9)])
    grey(3).save(tmp_path / "one.png")
    read = read_files(tmp_path, (6, 5, 3))
    assert read.names == ["one.png", "a/0.png", "b/0.png"]
    assert read.labels.tolist() == ["", "a", "b"]
    assert read.images[:, 0, 0].tolist() == [[3] * 3, [7] * 3, [9] * 3]
    assert read_files(tmp_path / "one.png", (6, 5, 1)).images.shape == (1, 6, 5, 1)
    with pytest.raises(ImageError, match=r"one\.png has 5×6 pixels, the model 9×9"):
        read_files(tmp_path / "one.png", (9, 9, 1))
    assert read_files(tmp_path, (9, 9, 1), scaled=True).images.shape == (3, 9, 9, 1)
    with pytest.raises(ImageError, match="4 channels"):
        read_files(tmp_path, (6, 5, 4))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="holds no pictures"):
        read_files(tmp_path / "empty", (6, 5, 1))


def test_without_pillow_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    place = folder(tmp_path, a=[grey()], b=[grey()])
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ImageError, match=r"pip install 'steepest\[images\]'"):
        read_folder(place)


def in_parts(place, **parts):
    for part, classes in parts.items():
        (place / part).mkdir()
        folder(place / part, **classes)
    return place


BOTH = {"a": [grey(1), grey(2)], "b": [grey(3)]}


def test_folders_for_training_and_test_are_parts(tmp_path):
    place = in_parts(tmp_path, Train=BOTH, val=BOTH, test={"b": [Image.fromarray(RGB), grey(4)]})
    parts = read_parts(place)
    assert list(parts) == ["train", "test", "validation"]
    assert parts["train"].labels.tolist() == ["a", "a", "b"]
    assert parts["test"].labels.tolist() == ["b", "b"]
    assert parts["test"].images.shape == (2, 6, 5, 1)  # as in training
    assert holds(place) == "classes"
    with pytest.raises(ImageError, match=re.escape(f"give one of them: {place / 'Train'}")):
        read_files(place, (6, 5, 1))


def test_a_folder_of_classes_is_one_part(tmp_path):
    place = folder(tmp_path, train=[grey()], bus=[grey()])
    assert list(read_parts(place)) == ["train"]
    assert read_parts(place)["train"].labels.tolist() == ["bus", "train"]


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"train": BOTH, "test": {"c": [grey()]}}, "pictures of 'c', of which there are none"),
        ({"train": BOTH, "test": {"a": [grey(size=(4, 4))]}}, "has 4×4 pixels, the model 5×6"),
        ({"train": {"a": [grey()]}, "test": BOTH}, "found only 'a'"),
    ],
)
def test_parts_that_do_not_fit(tmp_path, parts, words):
    with pytest.raises(ImageError, match=words):
        read_parts(in_parts(tmp_path, **parts))


def test_parts_without_classes_are_no_classes(tmp_path):
    with pytest.raises(ImageError, match="the folders test and train must have a folder of"):
        read_parts(folder(tmp_path, train=[grey()], test=[grey()]))
