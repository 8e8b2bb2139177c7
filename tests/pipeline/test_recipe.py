"""What settings become: a network, a loss and a rule, or an error that names the setting."""

import json

import numpy as np
import pyarrow as pa
import pytest

from steepest import InputError, layers, losses, rules, schedules
from steepest.pipeline.defaults import (
    BY_KIND,
    FEW,
    FEW_OF_BAGS,
    FEW_ROWS,
    LADDER,
    LEAST_BAG_ROWS,
    LEAST_EPOCHS,
    MANY,
    TEXT_EPOCHS,
    TEXT_STEPS,
    WAVED,
)
from steepest.pipeline.fit import plain_recipe
from steepest.pipeline.names import ACTIVATIONS, LOSSES, RULES, SCHEDULES
from steepest.pipeline.recipe import Recipe
from steepest.settings import declared
from steepest.tables.encoder import Encoder
from steepest.tables.task import infer_task

RNG = np.random.default_rng(0)
TABLE = pa.table({
    "x": RNG.normal(size=120),
    "many": [f"k{k % 30}" for k in range(120)],
    "regression": RNG.normal(size=120),
    "binary": ["ab"[k % 2] for k in range(120)],
    "multiclass": ["abc"[k % 3] for k in range(120)],
})  # fmt: skip


def task(kind):
    return infer_task(TABLE.column(kind), kind)


def kinds(layer, width):
    found = [type(layer)]
    for _, child, p in layer.children(width):
        found += kinds(child, p)
    return found


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_defaults_make_what_they_say(kind):
    wanted = task(kind)
    encoder = Encoder.fit(TABLE, ["x", "many"])
    recipe = Recipe.for_task(wanted, None, 1200)
    network = recipe.network(wanted, encoder)
    inside = kinds(network.layer, encoder.width)
    assert inside.count(layers.Dense) + inside.count(layers.Heads) == len(recipe.layers) + 1
    assert inside.count(layers.Dropout) == inside.count(layers.Parametric) == len(recipe.layers)
    assert {layers.Periodic, layers.Scale, layers.RootScale} <= set(inside)
    assert network.predict(encoder.transform(TABLE)).shape == (120, wanted.outputs)
    loss = recipe.make_loss(wanted)
    assert isinstance(loss, LOSSES[kind][next(iter(LOSSES[kind]))])
    assert getattr(loss, "label_smoothing", recipe.label_smoothing) == recipe.label_smoothing
    assert isinstance(recipe.make_rule(), rules.Adam)
    assert recipe.batch >= 1
    assert recipe.epochs >= 8


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_rule_goes_with_every_schedule(name, schedule):
    rule = Recipe(rule=name, schedule=schedule, lr=0.5).make_rule(steps=100)
    assert isinstance(rule, RULES[name])
    first = rule.lr if isinstance(rule.lr, float) else np.asarray(rule.lr(np.arange(1))).item()
    assert 0 <= first <= 0.5


def test_settings_replace_the_defaults():
    settings = {"layers": (7, 5), "dropout": 0.0, "layer_norm": True, "epochs": 3, "batch": 11,
                "frequency": 0.0, "loss": "hinge", "rule": "sgd", "momentum": 0.9}  # fmt: skip
    wanted, encoder = task("binary"), Encoder.fit(TABLE, ["x"])
    recipe = Recipe.for_task(wanted, settings, 120)
    inside = kinds(recipe.network(wanted, encoder).layer, encoder.width)
    assert inside.count(layers.LayerNorm) == 2
    assert not {layers.Dropout, layers.Periodic, layers.PiecewiseLinear} & set(inside)
    assert (recipe.epochs, recipe.batch, recipe.sizes) == (3, 11, (7, 5))
    assert isinstance(recipe.make_loss(wanted), losses.Hinge)
    assert recipe.make_rule().momentum == 0.9


def test_more_rows_mean_larger_batches_and_fewer_epochs():
    recipes = [Recipe.for_task(task("binary"), None, n) for n in (1_010, 5_000, 50_000, 10**6)]
    batches = [recipe.batch for recipe in recipes]
    epochs = [recipe.epochs for recipe in recipes]
    assert batches == sorted(set(batches))
    assert epochs == sorted(epochs, reverse=True)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layers": (0,)}, "layers must be a whole number of at least 1, got 0"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"epochs": True}, "epochs must be a whole number"),
        ({"lr": float("nan")}, "lr must be a number above 0, got nan"),
        ({"lr": 0.0}, "lr must be a number above 0, got 0.0"),
        ({"weight_decay": -1}, "weight_decay must be a number of at least 0"),
        ({"dropout": 1.5}, "dropout"),
        (
            {"rule": "adamant"},
            "rule must be one of adadelta, adafactor, adagrad, adam",
        ),
        ({"schedule": "sometimes"}, "schedule must be one of constant"),
        ({"activation": "relu6"}, "activation must be one of"),
        ({"dtype": "float16"}, "dtype must be one of float32, float64"),
        ({"matmul_dtype": "float16"}, "matmul_dtype must be 'bfloat16'"),
        (
            {"matmul_dtype": "bfloat16", "dtype": "float64"},
            "matmul_dtype bfloat16 is for dtype float32",
        ),
        ({"rule": ["sgd"]}, "rule must be one of adadelta"),
        ({"clip_norm": 0}, "clip_norm must be a number above 0"),
        ({"momentum": 2, "rule": "sgd"}, "momentum must be a number of at least 0 and at most 1"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": None}, "seed must be a whole number of at least 0"),
        ({"seed": 2**63}, "seed must be a whole number of at least 0 and below"),
        ({"momentum": 0.9}, "momentum belongs to the rule muon, rmsprop or sgd, not to adam"),
        ({"layer_norm": "no"}, "layer_norm must be True or False, got 'no'"),
        ({"layers": True}, "layers must be a list, got True"),
        ({"layers": np.array(8)}, "layers must be a list"),
        ({"lr": np.array(0.1)}, "lr must be a number above 0, got array"),
        ({"rule": rules.Adam}, "rule must be one of"),
        ({"rule": rules.Adam()}, "rule must be one of"),
        ({3: 1}, "settings: no 3; there are quality, "),
        ([8], r"settings must be a mapping, like .*, got \[8\]"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(settings, words):
    with pytest.raises(InputError, match=words):
        Recipe.for_task(task("binary"), settings)


@pytest.mark.parametrize("loss", [0, "", ["squared"], losses.Squared])
def test_a_loss_that_is_no_name_is_refused(loss):
    with pytest.raises(InputError, match="loss for binary must be one of"):
        Recipe(loss=loss).make_loss(task("binary"))


def test_numbers_of_numpy_become_those_of_python():
    drawn = Recipe(
        layers=(np.int64(8), np.int32(4)), lr=np.float32(0.5), epochs=np.int64(2), seed=np.uint8(3),
        layer_norm=np.bool_(True), quantiles=np.array([0.25, 0.75]), threads=np.int16(1),
    )  # fmt: skip
    plain = Recipe(
        layers=(8, 4), lr=0.5, epochs=2, seed=3, layer_norm=True, quantiles=(0.25, 0.75), threads=1
    )
    assert repr(drawn) == repr(plain)
    assert json.dumps(plain_recipe(drawn)) == json.dumps(plain_recipe(plain))


@pytest.mark.parametrize("layers", [8, np.int64(8), np.array([8])])
def test_one_number_of_units_is_one_layer(layers):
    assert Recipe(layers=layers) == Recipe(layers=(8,))


def test_a_former_name_is_taken_with_a_warning():
    with pytest.warns(DeprecationWarning, match="products is called matmul_dtype now"):
        recipe = Recipe(products="bfloat16")
    assert recipe == Recipe(matmul_dtype="bfloat16")
    assert "products" not in Recipe.names()
    with pytest.warns(DeprecationWarning, match="products is called matmul_dtype now"):
        assert Recipe.for_task(task("binary"), {"products": "bfloat16"}) == Recipe.for_task(
            task("binary"), {"matmul_dtype": "bfloat16"}
        )


def test_every_setting_says_what_it_is_and_what_it_is_by_default():
    said = {one.name: one for one in declared(Recipe)}
    assert tuple(said) == Recipe.names()
    for one in said.values():
        assert one.setting.help.endswith(".")
        assert one.value is not None or one.setting.default, one.name
    for kind, changes in BY_KIND.items():
        for name, value in changes.items():
            assert f"{value} " in said[name].setting.default, (kind, name)


def test_a_loss_of_another_task_is_refused():
    with pytest.raises(InputError, match="loss for multiclass must be one of softmax"):
        Recipe(loss="squared").make_loss(task("multiclass"))


@pytest.mark.parametrize(
    ("names", "name", "kind"),
    [
        (ACTIVATIONS, "logistic", layers.Sigmoid),  # as scikit-learn says
        (ACTIVATIONS, "sigmoid", layers.Sigmoid),
        (ACTIVATIONS, "leaky_relu", layers.LeakyReLU),
        (ACTIVATIONS, "leakyrelu", layers.LeakyReLU),
        (ACTIVATIONS, "identity", layers.Identity),
        (LOSSES["multiclass"], "softmax", losses.SoftmaxCrossEntropy),
        (LOSSES["multiclass"], "softmaxcrossentropy", losses.SoftmaxCrossEntropy),
        (SCHEDULES, "inverse", schedules.InverseScaling),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_class_has_several_names_and_is_shown_once(names, name, kind):
    assert names[name] is kind
    assert [*names.values()].count(kind) == 1
    assert len(names) == len(list(names)) == len(set(names.values()))


def test_what_is_no_activation_or_needs_more_than_a_rate_is_not_offered():
    assert not {"dropout", "dense", "softmax", "scale"} & set(ACTIVATIONS)
    assert "step" not in SCHEDULES
    assert "schedule" not in SCHEDULES
    assert "poisson" not in LOSSES["regression"]


def test_few_rows_get_longer_waves_and_smaller_batches():
    wanted = task("regression")
    recipes = [Recipe.for_task(wanted, rows=rows) for rows in (1000, 10_000, 100_000, 10**6)]
    assert [recipe.frequency for recipe in recipes] == [0.3, 0.3, 4.0, 4.0]
    assert [recipe.batch for recipe in recipes] == [64, 256, 512, 1024]
    assert Recipe.for_task(wanted, {"frequency": 2.0}, rows=1000).frequency == 2.0


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_few_rows_of_classes_get_members_and_a_short_training(kind):
    wanted, own = task(kind), FEW_ROWS[kind]

    def found(rows, settings=None, **plain):
        recipe = Recipe.for_task(wanted, settings, rows, **plain)
        return {name: getattr(recipe, name) for name in own}

    usual = found(FEW + 1)
    assert found(FEW) == own
    assert usual["members"] < own["members"]
    assert usual["lr"] > own["lr"]
    assert usual["epochs"] > own["epochs"]
    for unlike in ({"texts": True}, {"rising": True}):
        assert found(FEW, **unlike)["members"] == 1
    assert found(FEW, {"epochs": 5}) == {**usual, "epochs": 5}  # all of it or nothing
    for settings in ({"quality": 3}, {"folds": 8}):
        bag = Recipe.for_task(wanted, settings, FEW)
        assert (bag.members, bag.folds, bag.epochs) == (1, 8, own["epochs"])


@pytest.mark.parametrize("kind", FEW_OF_BAGS)
def test_few_rows_get_a_bag_if_folds_may_choose_the_epochs(kind):
    wanted = task(kind)

    def found(rows, settings=None, bag=True, **plain):
        recipe = Recipe.for_task(wanted, settings, rows, bag=bag, **plain)
        names = ("quality", "members", "lr", "epochs", "folds", "ensemble")
        return {name: getattr(recipe, name) for name in names}

    least = LEAST_BAG_ROWS
    for most, own in FEW_OF_BAGS[kind]:
        expected = own | {"folds": 8, "ensemble": 1}
        for rows in (least, most):
            assert found(rows) == expected | {"quality": 2}
            for quality in (2, 3, 4):
                step = {k: value for k, value in LADDER[quality].items() if k != "members"}
                for bag in (True, False):
                    given = found(rows, {"quality": quality}, bag)
                    assert given == expected | step | {"quality": quality}
            assert found(rows, {"quality": 1}) == found(rows, bag=False)
            assert found(rows, bag=False)["folds"] == 0
            kept = {"dropout": 0.5, "activation": "relu", "patience": 9}
            assert found(rows, kept) == expected | {"quality": 2}
            for given in ({name: value} for name, value in own.items()):
                assert found(rows, given) == found(rows, given, False)
                assert found(rows, given)["folds"] == 0
        least = most + 1
    least = LEAST_BAG_ROWS
    assert found(least - 1) == found(least - 1, bag=False)
    assert found(FEW, columns=WAVED)["folds"] == 8
    assert found(FEW, columns=WAVED + 1)["folds"] == 0
    layers = [{"type": "Dense", "units": 3}]
    assert found(least, {"layers": layers})["folds"] == 0
    assert found(least, {"folds": 5}) == found(least, {"folds": 5}, False)
    assert found(least, {"folds": 0})["folds"] == found(least, {"ensemble": 2})["folds"] == 0
    for unlike in ({"texts": True}, {"rising": True}):
        assert found(least, **unlike)["folds"] == 0


@pytest.mark.parametrize(("kind", "folds"), [("binary", 8), ("regression", 8), ("multiclass", 0)])
def test_more_rows_get_a_bag_where_it_takes_about_twice_the_time(kind, folds):
    wanted = task(kind)
    recipe = Recipe.for_task(wanted, {}, FEW + 1, MANY, bag=True)
    assert (recipe.folds, recipe.quality) == (folds, 2 if folds else 1)
    if folds:
        assert recipe == Recipe.for_task(wanted, {"quality": 2}, FEW + 1, MANY)
    assert Recipe.for_task(wanted, {}, FEW + 1, MANY + 1, bag=True).folds == 0
    assert Recipe.for_task(wanted, {"quality": 1}, 10**6, bag=True).folds == 0
    for name, value in {"lr": 0.1, "epochs": 9, "members": 2, "ensemble": 2, "folds": 0}.items():
        assert Recipe.for_task(wanted, {name: value}, FEW + 1, bag=True).folds == 0


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_members_share_layers_unless_they_can_not(kind):
    wanted, usual = task(kind), BY_KIND[kind]["members"]
    assert Recipe.for_task(wanted).members == usual > 1
    assert Recipe.for_task(wanted, {"quality": 2}).members == 1
    own = {"layers": [{"type": "Dense", "units": 3}]}
    for settings, plain in (({}, {"texts": True}), ({}, {"rising": True}), (own, {})):
        for rows in (FEW, FEW + 1):
            assert Recipe.for_task(wanted, settings, rows, **plain).members == 1
            asked = Recipe.for_task(wanted, settings | {"members": 2}, rows, **plain)
            assert asked.members == 2


def test_networks_predict_with_an_average_over_a_share_of_the_steps():
    recipe = Recipe.for_task(task("binary"), {"average": 0.25})
    decay = recipe.make_rule(steps=40).ema(np.arange(3))
    np.testing.assert_allclose(decay, 0.9)
    assert recipe.make_rule(steps=4).ema(np.arange(1)) == 0
    assert Recipe.for_task(task("binary"), {"average": 0}).make_rule().ema is None
    assert Recipe.for_task(task("binary")).average == BY_KIND["binary"]["average"]
    usual = Recipe.for_task(task("binary"), texts=True)
    assert usual.make_rule().ema is not None
    assert usual.make_rule(lazy=True).ema is None  # an average would change all rows of a table
    assert recipe.make_rule(lazy=True).ema is not None  # it was asked for, and is refused later
    own = Recipe.for_task(task("binary"), {"rule": "schedule_free_adamw", "schedule": "constant"})
    assert own.make_rule().ema is None


def test_texts_mean_few_epochs():
    def epochs(rows, texts, **settings):
        return Recipe.for_task(task("binary"), settings, rows, texts=texts).epochs

    assert epochs(4000, True) == TEXT_EPOCHS < epochs(4000, False)
    assert TEXT_EPOCHS < epochs(1100, True) == round(TEXT_STEPS / 9) < epochs(1100, False)
    assert epochs(10**6, True) == epochs(10**6, False) == LEAST_EPOCHS
    assert epochs(4000, True, epochs=40) == 40


@pytest.mark.parametrize(("kind", "few", "many"), [("regression", 4, 2), ("multiclass", 1, 1)])
def test_many_columns_have_fewer_members(kind, few, many):
    def members(columns, **settings):
        return Recipe.for_task(task(kind), settings, 5000, columns).members

    assert members(MANY) == few
    assert members(MANY + 1) == many
    assert members(MANY + 1, quality=2) == 1
    assert members(MANY + 1, members=8) == 8


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_many_columns_leave_the_waves_out_unless_they_are_asked_for(kind):
    few, many = (Recipe.for_task(task(kind), {}, 5000, n) for n in (10, 12_000))
    assert few.frequency > 0
    assert many.frequency == 0
    assert Recipe.for_task(task(kind), {"frequency": 1.0}, 96, 12_000).frequency == 1


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_members_share_the_hidden_layers_and_bins_take_the_place_of_waves(kind):
    wanted, encoder = task(kind), Encoder.fit(TABLE, ["x", "many"])
    recipe = Recipe.for_task(wanted, {"members": 5, "bins": 9}, 120)
    network = recipe.network(wanted, encoder)
    shown = repr(network.layer)
    assert "PiecewiseLinear(9" in shown
    assert "Periodic" not in shown
    assert {layers.Adapters, layers.Heads} <= {type(layer) for layer in network.layers}
    assert network.layers[-1] == layers.MemberMean(recipe.make_loss(wanted).link)
    assert network.predict(encoder.transform(TABLE)).shape == (120, wanted.outputs)


def test_quality_is_short_for_settings_that_go_before_it():
    steps = [Recipe.for_task(task("binary"), {"quality": q}) for q in LADDER]
    assert [step.fits for step in steps] == [1, 8, 16, 32]
    assert [step.members for step in steps] == [4, 1, 1, 1]
    rising = [Recipe.for_task(task("binary"), {"quality": q}, rising=True) for q in LADDER]
    assert {step.members for step in rising} == {1}
    own = Recipe.for_task(task("binary"), {"quality": 3, "folds": 4, "members": 2, "ensemble": 1})
    assert (own.fits, own.members) == (4, 2)
    assert Recipe.for_task(task("binary")) == steps[0]


def test_bags_are_of_other_kinds_but_as_they_were_set():
    encoder = Encoder.fit(TABLE, ["x", "many"])

    def of_bags(settings, encoder=encoder, rising=False):
        recipe = Recipe.for_task(task("regression"), settings, rising=rising)
        bags = [recipe.of_bag(encoder, bag, fold=3) for bag in range(recipe.ensemble)]
        assert [each.seed for each in bags] == [8 * k + 3 for k in range(len(bags))]
        assert {each.fits for each in bags} == {8}
        return [(each.bins, each.rule, each.members) for each in bags]

    four = [(0, "adam", 1), (32, "adam", 1), (0, "muon", 1), (0, "adam", 4)]
    assert [of_bags({"quality": q}) for q in (2, 3, 4)] == [four[:1], four[:2], four]
    assert of_bags({"quality": 4, "ensemble": 5}) == four + four[:1]
    set_ = {"bins": 9, "rule": "nadam", "members": 2}
    assert of_bags({"quality": 4} | set_) == [tuple(set_.values())] * 4
    other = {"layers": (8, {"type": "Dense", "units": 4}), "members": 1}
    without = [*four[:3], four[0]]
    assert of_bags({"quality": 4} | other) == without
    rising = Encoder.fit(TABLE, ["x", "many"], monotonic={"x": 1})
    assert of_bags({"quality": 4}, rising, rising=True) == without


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"quality": 0}, "quality must be a whole number of at least 1 and at most 4, got 0"),
        ({"quality": 5}, "quality must be .*at most 4"),
        ({"folds": 1}, "folds must be 0 or at least 2"),
        ({"members": 0}, "members"),
        ({"bins": -1}, "bins"),
        ({"average": 1.0}, "average"),
    ],
)
def test_steps_that_make_no_sense(settings, message):
    with pytest.raises(InputError, match=message):
        Recipe.for_task(task("binary"), settings)


def test_few_rows_of_very_many_columns_have_one_network():
    task = infer_task(pa.array([0.5, 1.5, 2.5] * 40), "y")
    assert Recipe.for_task(task, rows=96, columns=1_000, bag=True).folds == 8
    assert Recipe.for_task(task, rows=96, columns=12_000, bag=True).folds == 0
