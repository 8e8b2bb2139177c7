"""The numbers of a report, beside scikit-learn's and plain NumPy's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from sklearn import metrics
from typer.testing import CliRunner

from steepest.cli import app
from steepest.errors import ModelError, TableError
from steepest.pipeline.fit import fit_table
from steepest.pipeline.model import Model
from steepest.pipeline.report import Known, document
from steepest.pipeline.report.subject import subject
from steepest.pipeline.report.values import groups
from steepest.pipeline.request import Request


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of a table, the table, and the report that ``train`` wrote."""
    place, rng = tmp_path_factory.mktemp("report"), np.random.default_rng(1)
    n = 500
    age, town = rng.integers(18, 90, n), rng.choice(["a", "b", "c"], n).tolist()
    score = 0.1 * age + rng.normal(0, 1, n)
    town[3] = None
    table = pa.table({"age": age, "town": town, "rich": np.where(score > 5, "yes", "no")})
    pa.parquet.write_table(table, place / "t.parquet")
    done = CliRunner().invoke(
        app,
        ["train", str(place / "t.parquet"), "--target", "rich", "--layers", "8", "--epochs", "5",
         "-o", str(place / "model"), "--report", str(place / "train.html"), "--quiet"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return place, Model.load(place / "model"), table


def sections(model, **known):
    return {part["name"]: part for part in document(model, Known(**known))["sections"]}


def test_scores_are_scikit_learns(trained):
    _, model, table = trained
    found = sections(model, table=table)
    truth = np.array(table["rich"].to_pylist())
    p = model.predict_proba(table)
    scores = {score["name"]: score for score in found["answer"]["scores"]}
    assert scores["log_loss"]["value"] == pytest.approx(
        metrics.log_loss(truth, p, labels=["no", "yes"])
    )
    assert scores["auc"]["value"] == pytest.approx(metrics.roc_auc_score(truth == "yes", p[:, 1]))
    for score in scores.values():
        assert score["low"] < score["value"] < score["high"]
    said = np.where(p[:, 1] >= 0.5, "yes", "no")
    assert found["classes"]["confusions"] == metrics.confusion_matrix(truth, said).tolist()
    thresholds = found["classes"]["thresholds"]
    at = thresholds["at"].index(0.3)
    above = p[:, 1] >= 0.3
    assert thresholds["true_positives"][at] == int((above & (truth == "yes")).sum())
    assert thresholds["false_positives"][at] == int((above & (truth == "no")).sum())


def test_an_interval_is_about_as_wide_as_theory_says(trained):
    _, model, table = trained
    (score,) = (
        one for one in sections(model, table=table)["answer"]["scores"] if one["name"] == "accuracy"
    )
    share, n = score["value"], table.num_rows
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    assert score["high"] - score["low"] == pytest.approx(width, rel=0.25)


def test_effects_are_predictions_with_the_column_replaced(trained):
    _, model, table = trained
    part = table.slice(0, 150)
    effects = sections(model, table=part)["effects"]["effects"]
    for effect in effects:
        values = effect["at"] or effect["labels"]
        for value, mean in zip(values, effect["mean"]["yes"], strict=True):
            moved = part.to_pandas().assign(**{effect["name"]: value})
            assert model.predict_proba(moved)[:, 1].mean() == pytest.approx(mean, abs=1e-6)


def test_words_are_what_the_log_odds_lose_without_them():
    rng = np.random.default_rng(0)
    plain = ["the", "of", "<b>and</b>", "to", "in", "it", "was", "for"]
    rows = [[*rng.choice(plain, 6), *(["Cheap!"] if k % 2 else ["lunch"])] for k in range(240)]
    texts = [" ".join(row) + f" {k}" for k, row in enumerate(rows)]
    table = pa.table({"text": texts, "kind": np.where(np.arange(240) % 2, "spam", "ham")})
    fit = fit_table(table, Request("kind", {"layers": (8,), "epochs": 5}))
    (effect,) = sections(fit.model, table=table)["effects"]["effects"]
    found = effect["words"]["spam"]
    assert (found[0]["word"], found[-1]["word"]) == ("cheap", "lunch")
    assert found[0]["texts"] == 120
    has = table.filter(pa.array(["Cheap" in text for text in texts]))
    without = has.set_column(0, "text", pa.array([t.replace("Cheap", " ") for t in texts[1::2]]))
    p, q = (fit.model.predict_proba(one)[:, 1] for one in (has, without))
    lost = np.log(p / (1 - p)) - np.log(q / (1 - q))
    assert found[0]["effect"] == pytest.approx(lost.mean(), rel=1e-4)
    hardest = sections(fit.model, table=table)["hardest"]["hardest"]
    assert {row["values"][0] for row in hardest} <= set(texts)


def test_groups_hold_every_row_once(trained):
    _, model, table = trained
    about = subject(model, Known(table))
    for name, kinds in (("age", None), ("town", {"a", "b", "c", "missing"})):
        found = groups(about, name, 5, 12)
        rows = np.sort(np.concatenate([group.rows for group in found]))
        np.testing.assert_array_equal(rows, np.arange(table.num_rows))
        assert kinds is None or {group.label for group in found} == kinds
    rare = groups(about, "town", 5, 1)
    assert [group.label for group in rare][1:] == ["all others"]


def test_slices_find_where_the_target_was_spoilt(trained):
    _, model, table = trained
    rich = np.array(table["rich"].to_pylist())
    town = np.array([value or "" for value in table["town"].to_pylist()])
    other = np.where(rich == "yes", "no", "yes")
    spoilt = table.set_column(2, "rich", pa.array(np.where(town == "b", other, rich)))
    worst = sections(model, table=spoilt)["slices"]["slices"][0]
    assert (worst["column"], worst["value"]) == ("town", "b")
    assert worst["count"] == int((town == "b").sum())


def test_without_a_table_it_says_what_the_model_knows(trained):
    _, model, _ = trained
    found = sections(model)
    assert set(found) == {"answer", "columns", "training", "network", "again"}
    assert {one["name"]: one["value"] for one in found["answer"]["scores"]} == model.about[
        "metrics"
    ]
    assert found["training"]["best"] == model.about["best_epoch"]


def test_train_writes_one_with_gradients_and_a_linear_model(trained):
    place, _, _ = trained
    text = (place / "train.html").read_text("utf-8")
    for name in ('"name":"gradients"', '"linear":', '"verdict":'):
        assert name in text
    assert len(text) < 500_000


def test_report_command(trained, tmp_path):
    place, _, _ = trained
    out = tmp_path / "r.html"
    done = CliRunner().invoke(
        app, ["report", str(place / "model"), str(place / "t.parquet"), "-o", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "500 rows of t.parquet" in out.read_text("utf-8")
    again = out.read_bytes()
    CliRunner().invoke(
        app, ["report", str(place / "model"), str(place / "t.parquet"), "-o", str(out)]
    )
    assert out.read_bytes() == again  # all that is drawn is drawn from the seed


def test_what_a_report_needs_is_said(trained):
    _, model, table = trained
    with pytest.raises(TableError, match="lacks the column 'rich'"):
        document(model, Known(table.drop_columns("rich")))
    nothing = table.set_column(2, "rich", pa.nulls(table.num_rows, pa.string()))
    with pytest.raises(TableError, match="no row has a known target"):
        document(model, Known(nothing))


def test_images_are_refused(tmp_path):
    from steepest import ImageClassifier

    X = np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8)
    model = ImageClassifier(settings={"epochs": 1}).fit(X, np.arange(40) % 2).model_
    with pytest.raises(ModelError, match="takes images"):
        document(model, Known())


def test_a_rare_class_makes_no_noise(trained, recwarn):
    _, model, table = trained
    rich = table["rich"].to_pylist()
    few = table.take(
        [rich.index("yes"), *(k for k, value in enumerate(rich) if value == "no")][:40]
    )
    scores = {one["name"]: one for one in sections(model, table=few)["answer"]["scores"]}
    assert scores["auc"]["low"] <= scores["auc"]["value"] <= scores["auc"]["high"]
    assert not recwarn.list  # many resamples have no row of the class
