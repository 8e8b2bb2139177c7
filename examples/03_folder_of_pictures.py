"""A folder with a folder of pictures for each class, from Python.

    python examples/03_folder_of_pictures.py [FOLDER]

Without a folder it draws one: circles, squares and crosses. The same on the command line:

    steepest train FOLDER --size 24x24 -o model
    steepest explain model FOLDER
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import steepest
from steepest import ImageClassifier


def draw(folder):
    """Draw 60 pictures of each shape, of unequal sizes, in any colour."""
    rng = np.random.default_rng(0)
    for shape in ("circle", "cross", "square"):
        (folder / shape).mkdir()
        for k in range(60):
            side = int(rng.integers(24, 40))
            picture = Image.new("RGB", (side, side), tuple(rng.integers(0, 90, 3).tolist()))
            pen, colour = ImageDraw.Draw(picture), tuple(rng.integers(120, 256, 3).tolist())
            left, top = rng.integers(2, side // 3, 2).tolist()
            box = left, top, left + side // 2, top + side // 2
            if shape == "circle":
                pen.ellipse(box, outline=colour, width=2)
            elif shape == "square":
                pen.rectangle(box, outline=colour, width=2)
            else:
                pen.line(box, colour, 2)
                pen.line((box[0], box[3], box[2], box[1]), colour, 2)
            picture.save(folder / shape / f"{k:02}.png")


with tempfile.TemporaryDirectory() as made:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(made, "shapes")
    if len(sys.argv) == 1:
        folder.mkdir()
        draw(folder)
    model = ImageClassifier(size=(24, 24), settings={"epochs": 20}).fit(folder)
    print(f"classes {', '.join(model.classes_)}; {len(model.skipped_)} pictures skipped")
    print(f"log loss of pictures held out: {min(model.history_['log_loss']):.3f}")

    model.model_.save(Path(made, "model"))
    again = steepest.load(Path(made, "model"))
    one = next((folder / model.classes_[0]).iterdir())
    print(f"{one.name} of {model.classes_[0]} is taken for {again.predict(one)[0]}")
