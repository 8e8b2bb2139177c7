"""Adapters, Heads and MemberMean: members of an ensemble that share what lies between them."""

from __future__ import annotations

import numpy as np
import pytest
from ort import run
from scipy import special

from steepest import (
    SGD,
    Dense,
    Gradients,
    InputError,
    Logistic,
    Network,
    Sequential,
    SoftmaxCrossEntropy,
    Squared,
    Tanh,
    Trainer,
    export_onnx,
    import_onnx,
)
from steepest.layers import Adapters, Heads, MemberMean

MEMBERS, P = 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(7, P))
CASES = {
    "identity": (Squared(), RNG.normal(size=(7, 2)), 2, lambda z: z),
    "sigmoid": (Logistic(), RNG.integers(2, size=7), 1, special.expit),
    "softmax": (SoftmaxCrossEntropy(), RNG.integers(3, size=7), 3,
                lambda z: special.softmax(z, axis=-1)),
}  # fmt: skip
each_link = pytest.mark.parametrize("link", CASES)


def ensemble(link, dtype="float64"):
    q = CASES[link][2]
    layers = Adapters(MEMBERS), Dense(5), Tanh(), Heads(q), MemberMean(link)
    network = Network(*layers, inputs=P, dtype=dtype, seed=1)
    network.theta += np.random.default_rng(2).normal(0, 0.3, network.theta.size).astype(dtype)
    return network


def alone(network, k):
    """Return one member as a network of its own: A R is its first matrix."""
    t = network.parameters
    q = len(t["3.b"][k])
    member = Network(Dense(5), Tanh(), Dense(q), inputs=P, dtype=network.dtype)
    own = member.parameters
    own["0.A"][...], own["0.b"][...] = t["1.A"] * t["0.R"][k], t["1.b"]
    own["2.A"][...], own["2.b"][...] = t["3.A"][k * q : (k + 1) * q], t["3.b"][k]
    return member


@each_link
def test_the_prediction_is_the_mean_of_the_members_predictions(link):
    network, (loss, _, _, mean) = ensemble(link), CASES[link]
    known = np.mean([mean(alone(network, k).predict(X)) for k in range(MEMBERS)], axis=0)
    np.testing.assert_allclose(loss.mean(network.predict(X)), known, rtol=1e-12)
    assert network.output_shape == known.shape[1:]


@each_link
def test_training_descends_on_the_mean_of_the_members_losses(link):
    network, (loss, y, _, _) = ensemble(link), CASES[link]
    w = np.linspace(0.5, 1.5, len(X))
    q = CASES[link][2]
    members = [Gradients(alone(network, k), loss).mean(X, y, w) for k in range(MEMBERS)]
    before = {name: np.array(array) for name, array in network.parameters.items()}
    trainer = Trainer(network, loss, SGD(lr=0.1), batch=len(X), seed=0)
    history = trainer.fit(X, y, weights=w, epochs=1)
    assert history["loss"][0] == pytest.approx(np.mean([m.loss for m in members]))
    steps = {name: (before[name] - a) / 0.1 for name, a in network.parameters.items()}
    A = np.mean([m.theta["0.A"] * r for m, r in zip(members, before["0.R"], strict=True)], axis=0)
    np.testing.assert_allclose(steps["1.A"], A, rtol=1e-9, atol=1e-12)
    R = [(m.theta["0.A"] * before["1.A"]).sum(0) / MEMBERS for m in members]
    np.testing.assert_allclose(steps["0.R"], R, rtol=1e-9, atol=1e-12)
    heads = np.concatenate([m.theta["2.A"] for m in members]) / MEMBERS
    np.testing.assert_allclose(steps["3.A"], heads, rtol=1e-9, atol=1e-12)
    assert steps["3.b"].shape == (MEMBERS, q)


def test_validation_is_of_the_ensemble():
    network, (loss, y, *_) = ensemble("softmax"), CASES["softmax"]
    trainer = Trainer(network, loss, SGD(lr=1e-12), batch=3, seed=0)
    history = trainer.fit(X, y, epochs=1, validation=(X, y))
    p = loss.mean(network.predict(X))
    known = -np.log(p[np.arange(len(y)), y]).mean()
    assert history["validation_loss"][0] == pytest.approx(known)
    assert history["loss"][0] > known  # a member alone is worse, by convexity


def test_probabilities_far_out_neither_overflow_nor_vanish():
    for link, q in (("sigmoid", 1), ("softmax", 3)):
        network = Network(MemberMean(link), inputs=(2, q), dtype="float32")
        X = np.array([[[300.0, -300, 0][:q], [290.0, -280, 0][:q]]], np.float32)
        y = network.predict(X)
        assert np.isfinite(y).all()
        assert y[0, 0] == pytest.approx(290 + np.log(2) if q == 1 else 0, rel=1e-5)


@each_link
def test_it_goes_to_onnx_and_comes_back(link, tmp_path):
    network = ensemble(link, "float32")
    export_onnx(network, tmp_path / "members.onnx")
    x = X.astype(np.float32)
    found = run(tmp_path / "members.onnx", x=x)["y"]
    np.testing.assert_allclose(found, network.predict(x), rtol=2e-5, atol=2e-6)
    back = import_onnx(tmp_path / "members.onnx")
    np.testing.assert_allclose(back.predict(x), network.predict(x), rtol=2e-5, atol=2e-6)
    assert [type(layer).__name__ for layer in back.layers][:4] == [
        "Adapters", "Dense", "Tanh", "Heads",
    ]  # fmt: skip


def test_each_head_begins_by_data_as_a_dense_layer_does():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 5, size=(400, 2, P))
    network = Network(Heads(6), inputs=(2, P), dtype="float64")
    Heads.init_from_data(rng, x, {n[2:]: a for n, a in network.parameters.items()})
    z = network.predict(x)
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-9)
    assert (z.min(axis=0) < 0).all()
    assert (z.max(axis=0) > 0).all()


def test_signs_of_adapters():
    R = Network(Adapters(50), inputs=200).parameters["0.R"]
    assert set(np.unique(R)) == {-1, 1}
    assert abs(R.mean()) < 0.05


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (Adapters(2), (3, 4), r"Adapters: takes examples of one axis, got the shape \(3, 4\)"),
        (Heads(2), (4,), r"Heads: takes examples of the shape \(members, columns\)"),
        (MemberMean(), (4,), r"MemberMean: takes examples of the shape"),
    ],
)
def test_shapes_that_are_refused(layer, shape, message):
    with pytest.raises(InputError, match=message):
        Network(layer, inputs=shape)


@pytest.mark.parametrize(
    "make", [lambda: Adapters(0), lambda: Heads(0), lambda: MemberMean("median")]
)
def test_settings_that_are_refused(make):
    with pytest.raises(InputError, match=r"Adapters|Heads|MemberMean"):
        make()


@pytest.mark.parametrize("behind", [(Dense(2),), (Sequential(Tanh()),)])
def test_the_mean_must_be_the_last_layer(behind):
    network = Network(Adapters(3), Heads(2), MemberMean(), *behind, inputs=4)
    trainer = Trainer(network, Squared(), SGD(lr=0.1))
    with pytest.raises(InputError, match=r"layer 2: MemberMean\(\) must be the last layer"):
        trainer.fit(np.ones((8, 4)), np.ones((8, 2)), epochs=1)
