"""TextClassifier, and columns of text in tables: from texts to classes and numbers."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.model_selection import cross_val_score
from typer.testing import CliRunner

from steepest import (
    InputError,
    Model,
    ModelError,
    TableError,
    TabularRegressor,
    TextClassifier,
    export_onnx,
)
from steepest.cli import app

RNG = np.random.default_rng(0)
GOOD = ["good", "fine", "warm", "bright", "😀", "отлично"]
BAD = ["bad", "poor", "cold", "dull", "😡", "плохо"]
OTHERS = ["the", "film", "was", "seen", "by", "many", "people", "in", "town", "on", "a", "day"]


def draw(n, rng):
    y = rng.integers(0, 2, n)
    texts = [" ".join(rng.permutation([*rng.choice(OTHERS, 7), *rng.choice((BAD, GOOD)[k], 2)]))
             for k in y]  # fmt: skip
    return texts, np.where(y, "yes", "no")


TEXTS, LABELS = draw(300, RNG)
NEW, TRUE = draw(200, RNG)


@pytest.fixture(scope="module")
def model():
    return TextClassifier().fit(TEXTS, LABELS)


def test_displays_take_texts(model):
    pytest.importorskip("matplotlib").use("Agg")
    shown = metrics.ConfusionMatrixDisplay.from_estimator(model, NEW, TRUE)
    assert np.trace(shown.confusion_matrix) == (model.predict(NEW) == TRUE).sum()
    curve = metrics.RocCurveDisplay.from_estimator(model, NEW, TRUE)
    assert curve.roc_auc == metrics.roc_auc_score(TRUE == "yes", model.predict_proba(NEW)[:, 1])
    assert CalibrationDisplay.from_estimator(model, NEW, TRUE).ax_ is not None


def test_it_learns(model):
    assert model.score(NEW, TRUE) > 0.97
    proba = model.predict_proba(NEW)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    assert np.array_equal(model.classes_[proba.argmax(1)], model.predict(NEW))
    assert model.predict([]).shape == (0,)


@pytest.mark.parametrize("kind", [np.array, pd.Series, tuple, lambda t: np.array(t, object)])
def test_texts_come_in_any_sequence(model, kind):
    assert np.array_equal(model.predict(kind(NEW)), model.predict(NEW))


def test_odd_texts_are_predicted(model):
    odd = ["", "   ", "😀", "плохо", "日本語", "good " * 2_000_000, "\ud800 bad", "a\x00b"]
    found = model.predict(odd)
    assert found[[2, 3, 5, 6]].tolist() == ["yes", "no", "yes", "no"]
    prior = model.predict_proba(odd[:2])
    np.testing.assert_array_equal(prior[0], prior[1])


def test_it_says_which_n_grams_spoke(model):
    found = model.explain("the people in town: good and fine film", most=4)
    assert len(found) == 4
    assert any("good" in name or "fine" in name for name, _ in found)
    assert found[0][1] > 0
    against = dict(model.explain("good film", label="no"))
    assert min(against.values()) < 0
    assert model.explain("") == []
    for label, said in (("maybe", "'maybe'"), (pd.Series([1, 2]), "Series"), (["no"], r"\['no'\]")):
        with pytest.raises(InputError, match=f"no class {said}.*; there are 'no', 'yes'"):
            model.explain("good", label=label)
    assert "good" in str(model.row_paths(["good film"])[0])


def test_it_is_kept_and_copied(model, tmp_path):
    model.model_.save(tmp_path / "m")
    loaded = Model.load(tmp_path / "m")
    assert list(loaded.predict({"text": NEW})) == model.predict(NEW).tolist()
    again = pickle.loads(pickle.dumps(model))
    assert np.array_equal(again.predict_proba(NEW), model.predict_proba(NEW))
    with pytest.raises(
        ModelError, match=r"column 'text', a text, has no ONNX form; .* model.network"
    ):
        export_onnx(model, tmp_path / "m.onnx")


def test_scikit_learn_takes_it():
    quick = TextClassifier(settings={"epochs": 2})
    assert clone(quick).get_params() == quick.get_params()
    assert cross_val_score(quick, np.array(TEXTS), LABELS, cv=2).min() > 0.9
    several = TextClassifier(class_weight="balanced", ensemble=2, settings={"epochs": 2})
    weights = np.where(LABELS == "yes", 1.0, 2.0)
    several.fit(TEXTS, LABELS, weights, eval_set=(NEW, TRUE))
    assert several.score(NEW, TRUE) > 0.9


@pytest.mark.parametrize(
    ("X", "y", "told"),
    [
        ("abc", ["a"], "expected a list"),
        ([["a b"], ["c"]], [0, 1], r"text 0 must be a str, got \['a b'\]"),
        (["a", None], [0, 1], "text 1 must be a str, got None"),
        ([], [], "no texts"),
        (["a b", "c"], [0], "2 rows of X, 1 of y"),
        (np.array([["a"]]), [0], "expected a list"),
    ],
)
def test_what_is_no_text_is_refused(X, y, told):
    with pytest.raises(InputError, match=told):
        TextClassifier().fit(X, y)


def test_texts_without_anything_in_common_are_refused():
    with pytest.raises(TableError, match="no word is in 2 rows or more"):
        TextClassifier(validation_fraction=0).fit(["qqq", "ppp", "", "rrr"], [0, 1, 0, 1])


def test_a_column_of_text_is_learned_with_the_others(tmp_path):
    side = RNG.normal(size=len(TEXTS))
    y = 2.0 * (LABELS == "yes") + side
    table = pd.DataFrame({"side": side, "review": TEXTS})
    model = TabularRegressor(settings={"epochs": 15}).fit(table, y)
    assert model.score(table, y) > 0.8
    alone = TabularRegressor(settings={"epochs": 15}).fit(table[["side"]], y)
    assert alone.score(table, y) < 0.65
    assert "n-grams" in model.model_.encoder.describe()["review"]
    usual = TabularRegressor(settings={"layers": (4,), "folds": 0})
    assert len(usual.fit(table, y).history_) < len(usual.fit(table[["side"]], y).history_)
    table["y"] = y
    page = model.model_.report(table.rename(columns={"y": "target"}))
    assert b"review" in page
    shown = str(model.row_paths(table[["side", "review"]].head(1))[0])
    assert any(word in shown for word in TEXTS[0].split())


def test_lines_with_labels_on_the_command_line(tmp_path):
    lines = [f"__label__{label} {text}" for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / "some.txt").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "new.csv").write_text("text\ngood fine film\nbad poor film\n", encoding="utf-8")
    run = CliRunner()
    place = str(tmp_path / "m")
    file = str(tmp_path / "some.txt")
    found = run.invoke(app, ["train", file, "--target", "label", "-o", place, "--epochs", "8"])
    assert found.exit_code == 0, found.output
    assert "text" in found.output
    found = run.invoke(app, ["show", place])
    assert "n-grams of 1 to 2 words" in found.output
    found = run.invoke(app, ["predict", place, str(tmp_path / "new.csv")])
    assert found.output.split()[-2:] == ["yes", "no"]
    found = run.invoke(app, ["explain", place, file, "--rows", "1"])
    assert found.exit_code == 0, found.output


def test_the_same_few_texts_again_and_again_are_learned():
    model = TextClassifier().fit(["warm sun", "cold rain"] * 20, ["yes", "no"] * 20)
    assert model.predict(["warm sun", "cold rain"]).tolist() == ["yes", "no"]
    with pytest.raises(TableError, match="no word is in 2 rows or more"):
        TextClassifier().fit(["warm sun", "cold rain"], ["yes", "no"])


def test_one_text_after_the_other(model):
    say = model.compiled()
    assert [say([text]) for text in NEW[:20]] == model.predict(NEW[:20]).tolist()
    np.testing.assert_allclose(say.proba({"text": NEW[0]}), model.predict_proba(NEW[:1])[0])
    with pytest.raises(InputError, match="a sequence of 1 value, got 'good'"):
        say("good")
