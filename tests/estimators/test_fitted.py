"""The state of an estimator: what a fit leaves, what a later one takes up, what is shown of it."""

import copy
import pickle

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.datasets import load_iris

from steepest import SGD, InputError, MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)


def classifier(**settings):
    return MLPClassifier(
        8, random_state=0, **{"max_iter": 10, "learning_rate_init": 0.01} | settings
    )


def shown(model):
    """Return the names of what a fit has set."""
    return {name for name in vars(model) if name.endswith("_") and not name.startswith("_")}


@pytest.mark.parametrize(
    "settings", [{}, {"early_stopping": True}, {"solver": "sgd"}, {"solver": "lbfgs"}], ids=str
)
def test_all_that_scikit_learn_shows_is_shown(settings):
    ours = classifier(**settings).fit(X, Y)
    theirs = neural_network.MLPClassifier(8, random_state=0, max_iter=10, **settings).fit(X, Y)
    assert shown(ours) - shown(theirs) == {"network_", "history_"}
    missing = shown(theirs) - shown(ours)
    assert missing <= {"best_loss_", "validation_scores_", "best_validation_score_"}
    assert not missing or settings == {"solver": "lbfgs"}


def test_what_is_shown_is_of_the_epoch_that_has_ended():
    seen = []

    def look(progress):
        if progress.epoch_ended:
            seen.append((model.n_iter_, model.t_, model.loss_, model.best_loss_))

    model = classifier(callbacks=[look], max_iter=4)
    model.fit(X, Y)
    losses = model.loss_curve_
    assert seen == [(k, 150 * k, losses[k - 1], min(losses[:k])) for k in range(1, 5)]


def test_rows_may_be_scored_without_early_stopping():
    plain = classifier().fit(X, Y)
    scored = classifier().fit(X, Y, eval_set=(X[::2], Y[::2]))
    np.testing.assert_array_equal(scored.network_.theta, plain.network_.theta)
    assert scored.history_["validation_score"][-1] == scored.score(X[::2], Y[::2])
    assert scored.validation_scores_ is None
    assert scored.best_loss_ == plain.best_loss_


def test_a_callback_that_says_stop_once_within_an_epoch_ends_the_fit():
    said = []

    def stop_once(progress):
        if not progress.epoch_ended and not said:
            said.append(progress.step)
            return True
        return None

    model = classifier(callbacks=[stop_once], batch_size=1, max_iter=9).fit(X, Y)
    assert model.n_iter_ == len(model.loss_curve_) == 1
    assert 0 < said[0] < 150


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_copy_goes_on_as_the_model_does(copied, solver):
    model = classifier(solver=solver)
    for _ in range(2):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    same = copied(model)
    for each in (model, same):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(same.network_.theta, model.network_.theta)
    assert (same.t_, same.loss_curve_) == (model.t_, model.loss_curve_)


def test_early_stopping_may_begin_with_a_later_fit():
    model = classifier(warm_start=True).fit(X, Y)
    model.set_params(early_stopping=True, max_iter=200).fit(X, Y)
    assert model.best_loss_ is None
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_scores_) == model.n_iter_
    assert len(model.loss_curve_) == 10 + model.n_iter_


def test_steps_may_follow_a_fit_by_lbfgs():
    model = classifier(solver="lbfgs", warm_start=True).fit(X, Y)
    before = model.loss_
    model.set_params(solver="adam", learning_rate_init=1e-6).fit(X, Y)
    assert model.loss_ == pytest.approx(before, rel=0.01)
    assert len(model.loss_curve_) == model.n_iter_


def test_weights_put_there_by_hand_are_trained_on():
    fitted, by_hand = classifier().fit(X, Y), classifier()
    for name in ("coefs_", "intercepts_"):
        setattr(by_hand, name, [array.copy() for array in getattr(fitted, name)])
    by_hand.set_params(learning_rate_init=1e-9).partial_fit(X, Y, classes=[0, 1, 2])
    assert by_hand.t_ == 150
    np.testing.assert_allclose(by_hand.coefs_[0], fitted.coefs_[0], atol=1e-6)


def test_factors_that_fit_no_parameter_are_refused_before_anything_is_set():
    frozen = SGD(lr=0.1, factors={"layer0.*": 0.0})
    model = classifier(solver=frozen)
    with pytest.raises(InputError, match=r"MLPClassifier: .*'layer0\.\*'; there are 0\.A, 0\.b"):
        model.fit(X, Y)
    assert not hasattr(model, "coefs_")
    model.set_params(solver=SGD(lr=0.1, factors={"0.*": 0.0}), warm_start=True).fit(X, Y)
    theta = model.network_.theta.copy()
    with pytest.raises(InputError, match="layer0"):
        model.set_params(solver=frozen).fit(X, Y)
    np.testing.assert_array_equal(model.network_.theta, theta)
