"""Inside scikit-learn: clones, pickles, pipelines, searches, routing."""

import pickle
from copy import deepcopy

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import BaggingClassifier, StackingRegressor, VotingClassifier
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CANCER = load_breast_cancer(as_frame=True)
X, LABELS = CANCER.data.iloc[:, :10], CANCER.target.map({0: "malignant", 1: "benign"})
WEIGHTS = np.random.default_rng(0).uniform(0, 2, len(X))


def classifier(**settings):
    return MLPClassifier(20, random_state=0, max_iter=20, learning_rate_init=0.01, **settings)


def scaled(model):
    return make_pipeline(StandardScaler().set_output(transform="pandas"), model)


@pytest.fixture(scope="module")
def fitted():
    return classifier().fit(StandardScaler().fit_transform(X), LABELS)


def test_clone_has_the_parameters_and_no_state(fitted):
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "coefs_")


def joblib_copy(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


COPIES = {
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "deepcopy": lambda model, folder: deepcopy(model),
    "joblib": joblib_copy,
}


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_predicts_and_learns_on_alike(fitted, way, tmp_path):
    Z = StandardScaler().fit_transform(X)
    mine = deepcopy(fitted)
    copy = COPIES[way](mine, tmp_path)
    np.testing.assert_array_equal(copy.predict_proba(Z), mine.predict_proba(Z))
    for model in (mine, copy):
        model.partial_fit(Z, LABELS)
    np.testing.assert_array_equal(copy.predict_proba(Z), mine.predict_proba(Z))
    assert copy.coefs_[0].base is not None  # again a view of the network
    copy.coefs_[0][:] = 0
    assert not np.array_equal(copy.predict_proba(Z), mine.predict_proba(Z))


def test_a_pickle_holds_no_training_data():
    Z = np.tile(StandardScaler().fit_transform(X), (20, 1))
    model = classifier()
    model.partial_fit(Z, np.tile(LABELS, 20), classes=np.unique(LABELS))
    assert len(pickle.dumps(model)) < 60_000


def test_feature_names_and_string_labels():
    model = scaled(classifier()).fit(X, LABELS)
    assert list(model[-1].feature_names_in_) == list(X.columns)
    assert set(model.predict(X)) == {"malignant", "benign"}
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"mean radius": "radius"}))
    with pytest.warns(UserWarning, match="valid feature names"):
        model[-1].predict(StandardScaler().fit_transform(X))


def test_grid_search_in_processes():
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__hidden_layer_sizes": [(), (9,)]}
    search = GridSearchCV(scaled(classifier()), grid, cv=2, n_jobs=2).fit(X, LABELS)
    assert search.best_score_ > 0.9


def test_cross_validation():
    assert cross_val_score(scaled(classifier()), X, LABELS, cv=3).mean() > 0.9
    p = cross_val_predict(scaled(classifier()), X, LABELS, cv=2, method="predict_proba")
    np.testing.assert_allclose(p.sum(axis=1), 1)


@pytest.mark.parametrize(
    "compose",
    [
        lambda m: CalibratedClassifierCV(m, cv=2),
        lambda m: VotingClassifier([("a", m), ("b", LogisticRegression())], voting="soft"),
        lambda m: BaggingClassifier(m, n_estimators=2, random_state=0),
        OneVsRestClassifier,
    ],
    ids=["calibrated", "voting", "bagging", "one against the rest"],
)
def test_meta_classifiers(compose):
    model = compose(scaled(classifier())).fit(X, LABELS)
    assert model.score(X, LABELS) > 0.9


def test_meta_regressors():
    D, y = load_diabetes(return_X_y=True)
    mlp = MLPRegressor(hidden_layer_sizes=20, random_state=0, learning_rate_init=0.05, max_iter=100)
    inside = TransformedTargetRegressor(scaled(mlp), transformer=StandardScaler())
    model = StackingRegressor([("mlp", inside), ("ridge", Ridge())], cv=2).fit(D, y)
    assert model.score(D, y) > 0.5
    found = partial_dependence(inside.fit(D, y), D, [2], grid_resolution=5)
    assert found["average"][0, -1] > found["average"][0, 0]  # of the body mass index
    important = permutation_importance(inside, D, y, n_repeats=2, random_state=0)
    assert important.importances_mean[[2, 8]].min() > np.median(important.importances_mean)


def test_sample_weight_is_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        mlp = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipe = make_pipeline(scaler, mlp).fit(X, LABELS, sample_weight=WEIGHTS)
        search = GridSearchCV(mlp, {"alpha": [1e-4]}, cv=2)
        search.fit(StandardScaler().fit_transform(X), LABELS, sample_weight=WEIGHTS)
    Z = StandardScaler().fit_transform(X)
    same = classifier().fit(Z, LABELS, sample_weight=WEIGHTS)
    for routed in (pipe[-1], search.best_estimator_):
        np.testing.assert_array_equal(routed.coefs_[0], same.coefs_[0])
    assert not np.array_equal(classifier().fit(Z, LABELS).coefs_[0], same.coefs_[0])
