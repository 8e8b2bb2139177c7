"""What there is to say of a model on rows whose target is known."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import metrics

from steepest import InputError, Model, TableError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.request import Request
from steepest.probabilities.reliability import calibration_error, reliability

RNG = np.random.default_rng(0)
N = 600
SMALL = {"layers": (8,), "epochs": 8}
X = RNG.normal(size=N)
TOWN = RNG.choice(["Ayr", "Bonn", "Cork"], N)
SCORE = X + (TOWN == "Ayr") + RNG.normal(size=N)
TABLE = pa.table({"x": X, "town": TOWN})


def fit(y, **settings):
    table = TABLE.append_column("y", pa.array(y))
    return fit_table(table, Request("y", SMALL | settings)).model, table


@pytest.fixture(scope="module")
def two():
    return fit(np.where(SCORE > 1, "yes", "no"))


def test_scores_of_two_classes_are_scikit_learns(two):
    model, table = two
    found, y = model.evaluate(table), table.column("y").to_pylist()
    p, said = model.predict_proba(table), np.array(model.predict(table.drop_columns("y")))
    said = np.array(model.predict(table).column("prediction").to_pylist())
    right = np.array([label == "yes" for label in y])
    expected = {
        "accuracy": metrics.accuracy_score(y, said),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, said),
        "f1": metrics.f1_score(y, said, pos_label="yes"),
        "precision": metrics.precision_score(y, said, pos_label="yes"),
        "recall": metrics.recall_score(y, said, pos_label="yes"),
        "matthews_corrcoef": metrics.matthews_corrcoef(y, said),
        "log_loss": metrics.log_loss(y, p),
        "brier": metrics.brier_score_loss(right, p[:, 1]),
        "auc": metrics.roc_auc_score(right, p[:, 1]),
        "average_precision": metrics.average_precision_score(right, p[:, 1]),
    }
    assert found.scores == pytest.approx(expected | {"ece": found.scores["ece"]})
    assert found.confusion == metrics.confusion_matrix(y, said, labels=["no", "yes"]).tolist()
    assert [one.label for one in found.classes] == ["no", "yes"]
    assert found.classes[1].recall == pytest.approx(expected["recall"])
    assert found.classes[0].auc == pytest.approx(expected["auc"])
    assert sum(one.rows for one in found.bins) == N
    shares = model.about["trivial_row"]
    assert found.trivial["log_loss"] == pytest.approx(metrics.log_loss(y, [shares] * N))


def test_slices_by_category_and_by_quarters(two):
    model, table = two
    found = model.evaluate(table, by=["town", "x"])
    towns = {one.value: one for one in found.slices if one.column == "town"}
    assert set(towns) == {"Ayr", "Bonn", "Cork"}
    own = table.filter(pa.array(TOWN == "Bonn"))
    assert towns["Bonn"].scores["log_loss"] == model.evaluate(own).scores["log_loss"]
    assert towns["Bonn"].rows == own.num_rows
    quarters = [one for one in found.slices if one.column == "x"]
    assert [one.rows for one in quarters] == [N // 4] * 4
    text = str(found)
    assert "trivial (always 'no')" in text
    assert "town" in text
    assert json.loads(json.dumps(found.to_dict()))["slices"][0]["column"] == "town"


def test_a_slice_without_one_of_the_classes_has_no_auc(two):
    model, table = two
    group = pa.array(np.where(np.array(table.column("y")) == "no", "a", "b"))
    found = model.evaluate(table.append_column("g", group), by="g")
    assert [one.scores["auc"] for one in found.slices] == [None, None]
    assert all(one.scores["accuracy"] is not None for one in found.slices)


def test_missing_values_and_many_categories_have_slices(two):
    model, table = two
    many = pa.array([None if k % 7 == 0 else f"v{k % 40}" for k in range(N)])
    found = model.evaluate(table.append_column("m", many), by="m").slices
    assert [one.value for one in found[-2:]] == ["28 others", "missing"]
    assert sum(one.rows for one in found) == N


def test_several_classes():
    model, table = fit(np.digitize(SCORE, [0, 1]))
    found = model.evaluate(table.drop_columns("y"), table.column("y"))
    p, y = model.predict_proba(table), np.array(table.column("y"))
    area = metrics.roc_auc_score(y, p, multi_class="ovr")
    assert found.scores["auc"] == pytest.approx(area, abs=1e-3)  # ties, but for the last bit
    assert found.scores["f1"] == pytest.approx(
        metrics.f1_score(y, p.argmax(axis=1), average="macro")
    )
    assert len(found.classes) == 3


def test_numbers_in_their_own_units():
    y = 1000 + 50 * SCORE
    model, table = fit(y)
    found, said = model.evaluate(pd.DataFrame(table.to_pandas())), model.predict(table.to_pandas())
    assert found.scores["mae"] == pytest.approx(metrics.mean_absolute_error(y, said))
    assert found.scores["r2"] == pytest.approx(metrics.r2_score(y, said))
    assert found.scores["mape"] == pytest.approx(metrics.mean_absolute_percentage_error(y, said))
    assert not found.classes
    assert not found.bins


def test_quantiles_say_what_they_cover():
    model, table = fit(SCORE, quantiles=(0.1, 0.5, 0.9))
    found, z = model.evaluate(table), model.predict(table.to_pandas())
    assert [one.level for one in found.levels] == pytest.approx([0.1, 0.5, 0.9, 0.8])
    assert found.levels[0].covered == pytest.approx(np.mean(z[:, 0] >= SCORE), abs=0.005)
    inside = (z[:, 0] <= SCORE) & (z[:, 2] >= SCORE)
    assert found.levels[-1].covered == pytest.approx(inside.mean(), abs=0.005)
    assert found.levels[-1].width == pytest.approx(np.mean(z[:, 2] - z[:, 0]))
    assert "mean width" in str(found)


def test_hinge_has_no_probabilities():
    model, table = fit(np.where(SCORE > 1, "yes", "no"), loss="hinge")
    found = model.evaluate(table)
    assert "log_loss" not in found.scores
    assert found.classes[0].auc is None
    assert "accuracy" in str(found)


def test_rows_without_a_target_are_left_out_and_what_lacks_is_said(two):
    model, table = two
    y = [None if k < 100 else v for k, v in enumerate(table.column("y").to_pylist())]
    part = table.set_column(2, "y", pa.array(y))
    assert model.evaluate(part).rows == N - 100
    with pytest.raises(TableError, match="no column 'y'"):
        model.evaluate(table.drop_columns("y"))
    with pytest.raises(TableError, match="no column 'z'"):
        model.evaluate(table, by="z")
    with pytest.raises(TableError, match="no row has a known target"):
        model.evaluate(table.drop_columns("y"), ["perhaps"] * N)
    with pytest.raises(InputError, match="600 rows of X, 1 of y"):
        model.evaluate(table, ["yes"])


def test_a_saved_model_evaluates_alike(two, tmp_path):
    model, table = two
    model.save(tmp_path / "m")
    assert Model.load(tmp_path / "m").evaluate(table) == model.evaluate(table)


def test_bins_of_probabilities():
    p = RNG.random(20_000)
    y = (RNG.random(20_000) < p**2).astype(int)
    bins = reliability(np.column_stack([1 - p, p]), y)
    assert [one.rows for one in bins] == [2000] * 10
    for one in bins:
        assert one.came == pytest.approx(one.said**2, abs=0.04)
    assert calibration_error(bins) == pytest.approx(1 / 6, abs=0.01)  # ∫ p − p² dp
    same = reliability(np.full((50, 2), 0.5), np.arange(50) % 2)
    assert len(same) == 1
    assert calibration_error(same) == 0
