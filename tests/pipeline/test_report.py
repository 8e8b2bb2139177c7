"""The numbers of a report, beside scikit-learn's and plain NumPy's."""

from __future__ import annotations

import datetime
from dataclasses import replace

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
from steepest.pipeline.report.classes import _confusions
from steepest.pipeline.report.linear import _read
from steepest.pipeline.report.network import _begun
from steepest.pipeline.report.slices import _notable
from steepest.pipeline.report.subject import Rows, _measured, subject
from steepest.pipeline.report.values import _ranges, _spread, groups
from steepest.pipeline.request import Request
from steepest.tables.encoder import Encoder


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
    found = sections(fit.model, table=table, data=fit.data)
    (score,) = (one for one in found["answer"]["scores"] if one["name"] == "accuracy")
    assert score["linear"] > 0.99  # it reads words, not the places of their codes
    hardest = found["hardest"]["hardest"]
    assert {row["values"][0] for row in hardest} <= set(texts)


def test_a_linear_model_reads_codes_one_by_one_and_texts_as_weights():
    rng = np.random.default_rng(0)
    shops = [f"shop {k}" for k in range(12)]
    words = ["here", "there", "far", "near", "old", "new", "red", "blue"]
    texts = [" ".join(rng.choice(words, 6)) for _ in range(60)]
    table = pa.table(
        {
            "age": rng.normal(size=60),
            "shop": [shops[k % 12] for k in range(60)],
            "price": rng.integers(1, 50, 60),
            "text": texts,
        }
    )
    encoder = Encoder.fit(table, table.column_names, monotonic={"price": 1})
    X = encoder.transform(table)
    assert encoder.rising
    assert encoder.codes
    assert encoder.texts
    read = _read(encoder, X).toarray()
    named = dict(zip(encoder.names, X.T, strict=True))
    plain = np.stack([v for n, v in named.items() if n.split(" (")[0] in ("age", "price")], axis=1)
    np.testing.assert_array_equal(read[:, : plain.shape[1]], plain)
    shop = read[:, -sum(encoder.codes) :]
    np.testing.assert_array_equal(shop.sum(axis=1), 1)
    same = np.equal.outer(table["shop"].to_pylist(), table["shop"].to_pylist())
    np.testing.assert_array_equal(shop @ shop.T == 1, same)
    expected = np.zeros((60, read.shape[1] - plain.shape[1] - shop.shape[1]))
    for name, codes in named.items():
        if "n-gram" in name:
            weights = named[name.replace("n-gram", "its weight")]
            np.add.at(expected, (np.arange(60), codes.astype(int)), weights)
    assert expected.any()
    got = read[:, plain.shape[1] : plain.shape[1] + expected.shape[1]]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_hardest_rows_have_the_numbers_of_the_readers_table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    kind = np.where(x > 0, "up", "down").tolist()
    kind[::7] = [None] * len(kind[::7])
    table = pa.table({"x": x, "w": np.arange(300) % 5, "kind": kind})
    request = Request("kind", {"layers": (4,), "epochs": 1}, weight="w")
    fit = fit_table(table, request)
    assert table.take(pa.array(fit.tested_rows)).equals(fit.tested.combine_chunks())
    hardest = sections(fit.model, table=fit.tested, numbers=fit.tested_rows)["hardest"]
    for row in hardest["hardest"]:
        assert row["truth"] == kind[row["row"]]
        assert row["values"][0] == f"{x[row['row']]:.6g}"
    other = fit_table(table, replace(request, test_table=table.slice(1)))
    assert table.slice(1).take(pa.array(other.tested_rows)).equals(other.tested.combine_chunks())


def test_of_many_classes_it_says_which_are_confused():
    rng = np.random.default_rng(0)
    kinds = np.arange(900) % 30
    said = np.where((kinds == 7) & (rng.random(900) < 0.5), 8, kinds)
    labels = [f"kind {k}" for k in range(30)]
    rows = Rows(pa.table({}), np.arange(900), kinds, kinds, kinds, said, "rows")
    found = _confusions(rows, labels)
    wrong = int(((kinds == 7) & (said == 8)).sum())
    assert found["taken"] == [
        {"true": "kind 7", "said": "kind 8", "count": wrong, "share": wrong / 30}
    ]
    assert [one["label"] for one in found["scores"]] == labels
    assert found["totals"] == [30] * 20


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


def test_frequent_values_have_a_group_of_their_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(1000) < 0.7, 0.0, rng.integers(1, 400, 1000)).astype(float)
    values[:10] = np.nan
    found = {group.label: group.rows for group in _ranges(values, 5)}
    np.testing.assert_array_equal(found.pop("0"), np.flatnonzero(values == 0))
    np.testing.assert_array_equal(found.pop("missing"), np.arange(10))
    assert len(found) == 4
    sizes = [len(rows) for rows in found.values()]
    assert max(sizes) < 1.2 * min(sizes)
    flags = np.array([0.0, 1.0, 1.0, 1.0])
    assert [(g.label, g.rows.tolist()) for g in _ranges(flags, 5)] == [("0", [0]), ("1", [1, 2, 3])]


def test_what_is_put_into_a_column_is_spread_over_its_values():
    values = np.concatenate([np.zeros(950), np.arange(1, 51) * 100.0, [np.nan, 1e9]])
    found = _spread(values, 16)
    at = [one.at for one in found]
    assert at[0] == 0
    assert len(at) > 6
    assert max(at) < 1e9  # the outermost values are left out
    assert max(np.diff(at)) < 1500
    assert [values[one.rows[0]] for one in found] == at
    assert [one.at for one in _spread(np.array([1.0, 0.0, 1.0, np.nan]), 16)] == [0.0, 1.0]


def test_texts_are_in_groups_by_how_long_they_are():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["a", "bc", "def"], k % 30 + 3)) for k in range(300)]
    table = pa.table({"text": texts, "y": rng.normal(size=300)})
    fit = fit_table(table, Request("y", {"layers": (2,), "epochs": 1}))
    found = groups(subject(fit.model, Known(table)), "text", 5, 12)
    assert len(found) == 5
    for group in found:
        low, high = group.label.removesuffix(" letters").split(" to ")
        assert {int(low), int(high)} <= {len(texts[k]) for k in group.rows}
        assert all(int(low) <= len(texts[k]) <= int(high) for k in group.rows)
    assert sum(len(group.rows) for group in found) == 300


@pytest.mark.parametrize("time", ["row-order", "day"])
def test_periods_follow_each_other_in_time(time):
    rng = np.random.default_rng(0)
    day = np.arange(400) if time == "row-order" else rng.permutation(400)
    dates = [datetime.date(2020, 1, 1) + datetime.timedelta(int(k)) for k in day]
    x = rng.normal(size=400)
    table = pa.table({"x": x, "day": dates, "y": x + 0.01 * day})
    fit = fit_table(table, Request("y", {"layers": (2,), "epochs": 1}, time=time))
    assert fit.time == time
    known = {"table": fit.tested, "numbers": fit.tested_rows, "time": time}
    periods = sections(fit.model, **known)["slices"]["periods"]
    order = np.argsort(day)[-80:]
    expected = np.array_split(table["y"].to_numpy()[order], 2)
    assert [one["truth"] for one in periods] == pytest.approx([part.mean() for part in expected])
    first = ["row 320", "row 360"] if time == "row-order" else ["2020-11-16", "2020-12-26"]
    assert [one["from"] for one in periods] == first


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [(14, 16_000, (2000, 5)), (54, 4000, (2000, 3)), (1000, 600, (200, 2)), (5, 100, (100, 5))],
)
def test_many_columns_are_shuffled_in_fewer_rows(columns, rows, expected):
    assert _measured(columns, rows) == expected


def test_of_many_groups_more_is_asked_to_be_shown():
    rng = np.random.default_rng(0)
    for groups_, about in ((5, 2.0), (44, 2.0), (5000, 3.54)):
        assert _notable(groups_) == pytest.approx(about, abs=0.01)
    found = [np.sum(rng.normal(size=5000) > _notable(5000)) for _ in range(200)]
    assert 0.7 < np.mean(found) < 1.3


def test_slices_find_where_the_target_was_spoilt(trained):
    _, model, table = trained
    rich = np.array(table["rich"].to_pylist())
    town = np.array([value or "" for value in table["town"].to_pylist()])
    other = np.where(rich == "yes", "no", "yes")
    spoilt = table.set_column(2, "rich", pa.array(np.where(town == "b", other, rich)))
    worst = sections(model, table=spoilt)["slices"]["slices"][0]
    assert (worst["column"], worst["value"]) == ("town", "b")
    assert worst["count"] == int((town == "b").sum())


def test_of_a_long_program_the_first_lines_are_shown():
    program = "\n".join(f"{k:>1000}" for k in range(100))
    shown = _begun(program).split("\n")
    assert shown[:-1] == program.split("\n")[:60]
    assert shown[-1] == "… and 40 lines more"
    assert _begun("a\nb") == "a\nb"


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
