"""What notebooks show: the same words as `print`, as HTML that is well formed and runs nothing."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from steepest import (
    SGD,
    Dense,
    History,
    Network,
    Squared,
    Tanh,
    Trainer,
    Watch,
    hardest_examples,
    importance,
)
from steepest.inspection.gradients import Gradients
from steepest.pages.curves import drawing

X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.fixture(scope="module")
def shown():
    """What can be shown, by name."""
    watch = Watch(examples=20)
    network = Network(Dense(4), Tanh(), Dense(1), inputs=2)
    trainer = Trainer(network, Squared(), SGD(lr=0.1), batch=20)
    y = X[:, :1] * 2
    history = trainer.fit(X, y, epochs=3, callbacks=[watch])
    gradients = Gradients(network, Squared())
    return {
        "network": network,
        "not built": Network(Dense(4), Dense(1)),
        "trainer": trainer,
        "history": history,
        "watch": watch,
        "ranking": hardest_examples(network, Squared(), X, y, top=3),
        "importance": importance(network, Squared(), X, y, {"<b>a</b>": [0], "b": [1]}),
        "gradient": gradients.mean(X, y),
        "norms": gradients.norms(X, y),
        "moments": gradients.moments(X, y),
        "program": network.program(1),
    }


NAMES = ("network", "not built", "trainer", "history", "watch", "ranking", "importance")
NAMES += ("gradient", "norms", "moments", "program")


@pytest.mark.parametrize("name", NAMES)
def test_html_says_what_print_says(shown, name):
    html = shown[name]._repr_html_()
    root = ElementTree.fromstring(f"<div>{html}</div>")  # well formed
    assert not list(root.iter("script"))
    words = re.sub(r"\s+", " ", " ".join(root.itertext()))
    if name not in ("trainer", "history"):
        for word in str(shown[name]).split():
            assert word in words
    for tag in root.iter():
        assert not any(key.startswith("on") for key in tag.attrib)


def test_names_of_strangers_are_texts(shown):
    html = shown["importance"]._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;a&lt;/b&gt;" in html


def test_a_history_shows_its_curves(shown):
    root = ElementTree.fromstring(f"<div>{shown['history']._repr_html_()}</div>")
    (line,) = root.iter("polyline")
    assert len(line.attrib["points"].split()) == 3
    assert History()._repr_html_() == "History(0 epochs)"


def test_curves_run_from_the_largest_to_the_least():
    drawn = ElementTree.fromstring(drawing({"loss": [4.0, 2.0, np.nan, 1.0]}, "epoch"))
    (line,) = drawn.iter("polyline")
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert len(points) == 3
    heights = [y for _, y in points]
    assert heights == sorted(heights)  # down the page
    share = (heights[1] - heights[0]) / (heights[2] - heights[0])
    assert share == pytest.approx((4 - 2) / (4 - 1), abs=0.01)
