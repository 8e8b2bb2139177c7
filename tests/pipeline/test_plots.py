"""Figures of Matplotlib of models and histories: the numbers in them are those of the report."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest

from steepest import History
from steepest.errors import InputError, ModelError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.report import Known, document
from steepest.pipeline.report.plots import PLOTS
from steepest.pipeline.request import Request


def fitted(target):
    rng = np.random.default_rng(0)
    age = rng.integers(18, 90, 300)
    score = 0.1 * age + rng.normal(0, 1, 300)
    columns = {"age": age, "town": rng.choice(["a", "b"], 300)}
    columns[target] = score if target == "score" else np.where(score > 5, "yes", "no")
    table = pa.table(columns)
    request = Request(target=target, settings={"layers": (4,), "epochs": 3, "batch": 32})
    return fit_table(table, request).model, table


@pytest.fixture(scope="module")
def models():
    return {target: fitted(target) for target in ("rich", "score")}


OF_CLASSES = {"confusions", "roc", "precision_recall", "calibration"}


@pytest.mark.parametrize("what", PLOTS)
def test_every_part_can_be_drawn(models, what, tmp_path):
    model, table = models["score" if what == "residuals" else "rich"]
    figure = model.plot(what, table)
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_lines_are_the_reports(models):
    model, table = models["rich"]
    sections = {part["name"]: part for part in document(model, Known(table))["sections"]}
    (line,) = model.plot("roc", table).axes[0].lines
    np.testing.assert_array_equal(line.get_xydata().T, sections["classes"]["curves"][0]["roc"])
    bars = model.plot("importance", table).axes[0].patches
    rises = [column["rise"] for column in sections["columns"]["columns"]]
    assert [bar.get_width() for bar in bars] == rises[::-1]


def test_what_can_not_be_drawn_is_said(models):
    model, table = models["score"]
    with pytest.raises(InputError, match="what must be one of training, confusions"):
        model.plot("everything", table)
    with pytest.raises(ModelError, match="needs rows whose target is known"):
        model.plot("residuals")
    for what in OF_CLASSES:
        with pytest.raises(ModelError, match="another kind of target"):
            model.plot(what, table)


def test_a_history_draws_itself():
    history = History([{"epoch": k, "step": k, "loss": 1 / k, "lr": 0.1} for k in (1, 2, 3)])
    figure = history.plot()
    assert [axes.get_title() for axes in figure.axes] == ["loss", "lr"]
    (line,) = figure.axes[0].lines
    np.testing.assert_array_equal(line.get_ydata(), history["loss"])
    shown = pickle.loads(pickle.dumps(figure))._repr_png_()  # what a notebook asks for
    assert shown.startswith(b"\x89PNG")
    with pytest.raises(InputError, match="no epoch"):
        History().plot()
