"""Parameters of parameters: what searches set, and how far it reaches."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest import (
    SGD,
    AdamW,
    Cosine,
    ImageClassifier,
    InputError,
    MLPRegressor,
    TabularClassifier,
    TabularRegressor,
)
from steepest.pipeline.image_recipe import ImageRecipe
from steepest.pipeline.recipe import Recipe
from steepest.sampling import Augment

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Y = X @ [1, -2, 0.5]
QUICK = {"layers": (8,), "epochs": 2}


@pytest.mark.parametrize(
    ("kind", "recipe"),
    [(TabularClassifier, Recipe), (TabularRegressor, Recipe), (ImageClassifier, ImageRecipe)],
)
def test_every_setting_is_a_parameter(kind, recipe):
    model = kind(settings={"lr": 0.5})
    found = model.get_params()
    own = set(model.get_params(deep=False)) | {"threads", "seed"}
    inner = {name.removeprefix("settings__") for name in found if name.startswith("settings__")}
    assert inner == set(recipe.names()) - own
    assert (found["settings__lr"], found["settings__epochs"]) == (0.5, None)
    again = clone(model).set_params(**found)
    assert again.get_params() == found
    assert again.settings == {"lr": 0.5}
    assert kind().set_params(**kind().get_params()).settings is None


def test_settings_are_set_one_by_one_and_leave_what_was_given_alone():
    given = {"lr": 0.5, "layers": (4,)}
    model = TabularRegressor(settings=given)
    assert model.set_params(settings__lr=0.1, settings__dropout=0.0) is model
    assert model.settings == {"lr": 0.1, "layers": (4,), "dropout": 0.0}
    assert given == {"lr": 0.5, "layers": (4,)}
    model.set_params(settings__layers=None, ensemble=2)
    assert (model.settings, model.ensemble) == ({"lr": 0.1, "dropout": 0.0}, 2)
    model.set_params(settings={"batch": 8}, settings__lr=0.2)
    assert model.settings == {"batch": 8, "lr": 0.2}
    model.set_params(settings__batch=None, settings__lr=None)
    assert model.settings is None


@pytest.mark.parametrize("name", ["foo", "seed", "threads", "ensemble", "lr__what"])
def test_what_is_no_setting(name):
    model = TabularRegressor(settings={"lr": 0.5})
    with pytest.raises(
        InputError, match=f"settings has no '{name}'; there are activation, average"
    ):
        model.set_params(**{f"settings__{name}": 1})
    assert model.settings == {"lr": 0.5}
    with pytest.raises(ValueError, match="Invalid parameter 'foo'"):
        model.set_params(foo__bar=1)


def test_a_grid_over_settings():
    grid = {"settings__lr": [1e-9, 0.05], "settings__layers": [(4,), (8, 8)], "ensemble": [1]}
    model = TabularRegressor(settings={"epochs": 20, "dropout": 0.0}, n_threads=1)
    found = GridSearchCV(model, grid, cv=2).fit(X, Y)
    assert found.best_params_["settings__lr"] == 0.05
    assert found.best_estimator_.settings.items() >= found_settings(found).items()
    assert found.best_estimator_.model_.network.outputs == 1
    assert model.settings == {"epochs": 20, "dropout": 0.0}
    assert len({str(p) for p in found.cv_results_["params"]}) == 4
    pickle.loads(pickle.dumps(found))


def found_settings(search):
    best = search.best_params_.items()
    return {k.removeprefix("settings__"): v for k, v in best if k.startswith("settings__")}


def test_numbers_as_a_search_draws_them_and_a_pipeline_around():
    model = make_pipeline(StandardScaler(), TabularClassifier(settings=QUICK, n_threads=1))
    drawn = {
        "tabularclassifier__settings__lr": np.geomspace(0.01, 0.1, 3),
        "tabularclassifier__settings__batch": np.array([16, 32]),
    }
    found = RandomizedSearchCV(model, drawn, n_iter=2, cv=2, random_state=0).fit(X, Y > 0)
    settings = found.best_estimator_[-1].settings
    assert settings["batch"] in (16, 32)
    assert settings["layers"] == (8,)


def test_halving_over_epochs():
    model = TabularRegressor(settings={"layers": (8,)}, n_threads=1)
    found = HalvingGridSearchCV(
        model,
        {"settings__lr": [0.01, 0.05]},
        resource="settings__epochs",
        max_resources=4,
        min_resources=2,
        factor=2,
        cv=2,
    ).fit(X, Y)
    assert set(found.cv_results_["n_resources"]) == {2, 4}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_grid_over_the_fields_of_a_rule():
    rule = AdamW(0.1, weight_decay=0.5)
    model = MLPRegressor(hidden_layer_sizes=(8,), solver=rule, max_iter=20, random_state=0)
    assert model.get_params()["solver__weight_decay"] == 0.5
    found = GridSearchCV(model, {"solver__lr": [1e-9, 0.05]}, cv=2).fit(X, Y)
    assert found.best_estimator_.solver == AdamW(0.05, weight_decay=0.5)
    assert model.solver == AdamW(0.1, weight_decay=0.5)


def test_fields_of_fields():
    model = MLPRegressor(solver=SGD(Cosine(0.1)))
    assert model.get_params()["solver__lr__lr"] == 0.1
    model.set_params(solver__lr__lr=0.2, solver__momentum=0.9)
    assert model.solver == SGD(Cosine(0.2), momentum=0.9)
    model.set_params(solver=AdamW(), solver__lr=0.3)
    assert model.solver == AdamW(0.3)
    assert ImageClassifier(augment=Augment(shift=1)).set_params(
        augment__shift=2
    ).augment == Augment(shift=2)


def test_what_has_no_such_part():
    with pytest.raises(InputError, match=r"solver is 'adam', which has no part 'lr'; give an obj"):
        MLPRegressor().set_params(solver__lr=0.1)
    with pytest.raises(InputError, match=r"solver has no 'beta3'; there are amsgrad, beta1, beta2"):
        MLPRegressor(solver=AdamW()).set_params(solver__beta3=0.1)
    with pytest.raises(InputError, match="AdamW: lr must be"):
        MLPRegressor(solver=AdamW()).set_params(solver__lr=-1)
