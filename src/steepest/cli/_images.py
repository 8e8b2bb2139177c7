"""What the commands do with models of images: predict pictures, and show where it errs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..errors import InputError
from ..printing import aligned_table, harmless
from ._printing import say

if TYPE_CHECKING:
    from ..images.files import Pictures
    from ..pipeline.model import Model

__all__ = ["explain_images", "labelled_images", "predict_images"]

_CLASSES = 30  # of a confusion table


def predict_images(model: Model, place: Path, out: Path | None, proba: bool, skip: bool) -> None:
    """Write a row for each image: its file, the class, and the probabilities if asked for."""
    import pyarrow as pa

    from ..tables.files import TableWriter

    read = _read(model, place, skip)
    found = model.predict_proba(read.images)
    columns: dict[str, Any] = {
        "file": read.names,
        "prediction": [model.classes[k] for k in model.calibration.classes(found)],
    }
    if proba:
        columns |= {f"proba_{label}": found[:, k] for k, label in enumerate(model.classes)}
    with TableWriter(out) as writer:
        writer.write(pa.table(columns))


def explain_images(model: Model, place: Path, worst: int) -> None:
    """Print the confusion table, and the images that the model is most wrong about."""
    read = labelled_images(model, place)
    codes = {str(label): k for k, label in enumerate(model.classes)}
    known = np.array([codes[str(label)] for label in read.labels.tolist()])
    shares = model.predict_proba(read.images)
    found = model.calibration.classes(shares)
    right = int((found == known).sum())
    print(f"{right:,} of {len(known):,} right: accuracy {right / len(known):.5g}")
    print("\n".join(_confusion(model, known, found)))
    print("\n".join(_worst(model, read, known, shares, found, worst)))


def labelled_images(model: Model, place: Path) -> Pictures:
    """Return the images of a place with their labels, all of which the model knows."""
    read = _read(model, place, skip=False)
    odd = sorted(set(map(str, read.labels.tolist())) - set(map(str, model.classes)))
    if odd:
        told = "images without a folder" if odd[0] == "" else f"the class {odd[0]!r}"
        raise InputError(
            f"{place} has {told}, which the model does not know; to see its mistakes, give it a "
            "folder with a folder of pictures for each of its classes"
        )
    return read


def _read(model: Model, place: Path, skip: bool) -> Pictures:
    """Return the images of a folder, a picture or an .npz file, as the model takes them."""
    from ..images.archives import read_archive
    from ..images.files import Pictures, read_files
    from ..pipeline.holdings import holds

    kind = holds(place)
    if kind == "arrays":
        X, y, X_test, y_test = read_archive(place)
        if X_test is not None and y_test is not None:
            X, y = X_test, y_test
        return Pictures(X, [str(k) for k in range(len(X))], y)
    if kind not in ("classes", "pictures"):
        raise InputError(
            f"the model takes {model.encoder.source}, and {place} is a {kind}; give a picture, a "
            "folder of pictures, or an .npz file"
        )
    read = read_files(place, model.encoder.shape, scaled=model.encoder.scaled, skip=skip)
    for text in read.skipped:
        say(f"skipped: {text.partition(';')[0]}", error=True)
    return read


def _confusion(model: Model, known: Array, found: Array) -> list[str]:
    """Return how often each class was taken for each; of many, those with most mistakes."""
    count = len(model.classes)
    table = np.zeros((count, count), np.int64)
    np.add.at(table, (known, found), 1)
    wrong = table.sum(axis=1) - table.diagonal()
    shown = np.sort(np.argsort(-wrong, kind="stable")[:_CLASSES])
    names = [harmless(str(model.classes[k])) for k in shown]
    lines = [("it is ↓, taken for →", *names, "wrong")]
    for name, k in zip(names, shown, strict=True):
        cells = [str(n) if n else "·" for n in table[k, shown].tolist()]
        total = table[k].sum()
        lines.append((name, *cells, f"{wrong[k] / total:.1%}" if total else ""))
    more = [f"and {count - len(shown)} more classes, with fewer mistakes"] * (count > len(shown))
    return ["", aligned_table(lines, left=1), *more]


def _worst(
    model: Model, read: Pictures, known: Array, shares: Array, found: Array, worst: int
) -> list[str]:
    """Return the images whose class the model finds least probable."""
    own = shares[np.arange(len(known)), known]
    wrong = np.flatnonzero(found != known)
    order = wrong[np.argsort(own[wrong], kind="stable")][:worst]
    if not len(order):
        return ["", "no mistakes"]
    lines: list[tuple[str, ...]] = [
        ("the worst mistakes", "is", "taken for", "sure of it", "of the right one")
    ]
    for k in order:
        taken = int(found[k])
        labels = [harmless(str(model.classes[c])) for c in (known[k], taken)]
        lines.append((harmless(read.names[k]), *labels, f"{shares[k, taken]:.1%}", f"{own[k]:.1%}"))
    return ["", aligned_table(lines, left=3)]
