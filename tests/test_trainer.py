import copy
import threading
import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from steepest import (
    SGD,
    Adam,
    AdamW,
    Cosine,
    Dense,
    DivergenceError,
    Dropout,
    FlatCosine,
    InputError,
    Network,
    ReduceOnPlateau,
    ReLU,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
)
from steepest.kernels.bfloat16 import rounded
from steepest.system.cores import core_count

RNG = np.random.default_rng(0)
X = RNG.standard_normal((103, 6))
Y = (X @ RNG.standard_normal((6, 3))).argmax(axis=1)


def classifier(*, dropout=0.0, dtype="float32", seed=0):
    layers = (Dense(20), ReLU(), Dropout(dropout), Dense(3))
    return Network(*layers, inputs=6, dtype=dtype, seed=seed)


def trainer(network=None, rule=None, **options):
    network = classifier() if network is None else network
    return Trainer(network, SoftmaxCrossEntropy(), rule or SGD(lr=0.1), **options)


def test_history_has_a_row_an_epoch():
    history = trainer(batch=10).fit(X, Y, epochs=4, validation=0.2, metrics=["accuracy", "auc"])
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["step"].tolist() == [9, 18, 27, 36]  # 82 rows in batches of 10
    assert {"loss", "lr", "seconds", "validation_loss", "accuracy", "auc"} <= set(history.columns)
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("rule", [SGD(lr=0.1), SGD(lr=0.05, momentum=0.9), Adam(lr=0.01)])
@pytest.mark.parametrize("sampling", ["shuffled", "uniform"])
def test_training_on_is_the_same_as_training_longer(rule, sampling):
    once, twice = classifier(dropout=0.3), classifier(dropout=0.3)
    trainer(once, rule, batch=10, sampling=sampling).fit(X, Y, epochs=10)
    same = trainer(twice, rule, batch=10, sampling=sampling)
    same.fit(X, Y, epochs=5)
    same.fit(X, Y, epochs=5)
    assert np.array_equal(once.theta, twice.theta)
    assert same.history["epoch"].tolist() == list(range(1, 11))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 7, 32, 1000])
def test_same_seed_same_bits(batch, threads):
    found = []
    for _ in range(3):
        network = classifier(dropout=0.2)
        trainer(network, batch=batch, threads=threads, seed=4).fit(X, Y, epochs=3)
        found.append(network.theta.copy())
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_one_trainer_is_fitted_by_one_caller_at_a_time():
    once, fitted = classifier(), trainer(classifier())
    inside, done, errors = threading.Event(), threading.Event(), []

    def wait(progress):
        inside.set()
        assert done.wait(30)

    def fit_again(progress):
        with pytest.raises(InputError, match="is being fitted already"):
            fitted.fit(X, Y, epochs=1)
        errors.append(progress)

    first = threading.Thread(target=lambda: fitted.fit(X, Y, epochs=2, callbacks=[wait]))
    first.start()
    assert inside.wait(30)
    with pytest.raises(InputError, match="this trainer is being fitted already, by another Python"):
        fitted.fit(X, Y, epochs=1)
    again = copy.deepcopy(fitted)  # of its own
    done.set()
    first.join()
    again.fit(X, Y, epochs=1)
    trainer(once).fit(X, Y, epochs=2)
    assert np.array_equal(fitted.network.theta, once.theta)
    fitted.fit(X, Y, epochs=1, callbacks=[fit_again])
    assert errors


def test_two_networks_train_in_two_python_threads_at_once():
    def train(k, found):
        network = classifier(seed=k)
        trainer(network, Adam(lr=0.01), threads=2).fit(X, Y, epochs=30)
        found[k] = network.theta.copy()

    def helpers():
        return [t for t in threading.enumerate() if t.name.startswith("steepest")]

    alone, together = {}, {}
    for k in range(3):
        train(k, alone)
    kept = len(helpers())  # for the next engine
    workers = [threading.Thread(target=train, args=(k, together)) for k in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(np.array_equal(alone[k], together[k]) for k in range(3))
    assert 1 <= len(helpers()) <= kept


def test_early_stopping_puts_the_best_parameters_back():
    network = classifier()
    seen = []
    history = trainer(network, SGD(lr=0.5), batch=8).fit(
        X[:40],
        Y[:40],
        epochs=200,
        validation=(X[40:], Y[40:]),
        patience=5,
        callbacks=[lambda p: seen.append(p.network.theta.copy()) if p.epoch_ended else None],
    )
    best = int(history["validation_loss"].argmin())
    assert len(history) == best + 6
    assert np.array_equal(network.theta, seen[best])


def test_a_callback_can_stop_and_may_fail():
    stopped = trainer().fit(X, Y, epochs=50, callbacks=[lambda p: p.epoch == 3])
    assert len(stopped) == 3

    def fail(progress):
        raise KeyboardInterrupt

    interrupted = trainer()
    with pytest.raises(KeyboardInterrupt):
        interrupted.fit(X, Y, epochs=50, callbacks=[fail])
    assert interrupted.step > 0
    interrupted.fit(X, Y, epochs=1)  # still in order


def test_time_limit_ends_training():
    history = trainer(batch=1).fit(X, Y, epochs=10**6, time_limit=0.2)
    assert 0 < len(history) < 10**6


def test_full_batch_is_gradient_descent():
    network = Network(Dense(1), inputs=6, dtype="float64")
    y = RNG.standard_normal(103)
    A, b = network.parameters["0.A"].copy(), network.parameters["0.b"].copy()
    Trainer(network, Squared(), SGD(lr=0.1), sampling="full").fit(X, y, epochs=5)
    for _ in range(5):
        dz = (X @ A.T + b - y[:, None]) / 103
        A, b = A - 0.1 * dz.T @ X, b - 0.1 * dz.sum(axis=0)
    np.testing.assert_allclose(network.parameters["0.A"], A, rtol=1e-10)
    np.testing.assert_allclose(network.parameters["0.b"], b, rtol=1e-10)


def test_weight_two_is_the_row_twice():
    weighted, repeated = classifier(dtype="float64"), classifier(dtype="float64")
    w = np.ones(103)
    w[:10] = 2
    trainer(weighted, sampling="full").fit(X, Y, weights=w, epochs=5)
    twice = np.concatenate([np.arange(103), np.arange(10)])
    trainer(repeated, sampling="full").fit(X[twice], Y[twice], epochs=5)
    np.testing.assert_allclose(weighted.theta, repeated.theta, rtol=1e-9, atol=1e-12)


def plain_gradient(theta, y):
    return np.concatenate([(X.T @ (X @ theta[:6] + theta[6] - y)) / 103,
                           [(X @ theta[:6] + theta[6] - y).mean()]])  # fmt: skip


OPTIONS = {
    "l1": {"l1": 0.1},
    "l2": {"l2": 0.1},
    "decay": {"weight_decay": 0.3},
    "clip_norm": {"clip_norm": 0.05},
    "clip_value": {"clip_value": 0.02},
    "factors": {"factors": {"*.b": 0.25}},
    "all": {"l1": 0.1, "l2": 0.2, "weight_decay": 0.3, "clip_norm": 0.1, "clip_value": 0.04,
            "factors": {"0.A": 0.5}},
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("threads", [1, 2])
def test_options_of_the_rule_against_numpy(name, threads):
    options, y = OPTIONS[name], X[:, 0] ** 2
    network = Network(Dense(1), inputs=6, dtype="float64")
    theta, loss = network.theta.copy(), []
    history = Trainer(
        network, Squared(), SGD(lr=0.1, **options), sampling="full", threads=threads
    ).fit(X, y, epochs=4)
    decays = np.array([1.0] * 6 + [0.0])
    factors = np.ones(7)
    if "factors" in options:
        factors = np.array([options["factors"].get("0.A", 1)] * 6
                           + [options["factors"].get("*.b", 1)])  # fmt: skip
    for _ in range(4):
        residual = X @ theta[:6] + theta[6] - y
        penalty = options.get("l1", 0) * abs(theta[:6]).sum()
        penalty += options.get("l2", 0) / 2 * (theta[:6] ** 2).sum()
        loss.append((residual**2).mean() / 2 + penalty)
        g = plain_gradient(theta, y)
        if "clip_value" in options:
            g = g.clip(-options["clip_value"], options["clip_value"])
        if "clip_norm" in options:
            g *= min(1, options["clip_norm"] / np.linalg.norm(g))
        g += decays * (options.get("l1", 0) * np.sign(theta) + options.get("l2", 0) * theta)
        eta = 0.1 * factors
        theta = theta * (1 - eta * options.get("weight_decay", 0) * decays) - eta * g
    np.testing.assert_allclose(network.theta, theta, rtol=1e-9)
    np.testing.assert_allclose(history["loss"], loss, rtol=1e-9)


def test_factors_that_fit_no_parameter_are_refused_before_training(tmp_path):
    tried = trainer(rule=Adam(factors={"*.b": 0.5, "layer0.*": 0.0}))
    theta = tried.network.theta.copy()
    with pytest.raises(InputError, match=r"Trainer\.fit: .*'layer0\.\*'; there are 0\.A, 0\.b"):
        tried.fit(X, Y, epochs=1, checkpoint=tmp_path / "kept")
    np.testing.assert_array_equal(tried.network.theta, theta)
    assert tried.step == 0
    assert not tried.slots
    assert not (tmp_path / "kept").exists()


def test_schedules_are_functions_of_the_step():
    history = trainer(rule=SGD(lr=Cosine(0.1, None)), batch=103).fit(X, Y, epochs=10)
    expected = Cosine(0.1, 10)(np.arange(10))
    np.testing.assert_allclose(
        trainer(rule=SGD(lr=Cosine(0.1, None)), batch=103).fit(
            X, Y, epochs=10, callbacks=[lambda p: None]
        )["lr"],
        expected,
    )
    assert len(history) == 10
    own = trainer(rule=SGD(lr=lambda steps: 0.1 / (1 + steps)), batch=103)
    lr = own.fit(X, Y, epochs=3, callbacks=[lambda p: None])["lr"]
    np.testing.assert_allclose(lr, [0.1, 0.05, 0.1 / 3])
    with pytest.raises(InputError, match="finite numbers of at least 0"):
        trainer(rule=SGD(lr=lambda steps: -steps - 1.0)).fit(X, Y, epochs=1)


@pytest.mark.parametrize("threads", [1, 2])
def test_dropout_and_weight_decay_follow_schedules(threads):
    # Two epochs with both, two without: the numbers change from one step of a chunk to the next.
    def fit(rate, decay, epochs, after=None):
        network = Network(Dense(20), Tanh(), Dropout(rate), Dense(1), inputs=6, seed=1,
                          dtype="float64")  # fmt: skip
        rule = SGD(lr=0.01, weight_decay=decay)
        kept = Trainer(network, Squared(), rule, batch=8, threads=threads)
        if after is not None:
            network.theta[:], kept.step = after.network.theta, after.step
        return kept, kept.fit(X, X[:, :1], epochs=epochs)["loss"]

    def half_way(steps):
        return np.where(steps < 26, 0.5, 0.0)

    whole, losses = fit(half_way, half_way, 4)
    first, before = fit(0.5, 0.5, 2)
    second, after = fit(0.0, 0.0, 2, after=first)
    np.testing.assert_allclose(losses, [*before, *after], rtol=1e-12)
    np.testing.assert_allclose(whole.network.theta, second.network.theta, rtol=1e-12)
    with pytest.raises(InputError, match="finite numbers of at least 0"):
        fit(lambda steps: steps - 1.0, 0.0, 1)
    with pytest.raises(InputError, match="at least 0 and below 1"):
        fit(lambda steps: steps / 8, 0.0, 1)
    with pytest.raises(InputError, match="for learning rates only"):
        fit(ReduceOnPlateau(0.5), 0.0, 1)


def test_schedules_of_rates_stretch_over_the_fit():
    network = Network(Dense(20), Tanh(), Dropout(FlatCosine(0.3)), Dense(1))
    kept = Trainer(network, Squared(), SGD(lr=0.01, weight_decay=FlatCosine(0.1)), batch=50)
    kept.fit(X, X[:, :1], epochs=3)
    text = str(kept.program(X, X[:, :1]))
    assert "mask(t) / (1 − s0)" in text
    assert "η s1 θ" in text


def test_the_last_among_equally_good_epochs_is_kept():
    network = Network(Dense(1), inputs=X.shape[1])
    seen = []

    def constant(y, prediction):
        return 0.5

    history = Trainer(network, Squared(), SGD(lr=0.001)).fit(
        X, X[:, :1], epochs=9, validation=0.2, metrics=[constant], monitor="constant", patience=4,
        callbacks=[lambda p: seen.append(p.network.theta.copy()) if p.epoch_ended else None],
    )  # fmt: skip
    assert len(history) == 5  # the first, and four that are no better
    np.testing.assert_array_equal(network.theta, seen[-1])


def test_reduce_on_plateau_reduces():
    rule = SGD(lr=ReduceOnPlateau(0.1, factor=0.5, patience=1, threshold=10.0))
    lr = trainer(rule=rule).fit(X, Y, epochs=8)["lr"]
    assert lr[0] == pytest.approx(0.1)
    assert lr[-1] < lr[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_gives_back_the_last_finite_parameters(threads):
    network, same = Network(Dense(20), Tanh(), Dense(1)), Network(Dense(20), Tanh(), Dense(1))
    y, rule = X[:, 0], SGD(lr=30.0)
    with pytest.raises(DivergenceError, match="at step") as caught:
        Trainer(network, Squared(), rule, batch=8, threads=threads).fit(X, y, epochs=300)
    step = caught.value.step
    assert caught.value.layer
    assert np.isfinite(network.theta).all()

    # Step by step, the parameters before that step are those, and the step is not finite.
    def stop(progress):
        return progress.step >= step

    stepwise = Trainer(same, Squared(), rule, batch=8, threads=threads)
    per_epoch = -(-103 // 8)
    if step >= per_epoch:
        stepwise.fit(X, y, epochs=step // per_epoch, callbacks=[stop])
        assert stepwise.step == step // per_epoch * per_epoch
    with pytest.raises(DivergenceError) as again:
        stepwise.fit(X, y, epochs=300)
    assert again.value.step == step
    assert np.array_equal(same.theta, network.theta)


def test_parameters_that_are_not_finite_are_found_behind_a_finite_loss():
    network = classifier()
    network.parameters["3.b"][0] = np.inf
    with pytest.raises(DivergenceError) as caught:
        trainer(network).fit(X, Y, epochs=1)
    assert caught.value.step == 0


def test_uniform_sampling_trains():
    history = trainer(batch=1, sampling="uniform").fit(X, Y, epochs=20)
    assert history["loss"][-1] < 0.5 * history["loss"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.where(X > 2, np.nan, X)}, "not finite"),
        ({"X": X[:50]}, "50 rows of X"),
        ({"X": X[0]}, "rows, columns"),
        ({"X": X[:0], "y": Y[:0]}, "no rows"),
        ({"X": X[:, :5]}, "built for 6 inputs"),
        ({"X": [["a"] * 6] * 103}, "must be numbers"),
        ({"y": Y + 1}, "classes must be"),
        ({"epochs": 0}, "epochs"),
        ({"patience": 0}, "patience"),
        ({"validation": 1.5}, "fraction"),
        ({"metrics": ["accuracy"]}, "need a validation set"),
        ({"metrics": ["nonsense"], "validation": 0.2}, "metrics"),
        ({"patience": 3}, "validation"),
        ({"weights": -np.ones(103)}, "weights"),
        ({"weights": np.ones(3)}, "one weight"),
    ],
)
def test_bad_input_changes_nothing(change, message):
    network = classifier()
    before = network.theta.copy()
    fitted = trainer(network)
    with pytest.raises(InputError, match=message):
        fitted.fit(**({"X": X, "y": Y, "epochs": 2} | change))
    assert np.array_equal(network.theta, before)
    assert fitted.step == 0


def test_products_in_bfloat16_round_their_factors_and_nothing_else():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((24, 40)).astype("f4"), rng.standard_normal((24, 17)).astype("f4")
    network = Network(Dense(64), ReLU(), Dense(17), inputs=40)
    A0, b0, A2, b2 = (v.astype(np.float64) for v in network.parameters.values())
    Trainer(
        network, Squared(), SGD(lr=0.5), sampling="full", threads=1, matmul_dtype="bfloat16"
    ).fit(x, y, epochs=1)
    z0 = rounded(x) @ rounded(A0).T + b0
    h = np.maximum(z0, 0)
    dz = (rounded(h) @ rounded(A2).T + b2 - y) / 24
    dh = rounded(dz) @ rounded(A2) * (z0 > 0)
    wanted = (
        A0 - 0.5 * rounded(dh).T @ rounded(x), b0 - 0.5 * dh.sum(0),
        A2 - 0.5 * rounded(dz).T @ rounded(h), b2 - 0.5 * dz.sum(0),
    )  # fmt: skip
    for found, value in zip(network.parameters.values(), wanted, strict=True):
        # Where float32 and float64 fall on two sides of a tie, a factor is 1/256 off.
        np.testing.assert_allclose(found, value, rtol=0, atol=2e-4)
        off = np.abs(found - value) > 1e-6
        assert off.mean() < 0.2


@pytest.mark.parametrize("threads", [1, 2])
def test_products_in_bfloat16_train_as_well_and_give_the_same_bits_again(threads):
    found = []
    for matmul_dtype in ("bfloat16", "bfloat16", None):
        network = Network(Dense(64), ReLU(), Dense(64), ReLU(), Dense(3), inputs=6)
        kept = trainer(network, batch=20, threads=threads, matmul_dtype=matmul_dtype)
        kept.fit(X, Y, epochs=40)
        found.append((network.theta.copy(), kept.history["loss"][-1]))
    (theta, loss), (again, _), (exact, exact_loss) = found
    assert np.array_equal(theta, again)
    assert not np.array_equal(theta, exact)
    assert loss == pytest.approx(exact_loss, rel=0.05, abs=0.01)


def test_products_are_those_there_are_and_of_a_float32_network():
    with pytest.raises(InputError, match="matmul_dtype must be 'bfloat16', got 'float16'"):
        trainer(matmul_dtype="float16")
    with pytest.raises(InputError, match="is for a float32 network, this one is float64"):
        trainer(classifier(dtype="float64"), matmul_dtype="bfloat16")


@pytest.mark.parametrize("options", [{"batch": 0}, {"batch": -1}, {"threads": 0}, {"batch": 1.5}])
def test_bad_options(options):
    with pytest.raises(InputError, match="whole number"):
        trainer(**options)
    with pytest.raises(InputError, match="lr"):
        AdamW(lr=float("nan"))


def test_the_program_reads_as_mathematics():
    text = str(trainer(batch=10, threads=1).program(X, Y))
    assert "train: batch 10, float32, 1 thread" in text
    assert "y0 = x A0ᵀ + b0" in text
    assert "A0ᵀ += −η xᵀ dx1" in text  # the fused step: θ itself is the target
    assert " 2,400 " in text  # FLOPs of y0: 2 · 10 · 6 · 20


def test_a_first_layer_on_csr_rows_calls_for_no_threads():
    X = np.zeros((64, 784), np.float32)
    trainer = Trainer(Network(Dense(128), ReLU(), Dense(10)), SoftmaxCrossEntropy())
    y = np.arange(64) % 10
    assert trainer.program(X, y).threads == core_count()
    assert trainer.program(sparse.csr_matrix(X), y).threads == 1


def test_the_former_name_of_matmul_dtype_is_understood_with_a_warning():
    with pytest.warns(DeprecationWarning, match="products is called matmul_dtype now"):
        assert trainer(products="bfloat16").matmul_dtype == "bfloat16"
    with pytest.raises(InputError, match="products is the former name of matmul_dtype"):
        trainer(products="bfloat16", matmul_dtype="bfloat16")


def test_predictions_are_what_the_targets_were():
    fitted = trainer(batch=10)
    fitted.fit(X, Y, epochs=30)
    z = fitted.network.predict(X)
    assert fitted.predict(X).tolist() == z.argmax(axis=1).tolist()
    p = fitted.predict_proba(X)
    np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(axis=1, keepdims=True), rtol=1e-5)


def test_evaluate_measures_and_learns_nothing():
    fitted = trainer(batch=10)
    fitted.fit(X, Y, epochs=5)
    before = fitted.network.theta.copy()
    found = fitted.evaluate(X, Y, metrics=["accuracy", "f1"])
    assert list(found) == ["loss", "accuracy", "f1"]
    p = fitted.predict_proba(X).astype(float)
    assert found["loss"] == pytest.approx(-np.mean(np.log(p[np.arange(len(Y)), Y])), rel=1e-5)
    assert found["accuracy"] == np.mean(fitted.predict(X) == Y)
    assert np.array_equal(fitted.network.theta, before)
    assert len(fitted.history) == 5
    w = np.where(Y == 0, 3.0, 1.0)
    expected = -np.average(np.log(p[np.arange(len(Y)), Y]), weights=w)
    assert fitted.evaluate(X, Y, weights=w)["loss"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match=r"Trainer\.evaluate: X has no rows"):
        fitted.evaluate(X[:0], Y[:0])


def test_verbose_shows_and_quiet_does_not(capsys):
    shown, quiet = trainer(batch=10), trainer(batch=10)
    shown.fit(X, Y, epochs=3, verbose=True)
    assert "epoch 3 of 3, loss" in capsys.readouterr().err
    quiet.fit(X, Y, epochs=3)
    assert capsys.readouterr() == ("", "")
    assert np.array_equal(shown.network.theta, quiet.network.theta)


def test_repr_says_what_is_trained_how_and_how_far():
    fitted = trainer(batch=10)
    fitted.fit(X, Y, epochs=1)
    text = repr(fitted)
    assert text.startswith("Trainer(Network(Dense(20), ReLU(), ")
    assert text.endswith("SoftmaxCrossEntropy(), SGD(0.1), batch=10, 11 steps taken)")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": Dense(3)}, r"network must be a network such as Network\("),
        ({"network": Network}, "got the class Network: make one"),
        ({"loss": "squared"}, r"loss must be a loss such as Squared\(\), got 'squared'"),
        ({"loss": Squared}, r"got the class Squared: make one, like Squared\(…\)"),
        ({"rule": "adam"}, r"rule must be a rule such as Adam\(lr=0.001\), got 'adam'"),
        ({"rule": Adam}, "got the class Adam"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": "0"}, "seed must be"),
        ({"seed": 1.5}, "seed must be"),
        ({"threads": 0}, "threads must be"),
        ({"threads": "two"}, "threads must be"),
        ({"batch": 2.0}, "batch must be"),
        ({"sampling": "random"}, "sampling must be one of"),
        ({"sampling": 3}, "sampling must be one of"),
    ],
)
def test_its_arguments_are_checked_at_once(arguments, message):
    known = {"network": classifier(), "loss": Squared(), **arguments}
    with pytest.raises(InputError, match=message):
        Trainer(**known)


def test_numpy_numbers_are_taken():
    fitted = trainer(batch=np.int64(10), seed=np.int32(3), threads=np.int16(1))
    assert len(fitted.fit(X, Y, epochs=np.int64(2), patience=None)) == 2


# ------------------------------------------------------------------------- some of the rows


def fitted_on(X, y, sampling="shuffled", **options):
    network = Network(Dense(4), Tanh(), Dense(1), inputs=X.shape[1], seed=1)
    trainer = Trainer(network, Squared(), Adam(), batch=8, seed=3, sampling=sampling)
    trainer.fit(X, y, epochs=3, **options)
    return network.theta


@pytest.mark.parametrize("sampling", ["shuffled", "sequential", "uniform", "full"])
@pytest.mark.parametrize("weighted", [False, True])
def test_some_rows_are_trained_on_as_a_copy_of_them_would_be(sampling, weighted):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    w = rng.random(50) if weighted else None
    rows = rng.permutation(50)[:29]
    found = fitted_on(X, y, sampling, weights=w, rows=rows)
    alone = fitted_on(X[rows], y[rows], sampling, weights=w[rows] if weighted else None)
    np.testing.assert_allclose(found, alone, rtol=1e-5 if weighted else 0, atol=0)


def test_some_rows_of_csr_data_and_a_share_of_them_to_validate_on():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((50, 3)), rng.standard_normal(50)
    rows = np.arange(10, 40)
    found = fitted_on(sparse.csr_matrix(X), y, rows=rows, validation=0.2)
    np.testing.assert_array_equal(
        found, fitted_on(sparse.csr_matrix(X[rows]), y[rows], validation=0.2)
    )


def test_rows_to_train_on_are_not_copied():
    X, y = np.zeros((2000, 1000), np.float32), np.zeros(2000)
    fitted_on(X[:9], y[:9])  # compiles
    tracemalloc.start()
    try:
        fitted_on(X, y, rows=np.arange(1900))
        fitted_on(X, y, validation=0.05)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 4


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "the numbers of one row or more"),
        ([[0, 1]], r"of shape \(1, 2\)"),
        ([0.5], "of float64"),
        ([True, False], "of bool"),
        ([0, 9], "rows must be from 0 to 8, as X has 9 rows; got 0 to 9"),
        ([-1], "got -1 to -1"),
    ],
)
def test_rows_that_are_not_there_are_refused(rows, words):
    with pytest.raises(InputError, match=words):
        fitted_on(np.zeros((9, 2)), np.zeros(9), rows=rows)


def test_rows_of_no_weight_are_refused():
    with pytest.raises(InputError, match="all weights of the rows to train on are 0"):
        fitted_on(np.zeros((3, 2)), np.zeros(3), weights=[0, 0, 1], rows=[0, 1])


@pytest.mark.parametrize("validation", [1.5, 0.0, "half", True])
def test_what_can_not_be_held_out_is_shown(validation):
    trainer = Trainer(Network(Dense(1)), Squared())
    with pytest.raises(InputError, match=rf"got {validation!r}$"):
        trainer.fit(np.ones((8, 2)), np.ones(8), epochs=1, validation=validation)
