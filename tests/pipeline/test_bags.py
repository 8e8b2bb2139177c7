"""Bags over folds, their weights, and what the steps of the ladder cost."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import ShuffleSplit
from sklearn.preprocessing import StandardScaler

from steepest import (
    Average,
    Checkpoint,
    Concat,
    Dense,
    InputError,
    Network,
    Ranks,
    TabularClassifier,
    TabularRegressor,
    Tanh,
    load,
)
from steepest.estimators.compiled import Compiled
from steepest.pipeline.bags import chosen_weights, folds_of, train_all
from steepest.pipeline.defaults import LADDER
from steepest.pipeline.fit import fit_table
from steepest.pipeline.ladder import Ladder, ladder_line, next_line, told_seconds
from steepest.pipeline.notes import training_line
from steepest.pipeline.recipe import Recipe
from steepest.pipeline.request import Request
from steepest.pipeline.train import RunOptions, TrainingData, average, first_of, train_recipe
from steepest.tables.encoder import Encoder
from steepest.tables.split import SplitBy
from steepest.tables.task import infer_task

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=(N, 2))
TABLE = pa.table({"a": X[:, 0], "b": X[:, 1], "y": np.sin(2 * X[:, 0]) + X[:, 1]})
KIND = np.where(X[:, 0] + 0.5 * RNG.normal(size=N) > 0, "yes", "no")
SMALL = {"layers": (8,), "epochs": 3, "batch": 16}
FOLDS = tuple((np.flatnonzero(np.arange(N) % 3 != k), np.arange(k, N, 3)) for k in range(3))


def prepared(settings, folds=FOLDS):
    task = infer_task(TABLE.column("y"), "y")
    encoder = Encoder.fit(TABLE, ["a", "b"])
    recipe = Recipe.for_task(task, SMALL | settings)
    weights = np.linspace(0.5, 1.5, N)
    data = TrainingData(
        encoder.transform(TABLE), task.encode(TABLE.column("y")), weights, folds=folds
    )
    return recipe, task, encoder, data


def test_threads_make_no_difference():
    one, two = (
        train_all(*prepared({"folds": 3, "threads": threads}), RunOptions()) for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.network.theta, two.network.theta)
    np.testing.assert_array_equal(one.out_of_fold[1], two.out_of_fold[1])


def test_a_bag_has_a_network_for_each_fold_that_has_not_seen_it():
    recipe, task, encoder, data = prepared({"folds": 3, "seed": 5})
    bag = train_all(recipe, task, encoder, data, RunOptions())
    known, rows, outputs = [], *bag.out_of_fold
    for k, (kept, out) in enumerate(FOLDS):
        part = TrainingData(*(v[kept] for v in (data.X, data.y, data.weights)), data.part(out))
        one = Recipe.for_task(task, SMALL | {"seed": 5 + k})
        found = train_recipe(one, task, encoder, part)
        assert found.best[0] == bag.best[k]
        known.append(found.network.predict(data.X))
        np.testing.assert_allclose(outputs[np.isin(rows, out)], known[-1][out], atol=1e-6)
    assert len(bag.histories) == 3
    np.testing.assert_allclose(bag.network.predict(data.X), np.mean(known, axis=0), atol=1e-6)


def test_folds_of_time_have_at_least_half_of_the_rows_behind_them():
    by = SplitBy(np.zeros(85, np.int64), np.arange(85))
    folds = folds_of(by, 85, 4, seed=0)
    assert len(folds) == 4
    for kept, out in folds:
        assert len(kept) >= 40
        assert kept.max() < out.min()
    assert folds[-1][1].max() == 84


def test_weights_go_to_what_is_right_on_rows_not_trained_on():
    y = RNG.normal(size=200)

    def error(z):
        return float(np.square(z[:, 0] - y).mean())

    right, wrong = y[:, None] + 0.1, -y[:, None]
    np.testing.assert_array_equal(chosen_weights(error, [wrong, right]), [0, 1])
    over, under = y[:, None] + 1, y[:, None] - 1
    weights = chosen_weights(error, [over, wrong, under])
    np.testing.assert_allclose(weights, [0.5, 0, 0.5], atol=0.03)
    assert weights.sum() == pytest.approx(1)


def test_a_weighted_average_is_one_network():
    networks = [
        Network(Dense(4), Tanh(), Dense(2), inputs=2, seed=s, dtype="float64") for s in range(3)
    ]
    outputs = [network.predict(X) for network in networks]
    for shares in ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.2, 0.3), (0.5, 0.0, 0.5), (0.2, 0.0, 0.8)):
        joined = average(networks, 0, np.asarray(shares))
        np.testing.assert_allclose(joined.predict(X), np.tensordot(shares, outputs, 1))
    assert average(networks, 0, np.array([0, 1, 0])) is networks[1]


def test_the_first_network_of_an_average_is_found_again():
    networks = [Network(Dense(4), Tanh(), Dense(2), inputs=2, seed=s) for s in range(3)]
    first, count = first_of(average(networks, 0))
    assert count == 3
    np.testing.assert_array_equal(first.predict(X), networks[0].predict(X))
    weighed, count = first_of(average(networks, 0, np.array([0.5, 0.2, 0.3])))
    assert count == 3
    np.testing.assert_allclose(weighed.predict(X), 1.5 * networks[0].predict(X), rtol=1e-5)
    assert first_of(networks[0]) == (networks[0], 1)
    other = Network(Concat(Dense(2), Tanh()), Average(2), inputs=2)
    assert first_of(other) == (other, 1)


def test_a_bag_without_a_weight_comes_last(monkeypatch):
    monkeypatch.setattr("steepest.pipeline.bags.chosen_weights", lambda *_: np.array([0.0, 1.0]))
    recipe, task, encoder, data = prepared({"folds": 3, "ensemble": 2})
    bags = train_all(recipe, task, encoder, data, RunOptions())
    alone = train_all(
        replace(recipe.of_bag(encoder, 1), folds=3), task, encoder, data, RunOptions()
    )
    for own, expected in zip(bags.histories[:3], alone.histories, strict=True):
        np.testing.assert_array_equal(own["loss"], expected["loss"])
    assert len(bags.histories) == 6
    first, count = first_of(bags.network)
    assert count == 3
    np.testing.assert_array_equal(first.predict(data.X), first_of(alone.network)[0].predict(data.X))


def test_an_interrupted_bag_is_what_was_trained():
    recipe, task, encoder, data = prepared({"folds": 3, "ensemble": 2, "threads": 1})
    begun = []

    def stop(trainer):
        begun.append(trainer)

        def interrupt(progress):
            assert (progress.fit, progress.fits) == (len(begun) - 1, 6)
            if len(begun) == 2 and progress.epoch_ended:
                raise KeyboardInterrupt

        return [interrupt]

    found = train_all(recipe, task, encoder, data, RunOptions(callbacks=stop))
    assert isinstance(found.ended, KeyboardInterrupt)
    assert len(begun) == len(found.histories) == 2
    assert found.network.predict(data.X).shape == (N, 1)


def test_what_is_raised_in_a_fold_ends_all_of_them():
    recipe, task, encoder, data = prepared({"folds": 3, "epochs": 10**6, "threads": 2})
    begun = []

    def fail(trainer):
        begun.append(trainer)
        return [raising] if len(begun) == 2 else []

    def raising(progress):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        train_all(recipe, task, encoder, data, RunOptions(callbacks=fail))


def test_bags_keep_to_a_time_limit_and_keep_no_checkpoints(tmp_path):
    recipe, task, encoder, data = prepared({"folds": 3, "epochs": 10**6})
    found = train_all(recipe, task, encoder, data, RunOptions(time_limit=0.3))
    assert len(found.histories) == 3
    assert all(len(history) < 10**6 for history in found.histories)
    with pytest.raises(InputError, match="not of a bag over folds"):
        train_all(recipe, task, encoder, data, RunOptions(checkpoint=Checkpoint(tmp_path / "c")))


def test_work_grows_with_networks_rows_and_members():
    recipe, task, encoder, data = prepared({"threads": 1})
    ladder = Ladder(recipe, task, encoder, SMALL | {"threads": 1}, N)
    one = ladder.work(recipe)

    def work(**settings):
        return ladder.work(Recipe.for_task(task, SMALL | {"threads": 1} | settings))

    assert work(folds=4) == pytest.approx(3 * one)
    assert work(folds=4, threads=4) == pytest.approx(3 / 4 * one)
    of_two, of_four = (work(folds=4, ensemble=bags) for bags in (2, 4))
    assert of_two > 6 * one  # numbers enter the second bag as 32 inputs
    assert of_four > of_two + 3 * 280 / 16 * one  # Muon's own work, of 280 rows a batch
    assert work(epochs=6) == pytest.approx(2 * one)
    wide = {"layers": (64, 64)}
    assert work(members=8, **wide) > 2 * work(members=1, **wide)
    pace = ladder.pace_before(data)
    assert pace > 0
    seconds = ladder.seconds(pace)
    assert seconds[1] < seconds[2]
    assert seconds[3] < seconds[4]
    assert seconds[1] == pytest.approx(pace * one)
    trained = train_recipe(recipe, task, encoder, data)
    assert ladder.pace_after(trained, 2.0) == pytest.approx(2.0 / one)


def test_the_epochs_of_several_networks_are_one_line():
    def told(best, *epochs, chosen=True):
        trained = SimpleNamespace(histories=[range(k) for k in epochs], best=best)
        return training_line(trained, 2.04, chosen)

    assert told([7], 12) == "12 epochs in 2.0 s, best epoch 7"
    assert told([1], 1, chosen=False) == "1 epoch in 2.0 s"
    assert told([7, 12, 9], 12, 12, 12) == "12 epochs each in 2.0 s, best epoch 7 to 12"
    assert told([4, 4], 9, 5) == "5 to 9 epochs each in 2.0 s, best epoch 4"


def test_times_as_people_say_them():
    told = [told_seconds(s) for s in (0.1, 7.4, 34, 130, 7200)]
    assert told == ["1 s", "7 s", "30 s", "2 min", "2.0 h"]
    assert ladder_line(2, {1: 3, 2: 40}) == "quality 2 takes about 40 s (1: 3 s)"
    line = next_line(Recipe(), {1: 3, 2: 40}, "--quality {}", 9_000)
    assert line == "--quality 2 would take about 40 s"
    assert next_line(Recipe(quality=2), {1: 3, 2: 40}, "--quality {}", 9_000) is None


def test_a_bag_is_recommended_for_few_rows():
    seconds = {1: 1, 2: 8, 3: 9, 4: 30}
    bags = {1: 9, 2: 9, 3: 20, 4: 30}
    few = next_line(Recipe(), seconds, "--quality {}", 200)
    assert few == (
        "--quality 2 would take about 8 s, and is better most of the time on so few rows (200)"
    )
    for bag in (Recipe(folds=8), Recipe(quality=2, folds=8)):
        line = next_line(bag, bags, "--quality {}", 200)
        assert line == "--quality 3 would take about 20 s"
    assert next_line(Recipe(quality=4, folds=8), bags, "--quality {}", 200) is None


def test_the_command_line_says_what_steps_cost_before_and_after():
    settings = SMALL | {"quality": 3, "folds": 3, "members": 2}
    fit = fit_table(TABLE, Request("y", settings))
    lines = "\n".join(fit.notes)
    assert re.search(r"quality 3 takes about .* s \(1: .*, 2: .*, 4: .*\)", lines)
    assert "--quality 4 would take about" in lines
    assert "96 rows to train, each to validate in one of 3 folds; " in lines
    assert "2 members" in lines
    assert "the average of 6" in lines
    assert fit.scores["r2"][0] > fit.scores["r2"][1]


@pytest.fixture(scope="module", params=[1, 2, 4])
def classifier(request):
    settings = SMALL | {"members": 2} | ({"folds": 3} if request.param > 1 else {})
    settings |= {"layers": (4,), "label_smoothing": 0.1}
    model = TabularClassifier(quality=request.param, settings=settings, class_weight="balanced")
    return model.fit(X, KIND)


def test_what_a_model_of_any_step_can_do(classifier, tmp_path):
    p = classifier.predict_proba(X)
    assert p.mean(axis=0)[1] == pytest.approx((KIND == "yes").mean(), abs=0.15)
    assert classifier.model_.calibration.label_smoothing
    assert classifier.predict_set(X, 0.8).any(axis=1).all()
    classifier.model_.save(tmp_path / "model")
    again = load(tmp_path / "model")
    names = list(again.encoder.columns)
    rows = dict(zip(names, X.T, strict=True))
    np.testing.assert_array_equal(again.predict_proba(rows), p)
    assert again.evaluate(rows, KIND).scores
    assert len(again.report(pa.table({**rows, again.task.name: KIND}))) > 1000
    path = classifier.row_paths(X[:1])[0]
    assert str(path)
    z = again.network.predict(again.encoder.transform(pa.table(rows)))
    one = Compiled(again.network, np.array, lambda z: z)
    np.testing.assert_allclose(one(again.encoder.transform(pa.table(rows))[3]), z[3], atol=1e-5)


def test_steps_train_as_many_networks_and_folds_calibrate(classifier):
    fits = {1: 1, 2: 3, 4: 12}[classifier.quality]
    assert len(classifier.histories_) == fits
    rows = classifier.model_.calibration.rows
    assert rows == (12 if classifier.quality == 1 else N)
    if classifier.quality == 1:
        assert classifier.costs_ is None
    else:
        assert sorted(classifier.costs_) == [1, 2, 3, 4]


def test_intervals_of_a_bag_are_calibrated_out_of_fold():
    y = TABLE["y"].to_numpy()
    settings = SMALL | {"folds": 3}
    model = TabularRegressor(settings=settings, quantiles=(0.9, 0.1)).fit(X, y)
    known, low, high = model.calibration_
    assert sorted(known) == sorted(y)
    assert (low <= high).all()
    inside = model.predict_interval(X, 0.9)
    assert ((inside[:, 0] <= y) & (y <= inside[:, 1])).mean() > 0.8


def test_monotone_columns_go_into_bags_but_not_with_members():
    y = TABLE["y"].to_numpy()
    model = TabularRegressor(settings=SMALL | {"folds": 2}, monotonic={"b": 1})
    model.fit(TABLE.select(["a", "b"]), y)
    rising = model.predict({"a": np.zeros(50), "b": np.linspace(-2, 2, 50)})
    assert (np.diff(rising) >= 0).all()
    model = TabularRegressor(settings=SMALL | {"members": 2}, monotonic={"b": 1})
    with pytest.raises(InputError, match="members that share layers can't have monotone columns"):
        model.fit(TABLE.select(["a", "b"]), y)
    model = TabularRegressor(quality=3, settings=SMALL | {"layers": (4,)}, monotonic={"b": 1})
    fits = LADDER[3]["folds"] * LADDER[3]["ensemble"]
    assert len(model.fit(TABLE.select(["a", "b"]), y).histories_) == fits


def test_bags_go_by_groups_and_want_no_other_rows_to_validate_on(capsys):
    settings = SMALL | {"folds": 3, "epochs": 1}
    model = TabularClassifier(settings=settings, metrics=["accuracy"], verbose=True)
    model.fit(X, KIND, groups=np.arange(N) // 4)
    told = capsys.readouterr().out
    assert "quality 1 takes about" in told
    assert "network 3 of 3, epoch 1 of 1:" in told
    assert "accuracy" in model.histories_[0].rows[0]
    with pytest.raises(InputError, match="eval_set and folds can't go together"):
        TabularClassifier(settings=settings).fit(X, KIND, eval_set=(X, KIND))
    with pytest.raises(InputError, match="give quality of TabularClassifier instead"):
        TabularClassifier(settings={"quality": 2}).fit(X, KIND)


class StoppedError(Exception):
    """Ends a fit before its training, which it has the recipe and the data of."""


def stop(recipe, task, encoder, data, options):
    raise StoppedError(recipe, data)


ROWS = 60
FEW = TABLE.slice(0, ROWS).append_column("kind", pa.array(KIND[:ROWS]))
WORDS = pa.array([" ".join(RNG.choice(list("abcdefghij"), 9)) for _ in range(ROWS)])
RARE = pa.array(["yes"] * 7 + ["no"] * (ROWS - 7))
SIZE = {"layers": (4,)}


def trains(monkeypatch, target="y", table=FEW, **request):
    """Return the recipe and the data that `fit_table` trains by."""
    monkeypatch.setattr("steepest.pipeline.fit.train_all", stop)
    settings = SIZE | request.pop("settings", {})
    with pytest.raises(StoppedError) as told:
        fit_table(table, Request(target, settings, test=0.0, **request))
    return told.value.args


@pytest.mark.parametrize("target", ["y", "kind"])
def test_a_table_of_few_rows_trains_a_bag(monkeypatch, target):
    recipe, data = trains(monkeypatch, target)
    assert (recipe.quality, recipe.folds, len(data.folds)) == (2, 8, 8)
    assert data.held_out is None
    assert len(data.y) == ROWS
    assert sorted(np.concatenate([out for _, out in data.folds])) == list(range(ROWS))


@pytest.mark.parametrize(
    "request_",
    [
        {"validation": 0.2},
        {"settings": {"epochs": 2}},
        {"settings": {"folds": 0}},
        {"monotonic": ["a=+1"]},
        {"time": "a"},
        {"groups": "b"},
        {"options": RunOptions(watched=True)},
        {"table": FEW.slice(1, 48)},
        {"table": FEW.append_column("split", pa.array(["train"] * 54 + ["validation"] * 6))},
        {"table": FEW.append_column("words", WORDS)},
        {"table": FEW.append_column("rare", RARE), "target": "rare"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_speaks_against_a_bag_of_few_rows(monkeypatch, request_):
    recipe, data = trains(monkeypatch, **request_)
    assert recipe.folds == 0
    assert data.held_out is not None


def test_a_checkpoint_is_of_one_network(monkeypatch, tmp_path):
    kept = RunOptions(checkpoint=Checkpoint(tmp_path / "c"))
    assert trains(monkeypatch, options=kept)[0].folds == 0


def fits(monkeypatch, model, *more, rows=ROWS, **given):
    """Return the recipe that an estimator trains by."""
    monkeypatch.setattr("steepest.estimators.trained.train_all", stop)
    y = (KIND if isinstance(model, TabularClassifier) else TABLE["y"].to_numpy())[:rows]
    with pytest.raises(StoppedError) as told:
        model.fit({"a": X[:rows, 0], "b": X[:rows, 1]}, y, *more, **given)
    return told.value.args[0]


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_estimators_train_few_rows_as_a_bag_unless_rows_are_given(monkeypatch, kind):
    def folds(*more, given=None, rows=ROWS, **parameters):
        model = kind(settings=SIZE | parameters.pop("settings", {}), **parameters)
        return fits(monkeypatch, model, *more, rows=rows, **(given or {})).folds

    assert folds() == folds(np.ones(ROWS)) == folds(quality=2) == 8
    assert folds(rows=49) == 0
    assert folds(validation_fraction=0.2) == folds(validation_fraction=0) == 0
    assert folds(validation_fraction=ShuffleSplit(2)) == 0
    assert folds(callbacks=[print]) == folds(ensemble=2) == folds(settings={"lr": 0.1}) == 0
    assert folds(ranks=Ranks()) == folds(quality=1) == 0
    assert folds(monotonic={"a": 1}) == 0
    assert folds(given={"groups": np.arange(ROWS)}) == folds(given={"time": np.arange(ROWS)}) == 0
    y = (KIND if kind is TabularClassifier else TABLE["y"].to_numpy())[:ROWS]
    assert folds(given={"eval_set": ({"a": X[:ROWS, 0], "b": X[:ROWS, 1]}, y)}) == 0


def test_rows_that_were_too_many_before_some_were_held_out_train_one_network(monkeypatch):
    x, y = RNG.normal(size=1080), np.resize(["a", "b", "c"], 1080)
    monkeypatch.setattr("steepest.estimators.trained.train_all", stop)
    with pytest.raises(StoppedError) as told:
        TabularClassifier(settings=SIZE).fit({"x": x}, y)
    recipe, data = told.value.args
    assert (recipe.folds, recipe.quality, len(data.y)) == (0, 1, 972)
    table = pa.table({"x": x, "y": y})
    assert trains(monkeypatch, table=table)[0].folds == 0


@pytest.mark.parametrize(("names", "folds"), [(["train"], 8), (["train", "validation"], 0)])
def test_a_column_split_stands_against_a_bag_if_it_says_which_rows_to_validate_on(
    monkeypatch, names, folds
):
    parts = np.resize([*names, "test"], 1500)
    x = RNG.normal(size=1500)
    table = pa.table({"x": x, "y": x, "split": pa.array(parts)})
    recipe, data = trains(monkeypatch, table=table)
    assert recipe.folds == folds
    assert (data.held_out is None) == bool(folds)
    assert len(data.y) == (parts == "train").sum()


def test_two_hundred_rows_are_predicted_about_as_well_as_by_ridge_regression():
    rows, y = load_diabetes(return_X_y=True)
    model = TabularRegressor().fit(rows[:200], y[:200])
    ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(StandardScaler().fit_transform(rows[:200]), y[:200])
    linear = ridge.score(StandardScaler().fit(rows[:200]).transform(rows[200:]), y[200:])
    assert len(model.histories_) == 8
    assert model.score(rows[200:], y[200:]) > linear - 0.04


def test_onnx_of_every_step(classifier, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from steepest import export_onnx

    export_onnx(classifier, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    names = [each.name for each in session.get_inputs()]
    feed = {n: X[:, [j]] for j, n in enumerate(names)}
    p = session.run(None, feed)[1]
    np.testing.assert_allclose(p, classifier.predict_proba(X), atol=1e-4)
